"""A query, or a form in the same encoding: names and values, in order.

In       ``a=1&b=2``, encoded as a browser does it; or pairs that were decoded elsewhere
Out      the same decoded, found by name
Source   the WHATWG's URL standard, application/x-www-form-urlencoded parsing
Holds    the fields in their order; an index by name, made when first asked
Fails    StatusError 400: more fields than are taken; KeyError

What a form can hold is whatever its user types, so nothing but the number of fields is
refused: a percent sign without two digits stands for itself, and bytes that are not
UTF-8 become U+FFFD.

Only ``&`` separates. A ``;`` did in old servers; where a proxy in front of us does not
split there, and we did, each would see other fields than the other.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Self, TypeVar, overload

from portside.http.message.status_error import StatusError

__all__ = ["MAX_FIELDS", "Query"]

Default = TypeVar("Default")

MAX_FIELDS = 1000
"""Fields of a query or a form: that of Django and of PHP. Each costs an object or two,
so that a body of a megabyte could else become many."""


class Query:
    """The fields of a query.

    >>> query = Query("q=to+be&lang=en&lang=d%65")
    >>> query["q"], query.get("page"), query.get_all("lang")
    ('to be', None, ['en', 'de'])

    Args:
        raw: without the question mark, as it came.
        max_fields: how many are taken.

    Raises:
        StatusError: 400, there are more.
    """

    __slots__ = ("_index", "_items")

    def __init__(self, raw: str | bytes = "", *, max_fields: int = MAX_FIELDS) -> None:
        self._items: list[tuple[str, str]] = []
        self._index: dict[str, list[str]] | None = None
        if not raw:
            return
        if isinstance(raw, str):
            raw = raw.encode("utf-8", "surrogatepass")  # decoded, it is no UTF-8
        if raw.count(b"&") >= max_fields:  # before any of them is made
            raise StatusError(400, f"more than {max_fields} fields")
        for field in raw.split(b"&"):
            if field:
                name, _, value = field.partition(b"=")
                self._items.append((_decoded(name), _decoded(value)))

    @classmethod
    def from_pairs(cls, pairs: Iterable[tuple[str, str]]) -> Self:
        """Return fields that are decoded already."""
        query = cls()
        query._items = list(pairs)
        return query

    @overload
    def get(self, name: str) -> str | None: ...
    @overload
    def get(self, name: str, default: Default) -> str | Default: ...
    def get(self, name: str, default: object = None) -> object:
        """Return the first value of a name."""
        values = self._by_name().get(name)
        return default if values is None else values[0]

    def get_all(self, name: str) -> list[str]:
        """Return all values of a name, in order; none if it is not there."""
        return list(self._by_name().get(name, ()))

    def items(self) -> list[tuple[str, str]]:
        """Return all fields in their order, also those that have the same name."""
        return list(self._items)

    def __getitem__(self, name: str) -> str:
        return self._by_name()[name][0]

    def __contains__(self, name: object) -> bool:
        return name in self._by_name()

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in self._items)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Query):
            return NotImplemented
        return self._items == other._items

    def __hash__(self) -> int:
        return hash(tuple(self._items))

    def __repr__(self) -> str:
        return f"Query({self._items!r})"

    def _by_name(self) -> dict[str, list[str]]:
        if self._index is None:
            index: dict[str, list[str]] = {}
            for name, value in self._items:
                index.setdefault(name, []).append(value)
            self._index = index
        return self._index


def _decoded(text: bytes) -> str:
    if b"+" in text:
        text = text.replace(b"+", b" ")
    if b"%" in text:
        text = _unquoted(text)
    return text.decode("utf-8", "replace")


def _unquoted(text: bytes) -> bytes:
    """Return text without its escapes; what is none stays as it is.

    As `urllib.parse.unquote_to_bytes`, which takes many times as long where nothing is
    one: a megabyte of percent signs is soon sent.
    """
    parts = _ESCAPE.split(text)  # a literal, two digits, a literal ...
    escaped = bytes.fromhex(b"".join(parts[1::2]).decode())
    parts[1::2] = map(_BYTES.__getitem__, escaped)
    return b"".join(parts)


_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})")
_BYTES = [bytes([number]) for number in range(256)]
