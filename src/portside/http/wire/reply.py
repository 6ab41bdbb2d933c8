"""The head of an answer, to bytes.

In       a status, fields, what else the wire needs
Out      bytes, from the status line to the empty line
Source   RFC 9112 section 4, RFC 9110 section 6.6.1 (Date)
Holds    the status lines
Fails    never: fields were checked when they were set
"""

from collections.abc import Iterable

from portside.http.message.status import reason_of

__all__ = ["bare_start", "head_bytes", "status_line"]


def status_line(status: int) -> str:
    """Return the first line of an answer, with its end."""
    line = _LINES.get(status)
    if line is None:
        line = _LINES[status] = f"HTTP/1.1 {int(status)} {reason_of(status)}\r\n"
    return line


_LINES: dict[int, str] = {}  # at most 500: a status has three digits


def bare_start(status: int, content_type: str | None) -> str:
    """Return the first line, and that of the content type where there is one.

    Args:
        content_type: one of a few, as it is remembered.
    """
    start = _STARTS.get((status, content_type))
    if start is None:
        start = status_line(status)
        if content_type is not None:
            start += f"Content-Type: {content_type}\r\n"
        _STARTS[status, content_type] = start
    return start


_STARTS: dict[tuple[int, str | None], str] = {}


def head_bytes(status: int, fields: Iterable[tuple[str, str]]) -> bytes:
    """Return a whole head."""
    lines = [f"{name}: {value}\r\n" for name, value in fields]
    return (status_line(status) + "".join(lines) + "\r\n").encode("latin-1")
