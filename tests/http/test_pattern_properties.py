"""Patterns against a reference that tries every short request."""

import random
from functools import cache
from itertools import product
from urllib.parse import quote, unquote

from hypothesis import given
from hypothesis import strategies as st

from portside.http.clean_path import clean_path
from portside.http.message.request import Request
from portside.http.message.response import Response
from portside.http.mux import Mux
from portside.http.pattern import Kind, Pattern, PatternError, parse_pattern
from portside.http.precedence import (
    Relation,
    compare_methods,
    compare_paths,
    conflict,
)
from portside.http.routes import Routes

# The world is small, so that patterns meet, and so that all of it can be tried: what
# tells two patterns of three segments apart is no longer than four.
METHODS = ("GET", "HEAD", "POST")
HOSTS = ("", "a.com", "b.com")
PATHS = [
    "/" + "/".join(segments) + slash
    for n in range(5)
    for segments in product("abc", repeat=n)
    for slash in ([""] if n == 0 else ["", "/"])
]

path_parts = st.lists(st.sampled_from(["a", "b", "{x}"]), max_size=3)
path_ends = st.sampled_from(["", "/", "/{$}", "/{rest...}"])
paths = st.builds(
    lambda parts, end: (
        (
            "".join(
                "/" + (part if part != "{x}" else f"{{x{at}}}")
                for at, part in enumerate(parts)
            )
            + end
        )
        or "/"
    ),
    path_parts,
    path_ends,
)
methods = st.sampled_from(["", *(f"{method} " for method in METHODS)])
patterns = st.builds(lambda m, p: parse_pattern(m + p), methods, paths)
hosted = st.builds(
    lambda m, h, p: parse_pattern(m + h + p), methods, st.sampled_from(HOSTS), paths
)

# Mostly what matters to the parser, so that not all is refused at the first letter.
any_text = st.text() | st.text(alphabet="GET \t/{}$.ab%2eF:[]é-")


def serves_method(pattern: Pattern, method: str) -> bool:
    return pattern.method in ("", method) or (pattern.method, method) == ("GET", "HEAD")


def serves_path(pattern: Pattern, path: str) -> bool:
    segments = path.split("/")[1:]
    for segment in pattern.segments:
        if segment.kind is Kind.REST:
            return bool(segments)
        if not segments:
            return False
        first = segments.pop(0)
        if segment.kind is Kind.LITERAL and (first != segment.text or first == ""):
            return False
        if segment.kind is Kind.ONE and first == "":
            return False
        if segment.kind is Kind.END and (first != "" or segments):
            return False
    return not segments


@cache
def paths_of(pattern: Pattern) -> frozenset[str]:
    return frozenset(path for path in PATHS if serves_path(pattern, path))


@cache
def methods_of(pattern: Pattern) -> frozenset[str]:
    return frozenset(
        method for method in (*METHODS, "PUT") if serves_method(pattern, method)
    )


@cache
def requests_of(pattern: Pattern) -> frozenset[tuple[str, str]]:
    return frozenset(product(methods_of(pattern), paths_of(pattern)))


def relation_of(one: frozenset[object], other: frozenset[object]) -> Relation:
    if not one & other:
        return Relation.DISJOINT
    if one == other:
        return Relation.SAME
    if one < other:
        return Relation.NARROWER
    return Relation.WIDER if one > other else Relation.CROSSING


def serves(pattern: Pattern, request: str) -> bool:
    method, path = request.split(" ")
    return serves_method(pattern, method) and serves_path(pattern, path)


@given(patterns, patterns)
def test_two_patterns_are_to_each_other_as_their_requests_are(one, other):
    by_path = relation_of(paths_of(one), paths_of(other))
    assert compare_paths(one, other) is by_path
    by_method = relation_of(methods_of(one), methods_of(other))
    assert compare_methods(one, other) is by_method


@given(patterns, patterns)
def test_a_conflict_is_that_neither_is_more_specific_and_its_requests_show_it(
    one, other
):
    said = conflict(one, other)
    relation = relation_of(requests_of(one), requests_of(other))
    if relation is Relation.SAME:
        assert said is not None
        example = said.rpartition(" like ")[2]
        assert serves(one, example)
        assert serves(other, example)
    elif relation is Relation.CROSSING:
        assert said is not None
        _, _, shown = said.partition(": both match ")
        common, _, shown = shown.partition(", and neither is more specific: ")
        first, _, second = shown.partition(", the second alone ")
        first = first.removeprefix("the first alone matches ")
        assert [serves(each, common) for each in (one, other)] == [True, True]
        assert [serves(each, first) for each in (one, other)] == [True, False]
        assert [serves(each, second) for each in (one, other)] == [False, True]
    else:
        assert said is None


def reference(
    all_patterns: list[Pattern], method: str, host: str, path: str
) -> Pattern | None:
    """Return the one all of whose requests the others have too, by trying."""
    for wanted in (host, "") if host else ("",):
        fitting = [
            pattern
            for pattern in all_patterns
            if pattern.host == wanted
            and serves_method(pattern, method)
            and serves_path(pattern, path)
        ]
        if fitting:
            least = min(fitting, key=lambda each: len(requests_of(each)))
            assert all(requests_of(least) <= requests_of(each) for each in fitting)
            return least
    return None


@given(
    st.lists(hosted, min_size=1, max_size=9),
    st.lists(
        st.tuples(
            st.sampled_from([*METHODS, "PUT"]),
            st.sampled_from([*HOSTS, "A.com:80", "c.com"]),
            st.sampled_from(PATHS),
        ),
        min_size=1,
        max_size=20,
    ),
    st.randoms(use_true_random=False),
)
def test_the_most_specific_is_found_whatever_the_order(
    tried: list[Pattern], requests: list[tuple[str, str, str]], chance: random.Random
) -> None:
    routes, mux = Routes(), Mux()
    added: list[Pattern] = []
    for pattern in tried:
        clashes = any(conflict(pattern, old) for old in added)
        try:
            routes.add(pattern, lambda request: Response())
        except PatternError:
            assert clashes
        else:
            assert not clashes
            added.append(pattern)
    chance.shuffle(added)
    for pattern in added:
        mux.handle(pattern.text, lambda request: Response())
    for method, host, path in requests:
        name = host.lower().partition(":")[0]
        expected = reference(added, method, name, path)
        route = routes.find(method, host, path.split("/"))
        assert (route and route.pattern) == expected
        opened = reference(added, method, name, f"{path}/")
        wants_slash = (
            not path.endswith("/")
            and opened is not None
            # A rest that has more to take than the slash is no reason to add one.
            and len(opened.segments) == path.count("/") + 1
        )
        assert routes.wants_slash(method, host, path.split("/")) is wants_slash
        request = Request.build(method, path, headers={"Host": host})
        _, text = mux.match(request)
        answer = mux(request)
        if wants_slash and (
            expected is None or expected.segments[-1].kind is Kind.REST
        ):
            assert (text, request.pattern) == (None, None)
            assert (answer.status, answer.headers["Location"]) == (307, f"{path}/")
        elif expected is not None:
            assert text == request.pattern == expected.text
            assert answer.status == 200
        else:
            assert (text, request.pattern) == (None, None)
            others = {
                each
                for each in METHODS
                for tail in ("", "" if path.endswith("/") else "/")
                if reference(added, each, name, path + tail)
            }
            assert answer.status == (405 if others else 404)
            assert answer.headers.get("Allow", "") == ", ".join(sorted(others))


# A name that is a dot or two is cleaned away before it is looked at.
values = st.text(min_size=1).filter(lambda text: text not in (".", ".."))


@given(values, values, st.lists(values))
def test_values_come_out_as_they_were_put_in(first, second, more):
    mux = Mux()
    found: dict[str, str] = {}

    @mux.handle("/a/{first}/b/{second}/{more...}")
    def handler(request: Request) -> Response:
        found.update(request.path_values)
        return Response()

    try:
        path = "/".join(quote(each, safe="") for each in [first, "b", second, *more])
    except UnicodeEncodeError:
        return  # a lone surrogate: no text
    mux(Request.build("GET", f"/a/{path}" + ("" if more else "/")))
    assert found == {"first": first, "second": second, "more": "/".join(more)}


@given(any_text)
def test_any_text_is_a_pattern_or_a_pattern_error(text):
    try:
        pattern = parse_pattern(text)
    except PatternError:
        return
    assert pattern.segments
    rests = [segment.kind for segment in pattern.segments[:-1]]
    assert Kind.REST not in rests
    assert Kind.END not in rests
    assert conflict(pattern, pattern) is not None


@given(st.text() | st.text(alphabet="/.a%2eE"))
def test_a_clean_path_stays_as_it_is_and_has_no_dots(path):
    cleaned = clean_path(path)
    assert clean_path(cleaned) is cleaned
    assert cleaned[:1] == "/"
    assert "//" not in cleaned
    assert not {".", ".."} & set(map(unquote, cleaned.split("/")))


@given(st.text(alphabet="/.ab%2e\\:@"), st.sampled_from(["GET", "POST"]))
def test_a_redirect_stays_on_this_server(text, method):
    mux = Mux()
    mux.handle("/{x}/", lambda request: Response())
    mux.handle("/{x}/{y}/{z}/", lambda request: Response())
    answer = mux(Request.build(method, f"/{text}"))
    if "Location" in answer.headers:
        location = answer.headers["Location"]
        assert location[0] == "/"
        assert location[1:2] not in ("/", "\\")
        assert clean_path(location) == location
        again = mux(Request.build(method, location))
        assert again.status not in (301, 308)
