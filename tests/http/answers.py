"""A reader of answers that forgives nothing: what a client may rely on.

In       the bytes that a server sends, in whatever pieces
Out      answers, one by one
Source   RFC 9112 sections 4 to 7, RFC 9110 sections 6.6.1, 8.6 and 15
Holds    what has come and was not read yet
Fails    AssertionError: bytes that are no answer, or an answer that says too much or
         too little about itself
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Answer", "AnswerReader"]

_STATUS_LINE = re.compile(rb"HTTP/1\.1 ([1-5][0-9][0-9]) ([\t\x20-\x7e]*)\r\n")
_FIELD = re.compile(
    rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+): ([\x21-\x7e\x80-\xff]"
    rb"(?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?\r\n"
)
_DATE = re.compile(rb"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,8})\r\n")


@dataclass(frozen=True)
class Answer:
    """One answer.

    Attributes:
        fields: names in lower case, with all their values.
        is_chunked: how its body came.
        ended_by_close: only the end of the stream said where the body ended.
    """

    status: int
    fields: dict[bytes, list[bytes]]
    body: bytes
    is_chunked: bool = False
    ended_by_close: bool = False

    def one(self, name: bytes) -> bytes | None:
        """Return a field's value; it may not be there twice."""
        values = self.fields.get(name, [])
        assert len(values) <= 1, f"{name!r} {len(values)} times"
        return values[0] if values else None

    @property
    def closes(self) -> bool:
        """Whether it says that the connection ends with it."""
        options = (self.one(b"connection") or b"").lower().split(b",")
        return b"close" in [each.strip() for each in options]


class AnswerReader:
    """Reads one answer after another.

    Args:
        more: gives the next bytes, and none at the end of the stream.
    """

    def __init__(self, more: Callable[[], bytes]) -> None:
        self._more = more
        self._buffer = bytearray()

    def next(self, *, to_head: bool = False) -> Answer | None:
        """Return the next answer; None at the end of the stream.

        Args:
            to_head: the request was a HEAD: no body comes.
        """
        if not self._buffer and not self._fill():
            return None
        match = _STATUS_LINE.fullmatch(line := self._line())
        assert match is not None, f"no status line: {line!r}"
        status = int(match[1])
        fields = self._fields()
        answer = Answer(status, fields, b"")
        _check_fields(answer)
        if status < 200 or status in (204, 304) or to_head:
            return answer
        if answer.one(b"transfer-encoding") is not None:
            return Answer(status, fields, self._chunks(), is_chunked=True)
        length = answer.one(b"content-length")
        if length is not None:
            return Answer(status, fields, self._exactly(int(length)))
        assert answer.closes, "neither length nor chunks, and not closed"
        while self._fill():
            pass
        return Answer(status, fields, self._take(len(self._buffer)), False, True)

    def at_end(self) -> bytes:
        """Return what there is behind the last answer: nothing, if all is well."""
        while self._fill():
            pass
        return bytes(self._buffer)

    def _fields(self) -> dict[bytes, list[bytes]]:
        fields: dict[bytes, list[bytes]] = {}
        while (line := self._line()) != b"\r\n":
            match = _FIELD.fullmatch(line)
            assert match is not None, f"no field: {line!r}"
            fields.setdefault(match[1].lower(), []).append(match[2] or b"")
        return fields

    def _chunks(self) -> bytes:
        body = b""
        while True:
            match = _CHUNK.fullmatch(line := self._line())
            assert match is not None, f"no chunk: {line!r}"
            size = int(match[1], 16)
            if not size:
                break
            body += self._exactly(size)
            assert self._exactly(2) == b"\r\n", "a chunk that does not end"
        assert self._line() == b"\r\n", "trailers that nobody asked for"
        return body

    def _line(self) -> bytes:
        while (end := self._buffer.find(b"\n")) < 0:
            assert self._fill(), f"the end, inside a line: {bytes(self._buffer)!r}"
        return self._take(end + 1)

    def _exactly(self, n_bytes: int) -> bytes:
        while len(self._buffer) < n_bytes:
            assert self._fill(), f"the end, after {len(self._buffer)} of {n_bytes}"
        return self._take(n_bytes)

    def _take(self, n_bytes: int) -> bytes:
        data = bytes(self._buffer[:n_bytes])
        del self._buffer[:n_bytes]
        return data

    def _fill(self) -> bool:
        data = self._more()
        self._buffer += data
        return bool(data)


def _check_fields(answer: Answer) -> None:
    for name in (b"content-type", b"connection", b"server"):
        answer.one(name)
    date, length, coding = map(
        answer.one, (b"date", b"content-length", b"transfer-encoding")
    )
    if answer.status >= 200:  # RFC 9110 section 6.6.1
        assert date is not None, "no Date"
        assert _DATE.fullmatch(date), date
    assert coding in (None, b"chunked"), coding
    assert length is None or length.isdigit(), length
    assert length is None or coding is None, "both a length and chunks"
    if answer.status < 200 or answer.status == 204:  # RFC 9110 section 8.6
        assert length is None, "a length, and no body"
    if answer.status < 200 or answer.status in (204, 304):  # RFC 9112 section 6.1
        assert coding is None, "chunks, and no body"
