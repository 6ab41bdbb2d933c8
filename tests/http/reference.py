"""A second reader of requests, written for nothing but to be obviously right.

In       the bytes of a head, or of a body in chunks
Out      what they mean; None for what must be refused
Source   RFC 9112 sections 2 to 7, RFC 9110 sections 5 and 6.5; our own strictness where
         they leave a choice
Holds    nothing
Fails    never

It reads whole texts only, and splits where the other matches patterns.
"""

import string
from dataclasses import dataclass

__all__ = ["Meaning", "read_chunks", "read_head"]

_TCHAR = frozenset((string.ascii_letters + string.digits + "!#$%&'*+-.^_`|~").encode())
_VALUE = frozenset((9, *range(32, 127), *range(128, 256)))
_TARGET = frozenset(range(33, 127)) - frozenset(b"#")
_HEX = frozenset(string.hexdigits.encode())
_DIGITS = frozenset(string.digits.encode())


@dataclass(frozen=True)
class Meaning:
    """What a head says.

    Attributes:
        fields: names in lower case, values without the space around.
        length: of the body; None when it comes in chunks.
    """

    method: bytes
    target: bytes
    minor: int
    fields: tuple[tuple[bytes, bytes], ...]
    length: int | None


def read_head(raw: bytes) -> Meaning | None:
    """Return what a head says."""
    *lines, end, rest = raw.split(b"\r\n")
    if end or rest or any(b"\r" in line or b"\n" in line for line in lines):
        return None
    if not lines or lines[0].count(b" ") != 2:
        return None
    method, target, version = lines[0].split(b" ")
    if not _is(method, _TCHAR) or not _is(target, _TARGET):
        return None
    if version not in (b"HTTP/1.0", b"HTTP/1.1"):
        return None
    fields = []
    for line in lines[1:]:
        name, colon, value = line.partition(b":")
        if not colon or not _is(name, _TCHAR) or not _VALUE.issuperset(value):
            return None
        fields.append((name.lower(), value.strip(b" \t")))
    minor = 1 if version == b"HTTP/1.1" else 0
    hosts = [value for name, value in fields if name == b"host"]
    if len(hosts) > 1 or (minor and not hosts):
        return None
    framing = _framing(minor, fields)
    if framing == "bad":
        return None
    length = None if framing == "chunked" else int(framing)
    return Meaning(method, target, minor, tuple(fields), length)


def read_chunks(raw: bytes) -> tuple[bytes, bytes] | None:
    """Return a body that came in chunks, and what is behind it."""
    body = b""
    while True:
        line, found, raw = raw.partition(b"\r\n")
        if not found or b"\n" in line or b"\r" in line:
            return None
        digits, semicolon, extension = line.partition(b";")
        if semicolon:
            digits = digits.rstrip(b" \t")
        if not _is(digits, _HEX) or len(digits) > 16:
            return None
        if semicolon and not _is_extension(extension):
            return None
        size = int(digits, 16)
        if not size:
            break
        if raw[size : size + 2] != b"\r\n":
            return None
        body += raw[:size]
        raw = raw[size + 2 :]
    while not raw.startswith(b"\r\n"):
        line, found, raw = raw.partition(b"\r\n")
        name, colon, value = line.partition(b":")
        if not found or not colon or not _is(name, _TCHAR):
            return None
        if not _VALUE.issuperset(value):
            return None
    return body, raw[2:]


def _is(text: bytes, letters: frozenset[int]) -> bool:
    return bool(text) and letters.issuperset(text)


def _framing(minor: int, fields: list[tuple[bytes, bytes]]) -> str:
    codings = [value for name, value in fields if name == b"transfer-encoding"]
    lengths = [value for name, value in fields if name == b"content-length"]
    if codings:
        chunked = minor and not lengths and codings[0].lower() == b"chunked"
        return "chunked" if chunked and len(codings) == 1 else "bad"
    if not lengths:
        return "0"
    if len(lengths) > 1 or not _is(lengths[0], _DIGITS):
        return "bad"
    return lengths[0].decode()


def _is_extension(text: bytes) -> bool:
    """Whether it is ``name``, ``name=token`` or ``name="text"``, by semicolons."""
    at = 0
    while True:
        at = _skip(text, at, _BLANK)
        start, at = at, _skip(text, at, _TCHAR)
        if start == at:
            return False
        behind = _skip(text, at, _BLANK)
        if text[behind : behind + 1] == b"=":
            at = _skip(text, behind + 1, _BLANK)
            end = _quoted(text, at)
            if end is None:
                end = _skip(text, at, _TCHAR)
            if end == at:
                return False
            at, behind = end, _skip(text, end, _BLANK)
        if at == len(text):
            return True
        if text[behind : behind + 1] != b";":
            return False
        at = behind + 1


_BLANK = frozenset(b" \t")


def _skip(text: bytes, at: int, letters: frozenset[int]) -> int:
    while at < len(text) and text[at] in letters:
        at += 1
    return at


def _quoted(text: bytes, at: int) -> int | None:
    """Return where a quoted string ends; None where none begins, or it does not end."""
    if text[at : at + 1] != b'"':
        return None
    at += 1
    while text[at : at + 1] not in (b'"', b""):
        at += text[at : at + 1] == b"\\"
        if not _is(text[at : at + 1], _VALUE):
            return None
        at += 1
    return at + 1 if at < len(text) else None
