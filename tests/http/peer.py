"""A client that sends whatever bytes it is told, and reads at the same time.

In       bytes to send
Out      what comes back, answer by answer
Holds    a socket of the standard library: nothing of ours stands between the test and
         the wire
Fails    AssertionError: nothing comes for too long; ConnectionResetError: the server
         resets
"""

import contextlib
import select
import socket
import time
from collections.abc import Iterator
from typing import Any

from tests.http.answers import Answer, AnswerReader

__all__ = ["Peer", "peer"]

PATIENCE = 5.0
"""Seconds that no answer of these tests takes: less than the server's own waits."""


class Peer:
    """One connection to a server, as raw bytes."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self.reader = AnswerReader(self._more)
        self._pending = memoryview(b"")
        self._ends = False

    def say(self, data: bytes) -> None:
        """Send it, while answers are read."""
        self._pending = memoryview(bytes(self._pending) + data)

    def say_at_once(self, data: bytes) -> None:
        """Send it before the return."""
        self.socket.sendall(data)

    def end(self) -> None:
        """End our direction behind all that was said."""
        self._ends = True

    def answer_or_end(self, *, to_head: bool = False) -> Answer | None:
        """Return the next answer; None at the end of the stream."""
        return self.reader.next(to_head=to_head)

    def answer(self, *, to_head: bool = False) -> Answer:
        """Return the next answer."""
        answer = self.answer_or_end(to_head=to_head)
        assert answer is not None, "the end, and no answer"
        return answer

    def ask(self, request: bytes, *, to_head: bool = False) -> Answer:
        """Send a request and return its answer."""
        self.say(request)
        return self.answer(to_head=to_head)

    def assert_end(self) -> None:
        """The stream ends here, by FIN and without another byte; then ours does too."""
        left = self.reader.at_end()
        assert left == b"", f"behind the last answer: {left[:200]!r}"
        self.socket.close()

    def _more(self) -> bytes:
        until = time.monotonic() + PATIENCE
        while True:
            sending = [self.socket] if self._pending or self._ends else []
            left = until - time.monotonic()
            assert left > 0, "no answer came"
            readable, writable, _ = select.select([self.socket], sending, [], left)
            if readable:
                return self.socket.recv(65536)
            if writable:
                self._send()

    def _send(self) -> None:
        if self._pending:
            try:
                n_sent = self.socket.send(self._pending, socket.MSG_DONTWAIT)
            except (BrokenPipeError, ConnectionResetError):
                n_sent = len(self._pending)  # what it said before is still to be read
            self._pending = self._pending[n_sent:]
        elif self._ends:
            self._ends = False
            with contextlib.suppress(OSError):
                self.socket.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def peer(address: Any, *, receive_bytes: int | None = None) -> Iterator[Peer]:
    """Connect to a server on this machine.

    Args:
        receive_bytes: how much the kernel holds for this client: its window.
    """
    with socket.socket() as sock:
        if receive_bytes is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        sock.settimeout(PATIENCE)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.connect((address.host, address.port))
        yield Peer(sock)
