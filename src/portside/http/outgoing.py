"""Answers to a conn: the head, and a body of whatever kind.

In       a response, and what the request allows
Out      bytes on the conn; whether the connection may go on
Source   RFC 9110 sections 6.6.1, 8.6 and 9.3.2, RFC 9112 sections 6 and 7
Holds    how much was sent
Fails    errors of the conn; `HandlerFault`: the body is not what its response said

A client that reads slowly may do so; one that does not read 64 KiB within
``write_timeout`` is given up. One deadline keeps the rule: when it passes and so much
was sent since it was set, it is set again, and else the write fails.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from portside.engine import now
from portside.errors import DeadlineError, Error
from portside.http.message.dates import date_line
from portside.http.message.file_body import FileBody, Part
from portside.http.message.response import Response
from portside.http.message.status import BODILESS, EMPTY, FRAMING
from portside.http.wire.reply import bare_start, status_line
from portside.net import Conn

__all__ = ["HandlerFault", "Outgoing"]

PERIOD_BYTES = 65536
"""What a client must read within ``write_timeout``."""

TOGETHER_BYTES = 65536
"""Up to this a body leaves in one write with its head; beyond, a copy costs more."""


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
        if (
            response.made_headers is None
            and response.__class__ is Response  # another may say more in its headers
            and body.__class__ is bytes
            and keep_alive
            and minor
            and not is_head
            and response.status not in EMPTY
            and len(body) <= TOGETHER_BYTES
        ):
            # What all the rest does for what most answers are.
            moment = now()
            if moment >= self._renew_at:
                self._renew()
            try:
                start = bare_start(response.status, response.bare_type)
            except ValueError as error:
                raise HandlerFault(str(error)) from None
            text = f"{start}{date_line(moment)}Content-Length: {len(body)}\r\n\r\n"
            self.has_begun = True
            self._write_in_periods(text.encode("latin-1") + body)
            self.sent = len(body)
            return True
        self.sent = 0
        try:
            head, length, keep_alive = _head_of(response, minor, is_head, keep_alive)
        except ValueError as error:
            raise HandlerFault(str(error)) from None
        self.has_begun = True
        if is_head or response.status in EMPTY:
            self._write(head)
        elif isinstance(body, bytes):
            if len(body) <= TOGETHER_BYTES:
                self._write(head + body)
            else:
                self._write(head)
                self._write(body)
            self.sent = len(body)
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
            case [(offset, count)] if body.length <= TOGETHER_BYTES:
                # With the head, in one segment. No period but this: what an error says
                # was sent has the head in it too, and could not be gone on from.
                self._renew()
                with self._conn.corked():
                    self._conn.write(head)
                    self._conn.send_file(body.descriptor, offset, count)
                self.sent = count
            case parts:
                self._write(head)
                for part in parts:
                    self._send_part(body, part)

    def _send_part(self, body: FileBody, part: Part) -> None:
        if isinstance(part, bytes):
            self._write(part)
            self.sent += len(part)
            return
        offset, count = part

        def send(sent: int) -> None:
            self._conn.send_file(body.descriptor, offset + sent, count - sent)

        self._in_periods(send)
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
            self.sent += len(piece)
            if length is not None and self.sent > length:
                raise HandlerFault(f"more than the {length} bytes that it announced")
            self._write(b"%x\r\n%b\r\n" % (len(piece), piece) if is_chunked else piece)
        if is_chunked:
            self._write(b"0\r\n\r\n")
        elif length is not None and self.sent < length:
            raise HandlerFault(f"{self.sent} of the {length} bytes that it announced")

    # -- the conn, and a client that does not read

    def _write(self, data: Any) -> None:
        if now() >= self._renew_at:
            self._renew()
        self._write_in_periods(data)

    def _write_in_periods(self, data: Any) -> None:
        try:
            self._conn.write(data)
        except DeadlineError as error:
            view = memoryview(data).cast("B")
            self._go_on(error, 0, lambda sent: self._conn.write(view[sent:]))

    def _renew(self) -> None:
        moment = now()
        self._renew_at = moment + self._slack
        self._deadline = moment + self._slack + self._write_timeout
        self._conn.set_write_deadline(self._deadline)

    def _in_periods(self, send: Callable[[int], object]) -> None:
        """Call send with what was sent already, again when a period was well used."""
        self._renew()
        try:
            send(0)
        except DeadlineError as error:
            self._go_on(error, 0, send)

    def _go_on(
        self, error: DeadlineError, sent: int, send: Callable[[int], object]
    ) -> None:
        while error.sent >= PERIOD_BYTES and now() >= self._deadline:
            sent += error.sent
            self._renew()
            try:
                send(sent)
                return
            except DeadlineError as again:
                error = again
        raise error


def _head_of(
    response: Response, minor: int, is_head: bool, keep_alive: bool
) -> tuple[bytes, int | None, bool]:
    """Return the head, the length that the handler announced, what `send` returns."""
    body, status = response.body, response.status
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
