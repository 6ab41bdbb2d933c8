"""Carry bytes both ways between two conns, until both directions have ended.

In       two conns
Out      what each writes, the other reads, in order; the end of a direction is passed
         on as an end (half-close), a reset as a reset
Source   design of a conn's end; RFC 9293 section 3.6 for half-closed connections
Holds    one piece for each direction; where the network is bad, what is on its way, at
         most `MAX_PIECES` of 16 KiB
Fails    returns the Error that broke it: then both conns are aborted already

Backpressure needs nothing: a direction reads when its last piece is written, so one
who does not read makes the other one's writes wait.

What a failure means depends on which call has met it. A read that fails says that this
end is gone: the other one is reset too, so that nothing which is half looks whole. A
write that fails says only that this end takes no more. What it said before it went may
still be unread (a server refuses an upload, answers, and leaves), so the other
direction goes on to its own end, and then both are reset. If that direction had ended
well before, its peer has got the whole, and only waits to be told that nobody reads.
"""

import fcntl
import sys
import termios

from portside.engine import (
    Queue,
    TaskGroup,
    checkpoint,
    deadline,
    now,
    sleep,
    timeout,
)
from portside.errors import ClosedError, DeadlineError, Error, ResetError
from portside.net import Conn
from portside.services.lane import Lane

__all__ = ["Relay"]

MAX_PIECES = 64
"""On their way in one direction, 1 MiB: 100 ms at 10 megabytes a second."""

READ_BYTES = 65536
"""What is read at once where nothing is late: what a conn reads by itself."""

SENT_SECONDS = 1.0
"""How long a reset waits for what was said before it: as a lingering close does."""

FIRST_PAUSE_SECONDS = 0.001
LONGEST_PAUSE_SECONDS = 0.05
"""How often it looks meanwhile: a guess."""

_Queue = Queue[tuple[float, bytes | Error]]


class Relay:
    """Two conns that are each other's peer from now on.

    Args:
        near: the client's.
        far: upstream's.
        idle: seconds without a byte either way after which it breaks; None for ever.
        lanes: how late things come, there and back; None for at once.
    """

    def __init__(
        self,
        near: Conn,
        far: Conn,
        idle: float | None = None,
        lanes: tuple[Lane, Lane] | None = None,
    ) -> None:
        self.near = near
        self.far = far
        self._idle = idle
        self._moved_at = now()  # by whichever direction was last
        self._broke: Error | None = None
        there, back = lanes or (None, None)
        self._there = _Way(near, far, there)
        self._back = _Way(far, near, back)

    def run(self) -> Error | None:
        """Carry until both directions have ended, or the bound around has passed.

        Returns:
            What broke it; then both conns are reset. None: both ends have ended.
        """
        try:
            with TaskGroup() as group:
                group.start_soon(self._carry, self._back, self._there)
                self._carry(self._there, self._back)
        except DeadlineError as error:
            self._break(error)
        except BaseException:
            self.abort()
            raise
        if self._broke is not None:
            _wait_until_sent(self.near)
            _wait_until_sent(self.far)
            self.abort()
        return self._broke

    def abort(self) -> None:
        """Reset both."""
        self.near.abort()
        self.far.abort()

    def _break(self, error: Error) -> None:
        self._broke = self._broke or error
        self.abort()

    def _carry(self, way: "_Way", other: "_Way") -> None:
        try:
            if way.lane is None:
                while piece := self._read(way.source, READ_BYTES):
                    self._write(way.sink, piece)
            else:
                self._carry_late(way, way.lane)
            way.sink.close_write()
        except Error as error:
            if error.op != "write" or isinstance(error, DeadlineError | ClosedError):
                if isinstance(error, ResetError):
                    _wait_until_sent(way.sink)
                self._break(error)
            elif not other.has_ended:
                self._broke = self._broke or error
        finally:
            way.has_ended = True

    def _carry_late(self, way: "_Way", lane: Lane) -> None:
        """Write each piece when it is due, while others are read already."""
        queue = _Queue(max_items=MAX_PIECES)
        failure: Error | None = None
        with TaskGroup() as group:
            reader = group.start_soon(self._read_ahead, way.source, lane, queue)
            try:
                for due, piece in queue:
                    sleep(due - now())
                    if isinstance(piece, Error):
                        raise piece
                    self._write(way.sink, piece)
            except Error as error:
                failure = error
            finally:
                reader.cancel()
        if failure is not None:
            raise failure

    def _read_ahead(self, source: Conn, lane: Lane, queue: _Queue) -> None:
        try:
            while piece := self._read(source, lane.piece_bytes):
                queue.put((lane.due_of_piece(len(piece), now()), piece))
            queue.put((lane.due_of_piece(0, now()), b""))
        except Error as error:  # it comes behind what was said before, as the end does
            queue.put((lane.due_of_piece(0, now()), error))
        queue.close()

    def _read(self, source: Conn, max_bytes: int) -> bytes:
        while True:
            until = None if self._idle is None else self._moved_at + self._idle
            try:
                with deadline(until):
                    data = source.read(max_bytes)
            except DeadlineError:
                self._raise_if_idle()
            else:
                self._moved_at = now()
                return data

    def _write(self, sink: Conn, piece: bytes) -> None:
        while True:
            try:
                with timeout(self._idle):
                    sink.write(piece)
            except DeadlineError as error:
                if error.sent:
                    piece = piece[error.sent :]
                    self._moved_at = now()
                self._raise_if_idle()
            else:
                self._moved_at = now()
                return

    def _raise_if_idle(self) -> None:
        """Raise the DeadlineError that is being handled, unless something has moved."""
        checkpoint()  # or it was the bound around all of it
        if self._idle is None or now() >= self._moved_at + self._idle:
            raise  # noqa: PLE0704  called in an except block


def _wait_until_sent(conn: Conn) -> None:
    """Return when the peer's kernel has all that was written, or after a second.

    A reset would destroy what is still in ours. No kernel tells when that is through,
    so it has to be asked again and again (SIOCOUTQ of tcp(7) and unix(7)).
    """
    until, pause = now() + SENT_SECONDS, FIRST_PAUSE_SECONDS
    try:
        while _unsent(conn) and now() < until:
            sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
    except OSError:
        pass  # it is gone, or cannot tell


def _unsent(conn: Conn) -> int:
    return int.from_bytes(
        fcntl.ioctl(conn.fileno(), termios.TIOCOUTQ, bytes(4)), sys.byteorder
    )


class _Way:
    """One direction."""

    def __init__(self, source: Conn, sink: Conn, lane: Lane | None) -> None:
        self.source = source
        self.sink = sink
        self.lane = lane
        self.has_ended = False  # in whatever way
