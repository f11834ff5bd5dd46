"""Certificates made for a test, and what listens with them."""

from __future__ import annotations

import contextlib
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


@dataclass(frozen=True)
class Certificates:
    """Certificates of one authority, whose own is the file ``authority``.

    Attributes:
        authority: The file that those who believe it are given.
        chains: Files with a key and a certificate: ``right``, ``expired``, ``wrong host`` and
            ``self-signed``, the last of which the authority knows nothing of.
    """

    authority: Path
    chains: dict[str, Path]


def make_certificates(folder: Path) -> Certificates:
    """Make them by the openssl command; skips where there is none."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("certificates are made by the openssl command, which is not here")

    def run(*args: str) -> None:
        done = subprocess.run([openssl, *args], cwd=folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    run("req", "-x509", *KEY, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=CA of a test")
    chains = {}
    for name, host, days in (
        ("right", "localhost", "2"),
        ("expired", "localhost", "-1"),
        ("wrong host", "elsewhere.example", "2"),
    ):
        (folder / "ext").write_text(f"subjectAltName=DNS:{host}\n")
        run("req", *KEY, "-keyout", "key.pem", "-out", "request.pem", "-subj", f"/CN={host}")
        signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "ext")
        run("x509", "-req", "-in", "request.pem", *signed, "-days", days, "-out", "own.pem")
        chains[name] = _joined(folder, name)
    alone = ("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost")
    run("req", "-x509", *KEY, "-keyout", "key.pem", "-out", "own.pem", *alone)
    chains["self-signed"] = _joined(folder, "self-signed")
    return Certificates(folder / "ca.pem", chains)


def _joined(folder: Path, name: str) -> Path:
    path = folder / f"{name}.chain"
    path.write_text((folder / "key.pem").read_text() + (folder / "own.pem").read_text())
    return path


@dataclass
class Terminator:
    """Takes TLS off what clients send and passes it on, and keeps what it was sent.

    Attributes:
        port: Where it listens, on localhost.
        greeted: How many connections came.
        sent: What clients sent inside of TLS.
    """

    port: int
    greeted: int = 0
    sent: bytearray = field(default_factory=bytearray)


@contextlib.contextmanager
def terminated(chain: Path, target: tuple[str, int]) -> Iterator[Terminator]:
    """Listen with a certificate in front of what listens without one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    listener = socket.create_server(("127.0.0.1", 0))
    told = Terminator(listener.getsockname()[1])

    def serve(plain: socket.socket) -> None:
        with contextlib.suppress(OSError), plain:
            # A client that refuses the certificate ends the handshake, which is an OSError.
            client = context.wrap_socket(plain, server_side=True)
            with client, socket.create_connection(target) as server:
                back = threading.Thread(target=_pass_on, args=(server, client), daemon=True)
                back.start()
                _pass_on(client, server, told.sent)
                back.join(5)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                plain, _ = listener.accept()
                told.greeted += 1
                threading.Thread(target=serve, args=(plain,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield told
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def _pass_on(source: socket.socket, sink: socket.socket, kept: bytearray | None = None) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65_536):
            if kept is not None:
                kept += data
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_RDWR)
