"""Hostile input: names, broken files made of whole ones, and a guard around what reads them."""

from __future__ import annotations

import contextlib
import json
import os
import random
import resource
import signal
import sys
import sysconfig
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import FrameType
from typing import Any

_DATA = Path(__file__).parent.parent / "data" / "hostile"
_SECONDS = 20
_CPU = 300


def _lines(name: str) -> list[str]:
    text = (_DATA / name).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


NAMES = _lines("names.jsonl")
"""What a name may be, and must then stay."""

REFUSED_NAMES = _lines("refused_names.jsonl")
"""What no name may be."""

_PIECES = [name.encode() for name in NAMES[:60]] + [
    b"\x00",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"\xc3\x28",
    b"\xed\xa0\x80",
    b"\x1b]0;owned\x07",
    b"\r",
    b"\r\n",
    b"\n",
    b"\t",
    b",",
    b'"',
    b"'",
    b"[" * 200,
    b"[" * 20_000,
    b'{"a":' * 5_000,
    b"(" * 5_000,
    b"<a>" * 5_000,
    b"9" * 5_000,
    b"-1",
    b"1e400",
    b"NaN",
    b"Infinity",
    b"null",
    b"\\ud800",
    b"\\u0000",
    b"%00",
    b"A" * 5_000,
    b"9223372036854775808",
    b"0.1e-400",
    b"true",
    b"&amp;",
    b"&b;",
    b"&#0;",
    b"&#xD800;",
    b"]]>",
    b"<!--",
    b"<!DOCTYPE a [<!ENTITY b 'c'>]>",
    b"@prefix : <http://a/> .",
    b"_:",
    b"^^<http://a/>",
    b"@en",
]


def mutated(draw: random.Random, data: bytes, others: Sequence[bytes] = ()) -> bytes:
    """The data with one to four things done to it that a broken or hostile file would have."""
    for _ in range(draw.randint(1, 4)):
        at = draw.randint(0, len(data))
        end = min(len(data), at + draw.choice((1, 2, 8, 64)))
        kind = draw.randrange(7)
        if kind == 0:
            data = data[:at] + data[end:]
        elif kind == 1:
            data = data[:end] + data[at:end] * draw.choice((1, 2, 50)) + data[end:]
        elif kind == 2:
            data = data[:at] + draw.choice(_PIECES) + data[at:]
        elif kind == 3:
            data = data[:at] + draw.choice(_PIECES) + data[end:]
        elif kind == 4:
            data = data[:at] + bytes(draw.randrange(256) for _ in range(end - at)) + data[end:]
        elif kind == 5 and others:
            other = draw.choice(others)
            data = data[:at] + other[draw.randint(0, len(other)) :]
        else:
            data = data[:at] if draw.random() < 0.3 else data
    return data


@contextlib.contextmanager
def in_time(seconds: int = _SECONDS) -> Iterator[None]:
    """An error if the block takes longer: what hangs must not hang the campaign."""

    def late(_signal: int, _frame: FrameType | None) -> None:
        raise TimeoutError(f"it took more than {seconds} seconds")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@dataclass
class Touched:
    """What was done outside of a folder while it was watched: files opened, places called."""

    folder: str
    on: bool = False
    outside: list[str] = field(default_factory=list)

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Watch until the block ends."""
        self.on = True
        try:
            yield
        finally:
            self.on = False


_PACKAGES = tuple(
    os.path.realpath(str(place))
    for place in (
        *(sysconfig.get_paths()[name] for name in ("stdlib", "purelib", "platlib")),
        sys.prefix,
        sys.base_prefix,
        Path(__file__).parent.parent.parent / "kgplatform",
        "/proc",
        "/sys",
        "/dev",
        "/usr/share",
        "/etc/mime.types",
    )
)


def touched(folder: Path) -> Touched:
    """Watch what this process opens. A hook of Python's is for ever: one call a module."""
    seen = Touched(os.path.realpath(folder))

    def hook(event: str, args: tuple[Any, ...]) -> None:
        if not seen.on:
            return
        if event == "open" and isinstance(args[0], str | bytes):
            place = os.path.realpath(os.fsdecode(args[0]))
            if not place.startswith((seen.folder, *_PACKAGES)):
                seen.outside.append(f"open {place}")
        elif event in ("socket.connect", "socket.getaddrinfo", "subprocess.Popen", "os.system"):
            seen.outside.append(f"{event} {args[1:]}")
        elif event == "pickle.find_class":
            seen.outside.append(f"unpickled {args[0]}.{args[1]}")

    sys.addaudithook(hook)
    return seen


@contextlib.contextmanager
def canary() -> Iterator[tuple[str, list[str]]]:
    """An HTTP server that nobody should ask, its address, and what it was asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"canary,canary\n")

        do_POST = do_PUT = do_HEAD = do_GET  # noqa: N815

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()


def in_child(work: Callable[[], Iterable[str]], memory: int) -> list[str]:
    """What the work yields, in a forked process; the last line says a fault.

    Args:
        work: What is done.
        memory: Bytes of addresses that the process may have beyond those it begins with.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        with os.fdopen(writing, "w", errors="backslashreplace") as told:
            try:
                begun = (
                    int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
                )
                resource.setrlimit(resource.RLIMIT_AS, (begun + memory, begun + memory))
                resource.setrlimit(resource.RLIMIT_CPU, (_CPU, _CPU))
                resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
                for line in work():
                    told.write(f"{line}\n")
                    told.flush()
            except BaseException:
                told.write("FAULT " + " | ".join(traceback.format_exc().splitlines()[-12:]) + "\n")
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, errors="replace") as heard:
        lines = heard.read().splitlines()
    _, status = os.waitpid(child, 0)
    if status:
        lines.append(f"FAULT the process ended by {status}")
    return lines
