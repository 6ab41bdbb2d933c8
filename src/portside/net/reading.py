"""The reading half of a conn: buffered, bounded, one task at a time.

In       bytes from a source, as they come
Out      bytes as they are asked for: some, so many, up to a delimiter, a line, all
Source   Go's bufio.Reader for what is offered; the limits are ours
Holds    what has come and was not asked for yet: at most a limit and one chunk
Fails    EndOfStreamError, LimitError: with the bytes still readable; ResetError,
         DeadlineError, ClosedError, Cancelled
"""

from collections.abc import Iterator

from portside.errors import ClosedError, EndOfStreamError, LimitError
from portside.net.located import located_as
from portside.net.stream import ByteStream

__all__ = ["CHUNK_BYTES", "MAX_ALL_BYTES", "MAX_LINE_BYTES", "Reading"]

CHUNK_BYTES = 65536
"""What one receive asks for: a full window of loopback segments fits."""

MAX_LINE_BYTES = 65536
"""The default limit of a line, that of asyncio's streams and of Go's Scanner."""

MAX_ALL_BYTES = 1024 * 1024
"""The default limit of `Reading.read_all`: a guess at what a caller can hold."""


class Reading:
    """What a conn can read; `Conn` is this and its other half."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self._read_turn = stream.reading
        self._read_turn.locate = located_as("read", stream.ends)
        self._buffer = bytearray()  # by the task whose turn to read it is
        self._end_seen = False

    def read(self, max_bytes: int = CHUNK_BYTES) -> bytes:
        """Return what is there, waiting for at least one byte; ``b""`` at the end.

        Raises:
            ValueError: max_bytes is less than 1.
            DeadlineError: the read deadline or a timeout around came first.
            ResetError: the peer aborted.
            ClosedError: this conn was closed, perhaps meanwhile.
        """
        if max_bytes < 1:
            raise ValueError(f"max_bytes must be at least 1, not {max_bytes}")
        # As in a `with` block, which costs more: every message passes here.
        turn = self._read_turn
        turn.enter()
        try:
            if self._buffer:
                turn.check()
                return self._take(max_bytes)
            data = self._stream.receive(max_bytes)
        except BlockingIOError:
            return b""  # declared idle, and the server stops: `Conn.idle`
        except OSError as error:
            turn.raise_located(error)
        finally:
            turn.leave()
        if not data:
            self._end_seen = True
        return data

    def readinto(self, buffer: bytearray | memoryview) -> int:
        """Put what is there into buffer and return how many bytes; 0 at the end.

        An empty buffer gives 0 at once. Nothing is written to the buffer after the
        return.
        """
        view = memoryview(buffer).cast("B")
        if not len(view):
            return 0
        with self._read_turn:
            if self._buffer:
                data = self._take(len(view))
                view[: len(data)] = data
                return len(data)
            try:
                count = self._stream.receive_into(view)
            except BlockingIOError:
                return 0
            self._end_seen = self._end_seen or count == 0
            return count

    def read_exactly(self, n_bytes: int) -> bytes:
        """Return n_bytes bytes.

        Raises:
            EndOfStreamError: the stream ended before; ``partial`` has what came.
        """
        if n_bytes < 0:
            raise ValueError(f"n_bytes must not be negative: {n_bytes}")
        with self._read_turn:
            self._fill_to(n_bytes)
            return self._take(n_bytes) if n_bytes else b""

    def read_until(self, delimiter: bytes, max_bytes: int = MAX_LINE_BYTES) -> bytes:
        """Return everything up to and with the delimiter.

        Args:
            max_bytes: the most that is returned, the delimiter counted.

        Raises:
            LimitError: no delimiter within max_bytes.
            EndOfStreamError: the stream ended without; ``partial`` has what came.
        """
        with self._read_turn:
            return self._take(self._find(delimiter, max_bytes))

    def read_line(self, max_bytes: int = MAX_LINE_BYTES) -> bytes:
        r"""Return a line with its ``\n``; the last may lack it; ``b""`` at the end.

        Raises:
            LimitError: no end of line within max_bytes.
        """
        with self._read_turn:
            try:
                return self._take(self._find(b"\n", max_bytes))
            except EndOfStreamError as error:
                return self._take(len(error.partial)) if error.partial else b""

    def read_all(self, max_bytes: int = MAX_ALL_BYTES) -> bytes:
        """Return everything until the end of the stream.

        Raises:
            LimitError: more than max_bytes came.
        """
        with self._read_turn:
            while len(self._buffer) <= max_bytes:
                if not self._fill():
                    return self._take(len(self._buffer))
            raise self._over(max_bytes, "a stream")

    def peek(self, n_bytes: int = 1) -> bytes:
        """Return the next n_bytes bytes and leave them to be read; fewer at the end."""
        with self._read_turn:
            while len(self._buffer) < n_bytes and self._fill():
                pass
            return bytes(self._buffer[:n_bytes])

    @property
    def buffered(self) -> int:
        """How many bytes have come and were not read: so many are read at once."""
        return len(self._buffer)

    def unread(self, data: bytes) -> None:
        """Put back what was read too far: it is what the next read begins with.

        For the task that has read it. It never waits, and a deadline that has passed
        meanwhile does not lose the data.

        Raises:
            ClosedError: this conn was closed.
        """
        if self._read_turn.closed:
            raise self._read_turn.located(ClosedError())
        self._buffer[:0] = data  # one step, so nobody else's read can come between

    def __iter__(self) -> Iterator[bytes]:
        """Read chunk by chunk, as they arrive, until the peer stops sending."""
        while chunk := self.read():
            yield chunk

    def _receive(self, max_bytes: int) -> bytes:
        try:
            data = self._stream.receive(max_bytes)
        except BlockingIOError:
            return b""  # as in `read`
        if not data:
            self._end_seen = True
        return data

    def _fill(self) -> bool:
        gate = self._stream.reading
        gate.check()
        may_end = gate.ends_when_draining
        # Inside a line is no place to end: half of it would pass for the whole.
        gate.ends_when_draining = may_end and not self._buffer
        try:
            data = self._receive(CHUNK_BYTES)
        finally:
            gate.ends_when_draining = may_end
        self._buffer += data
        return bool(data)

    def _fill_to(self, n_bytes: int) -> None:
        while len(self._buffer) < n_bytes:
            if not self._fill():
                raise EndOfStreamError(
                    f"end of stream after {len(self._buffer)} of {n_bytes} bytes",
                    partial=bytes(self._buffer),
                )

    def _find(self, delimiter: bytes, max_bytes: int) -> int:
        if not delimiter:
            raise ValueError("the delimiter must not be empty")
        seen = 0
        while True:
            at = self._buffer.find(delimiter, seen, max_bytes)
            if at >= 0:
                return at + len(delimiter)
            if len(self._buffer) >= max_bytes:
                raise self._over(max_bytes, f"what ends in {delimiter!r}")
            seen = max(0, len(self._buffer) - len(delimiter) + 1)
            if not self._fill():
                raise EndOfStreamError(
                    f"end of stream before {delimiter!r}", partial=bytes(self._buffer)
                )

    def _take(self, max_bytes: int) -> bytes:
        if max_bytes >= len(self._buffer):
            data = bytes(self._buffer)
            self._buffer.clear()
        else:
            data = bytes(self._buffer[:max_bytes])
            del self._buffer[:max_bytes]
        return data

    def _over(self, limit: int, what: str) -> LimitError:
        return LimitError(f"{what} is over max_bytes={limit}", limit=limit)
