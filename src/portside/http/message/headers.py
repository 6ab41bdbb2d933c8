"""The fields of a message: ordered, their names in any case, repeated where needed.

In       names and values
Out      the same, found by name
Source   RFC 9110 section 5
Holds    the fields in their order; an index by name, made when first asked
Fails    ValueError: a name or value that cannot stand on the wire; KeyError
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Self

from portside.http.grammar import FIELD_NAME, FIELD_VALUE

__all__ = ["Headers"]


class Headers:
    """The fields of a request or a response.

    >>> headers = Headers({"Content-Type": "text/plain"})
    >>> headers.add("Vary", "Accept")
    >>> headers.add("vary", "Cookie")
    >>> headers["VARY"]
    'Accept, Cookie'

    Raises:
        ValueError: a name that is no token, or a value with a control in it or a
            character that is not in Latin-1: nothing could be sent that ends a line.
    """

    __slots__ = ("_index", "_items")

    def __init__(
        self, items: "Mapping[str, str] | Iterable[tuple[str, str]] | Headers" = ()
    ) -> None:
        self._items: list[tuple[str, str]] = []
        self._index: dict[str, list[str]] | None = None
        if items:
            pairs = items.items() if isinstance(items, Mapping | Headers) else items
            for name, value in pairs:
                self.add(name, value)

    @classmethod
    def from_wire(cls, fields: list[tuple[bytes, bytes]]) -> Self:
        """Return the fields of a head that was checked when it was read."""
        headers = cls()
        headers._items = [
            (name.decode("latin-1"), value.decode("latin-1").strip(" \t"))
            for name, value in fields
        ]
        return headers

    def get(self, name: str, default: str | None = None) -> str | None:
        """Return the value; of a repeated field all values, joined by ``", "``.

        That is what a repeated field means (RFC 9110 section 5.3). Set-Cookie is the
        exception, and has commas inside: take `get_all`.
        """
        values = self._by_name().get(name.lower())
        if values is None:
            return default
        return values[0] if len(values) == 1 else ", ".join(values)

    def get_all(self, name: str) -> list[str]:
        """Return the values of all fields of this name, in order."""
        return list(self._by_name().get(name.lower(), ()))

    def __getitem__(self, name: str) -> str:
        value = self.get(name)
        if value is None:
            raise KeyError(name)
        return value

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._by_name()

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in self._items)

    def items(self) -> list[tuple[str, str]]:
        """Return all fields in their order, as they were given."""
        return list(self._items)

    def add(self, name: str, value: str) -> None:
        """Append a field, beside those of the same name."""
        if not isinstance(value, str):
            raise TypeError(
                f"{name}: a field's value is text, not {type(value).__name__}"
            )
        if not FIELD_NAME.fullmatch(name):
            raise ValueError(f"{name!r}: not the name of a header field")
        if not FIELD_VALUE.fullmatch(value):
            raise ValueError(
                f"{name}: {value!r} has a control or a character outside Latin-1, "
                f"which a header field cannot carry"
            )
        self._items.append((name, value.strip(" \t")))
        self._index = None

    def __setitem__(self, name: str, value: str) -> None:
        """Set a field, in place of all of this name."""
        kept = self._without(name)
        self.add(name, value)
        self._items = [*kept, self._items[-1]]

    def __delitem__(self, name: str) -> None:
        kept = self._without(name)
        if len(kept) == len(self._items):
            raise KeyError(name)
        self._items = kept
        self._index = None

    def setdefault(self, name: str, value: str) -> str:
        """Set a field unless there is one; return what it is then."""
        if name not in self:
            self.add(name, value)
        return self[name]

    def copy(self) -> "Headers":
        """Return the same fields, to be changed apart."""
        headers = Headers()
        headers._items = list(self._items)
        return headers

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Headers):
            return NotImplemented
        return _lowered(self) == _lowered(other)

    __hash__ = None  # type: ignore[assignment]  # they change

    def __repr__(self) -> str:
        return f"Headers({self._items!r})"

    def _without(self, name: str) -> list[tuple[str, str]]:
        lower = name.lower()
        return [item for item in self._items if item[0].lower() != lower]

    def _by_name(self) -> dict[str, list[str]]:
        if self._index is None:
            index: dict[str, list[str]] = {}
            for name, value in self._items:
                index.setdefault(name.lower(), []).append(value)
            self._index = index
        return self._index


def _lowered(headers: Headers) -> list[tuple[str, str]]:
    return [(name.lower(), value) for name, value in headers.items()]
