"""A TCP proxy in front of a Neo4j that reads Bolt messages and does a fault at one of them."""

from __future__ import annotations

import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal

Passed = Literal["no", "sent", "answered"]

NAMES = {
    0x01: "HELLO",
    0x6A: "LOGON",
    0x0F: "RESET",
    0x10: "RUN",
    0x11: "BEGIN",
    0x12: "COMMIT",
    0x13: "ROLLBACK",
    0x3F: "PULL",
    0x2F: "DISCARD",
    0x66: "ROUTE",
}
"""Messages by the tag of their structure, as the Bolt protocol has them; others do not count."""

OFFER, CHOICE = 20, 5
"""Bytes of a client's first words, and of its choice among what a manifest offers."""

LATE = 0.2
"""Seconds that a slow connection keeps the beginning of a transaction back: some batches long."""

MANIFEST = bytes.fromhex("000001ff")
"""What a server answers first where the versions that it speaks come as a list (Bolt 5.7 on)."""


@dataclass(frozen=True)
class Moment:
    """When something happens: at the n-th message of a kind that clients send.

    Attributes:
        message: The kind.
        number: Which one, from 1.
        passed: ``no``: the server does not get the message. ``sent``: it does, and the fault comes
            at once. ``answered``: the fault comes when the server answers, and the client does not
            get the answer.
        gone: Whether the server cannot be reached from then on; else it can be at once.
    """

    message: str
    number: int
    passed: Passed = "no"
    gone: bool = False


@dataclass(eq=False)
class _Link:
    """A client's connection, with the one that it has to the server."""

    client: socket.socket
    server: socket.socket
    slow: bool = False
    answer_lost: bool = False
    begun: bytes = b""
    """What the server said first."""

    def cut(self) -> None:
        for end in (self.client, self.server):
            # Both directions at once: a closed socket would keep a reader of it waiting.
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


@dataclass
class Proxy:
    """Passes everything on until its moment comes.

    Attributes:
        target: Where the server listens.
        moment: When it does its fault; None: never.
        fault: What it does beside cutting all connections; None: it cuts, and nothing else.
        uneven: Whether transactions of every other connection begin late, so that those of the
            rest, which were meant to come after them, overtake them.
        seen: How many messages of each kind there were.
        happened: Whether the moment has come.
    """

    target: tuple[str, int]
    moment: Moment | None = None
    fault: Callable[[], None] | None = None
    uneven: bool = False
    port: int = 0
    seen: Counter[str] = field(default_factory=Counter)
    happened: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Proxy:
        self._guard = threading.Lock()
        self._links: list[_Link] = []
        self._gone = False
        self._accepted = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._cut()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                if self._gone:
                    raise ConnectionRefusedError
                slow = self.uneven and bool(self._accepted % 2)
                link = _Link(client, socket.create_connection(self.target), slow)
                self._accepted += 1
            except OSError:
                # The server is not there, for now or for good.
                client.close()
                continue
            with self._guard:
                self._links.append(link)
            for work in (self._from_client, self._from_server):
                threading.Thread(target=work, args=(link,), daemon=True).start()

    def _from_server(self, link: _Link) -> None:
        with suppress(OSError):
            while data := link.server.recv(65_536):
                link.begun = link.begun or data
                if link.answer_lost:
                    self._happen(link)
                    break
                link.client.sendall(data)
        link.cut()

    def _from_client(self, link: _Link) -> None:
        with suppress(OSError):
            reader = _Reader(link)
            while data := link.client.recv(65_536):
                for kind, whole in reader.messages(data):
                    if link.slow and kind == "BEGIN":
                        time.sleep(LATE)
                    if self._is_now(kind):
                        assert self.moment is not None
                        if self.moment.passed == "sent":
                            link.server.sendall(whole)
                        if self.moment.passed != "answered":
                            self._happen(link)
                            return
                        link.answer_lost = True
                    link.server.sendall(whole)
        link.cut()

    def _is_now(self, kind: str) -> bool:
        with self._guard:
            self.seen[kind] += 1
            now = self.moment is not None and kind == self.moment.message
            return now and self.moment is not None and self.seen[kind] == self.moment.number

    def _happen(self, link: _Link) -> None:
        assert self.moment is not None
        self._gone = self.moment.gone
        if self.fault is not None:
            self.fault()
        link.cut()
        self._cut()
        self.happened.set()

    def _cut(self) -> None:
        with self._guard:
            for link in self._links:
                link.cut()
            self._links.clear()


class _Reader:
    """Takes what a client sends apart into messages; the handshake before them is one or two."""

    def __init__(self, link: _Link) -> None:
        self._link = link
        self._left = b""
        # 1: the offer has passed; 2: the choice, too, if there is one; 3: messages come.
        self._handshakes = 0

    def messages(self, data: bytes) -> list[tuple[str, bytes]]:
        """Whole messages, each with its kind."""
        self._left += data
        found: list[tuple[str, bytes]] = []
        while (length := self._next_length()) is not None:
            whole, self._left = self._left[:length], self._left[length:]
            if self._handshakes < 3:
                kind = "handshake"
            else:
                kind = NAMES.get(whole[3], "other") if len(whole) > 4 else "other"
            found.append((kind, whole))
        return found

    def _next_length(self) -> int | None:
        """Bytes of what comes next; None while it is not whole."""
        if self._handshakes == 0 and len(self._left) >= OFFER:
            self._handshakes = 1
            return OFFER
        if self._handshakes == 1 and self._left:
            if self._link.begun[:4] == MANIFEST and len(self._left) >= CHOICE:
                self._handshakes = 2
                return CHOICE
            if self._link.begun[:4] != MANIFEST:
                self._handshakes = 2
        if self._handshakes < 2:
            return None
        self._handshakes = 3
        at = 0
        while at + 2 <= len(self._left):
            size = int.from_bytes(self._left[at : at + 2], "big")
            at += 2 + size
            if size == 0 and at > 2:
                return at
        return None
