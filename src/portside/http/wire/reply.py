"""The head of an answer, to bytes.

In       a status, fields, what else the wire needs
Out      bytes, from the status line to the empty line
Source   RFC 9112 section 4, RFC 9110 section 6.6.1 (Date)
Holds    the status lines
Fails    ValueError: a status or a type that is none; fields were checked when they were
         set
"""

from collections.abc import Iterable

from portside.http.message.response import USUAL_TYPES
from portside.http.message.status import reason_of

__all__ = ["bare_start", "check_final", "head_bytes", "status_line"]


def check_final(status: object) -> None:
    """Return if it is the status of an answer that no other follows.

    Raises:
        ValueError: it is not: clients would take the next answer for this one.
    """
    if not (isinstance(status, int) and 200 <= status <= 599):
        raise ValueError(f"the status of an answer is from 200 to 599, not {status!r}")


def status_line(status: int) -> str:
    """Return the first line of an answer, with its end."""
    line = _LINES.get(status)
    if line is None:
        line = _LINES[status] = f"HTTP/1.1 {int(status)} {reason_of(status)}\r\n"
    return line


_LINES: dict[int, str] = {}


def bare_start(status: int, content_type: str | None) -> str:
    """Return the first line, and that of the content type where there is one.

    Args:
        content_type: one of `USUAL_TYPES`: it is remembered.
    """
    start = _STARTS.get((status, content_type))
    if start is None:
        check_final(status)
        start = status_line(status)
        if content_type is not None:
            if content_type not in USUAL_TYPES:
                raise ValueError(f"{content_type!r} is for the headers to say")
            start += f"Content-Type: {content_type}\r\n"
        _STARTS[status, content_type] = start
    return start


_STARTS: dict[tuple[int, str | None], str] = {}


def head_bytes(status: int, fields: Iterable[tuple[str, str]]) -> bytes:
    """Return a whole head."""
    lines = [f"{name}: {value}\r\n" for name, value in fields]
    return (status_line(status) + "".join(lines) + "\r\n").encode("latin-1")
