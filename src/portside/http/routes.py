"""Find the handler of a request among many: a tree of the patterns' segments.

In       patterns with their handlers; then a method, a host and the segments of a path
Out      the route whose pattern is the most specific of those that match
Source   nothing outside
Holds    a tree for each host, and one for all hosts; the paths that are literal, whole
Fails    PatternError: a pattern that conflicts with one that is there already

A node of the tree is a path so far. From it leads a branch for each literal that some
pattern has next, at most one for the patterns that take any one segment, and those that
take the rest end here. Looking in this order (literal, one, rest), and going back where
a branch leads to nothing, finds the most specific first: `precedence.conflict` has seen
to it that those that match are a chain, and at the first segment where two of a chain
differ the more specific one is the more literal one. A look-up costs a dict for each
segment, however many routes there are; going back is only needed where a literal and a
wildcard stand side by side.

A path that ends in a slash has an empty segment for its end, which no wildcard takes as
*one* segment. It needs no branch of its own: ``{$}`` is the literal "". (The literal ""
can also stand inside a pattern for CONNECT, whose paths are not cleaned. There it is
not the last, so they do not meet.)

A route becomes visible to other threads at once and whole: the branch that leads to it
is made first. Adding is for one thread at a time.
"""

from collections.abc import Callable, Iterator

from portside.http.clean_path import clean_path
from portside.http.message.request import Request
from portside.http.message.response import Response
from portside.http.pattern import Kind, Pattern, PatternError, Segment
from portside.http.precedence import Relation, compare_methods, conflict

__all__ = ["Node", "Route", "Routes"]

Handler = Callable[[Request], Response]


class Route:
    """A pattern and its handler.

    Attributes:
        pattern: which requests it is for.
        text: the pattern as it was written.
        handler: who answers them.
        takes_rest: whether the pattern's end is the rest of a path.
        has_values: whether the pattern has names.
    """

    __slots__ = (
        "_ones", "_rest", "handler", "has_values", "pattern", "takes_rest", "text"
    )  # fmt: skip

    def __init__(self, pattern: Pattern, handler: Handler) -> None:
        self.pattern = pattern
        self.text = pattern.text
        self.handler = handler
        last = pattern.segments[-1]
        self.takes_rest = last.kind is Kind.REST
        # Where the values stand in a split path, whose first part is the "" before "/".
        self._ones = tuple(
            (segment.text, at)
            for at, segment in enumerate(pattern.segments, 1)
            if segment.kind is Kind.ONE
        )
        named = self.takes_rest and last.text
        self._rest = (last.text, len(pattern.segments)) if named else None
        self.has_values = bool(self._ones or self._rest)

    def values(self, segments: list[str]) -> dict[str, str]:
        """Return what the pattern's names stand for, in a path that it matches."""
        values = {}
        for name, at in self._ones:
            values[name] = segments[at]
        if self._rest is not None:
            name, at = self._rest
            values[name] = "/".join(segments[at:])
        return values


class Node:
    """A path so far.

    Attributes:
        literals: what may come next, by text.
        one: what follows any one segment.
        routes: those that end here, by method; "" is for all. What is for GET is
            there for HEAD too.
        rests: those that take all the rest from here, likewise.
    """

    __slots__ = ("literals", "one", "rests", "routes")

    def __init__(self) -> None:
        self.literals: dict[str, Node] = {}
        self.one: Node | None = None
        self.routes: dict[str, Route] = {}
        self.rests: dict[str, Route] = {}


class Routes:
    """All routes.

    Attributes:
        everywhere: the tree of the patterns without a host.
        hosts: the trees of the others.
        literals: the nodes of whole paths that are matched as they are, without a host:
            where there are no hosts, nothing can be more specific than these.
        all: all routes, as they were added.
    """

    def __init__(self) -> None:
        self.everywhere = Node()
        self.hosts: dict[str, Node] = {}
        self.literals: dict[str, Node] = {}
        self.all: list[Route] = []
        # How many segments the patterns have that a path with a slash can match whole.
        self._open_lengths: set[int] = set()

    def add(self, pattern: Pattern, handler: Handler) -> None:
        """Add a route.

        Raises:
            PatternError: it conflicts with one that is there; nothing was added.
        """
        root = self.hosts.get(pattern.host) if pattern.host else self.everywhere
        if root is None:
            root = self.hosts[pattern.host] = Node()
        for old in _overlapping(root, pattern.segments, 0):
            if compare_methods(pattern, old.pattern) is not Relation.DISJOINT:
                reason = conflict(pattern, old.pattern)
                if reason is not None:
                    raise PatternError(reason)
        route = Route(pattern, handler)
        self.all.append(route)
        node = root
        for segment in pattern.segments:
            if segment.kind is Kind.ONE:
                if node.one is None:
                    node.one = Node()
                node = node.one
            elif segment.kind is not Kind.REST:
                node = node.literals.setdefault(segment.text, Node())
        if pattern.segments[-1].kind in (Kind.REST, Kind.END):
            self._open_lengths.add(len(pattern.segments))
        _put(node.rests if route.takes_rest else node.routes, route)
        if _is_plain(pattern):
            self.literals[pattern.path.removesuffix("{$}")] = node

    def find(self, method: str, host: str, segments: list[str]) -> Route | None:
        """Return the most specific route that matches; None if none does.

        Args:
            segments: the path split at its slashes, decoded: "/a/" is ["", "a", ""].
        """
        if self.hosts:
            root = self.hosts.get(_host_name(host))
            if root is not None:
                route = _find(root, method, segments, 1)
                if route is not None:
                    return route
        return _find(self.everywhere, method, segments, 1)

    def wants_slash(self, method: str, host: str, segments: list[str]) -> bool:
        """Return whether this path is that of a route, but for a slash at its end.

        Only if the route leaves nothing to the rest: "/" is no reason to ask for "/a/".
        """
        # Most paths that a rest takes are longer than any pattern: they pay no look-up.
        if not segments[-1] or len(segments) not in self._open_lengths:
            return False
        route = self.find(method, host, [*segments, ""])
        return route is not None and len(route.pattern.segments) == len(segments)

    def methods(self, host: str, segments: list[str]) -> list[str]:
        """Return the methods that some route has for this path, sorted."""
        found: set[str] = set()
        roots = [self.everywhere]
        if self.hosts and (root := self.hosts.get(_host_name(host))) is not None:
            roots.append(root)
        for root in roots:
            _collect_methods(root, segments, 1, found)
            if segments[-1]:
                _collect_methods(root, [*segments, ""], 1, found)
        return sorted(found)


def _put(routes: dict[str, Route], route: Route) -> None:
    method = route.pattern.method
    routes[method] = route
    if method == "GET":
        routes.setdefault("HEAD", route)


def _is_plain(pattern: Pattern) -> bool:
    """Return whether a path that is written as the pattern is can mean nothing else."""
    return (
        not pattern.host
        and "%" not in pattern.path
        and clean_path(pattern.path) == pattern.path
        and all(s.kind in (Kind.LITERAL, Kind.END) for s in pattern.segments)
    )


def _host_name(host: str) -> str:
    """Return a host in lower case, without its port."""
    end = host.rfind("]") + 1
    colon = host.find(":", end)
    return (host if colon < 0 else host[:colon]).lower()


def _find(node: Node, method: str, segments: list[str], at: int) -> Route | None:
    last = len(segments) - 1
    fallback = None
    while True:
        if node.rests:
            fallback = node.rests.get(method) or node.rests.get("") or fallback
        segment = segments[at]
        child = node.literals.get(segment)
        one = node.one
        if one is not None and (segment or at < last):
            if child is None:
                child = one
            else:
                # Both ways are open. Only here may the first lead to nothing.
                if at == last:
                    route = child.routes.get(method) or child.routes.get("")
                else:
                    route = _find(child, method, segments, at + 1)
                if route is not None:
                    return route
                child = one
        if child is None:
            return fallback
        if at == last:
            return child.routes.get(method) or child.routes.get("") or fallback
        node = child
        at += 1


def _collect_methods(node: Node, segments: list[str], at: int, found: set[str]) -> None:
    if at == len(segments):
        found.update(node.routes)
        return
    found.update(node.rests)
    segment = segments[at]
    child = node.literals.get(segment)
    if child is not None:
        _collect_methods(child, segments, at + 1, found)
    if node.one is not None and (segment or at < len(segments) - 1):
        _collect_methods(node.one, segments, at + 1, found)


def _overlapping(node: Node, segments: tuple[Segment, ...], at: int) -> Iterator[Route]:
    """Give the routes under node some of whose paths a pattern matches too."""
    if at == len(segments):
        yield from node.routes.values()
        return
    yield from node.rests.values()
    segment = segments[at]
    if segment.kind is Kind.REST:
        yield from _beneath(node)
        return
    nexts: list[Node] = []
    if segment.kind is Kind.ONE:
        nexts += node.literals.values()
    elif segment.text in node.literals:
        nexts.append(node.literals[segment.text])
    if node.one is not None and segment.kind is not Kind.END:
        nexts.append(node.one)
    for each in nexts:
        yield from _overlapping(each, segments, at + 1)


def _beneath(node: Node) -> Iterator[Route]:
    nexts = list(node.literals.values())
    if node.one is not None:
        nexts.append(node.one)
    for each in nexts:
        yield from each.routes.values()
        yield from each.rests.values()
        yield from _beneath(each)
