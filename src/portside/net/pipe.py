"""Two conns joined in memory: for tests, and for protocols without a network.

In       nothing
Out      two conns; what one writes the other reads
Source   Go's net.Pipe for closing; unlike it, each direction holds some bytes, as a
         socket does, so that code which works on a pipe works on a socket
Holds    at most `PIPE_BYTES` in each direction
Fails    as a socket's conn does: BrokenError when the reader is gone, ResetError after
         the peer aborted
"""

import os
import socket
import threading
from collections.abc import Sequence
from typing import Self

from portside.engine import Buffer, Gate, Task, current, park
from portside.errors import BrokenError, ResetError
from portside.names import PipeAddress
from portside.net.conn import Conn
from portside.net.ends import Ends

__all__ = ["PIPE_BYTES", "pipe"]

PIPE_BYTES = 65536
"""What a direction holds: as much as a pipe of Linux, pipe(7)."""


def pipe() -> tuple[Conn, Conn]:
    """Return two conns that are each other's peer.

    >>> near, far = pipe()
    >>> near.write(b"hello")
    >>> far.read()
    b'hello'
    """
    there, back = _Direction(), _Direction()
    return Conn(_End(back, there)), Conn(_End(there, back))


class _Direction:
    """Bytes on their way, and the two tasks at its ends."""

    def __init__(self) -> None:
        self.mutex = threading.Lock()  # guards all below; never held over a wait
        self.data = bytearray()
        self.writer_ended = False
        self.reader_gone = False
        self.reset = False
        self._waiting: list[Task] = []

    def wait(self, gate: Gate) -> None:
        """Sleep until something changes here, or for no reason."""
        gate.wait(park)

    def join(self, task: Task) -> None:
        """Be woken by changes, from now on."""
        self._waiting.append(task)

    def leave(self, task: Task) -> None:
        """Be woken no more."""
        self._waiting.remove(task)

    def changed(self) -> None:
        """Wake whoever waits for a change."""
        for task in tuple(self._waiting):
            task.wake()


class _End:
    """One end of a pipe, as a byte stream."""

    def __init__(self, incoming: _Direction, outgoing: _Direction) -> None:
        self.ends = Ends("pipe", PipeAddress("pipe"), PipeAddress("pipe"))
        self.socket: socket.socket | None = None
        self.reading = Gate(self._left)
        self.writing = Gate(self._left)
        self._incoming = incoming
        self._outgoing = outgoing
        self._kept = threading.Lock()  # taken for good by who closes

    @property
    def closed(self) -> bool:
        """Whether it was closed on this side."""
        return self.reading.closed

    def receive(self, max_bytes: int) -> bytes:
        """Wait for at least a byte and return what is there."""
        buffer = bytearray(min(max_bytes, PIPE_BYTES))
        with memoryview(buffer) as view:
            count = self.receive_into(view)
        return bytes(buffer[:count])

    def receive_into(self, buffer: memoryview) -> int:
        """Wait for at least a byte and take what fits."""
        way, gate, task = self._incoming, self.reading, current()
        count = 0
        way.join(task)
        try:
            while True:
                gate.check()
                with way.mutex:
                    if way.reset:
                        raise ResetError
                    if way.data:
                        count = min(len(way.data), len(buffer))
                        buffer[:count] = way.data[:count]
                        del way.data[:count]
                        break
                    if way.writer_ended:
                        return 0
                if gate.is_over:
                    raise BlockingIOError
                way.wait(gate)
        finally:
            way.leave(task)
        way.changed()
        return count

    def send(self, data: Buffer) -> int:
        """Wait for room and put in what fits."""
        way, gate, task = self._outgoing, self.writing, current()
        way.join(task)
        try:
            while True:
                gate.check()
                with way.mutex:
                    if way.reset:
                        raise ResetError
                    if way.reader_gone:
                        raise BrokenError
                    room = PIPE_BYTES - len(way.data)
                    if room or not data:
                        way.data += data[:room]
                        break
                way.wait(gate)
        finally:
            way.leave(task)
        way.changed()
        return min(room, len(data))

    def send_many(self, buffers: Sequence[Buffer]) -> int:
        """Wait for room and put in what fits of the first."""
        return self.send(buffers[0])

    def send_file(self, file: int, offset: int, max_bytes: int) -> int:
        """Read the first bytes of a part of a file, and put in what fits."""
        return self.send(os.pread(file, min(max_bytes, PIPE_BYTES), offset))

    def shutdown_write(self) -> None:
        """Let the peer read an end after what is on its way."""
        if self._outgoing.reset:
            raise BrokenError
        self._outgoing.writer_ended = True
        self._outgoing.changed()

    def close(self, *, abort: bool = False) -> None:
        """End both directions; with abort the peer's calls fail and nothing arrives."""
        if not self._kept.acquire(blocking=False):
            return  # again, or it lingers
        self.reading.close()
        self.writing.close()
        for way in (self._incoming, self._outgoing):
            with way.mutex:
                way.reset = way.reset or abort
        self._outgoing.writer_ended = True
        self._incoming.reader_gone = True
        self._outgoing.changed()
        self._incoming.changed()

    def keep(self) -> Self | None:
        """Close the reading gate, and keep what comes for the caller."""
        if not self._kept.acquire(blocking=False):
            return None
        self.reading.close()
        return self

    def end_writing(self) -> None:
        """Close the writing gate, and let the peer read an end."""
        self.writing.close()
        self._outgoing.writer_ended = True
        self._outgoing.changed()

    def drop(self, max_bytes: int) -> int:
        """Take what is there and forget it; return how much, 0 at the end."""
        way = self._incoming
        with way.mutex:
            n_bytes = min(len(way.data), max_bytes)
            del way.data[:n_bytes]
            if not (n_bytes or way.writer_ended or way.reset):
                raise BlockingIOError
        way.changed()
        return n_bytes

    def wait_to_drop(self, deadline: float) -> None:
        """Return when there may be something to drop, or the end."""
        way, task = self._incoming, current()
        way.join(task)
        try:
            if not (way.data or way.writer_ended or way.reset):
                park(deadline)
        finally:
            way.leave(task)

    def give_back(self) -> None:
        """Let the peer's writes fail from now on."""
        self._incoming.reader_gone = True
        self._incoming.changed()

    def disown(self) -> None:
        """Nothing: any engine may wait for memory."""

    def abandon(self) -> None:
        """Nothing: memory is not shared with a fork."""

    def _left(self) -> None:
        """Nothing to give back: a pipe has no number."""
