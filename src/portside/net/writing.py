"""The writing half of a conn: whole writes, one task at a time.

In       bytes, and parts of files
Out      all of them to the sink, in one piece
Source   Go's Conn.Write and net.Buffers; writev(2), sendfile(2)
Holds    inside ``corked`` what waits to be sent together, at most `CORK_BYTES` of it
Fails    BrokenError, ResetError, DeadlineError, ClosedError, Cancelled: each Error's
         ``sent`` says how many bytes the sink had taken, of this call or, inside
         ``corked``, of what was held back
"""

import contextlib
from collections.abc import Iterable, Iterator
from typing import NoReturn, Protocol

from portside.engine import Buffer
from portside.errors import BrokenError, Error
from portside.net.file_part import FilePart
from portside.net.located import located_as
from portside.net.stream import ByteStream

__all__ = ["Writing"]

MAX_BUFFERS = 1024
"""IOV_MAX of Linux: what one sendmsg takes, readv(2)."""

CORK_BYTES = 65536
"""What ``corked`` holds back at the most: one receive of the other end."""

SMALL_FILE_BYTES = 32768
"""Up to here a part of a file is read and written: copying it costs no more than
sendfile does (measured over loopback: the two are even at 32 KiB), and inside
``corked`` it leaves together with what was held."""

FILE_STEP_BYTES = 2 << 20
"""What one sendfile sends at the most, half a millisecond's work: nginx's figure. Other
tasks have their turn in between."""


class _HasFileno(Protocol):
    def fileno(self) -> int:
        """Return the descriptor's number."""


class Writing:
    """What a conn can write; `Conn` is this and its other half."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self._write_turn = stream.writing
        self._locate = self._write_turn.locate = located_as("write", stream.ends)
        self._has_written = False
        self._write_ended = False
        self._corks = 0
        self._held = bytearray()  # by the task whose turn to write it is

    def write(self, data: Buffer) -> None:
        """Send all of data.

        Another task's write comes before or after it, never in between. Nothing keeps
        a reference to data after the return.

        Raises:
            BrokenError: the peer does not read any more, or `close_write` was called.
            DeadlineError: the write deadline or a timeout around came first.
            ResetError: the peer aborted.
            ClosedError: this conn was closed, perhaps meanwhile.
        """
        # As in a `with` block, which costs more: every message passes here.
        turn = self._write_turn
        turn.enter()
        try:
            if self._write_ended:
                self._raise_ended()
            if not self._corks and isinstance(data, bytes):
                if data:
                    self._has_written = True
                    sent = self._stream.send(data)
                    if sent < len(data):
                        self._send_all(data, sent)
            elif isinstance(data, str):
                raise TypeError(
                    'a conn carries bytes, not text: encode it, or write b"..."'
                )
            elif self._corks:
                self._held += data
                if len(self._held) >= CORK_BYTES:
                    self._send_held()
            else:
                self._send(data)
        except OSError as error:
            turn.raise_located(error)
        finally:
            turn.leave()

    def writev(self, buffers: Iterable[Buffer]) -> None:
        """Send all of several buffers, in order, as one write; empty ones are skipped.

        Raises:
            As `write`; ``sent`` counts over all buffers.
        """
        views = [memoryview(buffer).cast("B") for buffer in buffers]
        views = [view for view in views if len(view)]
        with self._write_turn:
            if self._write_ended:
                self._raise_ended()
            if self._corks:
                for view in views:
                    self._held += view
                if len(self._held) >= CORK_BYTES:
                    self._send_held()
            else:
                self._send_many(views)

    def send_file(
        self, file: int | _HasFileno, offset: int = 0, count: int | None = None
    ) -> int:
        """Send a part of a regular file, all of it, as one write; return its length.

        The kernel sends it past our memory where it can, and in a hub the disk is not
        waited for on the loop. The file's own position stays where it is. What a
        buffered writer has not flushed is not in the file yet.

        Args:
            file: an open file, or its descriptor; it must stay open meanwhile.
            offset: where the part begins, in bytes.
            count: its length, in bytes; None is all there is from offset on.

        Raises:
            ValueError: it is no regular file that is open; nothing was sent.
            Error: the file is shorter than that, or became so meanwhile, or could not
                be read; else as `write`.
        """
        number = file if isinstance(file, int) else file.fileno()
        with self._write_turn:
            if self._write_ended:
                self._raise_ended()
            part = FilePart.of(number, offset, count)
            if part.n_bytes <= SMALL_FILE_BYTES:
                self._send_small(part)
            else:
                self._send_held()
                self._send_part(part)
            return part.n_bytes

    @contextlib.contextmanager
    def corked(self) -> Iterator[None]:
        """Send what is written inside together, when the block ends.

        So that many small writes leave as few segments. What is over 64 KiB is sent on
        the way. It is sent also when the block raises, as it was written before.
        """
        self._corks += 1
        try:
            yield
        except BaseException:
            self._corks -= 1
            with contextlib.suppress(Error):  # what the block raised tells more
                self._uncork()
            raise
        self._corks -= 1
        self._uncork()

    @property
    def write_waited(self) -> float:
        """How long writes have waited for the peer to take more, in seconds.

        Not what they took otherwise: where the peer keeps up, it is nothing.
        """
        return self._stream.writing.waited

    def close_write(self) -> None:
        """End our direction (FIN): the peer reads an end, and may go on sending.

        What was written before arrives. Again is silent.

        Raises:
            ClosedError: this conn was closed.
            BrokenError: the connection is gone already.
        """
        with self._write_turn:
            if self._write_ended:
                return
            self._send_held()
            self._stream.shutdown_write()
            self._write_ended = True

    def _uncork(self) -> None:
        if not self._corks and self._held:
            with self._write_turn:
                self._send_held()

    def _send_held(self) -> None:
        if self._held:
            held, self._held = self._held, bytearray()
            self._send(held)

    def _raise_ended(self) -> NoReturn:
        raise BrokenError("close_write was called: nothing more can be written")

    def _send(self, data: Buffer) -> None:
        with memoryview(data).cast("B") as view:
            self._send_all(view)

    def _send_all(self, data: bytes | memoryview, sent: int = 0) -> None:
        self._has_written = self._has_written or bool(data)
        try:
            while sent < len(data):
                if sent:
                    self._stream.writing.check()
                with memoryview(data)[sent:] as rest:
                    sent += self._stream.send(rest)
        except OSError as error:
            self._raise_with_sent(sent, error)

    def _send_many(self, views: list[memoryview]) -> None:
        self._has_written = self._has_written or bool(views)
        sent = 0
        try:
            while views:
                if sent:
                    self._stream.writing.check()
                taken = self._stream.send_many(views[:MAX_BUFFERS])
                sent += taken
                _drop(views, taken)
        except OSError as error:
            self._raise_with_sent(sent, error)

    def _send_small(self, part: FilePart) -> None:
        data = part.read()
        if len(data) < part.n_bytes:
            raise _file_ended(len(data), part)
        self._write_turn.check()  # reading may have taken its time
        if not self._corks:
            self._send_all(data)
        else:
            self._held += data
            if len(self._held) >= CORK_BYTES:
                self._send_held()

    def _send_part(self, part: FilePart) -> None:
        self._has_written = True
        sent = loaded = 0
        try:
            while sent < part.n_bytes:
                if sent == loaded:
                    step = min(FILE_STEP_BYTES, part.n_bytes - sent)
                    part.load(sent, step)
                    loaded += step
                self._write_turn.check()
                taken = self._stream.send_file(
                    part.file, part.offset + sent, loaded - sent
                )
                if not taken:
                    raise _file_ended(sent, part)
                sent += taken
        except OSError as error:
            self._raise_with_sent(sent, error)

    def _raise_with_sent(self, sent: int, error: OSError) -> NoReturn:
        located = self._locate(error)
        located.sent = sent
        if located is error:
            raise located
        raise located from error


def _file_ended(n_read: int, part: FilePart) -> Error:
    return Error(
        f"the file became shorter: it ended after {n_read} bytes of {part.n_bytes}"
    )


def _drop(views: list[memoryview], n_bytes: int) -> None:
    whole = 0
    while whole < len(views) and n_bytes >= len(views[whole]):
        n_bytes -= len(views[whole])
        whole += 1
    del views[:whole]
    if n_bytes:
        views[0] = views[0][n_bytes:]
