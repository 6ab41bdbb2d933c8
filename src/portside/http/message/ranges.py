"""Parts of a file: what a client asks for, and how several of them travel.

In       the value of a Range field, and how long the file is
Out      which bytes of it; or one body that holds several parts
Source   RFC 9110 section 14, and 14.6 with RFC 2046 section 5.1 for several parts
Holds    nothing
Fails    never

A server may always send all of a file instead, and so this one does where the field is
malformed, its unit is not bytes, or what it asks for costs more than the file itself:
over 16 ranges, or ranges that overlap so that their sum is more than the whole. (A
malformed one may also be refused: RFC 9110 section 14.2. RFC 7233 had it ignored, and
whoever sent it gets what he asked for, and some more.) What is well-formed and lies
beyond the end cannot be sent: it is refused with a 416, which says how long the file
is.
"""

import os
import re

from portside.http.message.file_body import Part

__all__ = ["MAX_RANGES", "content_range", "multipart_of", "parse_ranges"]

MAX_RANGES = 16
"""Ranges in one request: readers of documents that load page by page ask for a few. A
guess; Apache takes 200, nginx any number."""

_HUGE = 1 << 63
"""Beyond the end of every file: what a number with too many digits stands for."""

# ranges-specifier = range-unit "=" range-set; its units are case-insensitive, 14.1.
_SPECIFIER = re.compile(r"bytes=(.*)", re.IGNORECASE)
# int-range = first-pos "-" [ last-pos ]; suffix-range = "-" suffix-length
_RANGE = re.compile(r"(\d*)-(\d*)", re.ASCII)

Range = tuple[int, int]


def parse_ranges(value: str, size: int) -> list[Range] | None:
    """Return the (offset, count) of each range that can be sent.

    None means that all of the file is to be sent; none at all, that nothing can be.

    >>> parse_ranges("bytes=0-4, -3", 100)
    [(0, 5), (97, 3)]
    >>> parse_ranges("bytes=100-", 100)
    []
    >>> parse_ranges("bytes=9-5", 100) is None
    True

    Args:
        size: of the whole file. To an empty one every answer is the whole.
    """
    if (specifier := _SPECIFIER.fullmatch(value)) is None or not size:
        return None
    # Empty elements of a list count for nothing: RFC 9110 section 5.6.1.2.
    wanted = [text for each in specifier[1].split(",") if (text := each.strip(" \t"))]
    if not 1 <= len(wanted) <= MAX_RANGES:
        return None
    ranges: list[Range] = []
    for text in wanted:
        if (match := _RANGE.fullmatch(text)) is None or text == "-":
            return None
        first, last = match.groups()
        if not first:
            count = min(_number(last), size)
            offset = size - count
        else:
            offset, end = _number(first), _number(last) if last else _HUGE
            if end < offset:
                return None
            count = min(end + 1, size) - offset
        if count > 0:
            ranges.append((offset, count))
    if sum(count for _, count in ranges) > size:
        return None
    return ranges


def content_range(part: Range | None, size: int) -> str:
    """Return the value of Content-Range; of None, that nothing could be sent.

    >>> content_range((0, 5), 100), content_range(None, 100)
    ('bytes 0-4/100', 'bytes */100')
    """
    if part is None:
        return f"bytes */{size}"
    offset, count = part
    return f"bytes {offset}-{offset + count - 1}/{size}"


def multipart_of(
    ranges: list[Range], size: int, content_type: str | None
) -> tuple[str, list[Part]]:
    """Return the type of a body that holds several parts, and what is sent of it."""
    boundary = os.urandom(16).hex()  # so that no file can be made to hold it
    parts: list[Part] = []
    kind = "" if content_type is None else f"Content-Type: {content_type}\r\n"
    for each in ranges:
        start = "\r\n" if parts else ""
        where = f"Content-Range: {content_range(each, size)}\r\n\r\n"
        head = f"{start}--{boundary}\r\n{kind}{where}"
        parts += [head.encode("latin-1"), each]
    parts.append(f"\r\n--{boundary}--\r\n".encode())
    return f"multipart/byteranges; boundary={boundary}", parts


def _number(digits: str) -> int:
    digits = digits.lstrip("0") or "0"
    return int(digits) if len(digits) < 19 else _HUGE
