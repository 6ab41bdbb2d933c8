"""Clients that dribble, a byte a second: ``python -m bench.dribbling PORT COUNT``.

In       the port of `bench.handlers.slow`, how many; a line on stdin for each question
Out      "ready" when all are connected; for each question a line of JSON: how many of
         each kind the server has cut off until now, and how old the youngest and the
         oldest of their connections were, in seconds
Holds    the connections; who is cut off connects again
Fails    RuntimeError: the server answered one of them as if it were no dribbler

A tenth of them reads an answer; the others send the head of a request, or its body.
They come by and by, and dribble from the first moment on. The program runs beside who
measures, and so is as nice as can be: what it takes is not to be taken for the
server's.
"""

import itertools
import json
import os
import select
import socket
import sys
import time
from dataclasses import asdict, dataclass

__all__ = ["CONNECTS_PER_SECOND", "main"]

READERS = 10
"""One of so many reads: what it does not read, the kernel holds for it, and that may
be megabytes for each."""

_OPENINGS = {
    "head": b"",
    "body": b"POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 99999\r\n\r\n",
    "read": b"GET /long HTTP/1.1\r\nHost: x\r\n\r\n",
}
_HEAD = b"GET /hello/x HTTP/1.1\r\nHost: x\r\nX-Slow: "

TURNS = 100
"""Into so many parts a second is divided, so that they do not all come at once."""

CONNECTS_PER_SECOND = 500
"""Not all at once either: that would measure how fast a server accepts."""

WINDOW_BYTES = 2048
"""What the kernel takes for one that reads: as little as it may be told."""

CONNECT_SECONDS = 30.0
"""How long a connection may take: only a server that stands still takes so long."""


@dataclass
class _Cut:
    count: int = 0
    youngest: float | None = None
    oldest: float | None = None

    def add(self, age: float) -> None:
        self.count += 1
        self.youngest = age if self.youngest is None else min(self.youngest, age)
        self.oldest = age if self.oldest is None else max(self.oldest, age)


class _Dribbler:
    def __init__(self, port: int, kind: str) -> None:
        self.kind = kind
        self.sock = socket.socket()
        if kind == "read":
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, WINDOW_BYTES)
        self.sock.settimeout(CONNECT_SECONDS)
        self.sock.connect(("127.0.0.1", port))
        self.sock.setblocking(False)
        self.began = time.monotonic()
        self._rest = iter(_HEAD if kind == "head" else b"")
        self.sock.send(_OPENINGS[kind])

    def dribble(self) -> bool:
        """Send or read a byte; return whether the connection is still there."""
        try:
            if self.kind == "read":
                return bool(self.sock.recv(1))
            self.sock.send(bytes([next(self._rest, 120)]))
        except BlockingIOError:
            pass
        except ConnectionError:
            return False
        return True

    def told(self) -> bytes:
        """Return what the server says to one that only sends."""
        try:
            return b"" if self.kind == "read" else self.sock.recv(4096)
        except ConnectionError:
            return b""


class _Crowd:
    def __init__(self, port: int, count: int) -> None:
        self._port = port
        self._poll = select.epoll()
        self._poll.register(0, select.EPOLLIN)
        self._count = count
        self._all: list[_Dribbler] = []
        self._places: dict[int, int] = {}  # there, by descriptor
        self._cut = {kind: _Cut() for kind in _OPENINGS}

    def dribble(self) -> None:
        """Go on until stdin ends."""
        for turn in itertools.cycle(range(TURNS)):
            end = time.monotonic() + 1 / TURNS
            if len(self._all) < self._count:
                self._grow()
            for at in range(turn, len(self._all), TURNS):
                if not self._all[at].dribble():
                    self._was_cut(at)
            while (left := end - time.monotonic()) > 0:
                for number, _ in self._poll.poll(left):
                    if number == 0:
                        if not os.read(0, 4096):
                            return
                        print(self._figures(), flush=True)
                    elif number in self._places:
                        self._hear(self._places[number])

    def _grow(self) -> None:
        for at in range(len(self._all), self._count)[: CONNECTS_PER_SECOND // TURNS]:
            self._all.append(self._new(at, _kind(at)))
        if len(self._all) == self._count:
            print("ready", flush=True)

    def _new(self, at: int, kind: str) -> _Dribbler:
        one = _Dribbler(self._port, kind)
        # One that reads is told only of a reset: that there is something, it knows.
        self._poll.register(one.sock, 0 if kind == "read" else select.EPOLLIN)
        self._places[one.sock.fileno()] = at
        return one

    def _hear(self, at: int) -> None:
        told = self._all[at].told()
        if told and not told.startswith(b"HTTP/1.1 408 "):
            kind = self._all[at].kind
            raise RuntimeError(f"a dribbler of a {kind} was told {told[:200]!r}")
        self._was_cut(at)

    def _was_cut(self, at: int) -> None:
        one = self._all[at]
        self._cut[one.kind].add(time.monotonic() - one.began)
        del self._places[one.sock.fileno()]
        one.sock.close()
        self._all[at] = self._new(at, one.kind)

    def _figures(self) -> str:
        return json.dumps({kind: asdict(cut) for kind, cut in self._cut.items()})


def _kind(at: int) -> str:
    if at % READERS == READERS - 1:
        return "read"
    return ("head", "body")[at % 2]


def main() -> None:
    """Connect, and dribble until stdin ends."""
    port, count = int(sys.argv[1]), int(sys.argv[2])
    os.nice(19)
    _Crowd(port, count).dribble()


if __name__ == "__main__":
    main()
