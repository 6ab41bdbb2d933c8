"""A conn whose peer is a script: what it says is known, and how it is cut into pieces.

In       pieces of bytes, each of which is one receive
Out      a conn; what was sent on it
Source   the design of a conn: it is built on a source and a sink of bytes
Holds    the pieces that were not received yet, the bytes that were sent
Fails    DeadlineError: more was read than the script says, and the peer would stay

Over a socket the kernel may join what was written apart. Here it cannot: so each way of
cutting a request is tried for certain, without a port, a thread or a wait.
"""

import socket
from collections.abc import Iterable, Sequence

from portside.engine import Buffer, Gate
from portside.errors import DeadlineError
from portside.names import PipeAddress
from portside.net import Conn
from portside.net.ends import Ends

__all__ = ["PlayedStream", "played"]


class PlayedStream:
    """One end of a conversation whose other end was written down.

    Attributes:
        sent: all that our side has sent.
        was_aborted: whether our side ended with a reset.
    """

    def __init__(self, pieces: Iterable[bytes], *, ends: bool) -> None:
        self.ends = Ends("pipe", PipeAddress("pipe"), PipeAddress("pipe"))
        self.socket: socket.socket | None = None
        self.reading = Gate(lambda: None)
        self.writing = Gate(lambda: None)
        self.sent = bytearray()
        self.was_aborted = False
        self._pieces = [piece for piece in pieces if piece]
        self._pieces.reverse()
        self._ends = ends

    @property
    def closed(self) -> bool:
        """Whether our side has closed it."""
        return self.reading.closed

    def receive(self, max_bytes: int) -> bytes:
        """Return the next piece, or its beginning."""
        self.reading.check()
        if not self._pieces:
            if self._ends:
                return b""
            raise DeadlineError("the script is over, and the peer waits")
        piece = self._pieces.pop()
        if len(piece) > max_bytes:
            self._pieces.append(piece[max_bytes:])
        return piece[:max_bytes]

    def receive_into(self, buffer: memoryview) -> int:
        """Do the same into a buffer."""
        data = self.receive(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def send(self, data: Buffer) -> int:
        """Take all of it."""
        self.writing.check()
        self.sent += data
        return len(data)

    def send_many(self, buffers: Sequence[Buffer]) -> int:
        """Take all of them."""
        return sum(map(self.send, buffers))

    def send_file(self, file: int, offset: int, max_bytes: int) -> int:
        """Nothing that is tried here sends files."""
        raise NotImplementedError

    def shutdown_write(self) -> None:
        """Nothing: who is at the other end was written down."""

    def close(self, *, abort: bool = False) -> None:
        """End both directions."""
        self.was_aborted = abort
        self.reading.close()
        self.writing.close()

    def keep(self) -> None:
        """Nothing: a close loses nothing."""

    def disown(self) -> None:
        """Nothing: it belongs to nobody."""

    def abandon(self) -> None:
        """Nothing: no fork shares it."""


def played(pieces: Iterable[bytes], *, ends: bool = True) -> tuple[Conn, PlayedStream]:
    """Return a conn that receives these pieces, and what is below it.

    Args:
        ends: behind them the stream ends; else the peer says nothing, and waits.
    """
    stream = PlayedStream(pieces, ends=ends)
    return Conn(stream), stream
