"""The head of a request: bytes to what they say.

In       a whole head, from the request line to the empty line
Out      method, target, fields, and how the body is framed
Source   RFC 9112 sections 2 to 6, RFC 9110 section 7
Holds    the last head, as the next is mostly like it
Fails    RequestError: 400, 414, 417, 431, 501, 505

llhttp is strict about what lies inside a line: a bare CR or LF, a NUL, a fold, a space
before the colon, two lengths, a length with a transfer coding. It is lax about what
stands in the request line (two spaces, RTSP), and about which transfer codings there
are. So the request line is read whole (`wire.request_line`), and the fields that say
where a body ends, who is asked, and what is expected are read again.

Only the head is given to it, never a body: it cannot say where in what it was given a
message ended, and what follows a message may belong to nobody.
"""

import re
from ipaddress import AddressValueError, IPv6Address
from typing import NoReturn

from httptools import (
    HttpParserError,
    HttpParserUpgrade,
    HttpRequestParser,
)

from portside.http.grammar import FIELD, FIELD_LINE, HOST, TOKEN
from portside.http.message.status_error import RequestError
from portside.http.wire.request_line import USUAL_METHODS, read_request_line

__all__ = ["Head", "HeadParser", "check_line"]

MAX_KEPT_BYTES = 4096
"""A head that is longer is read anew each time, and not kept while nothing comes."""

_BAD_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")

Fields = list[tuple[bytes, bytes]]

# What nearly every request line begins with: up to the version there is nothing to
# decode, or to refuse.
_PLAIN_START = re.compile(
    rb"(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) (/[\x21\x22\x24\x26-\x7e]*)"
)
_PLAIN_LINE = re.compile(_PLAIN_START.pattern + rb" HTTP/1\.1")
# The fields that say something of the message: where one of them changes, all is new.
_READ_HERE = frozenset(
    (
        *(b"host", b"content-length", b"transfer-encoding", b"expect"),
        *(b"connection", b"proxy-connection", b"upgrade"),
    )
)


class Head:
    """What the head of a request says.

    Attributes:
        method: as it came, in capitals.
        target: as it came.
        minor: 0 or 1, of HTTP/1.0 or HTTP/1.1.
        fields: names and values, in their order; no control in any.
        host: of the Host field; "" without one.
        length: of the body, in bytes; None when it comes in chunks.
        keep_alive: whether the client would send another request.
        expects_continue: whether it waits for a word before it sends the body.
        upgrade: the protocols that it offers to go on with; "" for none.
    """

    __slots__ = (
        "expects_continue",
        "fields",
        "host",
        "keep_alive",
        "length",
        "method",
        "minor",
        "target",
        "upgrade",
    )

    def __init__(self, method: str, target: str, minor: int, fields: Fields) -> None:
        self.method = method
        self.target = target
        self.minor = minor
        self.fields = fields
        self.host = ""
        self.length: int | None = 0
        self.keep_alive = minor == 1
        self.expects_continue = False
        self.upgrade = ""


class HeadParser:
    """Reads one head after another, of one connection.

    Args:
        max_target_bytes: a longer target is refused with 414.
        max_headers: more fields are refused with 431.
    """

    def __init__(self, max_target_bytes: int, max_headers: int) -> None:
        self._max_target_bytes = max_target_bytes
        self._max_headers = max_headers
        self._fields: Fields = []
        self._last_lines = b""
        self._last: Head | None = None
        self._fields_complete = False

    def parse(self, raw: bytes) -> Head:
        """Return what a head says, until the next is parsed.

        Args:
            raw: ends with the empty line.

        Raises:
            RequestError: it says nothing that everybody would read alike.
        """
        method, target, minor = read_request_line(raw, self._max_target_bytes)
        head = Head(method, target, minor, [])
        self._feed(raw)
        head.fields = fields = self._fields
        if len(fields) > self._max_headers:
            raise RequestError(431, f"more than {self._max_headers} header fields")
        values = {name.lower(): value for name, value in fields}
        if len(values) != len(fields):
            _check_repeated(fields, values)
        _check_target(head)
        _read_host(head, values)
        _read_framing(head, values)
        if b"connection" in values:
            _read_connection(head, values)
        if b"expect" in values:
            _read_expect(head, values[b"expect"])
        if len(raw) <= MAX_KEPT_BYTES:
            self._last_lines, self._last = raw[len(method) + 1 + len(target) :], head
        return head

    def parse_again(self, raw: bytes) -> Head | None:
        """Return what a head says that is like the last, but for what it asks for.

        Most clients say the same of themselves with each request of a connection: what
        was read once, and lawful, need not be read again. The last head becomes this
        one, as it is over by now. None where it must be parsed.

        Args:
            raw: as it came, whether that is a head or not.
        """
        last = self._last
        if last is None:
            return None
        if not raw.endswith(self._last_lines):
            return self._parse_changed(raw, last)
        match = _PLAIN_START.fullmatch(raw, 0, len(raw) - len(self._last_lines))
        if match is None:
            return None
        method, target = match.groups()
        if len(target) > self._max_target_bytes:
            return None
        last.method, last.target = USUAL_METHODS[method], target.decode()
        return last

    def _parse_changed(self, raw: bytes, last: Head) -> Head | None:
        """Do so for one that says something else in fields that nobody reads here.

        As many lines with the same names, and other cookies or another trace: only what
        changed is looked at.
        """
        if len(raw) > MAX_KEPT_BYTES or not raw.endswith(b"\r\n\r\n"):
            return None
        lines, before = raw.split(b"\r\n"), self._last_lines.split(b"\r\n")
        match = _PLAIN_LINE.fullmatch(lines[0])
        if len(lines) != len(before) or match is None or not last.minor:
            return None
        method, target = match.groups()
        if len(target) > self._max_target_bytes:
            return None
        fields = last.fields.copy()  # the old list may be a request's that somebody has
        for at, line in enumerate(lines[1:]):
            if line != before[at + 1]:
                field = FIELD.fullmatch(line)
                if field is None:
                    return None
                name, value = field.groups()
                if name != fields[at][0] or name.lower() in _READ_HERE:
                    return None
                fields[at] = name, value
        last.method, last.target = USUAL_METHODS[method], target.decode()
        last.fields, self._last_lines = fields, raw[match.end(2) :]
        return last

    # -- what httptools calls

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a field."""
        self._fields.append((name, value))

    def on_headers_complete(self) -> None:
        """Know that all fields were read."""
        self._fields_complete = True

    def _feed(self, raw: bytes) -> None:
        self._fields = []
        self._fields_complete = False
        try:
            # A new one each time: it remembers what it was told about the connection.
            HttpRequestParser(self).feed_data(raw)
        except HttpParserUpgrade:
            return
        except HttpParserError as error:
            if self._fields_complete:  # what follows them is ours to judge
                return
            raise RequestError(400, _in_words(error)) from None
        if not self._fields_complete:
            raise RequestError(400, "a head that does not end")


def check_line(line: bytes) -> None:
    """Return if a line can stand in a head, behind the first.

    Raises:
        RequestError: it cannot.
    """
    if line != b"\r\n" and not FIELD_LINE.fullmatch(line):
        raise RequestError(400, "a malformed header field")


def _in_words(error: HttpParserError) -> str:
    return f"malformed: {str(error).lower()}" if str(error) else "malformed"


def _check_repeated(fields: Fields, values: dict[bytes, bytes]) -> None:
    """Refuse what may not be repeated; join what may, where it is read here."""
    names = [name.lower() for name, _ in fields]
    if names.count(b"host") > 1:
        raise RequestError(400, "more than one Host")
    if names.count(b"content-length") > 1:
        raise RequestError(400, "more than one Content-Length")
    for name in (b"transfer-encoding", b"connection", b"expect", b"upgrade"):
        if names.count(name) > 1:
            values[name] = b", ".join(
                value
                for each, (_, value) in zip(names, fields, strict=True)
                if each == name
            )


def _check_target(head: Head) -> None:
    """Refuse a target in a form that its method does not have: RFC 9112 section 3.2."""
    target = head.target
    if head.method == "CONNECT":
        raise RequestError(501, "no tunnels here")
    if "%" in target and _BAD_PERCENT.search(target.partition("?")[0]):
        raise RequestError(400, "a percent sign without two digits")
    if target[0] == "/" or (target == "*" and head.method == "OPTIONS"):
        return
    scheme, found, rest = target.partition("://")
    if not found or scheme.lower() not in ("http", "https") or not rest:
        raise RequestError(400, "a malformed target")
    authority = rest.partition("/")[0].partition("?")[0]
    if not authority:
        raise RequestError(400, "a target without a host")
    _check_host(authority.encode())


def _read_host(head: Head, values: dict[bytes, bytes]) -> None:
    host = values.get(b"host")
    if host is None:
        if head.minor:
            raise RequestError(400, "no Host")
        return
    host = host.strip(b" \t")
    _check_host(host)
    head.host = host.decode()


def _check_host(host: bytes) -> None:
    match = HOST.fullmatch(host)
    if match is None:
        raise RequestError(400, "a malformed Host")
    name, port = match.groups()
    if port is not None and not name:
        raise RequestError(400, "a Host that is only a port")
    if port and (len(port) > 5 or int(port) > 65535):
        raise RequestError(400, "a Host with a port over 65535")
    if name[:1] == b"[":
        try:
            IPv6Address(name[1:-1].decode())
        except AddressValueError:
            raise RequestError(400, "a malformed IPv6 address in Host") from None


def _read_framing(head: Head, values: dict[bytes, bytes]) -> None:
    """Find where the body ends: RFC 9112 section 6.3, and no guess."""
    coding = values.get(b"transfer-encoding")
    length = values.get(b"content-length")
    if coding is not None:
        if length is not None:
            raise RequestError(400, "both Transfer-Encoding and Content-Length")
        if not head.minor:
            raise RequestError(400, "Transfer-Encoding in HTTP/1.0")
        codings = [each.strip(b" \t").lower() for each in coding.split(b",")]
        if codings != [b"chunked"]:
            _refuse_codings(codings)
        head.length = None
    elif length is not None:
        digits = length.strip(b" \t")
        # Digits alone: int() would also take "5_0", "+5" and " 5".
        if not digits.isdigit() or len(digits) > 19:
            raise RequestError(400, "a malformed Content-Length")
        head.length = int(digits)


def _refuse_codings(codings: list[bytes]) -> NoReturn:
    names = [each.partition(b";")[0].strip(b" \t") for each in codings]
    is_lawful = all(map(TOKEN.fullmatch, names)) and b"chunked" not in names[:-1]
    if is_lawful and names != [b"chunked"]:
        raise RequestError(501, "a transfer coding that is not chunked alone")
    raise RequestError(400, "a malformed Transfer-Encoding")


def _read_connection(head: Head, values: dict[bytes, bytes]) -> None:
    options = {each.strip(b" \t").lower() for each in values[b"connection"].split(b",")}
    if b"close" in options:
        head.keep_alive = False
    elif not head.minor:
        head.keep_alive = b"keep-alive" in options
    if b"upgrade" in options and head.minor:
        upgrade = values.get(b"upgrade", b"")
        head.upgrade = upgrade.decode("latin-1").strip(" \t")


def _read_expect(head: Head, value: bytes) -> None:
    if not head.minor:
        return  # RFC 9110 section 10.1.1: ignored in HTTP/1.0
    if value.strip(b" \t").lower() != b"100-continue":
        raise RequestError(417, "an expectation that nobody here can meet")
    head.expects_continue = head.length != 0
