"""Answers to a conn: the head, and a body of whatever kind.

In       a response, and what the request allows
Out      bytes on the conn; whether the connection may go on
Source   RFC 9110 sections 6.6.1, 8.6 and 9.3.2, RFC 9112 sections 6 and 7
Holds    how much was sent
Fails    errors of the conn; `HandlerFault`: the body is not what its response said

A client that reads slowly may do so; one that does not read 64 KiB within
``write_timeout`` is given up, be it of one answer or of many. What its conn has waited
for it is counted, and so is what was sent: a deadline is as far away as what is left of
the time, and when 64 KiB have gone the next period begins. What a handler thinks
between two pieces, or waits for its turn, is its own time.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping

from portside.engine import now
from portside.errors import DeadlineError, Error
from portside.http.message.dates import date_line
from portside.http.message.file_body import FileBody
from portside.http.message.response import Response
from portside.http.message.status import BODILESS, EMPTY, FRAMING
from portside.http.wire.reply import bare_start, check_final, status_line
from portside.net import Conn

__all__ = ["HandlerFault", "Outgoing"]

PERIOD_BYTES = 65536
"""What a client must read within ``write_timeout``."""

TOGETHER_BYTES = 65536
"""Up to this a body leaves in one write with its head; beyond, a copy costs more."""

TOGETHER_FILE_BYTES = 32768
"""The same for a file: a conn reads it up to this, and leaves more to the kernel."""


class HandlerFault(Exception):
    """A handler's body is not what its response said, or failed while it was sent."""


class Outgoing:
    """Sends the answers on one conn.

    Attributes:
        has_begun: whether the head of this answer was sent, or a part of it.
        sent: how many bytes of its body were sent.
    """

    def __init__(self, conn: Conn, write_timeout: float) -> None:
        self.has_begun = False
        self.sent = 0
        self._conn = conn
        self._write_timeout = write_timeout
        self._deadline = 0.0
        self._period_sent = 0
        self._waited_before = conn.write_waited  # this period
        # Set once in a while, and so much later, so that an answer need not.
        self._slack = min(1.0, write_timeout / 16)
        self._renew_at = 0.0

    def begin(self) -> None:
        """Begin with the next answer: nothing of it was sent."""
        self.has_begun = False
        self.sent = 0

    def send(
        self, response: Response, minor: int, is_head: bool, keep_alive: bool
    ) -> bool:
        """Send a response; return whether another request may follow.

        Args:
            minor: 0 or 1, of the version of the request.
            is_head: it was a HEAD, so nobody wants the body.
            keep_alive: whether the connection could go on, as far as is known.

        Raises:
            HandlerFault: the response says what is not so; where `has_begun`, the
                client has a part of it.
        """
        body = response.body
        self.sent = 0
        if (
            response.made_headers is None
            and response.__class__ is Response  # another may say more in its headers
            and body.__class__ is bytes
            and keep_alive
            and minor
            and not is_head
            and response.status.__class__ is int
            and response.status not in EMPTY
            and len(body) <= TOGETHER_BYTES
        ):
            # What all the rest does for what most answers are.
            moment = now()
            if moment >= self._renew_at:
                self._begin_write(moment)
            try:
                start = bare_start(response.status, response.bare_type)
            except ValueError as error:
                raise HandlerFault(str(error)) from None
            text = f"{start}{date_line(moment)}Content-Length: {len(body)}\r\n\r\n"
            self.has_begun = True
            data = text.encode("latin-1") + body
            try:
                self._conn.write(data)
            except Error as error:
                self._write_rest(error, data, len(text), len(body))
            else:
                self._period_sent += len(data)
                if self._period_sent >= PERIOD_BYTES:
                    self._begin_period()
            self.sent = len(body)
            return True
        try:
            head, length, keep_alive = _head_of(response, minor, is_head, keep_alive)
        except ValueError as error:
            raise HandlerFault(str(error)) from None
        self.has_begun = True
        if is_head or response.status in EMPTY:
            self._write(head)
        elif isinstance(body, bytes):
            if len(body) <= TOGETHER_BYTES:
                self._write(head + body, len(head), len(body))
            else:
                self._write(head)
                self._write(body, 0, len(body))
        elif isinstance(body, FileBody):
            self._send_file(head, body)
        else:
            assert isinstance(body, Iterable), "an upgrade is no answer to be sent"
            is_chunked = length is None and minor == 1
            self._send_pieces(head, body, length, is_chunked=is_chunked)
        return keep_alive

    def write(self, data: bytes) -> None:
        """Write what is no answer: 100 Continue, early hints, 101.

        Where only a part of it went, nothing can follow it, and the conn is aborted.
        """
        try:
            self._write(data)
        except Error as error:
            if error.sent:
                self._conn.abort()
            raise

    # -- bodies

    def _send_file(self, head: bytes, body: FileBody) -> None:
        match body.parts:
            case [(offset, count)] if (
                count <= TOGETHER_FILE_BYTES and len(head) + count <= TOGETHER_BYTES
            ):
                # With the head, in one segment. It is not gone on from where a period
                # ends, as what an error says was sent has the head in it too: where it
                # might end in the middle, another begins.
                if self._period_sent + len(head) + count > PERIOD_BYTES:
                    self._begin_period()
                self._begin_write(now())
                try:
                    with self._conn.corked():
                        self._conn.write(head)
                        self._conn.send_file(body.descriptor, offset, count)
                except Error as error:
                    self._count_part(error.sent, len(head), count)
                    raise
                self._end_write(len(head) + count)
                self.sent += count
            case parts:
                self._write(head)
                for part in parts:
                    if isinstance(part, bytes):
                        self._write(part, 0, len(part))
                    else:
                        self._send_part(body, *part)

    def _send_part(self, body: FileBody, offset: int, count: int) -> None:
        def send(sent: int) -> None:
            self._conn.send_file(body.descriptor, offset + sent, count - sent)

        self._begin_write(now())
        try:
            send(0)
        except Error as error:
            self._go_on(error, send, count, 0, count)
        else:
            self._end_write(count)
        self.sent += count

    def _send_pieces(
        self,
        head: bytes,
        pieces: Iterable[bytes],
        length: int | None,
        *,
        is_chunked: bool,
    ) -> None:
        self._write(head)
        iterator: Iterator[bytes] | None = None
        while True:
            try:
                if iterator is None:
                    iterator = iter(pieces)
                piece = next(iterator)
            except StopIteration:
                break
            except Exception as error:
                raise HandlerFault("failed while its answer was sent") from error
            except BaseException:
                self._conn.abort()  # so that half an answer does not look whole
                raise
            if not isinstance(piece, bytes):
                piece = _as_bytes(piece)
            if not piece:
                continue  # as a chunk it would be the last
            if length is not None and self.sent + len(piece) > length:
                raise HandlerFault(f"more than the {length} bytes that it announced")
            size = b"%x\r\n" % len(piece) if is_chunked else b""
            data = b"%b%b\r\n" % (size, piece) if is_chunked else piece
            self._write(data, len(size), len(piece))
        if is_chunked:
            self._write(b"0\r\n\r\n")
        elif length is not None and self.sent < length:
            raise HandlerFault(f"{self.sent} of the {length} bytes that it announced")

    # -- the conn, and a client that does not read

    def _write(self, data: bytes, ahead: int = 0, count: int = 0) -> None:
        """Write what has so many bytes of the body in it, behind so many others."""
        self._begin_write(now())
        try:
            self._conn.write(data)
        except Error as error:
            self._write_rest(error, data, ahead, count)
        else:
            self._end_write(len(data))
        self.sent += count

    def _write_rest(self, error: Error, data: bytes, ahead: int, count: int) -> None:
        view = memoryview(data)
        self._go_on(
            error, lambda sent: self._conn.write(view[sent:]), len(data), ahead, count
        )

    def _begin_write(self, moment: float) -> None:
        """Set the deadline where that is due: moment is now."""
        if moment >= self._renew_at:
            waited = self._conn.write_waited - self._waited_before
            left = self._write_timeout - waited
            self._renew_at = moment + self._slack
            self._deadline = self._renew_at + left if left > 0 else moment
            self._conn.set_write_deadline(self._deadline)

    def _end_write(self, n_bytes: int) -> None:
        """Count a write."""
        self._period_sent += n_bytes
        if self._period_sent >= PERIOD_BYTES:
            self._begin_period()

    def _begin_period(self) -> None:
        self._period_sent = 0
        self._waited_before = self._conn.write_waited
        self._renew_at = 0.0

    def _go_on(
        self,
        error: Error,
        send: Callable[[int], object],
        n_bytes: int,
        ahead: int,
        count: int,
    ) -> None:
        """Send the rest after an error, unless the period was badly used."""
        sent = error.sent
        in_period = self._period_sent + error.sent
        while (
            isinstance(error, DeadlineError)
            and in_period >= PERIOD_BYTES
            and now() >= self._deadline
        ):
            self._begin_period()
            self._begin_write(now())
            try:
                send(sent)
            except Error as again:
                error = again
                in_period = error.sent
                sent += error.sent
            else:
                self._end_write(n_bytes - sent)
                return
        self._count_part(sent, ahead, count)
        raise error

    def _count_part(self, sent: int, ahead: int, count: int) -> None:
        """Count what a client has of the body, of a write that failed."""
        self.sent += min(max(sent - ahead, 0), count)


def _head_of(
    response: Response, minor: int, is_head: bool, keep_alive: bool
) -> tuple[bytes, int | None, bool]:
    """Return the head, the length that the handler announced, what `send` returns."""
    body, status = response.body, response.status
    check_final(status)
    text = status_line(status)
    date, length, connection = "", None, ""
    for name, value in response.headers.items():
        if (lower := name.lower()) not in FRAMING:
            text += f"{name}: {value}\r\n"
        elif lower == "date":
            date = f"{name}: {value}\r\n"
        elif lower == "content-length":
            length = _length(value)
        elif lower == "connection":
            connection = f"{connection},{value}"
        else:
            raise HandlerFault(f"{name} is not for a handler to set")
    if not date:
        date = date_line(now())

    if status in EMPTY and body and isinstance(body, bytes):
        raise HandlerFault(f"an answer with status {status} has no body")
    if status in BODILESS:
        framing = ""
    elif status in EMPTY:
        framing = "Content-Length: 0\r\n"
    elif isinstance(body, bytes):
        if length is not None and length != len(body) and (body or not is_head):
            raise HandlerFault(f"a body of {len(body)} bytes, and not of {length}")
        framing = f"Content-Length: {length or len(body)}\r\n"
    elif isinstance(body, FileBody):
        framing = f"Content-Length: {body.length}\r\n"
    elif not isinstance(body, Iterable) or isinstance(body, Mapping):
        raise HandlerFault(f"a body of type {type(body).__name__}")
    elif length is not None:
        framing = f"Content-Length: {length}\r\n"
    elif minor:
        framing = "Transfer-Encoding: chunked\r\n"
    else:
        framing = ""
        keep_alive = False  # its end is that of the connection

    if connection or not keep_alive or not minor:
        keep_alive, connection = _connection(connection, minor, keep_alive)
    text += f"{date}{framing}{connection}\r\n"
    return text.encode("latin-1"), length, keep_alive


def _connection(value: str, minor: int, keep_alive: bool) -> tuple[bool, str]:
    """Return whether the connection goes on, and the field that says so, if any."""
    options = [each.strip().lower() for each in value.split(",") if each.strip()]
    keep_alive = keep_alive and "close" not in options
    said = [each for each in options if each not in ("close", "keep-alive")]
    if not keep_alive:
        said.append("close")
    elif not minor:
        said.append("keep-alive")
    return keep_alive, f"Connection: {', '.join(said)}\r\n" if said else ""


def _as_bytes(piece: object) -> bytes:
    if not isinstance(piece, bytearray | memoryview):
        raise HandlerFault(
            f"a piece of type {type(piece).__name__}: a body is made of bytes"
        )
    return bytes(piece)


def _length(value: str) -> int:
    if not (value.isascii() and value.isdigit()):
        raise HandlerFault(f"Content-Length {value!r} is no number")
    return int(value)
