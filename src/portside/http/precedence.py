"""Which of two patterns is more specific; and whether nobody can say.

In       two patterns
Out      which of them matches a part of what the other matches; or the sentence that
         says why they cannot stand side by side
Source   the rules of Go 1.22: https://pkg.go.dev/net/http#hdr-Precedence-ServeMux
Holds    nothing
Fails    never

The more specific of two patterns is the one whose requests are a part of the other's.
So the order of registration never counts, and what matches a request is a chain, whose
innermost link serves it. Two patterns that cross, ``/{x}/b`` and ``/a/{y}``, have no
order: one of them has to go. There is one exception, as in Go: where only one of them
names a host, that one wins.

Whether patterns cross is decided for each part by itself: method, then segment by
segment. A pattern is narrower as a whole if it is nowhere wider; two that are each
narrower somewhere cross.
"""

import enum
from itertools import zip_longest
from urllib.parse import quote

from portside.http.pattern import Kind, Pattern, Segment

__all__ = ["Relation", "compare_methods", "compare_paths", "conflict"]


class Relation(enum.Enum):
    """What the requests of one pattern are to those of another."""

    DISJOINT = "none in common"
    SAME = "the same"
    NARROWER = "a part"
    WIDER = "all, and more"
    CROSSING = "some in common; each has its own"


def conflict(new: Pattern, old: Pattern) -> str | None:
    """Return why two patterns cannot stand side by side; None if they can.

    >>> from portside.http.pattern import parse_pattern
    >>> conflict(parse_pattern("/{x}"), parse_pattern("/{y}"))
    "pattern '/{x}': conflicts with '/{y}': they match the same requests, like GET /x"
    """
    if new.host != old.host:
        return None
    relation = _both(compare_paths(new, old), compare_methods(new, old))
    if relation not in (Relation.SAME, Relation.CROSSING):
        return None
    said = f"pattern {_named(new)}: conflicts with {_named(old)}"
    common = f"{_common_method(new, old)} {new.host}{_common_path(new, old)}"
    if relation is Relation.SAME:
        return f"{said}: they match the same requests, like {common}"
    return (
        f"{said}: both match {common}, and neither is more specific: the first alone "
        f"matches {_only(new, old)}, the second alone {_only(old, new)}"
    )


def compare_methods(one: Pattern, other: Pattern) -> Relation:
    """Return what the methods of one are to those of the other; GET has HEAD in it."""
    if one.method == other.method:
        return Relation.SAME
    if not other.method or (one.method, other.method) == ("HEAD", "GET"):
        return Relation.NARROWER
    if not one.method or (one.method, other.method) == ("GET", "HEAD"):
        return Relation.WIDER
    return Relation.DISJOINT


def compare_paths(one: Pattern, other: Pattern) -> Relation:
    """Return what the paths of one are to those of the other."""
    relation = Relation.SAME
    for mine, theirs in zip(one.segments, other.segments, strict=False):
        relation = _both(relation, _compare_segments(mine, theirs))
        if relation is Relation.DISJOINT or Kind.REST in (mine.kind, theirs.kind):
            return relation
    if len(one.segments) != len(other.segments):
        return Relation.DISJOINT
    return relation


def _compare_segments(mine: Segment, theirs: Segment) -> Relation:
    if mine.kind is theirs.kind:
        # Names do not count; the texts of literals do.
        same = mine.kind is not Kind.LITERAL or mine.text == theirs.text
        return Relation.SAME if same else Relation.DISJOINT
    if theirs.kind is Kind.REST:
        return Relation.NARROWER
    if mine.kind is Kind.REST:
        return Relation.WIDER
    if Kind.END in (mine.kind, theirs.kind):
        return Relation.DISJOINT  # the end is no segment: not even {name} takes it
    return Relation.WIDER if mine.kind is Kind.ONE else Relation.NARROWER


def _both(one: Relation, other: Relation) -> Relation:
    """Return the relation of a whole, from those of its two parts."""
    if Relation.DISJOINT in (one, other):
        return Relation.DISJOINT
    if other in (Relation.SAME, one):
        return one
    return other if one is Relation.SAME else Relation.CROSSING


# -- the requests that show it


def _named(pattern: Pattern) -> str:
    where = f" ({pattern.place})" if pattern.place else ""
    return f"{pattern.text!r}{where}"


def _common_method(one: Pattern, other: Pattern) -> str:
    if "HEAD" in (one.method, other.method):
        return "HEAD"
    return one.method or other.method or "GET"


def _common_path(one: Pattern, other: Pattern) -> str:
    """Return a path that both match."""
    path = ""
    pairs = zip_longest(one.segments, other.segments, fillvalue=Segment(Kind.REST))
    for mine, theirs in pairs:
        # Whichever is the narrower says what stands here.
        wider = _compare_segments(mine, theirs) is Relation.WIDER
        path += _example(theirs if wider else mine)
    return path


def _only(one: Pattern, other: Pattern) -> str:
    """Return a request that one matches and the other does not: there is one."""
    if compare_paths(one, other) in (Relation.SAME, Relation.NARROWER):
        # So it is the methods that are wider: all against one, or GET against HEAD.
        method = one.method or ("POST" if other.method != "POST" else "GET")
        return f"{method} {one.host}{_common_path(one, other)}"
    path = ""
    pairs = zip_longest(one.segments, other.segments, fillvalue=Segment(Kind.REST))
    for mine, theirs in pairs:
        if theirs.kind is Kind.END and mine.kind is Kind.REST:
            path += "/rest"
        elif theirs.kind is Kind.LITERAL and mine.kind is Kind.ONE:
            path += "/" + (mine.text if mine.text != theirs.text else mine.text * 2)
        else:
            path += _example(mine)
        if mine.kind is Kind.REST:
            break
    return f"{_common_method(one, other)} {one.host}{path}"


def _example(segment: Segment) -> str:
    """Return what a segment matches: the end or the rest, a slash and no more."""
    text = segment.text if segment.kind in (Kind.LITERAL, Kind.ONE) else ""
    return "/" + quote(text, safe="!$&'()*+,;=:@")
