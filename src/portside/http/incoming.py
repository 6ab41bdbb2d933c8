"""Requests from a conn: heads, and bodies as they are read.

In       a conn, the limits
Out      a head, or none when the client is done; bodies that read from the conn
Source   RFC 9112 sections 2.2, 6 and 7, RFC 9110 section 10.1.1
Holds    the parser of this connection's heads
Fails    RequestError: what came is no request, too long or too slow; errors of the
         conn

A head mostly comes in one piece, and then costs one read. Where it does not, it is read
line by line, and each line is checked when it has come: who sends something else than
HTTP hears so at its first line, and not when it has run into the limit.
"""

from collections.abc import Callable
from typing import NoReturn

from portside.engine import now, timeout
from portside.errors import DeadlineError, EndOfStreamError, LimitError
from portside.http.message.body import PIECE_BYTES, Body
from portside.http.message.status_error import RequestError
from portside.http.settings import HttpSettings
from portside.http.wire.chunk import (
    MAX_CHUNK_LINE_BYTES,
    ChunkLines,
    read_trailers,
)
from portside.http.wire.head import Head, HeadParser, check_line
from portside.http.wire.request_line import (
    BESIDE_TARGET_BYTES,
    check_first_byte,
    read_request_line,
)
from portside.net import Conn

__all__ = ["Heads", "IncomingBody"]

MAX_EMPTY_LINES = 4
"""Some clients send one behind a body (RFC 9112 section 2.2); nobody sends many."""

MAX_TRAILER_BYTES = 8192
"""As a field and its like: nobody sends more, and it is held in memory."""

_CR = 13


class Heads:
    """Reads the heads of the requests on one conn."""

    def __init__(self, conn: Conn, settings: HttpSettings) -> None:
        self._conn = conn
        self._idle = conn.idle()
        self._is_idle = False
        self._keep_alive_timeout = settings.keep_alive_timeout
        self._header_timeout = settings.header_timeout
        self._max_header_bytes = settings.max_header_bytes
        self._max_target_bytes = settings.max_target_bytes
        self._parser = HeadParser(settings.max_target_bytes, settings.max_headers)
        # Set once in a while, and so much later, so that a request need not.
        self._slack = min(1.0, settings.keep_alive_timeout / 16)
        self._renew_at = 0.0
        self._start = b""  # of what was read last

    @property
    def asked_head(self) -> bool:
        """Whether what was read last began as a HEAD, whatever followed."""
        return self._start == b"HEAD "

    def deadline_moved(self) -> None:
        """Know that somebody else has set the read deadline: a body was read."""
        self._renew_at = 0.0

    def next(self) -> Head | None:
        """Return the next head; None when the client has ended, or is idle too long.

        Raises:
            RequestError: what came is no head, or not all of it came in time.
        """
        conn = self._conn
        n_empty = 0
        while n_empty < MAX_EMPTY_LINES:
            if (moment := now()) >= self._renew_at:
                self._renew_at = moment + self._slack
                conn.set_read_deadline(self._renew_at + self._keep_alive_timeout)
            if not self._is_idle:
                self._begin_idle()
            try:
                data = conn.read(PIECE_BYTES)
            except DeadlineError:
                return None
            if len(data) <= self._max_header_bytes:
                if (head := self._parser.parse_again(data)) is not None:
                    return head
                if not data:
                    return None
            self._start = data[:5]
            end = data.find(b"\r\n\r\n") + 4  # 3 where it is not there
            if 3 < end <= self._max_header_bytes and data[0] != _CR:
                if end == len(data):
                    return self._parser.parse(data)
                conn.unread(data[end:])
                return self._parser.parse(data[:end])
            conn.unread(data)
            self.end_idle()
            self._renew_at = 0.0
            conn.set_read_deadline(now() + self._header_timeout)
            try:
                line = self._first_line()
                self._start = line[:5]
                if line != b"\r\n":
                    return self._parser.parse(self._read_by_line(line))
            except DeadlineError:
                raise RequestError(
                    408, "the head of the request took too long"
                ) from None
            except EndOfStreamError:
                return None  # it went away in the middle: nobody is there to be told
            n_empty += 1
        raise RequestError(400, "empty lines, and no request")

    def end_idle(self) -> None:
        """Let what is read from now on be read to its end, also if the server drains.

        Between requests the client is owed nothing; and nobody reads while a request
        without a body is answered, so it need not be said at each.
        """
        if self._is_idle:
            self._is_idle = False
            self._idle.__exit__(None, None, None)

    def _begin_idle(self) -> None:
        self._is_idle = True
        self._idle.__enter__()

    def _first_line(self) -> bytes:
        check_first_byte(self._conn.peek(1))
        try:
            return self._conn.read_until(
                b"\n", self._max_target_bytes + BESIDE_TARGET_BYTES
            )
        except LimitError:
            self._start = self._conn.peek(5)[:5]
            raise RequestError(
                414, f"the target is over {self._max_target_bytes} bytes"
            ) from None

    def _read_by_line(self, line: bytes) -> bytes:
        read_request_line(line, self._max_target_bytes)
        lines = [line]
        left = self._max_header_bytes - len(line)
        while line != b"\r\n":
            try:
                line = self._conn.read_until(b"\n", max(left, 1))
            except LimitError:
                left = 0
            if left <= 0:
                raise RequestError(431, f"a head over {self._max_header_bytes} bytes")
            check_line(line)
            lines.append(line)
            left -= len(line)
        return b"".join(lines)


class IncomingBody(Body):
    """The body of a request, from its conn.

    What came and was no body, or came too slowly, ends it: each read says so again, as
    nobody can tell what follows.

    Attributes:
        wants_continue: the client waits for a 100 before it sends.
    """

    def __init__(
        self,
        conn: Conn,
        head: Head,
        settings: HttpSettings,
        say_continue: Callable[[], None],
    ) -> None:
        super().__init__(head.length, settings.max_body_bytes, settings.body_timeout)
        self._broken: RequestError | None = None
        self.wants_continue = head.expects_continue
        self._conn = conn
        self._say_continue = say_continue
        self._lines = ChunkLines()
        self._chunk_left = 0
        # Where it is, as a bound around may end a read, and the next goes on there.
        self._crlf_is_due = False  # behind a chunk's data
        self._is_at_trailers = False
        self._trailer_lines: list[bytes] = []
        # A period of `timeout` seconds: what came in it, and how long that took.
        self._period_count = 0
        self._period_waited = 0.0
        self._asked_at = 0.0
        self._deadline = 0.0

    @property
    def is_broken(self) -> bool:
        """Whether the rest of it will not come, or is none."""
        return self._broken is not None

    @property
    def left(self) -> int | None:
        """How many bytes are still to come; None when nobody knows."""
        return None if self.length is None else self.length - self.count

    def drop(self, max_bytes: int, seconds: float) -> bool:
        """Read and drop what is left; return whether that was all of it.

        Gives up, and leaves the rest, after so much or so long.
        """
        if self.is_over:
            return True
        if self._broken is not None or self.wants_continue:
            return False  # it never heard that it may send
        if self.left is not None and self.left > max_bytes:
            return False
        self.max_bytes, self._begun = None, True
        self.timeout, self._period_waited = seconds, 0.0  # not what the handler has set
        until = self.count + max_bytes
        try:
            with timeout(seconds):
                while self.count < until and self.read():
                    pass
        except (RequestError, DeadlineError):
            return False
        return self.is_over

    def say_continue(self) -> None:
        """Tell a client that waits for it to send the body; again is silent."""
        if self.wants_continue:
            self.wants_continue = False
            self._say_continue()

    def _begin(self) -> None:
        self.say_continue()

    def _receive(self, max_bytes: int) -> bytes:
        if self._broken is not None:
            raise self._broken
        try:
            self._set_deadline()
            if self.length is None:
                data = self._receive_chunk(max_bytes)
            else:
                data = self._conn.read(min(max_bytes, self.length - self.count))
                if not data:
                    raise EndOfStreamError
            self._period_count += len(data)
            return data
        except DeadlineError:
            if now() < self._deadline:
                raise  # of a block around, not ours
            self._break(408, "the body of the request took too long")
        except EndOfStreamError:
            self._break(400, "the body of the request ended early")
        except RequestError as error:
            self._break(error.status, error.message)
        finally:  # also where a block around has ended the read
            self._period_waited += now() - self._asked_at

    def _break(self, status: int, message: str) -> NoReturn:
        self._broken = RequestError(status, message)
        raise self._broken from None

    def _set_deadline(self) -> None:
        """Let what is read now come within the rest of the period.

        What the handler does between two reads is no fault of the client's.
        """
        if self._period_count >= PIECE_BYTES:
            self._period_count, self._period_waited = 0, 0.0
        self._asked_at = now()
        self._deadline = self._asked_at + self.timeout - self._period_waited
        self._conn.set_read_deadline(self._deadline)

    def _receive_chunk(self, max_bytes: int) -> bytes:
        if not self._chunk_left:
            if self._crlf_is_due:
                if self._conn.read_exactly(2) != b"\r\n":
                    raise RequestError(400, "a chunk that is longer than its size")
                self._crlf_is_due = False
            if not self._is_at_trailers:
                self._chunk_left = self._lines.size(self._line())
                self._is_at_trailers = not self._chunk_left
            if self._is_at_trailers:
                self._read_trailer_lines()
                self._trailers = read_trailers(self._trailer_lines)
                return b""
        self._check(self.count + self._chunk_left)
        data = self._conn.read(min(max_bytes, self._chunk_left))
        if not data:
            raise EndOfStreamError
        self._chunk_left -= len(data)
        self._crlf_is_due = not self._chunk_left
        if self._crlf_is_due and self._conn.buffered:
            data = self._with_whole_chunks(data, max_bytes)
        return data

    def _with_whole_chunks(self, data: bytes, max_bytes: int) -> bytes:
        """Return data and what is here of the chunks behind it: many may be small."""
        room = max_bytes - len(data)
        if self.max_bytes is not None:
            room = min(room, self.max_bytes - self.count - len(data))
        try:
            block = self._conn.read(PIECE_BYTES)  # it is buffered: nothing waits
        except DeadlineError:  # the next read says so: what was taken would be lost
            return data
        pieces, end = self._lines.take_whole(block, room)
        self._conn.unread(block[end:])
        return b"".join([data, *pieces]) if pieces else data

    def _line(self) -> bytes:
        try:
            return self._conn.read_until(b"\n", MAX_CHUNK_LINE_BYTES)
        except LimitError:
            raise RequestError(
                400, f"the line of a chunk is over {MAX_CHUNK_LINE_BYTES} bytes"
            ) from None

    def _read_trailer_lines(self) -> None:
        left = MAX_TRAILER_BYTES - sum(map(len, self._trailer_lines))
        while True:
            try:
                line = self._conn.read_until(b"\n", left)
            except LimitError:
                raise RequestError(
                    431, f"trailers over {MAX_TRAILER_BYTES} bytes"
                ) from None
            if line == b"\r\n":
                return
            self._trailer_lines.append(line)
            left -= len(line)
