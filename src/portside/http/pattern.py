"""Read a pattern: which requests a handler is for.

In       text that a person wrote: ``GET example.com/users/{id}``
Out      its method, its host, and the segments of its path
Source   the patterns of Go 1.22: https://pkg.go.dev/net/http#hdr-Patterns-ServeMux
Holds    nothing
Fails    PatternError that names the pattern and what is wrong with it

::

    pattern  = [ method 1*( SP / TAB ) ] [ host ] path
    path     = 1*( "/" segment )
    segment  = literal / "{" name "}" / "{" name "...}" / "{$}" / ""

A literal matches one segment of the path, after percent-decoding on both sides. A name
in braces matches any one segment; with dots, which are allowed at the end only, the
rest of the path; ``{$}``, at the end too, the end of a path that ends in a slash. A
path that ends in a slash matches all that begins so: the rest, without a name. GET
serves HEAD too; no method means all methods; no host means all hosts.
"""

import enum
from dataclasses import dataclass
from errno import EINVAL
from urllib.parse import unquote

from portside.errors import Error
from portside.http.clean_path import clean_path
from portside.http.grammar import HOST, TOKEN

__all__ = ["Kind", "Pattern", "PatternError", "Segment", "parse_pattern"]

_METHODS = frozenset(
    ("CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE")
)


class PatternError(Error, ValueError):
    """A text that is no pattern, or a pattern that cannot stand beside another."""

    default_errno = EINVAL
    default_reason = "not a pattern"


class Kind(enum.Enum):
    """What a segment of a pattern matches."""

    LITERAL = "itself"
    ONE = "any one segment"
    REST = "all that follows, at least the slash"
    END = "the end, after a slash"


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment of a pattern's path.

    Attributes:
        kind: what it matches.
        text: of a literal, what it is, decoded; of one or the rest, the name ("" for
            the rest that a trailing slash means).
    """

    kind: Kind
    text: str = ""


@dataclass(frozen=True, slots=True)
class Pattern:
    """Which requests a handler is for; as text, what was written.

    Attributes:
        text: as it was written.
        method: "" for all.
        host: in lower case, an IPv6 address in brackets; "" for all.
        path: as it was written.
        segments: the path; only the last may be the rest or the end.
        place: where it was registered, file:line; "" if that is not known.
    """

    text: str
    method: str
    host: str
    path: str
    segments: tuple[Segment, ...]
    place: str = ""

    def __str__(self) -> str:
        return self.text


def parse_pattern(text: str, place: str = "") -> Pattern:
    """Return the pattern that a text describes.

    >>> pattern = parse_pattern("GET example.com/users/{id}")
    >>> pattern.method, pattern.host, [segment.text for segment in pattern.segments]
    ('GET', 'example.com', ['users', 'id'])

    Args:
        place: where it was written, for the errors to come.

    Raises:
        PatternError: it is no pattern, or could never match.
    """
    if not isinstance(text, str):
        raise PatternError(f"pattern {text!r}: is no text, like 'GET /hello/{{name}}'")
    method, rest = _split_method(text)
    if method:
        _check_method(text, method)
    slash = rest.find("/")
    if slash < 0:
        raise _wrong(text, "has no path, which begins with /")
    host, path = rest[:slash].lower(), rest[slash:]
    if host:
        _check_host(text, host)
    # Paths are cleaned before they are matched, but for CONNECT.
    if method not in ("", "CONNECT") and clean_path(path) != path:
        raise _wrong(
            text, f"can never match: requests are for {clean_path(path)!r} instead"
        )
    return Pattern(text, method, host, path, _segments(text, path), place)


def _split_method(text: str) -> tuple[str, str]:
    for at, character in enumerate(text):
        if character in " \t":
            return text[:at], text[at:].lstrip(" \t")
    return "", text


def _check_method(text: str, method: str) -> None:
    if "/" in method:
        raise _wrong(text, "has a space in its path (write it as %20)")
    if not (method.isascii() and TOKEN.fullmatch(method.encode())):
        raise _wrong(text, f"bad method {method!r}")
    if method not in _METHODS and method.upper() in _METHODS:
        raise _wrong(text, f"methods are in capitals: {method.upper()!r}")


def _check_host(text: str, host: str) -> None:
    if "{" in host:
        raise _wrong(text, "a host has no wildcards, and a path begins with /")
    found = HOST.fullmatch(host.encode("utf-8", "replace"))
    if found is None:
        raise _wrong(text, f"bad host {host!r}")
    if ":" in host.rpartition("]")[2]:
        raise _wrong(text, f"host {host!r}: is matched without its port; leave it out")


def _segments(text: str, path: str) -> tuple[Segment, ...]:
    written = path.split("/")[1:]
    segments = []
    names = set()
    for at, each in enumerate(written, 1):
        segment = _segment(text, each, is_last=at == len(written))
        segments.append(segment)
        if segment.kind in (Kind.ONE, Kind.REST) and segment.text:
            if segment.text in names:
                raise _wrong(text, f"two wildcards are called {segment.text!r}")
            names.add(segment.text)
    return tuple(segments)


def _segment(text: str, written: str, *, is_last: bool) -> Segment:
    if not written and is_last:
        return Segment(Kind.REST)
    if "{" not in written:
        return Segment(Kind.LITERAL, unquote(written))
    if written[0] != "{" or written[-1] != "}":
        raise _wrong(
            text, f"bad segment {written!r}: a wildcard is a whole segment, {{name}}"
        )
    name = written[1:-1]
    kind = Kind.ONE
    if name == "$":
        kind, name = Kind.END, ""
    elif name.endswith("..."):
        kind, name = Kind.REST, name[:-3]
    if kind is not Kind.ONE and not is_last:
        raise _wrong(text, f"{written} is not at the end")
    if kind is not Kind.END and not name:
        raise _wrong(text, f"{written} has no name")
    if kind is not Kind.END and not name.isidentifier():
        raise _wrong(text, f"bad name {name!r}: letters, digits, _")
    return Segment(kind, name)


def _wrong(text: str, reason: str) -> PatternError:
    return PatternError(f"pattern {text!r}: {reason}")
