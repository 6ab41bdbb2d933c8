"""The first line of a request.

In       bytes that should begin with it
Out      method, target and version
Source   RFC 9112 section 3; llhttp, for the methods
Holds    nothing
Fails    RequestError: 400, 414, 501, 505

It is asked for before the rest of a head has come, and again with all of it: what is
refused, and how, must not depend on which pieces it came in.
"""

from typing import NoReturn

from httptools import HttpParserError, HttpRequestParser

from portside.http.grammar import REQUEST_LINE
from portside.http.message.status_error import RequestError

__all__ = [
    "BESIDE_TARGET_BYTES",
    "USUAL_METHODS",
    "check_first_byte",
    "knows_method",
    "read_request_line",
]

BESIDE_TARGET_BYTES = 32
"""What a request line may have beside its target: the longest method has 17."""

USUAL_METHODS = {
    name.encode(): name
    for name in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
}


def check_first_byte(raw: bytes) -> None:
    """Return if something can begin a request, or be an empty line before one.

    Raises:
        RequestError: it cannot.
    """
    first = raw[0]
    if first == 0x16:
        raise RequestError(400, "TLS, and this port speaks plain HTTP")
    if (first < 32 and first not in b"\r\n") or first >= 127:
        raise RequestError(400, "not HTTP")


def read_request_line(raw: bytes, max_target_bytes: int) -> tuple[str, str, int]:
    """Return method, target, and 0 or 1 for HTTP/1.0 or HTTP/1.1.

    >>> read_request_line(b"GET /a?b HTTP/1.1\\r\\nHost: x\\r\\n", 8192)
    ('GET', '/a?b', 1)

    Args:
        raw: begins with the line; what is behind it does not matter.
        max_target_bytes: a longer target is refused with 414.

    Raises:
        RequestError: it is no such line, or not one that is answered here.
    """
    match = REQUEST_LINE.match(raw)
    if match is None or match.end() - BESIDE_TARGET_BYTES > max_target_bytes:
        _refuse(raw, max_target_bytes)
    method, target, major, minor = match.groups()
    if len(target) > max_target_bytes:
        _refuse_target(max_target_bytes)
    if major != b"1" or minor not in b"01":
        version = f"HTTP/{major.decode()}.{minor.decode()}"
        raise RequestError(505, f"{version} is not spoken here: HTTP/1.1 is")
    name = USUAL_METHODS.get(method) or method.decode()
    if method not in USUAL_METHODS and not knows_method(name):
        raise RequestError(501, "a method that this server does not know")
    return name, target.decode(), 1 if minor == b"1" else 0


def knows_method(method: str) -> bool:
    """Return whether the parser knows a method.

    >>> knows_method("PROPFIND"), knows_method("BREW")
    (True, False)
    """
    try:
        HttpRequestParser(object()).feed_data(f"{method} / HTTP/1.1\r\n".encode())
    except HttpParserError:
        return False
    return True


def _refuse(raw: bytes, max_target_bytes: int) -> NoReturn:
    """Raise what is wrong with a line that matches nothing, or is too long."""
    check_first_byte(raw)
    line = raw.partition(b"\n")[0]
    if len(line) >= max_target_bytes + BESIDE_TARGET_BYTES:
        _refuse_target(max_target_bytes)
    raise RequestError(400, "a malformed request line")


def _refuse_target(max_target_bytes: int) -> NoReturn:
    raise RequestError(414, f"the target is over {max_target_bytes} bytes")
