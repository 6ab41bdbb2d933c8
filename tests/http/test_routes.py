"""The tree of routes: who is found in it, row by row."""

import pytest

from portside.http.message.request import Request
from portside.http.message.response import Response
from portside.http.pattern import PatternError, parse_pattern
from portside.http.routes import Routes


def nothing(request: Request) -> Response:
    return Response()


def routes_of(*texts: str) -> Routes:
    routes = Routes()
    for text in texts:
        routes.add(parse_pattern(text), nothing)
    return routes


def found(
    routes: Routes, method: str, path: str, host: str = ""
) -> tuple[str | None, dict[str, str]]:
    segments = path.split("/")
    route = routes.find(method, host, segments)
    return (route.text, route.values(segments)) if route else (None, {})


TREES = {
    "letters": (
        "/a", "/a/b", "/a/{x}", "/g/h/i", "/g/{x}/j",
        "/a/b/{x...}", "/a/b/{y}", "/a/b/{$}",
    ),
    "items": (
        "/item/", "POST /item/{user}", "GET /item/{user}", "/item/{user}",
        "/item/{user}/{id}", "/item/{user}/new", "/item/{$}",
        "POST alt.com/item/{user}", "GET /headwins", "HEAD /headwins", "/path/{p...}",
    ),
    "end": ("/a/b/{$}",),
    "one": ("/a/b/{w}",),
    "rest": ("/a/b/{w...}",),
    "end, one and rest": ("/a/b/{$}", "/a/b/{w}", "/a/b/{w...}"),
    "empty": ("CONNECT /a//b", "/a/{x}/b", "/{x}/{y...}"),
    "empty only": ("CONNECT /a//b",),
    "empty ones": ("/a/{x}/b", "/{x}/", "/{x}/{y}/{z}"),
    "methods": ("GET /{x...}", "POST /a/b", "GET /{x}/b"),
    "back twice": ("/a/b/c", "/a/{x}/d", "/{y}/b/e", "/"),
    "back to a rest inside": ("/a/", "/a/b/c/d", "/a/{x}/c/e"),
}  # fmt: skip

FOUND = [
    ("letters", "GET", "/a", "/a", {}),
    ("letters", "GET", "/b", None, {}),
    ("letters", "GET", "/a/b", "/a/b", {}),
    ("letters", "GET", "/a/c", "/a/{x}", {"x": "c"}),
    ("letters", "GET", "/a/b/", "/a/b/{$}", {}),
    ("letters", "GET", "/a/b/c", "/a/b/{y}", {"y": "c"}),
    ("letters", "GET", "/a/b/c/d", "/a/b/{x...}", {"x": "c/d"}),
    ("letters", "GET", "/g/h/i", "/g/h/i", {}),
    ("letters", "GET", "/g/h/j", "/g/{x}/j", {"x": "h"}),
    ("items", "GET", "/item/jba", "GET /item/{user}", {"user": "jba"}),
    ("items", "POST", "/item/jba", "POST /item/{user}", {"user": "jba"}),
    ("items", "HEAD", "/item/jba", "GET /item/{user}", {"user": "jba"}),
    ("items", "get", "/item/jba", "/item/{user}", {"user": "jba"}),
    ("items", "POST", "/item/jba/17", "/item/{user}/{id}", {"user": "jba", "id": "17"}),
    ("items", "GET", "/item/jba/new", "/item/{user}/new", {"user": "jba"}),
    ("items", "GET", "/item/", "/item/{$}", {}),
    ("items", "GET", "/item/jba/17/line2", "/item/", {}),
    ("items", "GET", "/item", None, {}),
    ("items", "GET", "/headwins", "GET /headwins", {}),
    ("items", "HEAD", "/headwins", "HEAD /headwins", {}),
    ("items", "GET", "/path/to/file", "/path/{p...}", {"p": "to/file"}),
    ("items", "GET", "/path/*", "/path/{p...}", {"p": "*"}),
    ("end", "GET", "/a/b", None, {}),
    ("end", "GET", "/a/b/", "/a/b/{$}", {}),
    ("end", "GET", "/a/b/c", None, {}),
    ("end", "GET", "/a/b/c/d", None, {}),
    ("one", "GET", "/a/b", None, {}),
    ("one", "GET", "/a/b/", None, {}),
    ("one", "GET", "/a/b/c", "/a/b/{w}", {"w": "c"}),
    ("one", "GET", "/a/b/c/d", None, {}),
    ("rest", "GET", "/a/b", None, {}),
    ("rest", "GET", "/a/b/", "/a/b/{w...}", {"w": ""}),
    ("rest", "GET", "/a/b/c", "/a/b/{w...}", {"w": "c"}),
    ("rest", "GET", "/a/b/c/d", "/a/b/{w...}", {"w": "c/d"}),
    ("rest", "GET", "/a/b/c/", "/a/b/{w...}", {"w": "c/"}),
    ("end, one and rest", "GET", "/a/b", None, {}),
    ("end, one and rest", "GET", "/a/b/", "/a/b/{$}", {}),
    ("end, one and rest", "GET", "/a/b/c", "/a/b/{w}", {"w": "c"}),
    ("end, one and rest", "GET", "/a/b/c/d", "/a/b/{w...}", {"w": "c/d"}),
    ("empty", "CONNECT", "/a//b", "CONNECT /a//b", {}),
    ("empty", "CONNECT", "/a/z/b", "/a/{x}/b", {"x": "z"}),
    ("empty", "CONNECT", "//c", "/{x}/{y...}", {"x": "", "y": "c"}),
    ("empty", "CONNECT", "/a//c", "/{x}/{y...}", {"x": "a", "y": "/c"}),
    ("empty only", "CONNECT", "/a/z/b", None, {}),
    ("empty only", "CONNECT", "/a/", None, {}),
    ("empty ones", "CONNECT", "/a//b", "/a/{x}/b", {"x": ""}),
    ("empty ones", "CONNECT", "//", "/{x}/", {"x": ""}),
    ("empty ones", "CONNECT", "///c", "/{x}/{y}/{z}", {"x": "", "y": "", "z": "c"}),
    ("methods", "GET", "/a/b", "GET /{x}/b", {"x": "a"}),
    ("methods", "POST", "/a/b", "POST /a/b", {}),
    ("methods", "HEAD", "/a/c", "GET /{x...}", {"x": "a/c"}),
    ("methods", "PUT", "/a/b", None, {}),
    ("back twice", "GET", "/a/b/c", "/a/b/c", {}),
    ("back twice", "GET", "/a/b/d", "/a/{x}/d", {"x": "b"}),
    ("back twice", "GET", "/a/b/e", "/{y}/b/e", {"y": "a"}),
    ("back twice", "GET", "/a/b/f", "/", {}),
    ("back to a rest inside", "GET", "/a/b/c/d", "/a/b/c/d", {}),
    ("back to a rest inside", "GET", "/a/b/c/e", "/a/{x}/c/e", {"x": "b"}),
    ("back to a rest inside", "GET", "/a/b/c/f", "/a/", {}),
]

HOSTS = (
    "codesearch.example/search", "codesearch.example/", "images.example/search",
    "[::1]/search", "/search", "/dir/", "GET other.example/",
)  # fmt: skip

FOUND_BY_HOST = [
    ("codesearch.example", "/search", "codesearch.example/search"),
    ("codesearch.example", "/dir/", "codesearch.example/"),
    ("codesearch.example", "/anything", "codesearch.example/"),
    ("CodeSearch.Example:80", "/search", "codesearch.example/search"),
    ("images.example", "/search", "images.example/search"),
    ("images.example", "/dir/x", "/dir/"),
    ("images.example", "/", None),
    ("[::1]:8080", "/search", "[::1]/search"),
    ("[::1]", "/search", "[::1]/search"),
    ("[::2]", "/search", "/search"),
    ("", "/search", "/search"),
    ("elsewhere.example", "/search", "/search"),
    ("elsewhere.example", "/", None),
]

ALLOWED = [
    (("POST /",), "", "/foo", ["POST"]),
    (("GET /",), "", "/foo", ["GET", "HEAD"]),
    (("GET a.com/", "PUT b.com/", "POST /foo/{x}"), "", "/foo", []),
    (("GET a.com/", "PUT b.com/", "POST /foo/{x}"), "", "/foo/bar", ["POST"]),
    (
        ("GET a.com/", "PUT b.com/", "POST /foo/{x}"),
        "a.com",
        "/foo/bar",
        ["GET", "HEAD", "POST"],
    ),
    (("GET a.com/", "PUT b.com/", "POST /foo/{x}"), "b.com:80", "/bar", ["PUT"]),
    # What a slash would find counts too: there would be a redirect.
    (("POST /foo/",), "", "/foo", ["POST"]),
    (("DELETE /{x}", "PATCH /a", "PUT /{x...}"), "", "/a", ["DELETE", "PATCH", "PUT"]),
]


@pytest.mark.parametrize(("tree", "method", "path", "text", "values"), FOUND)
def test_the_most_specific_is_found_with_its_values(tree, method, path, text, values):
    assert found(routes_of(*TREES[tree]), method, path) == (text, values)
    assert found(routes_of(*reversed(TREES[tree])), method, path) == (text, values)


@pytest.mark.parametrize(("host", "path", "text"), FOUND_BY_HOST)
def test_a_host_beats_none(host, path, text):
    assert found(routes_of(*HOSTS), "POST", path, host)[0] == text


def test_a_host_that_lacks_the_method_leaves_it_to_the_patterns_without():
    routes = routes_of("POST alt.com/item/{user}", "GET /item/{user}")
    assert found(routes, "GET", "/item/x", "alt.com")[0] == "GET /item/{user}"
    assert found(routes, "POST", "/item/x", "alt.com")[0] == "POST alt.com/item/{user}"


@pytest.mark.parametrize(("texts", "host", "path", "methods"), ALLOWED)
def test_the_methods_of_a_path_are_told(texts, host, path, methods):
    assert routes_of(*texts).methods(host, path.split("/")) == methods


@pytest.mark.parametrize(
    ("texts", "path", "wants"),
    [
        (["/a/"], "/a", True),
        (["/a/", "/"], "/a", True),
        (["/a/{$}"], "/a", True),
        (["/{x}/"], "/a", True),
        (["/{x}/{rest...}"], "/a", True),
        (["/"], "/a", False),
        (["/a/"], "/a/", False),
        (["/a/"], "/a/b", False),
        (["/a/b/"], "/a", False),
        (["POST /a/"], "/a", False),
        (["b.com/a/"], "/a", False),
    ],
)
def test_a_path_wants_a_slash_where_only_that_is_missing(texts, path, wants):
    assert routes_of(*texts).wants_slash("GET", "", path.split("/")) is wants


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("/a/b", "/a/b"),
        ("GET /a", "/a"),
        ("/a/{$}", "/a/"),
        ("/{$}", "/"),
    ],
)
def test_a_literal_path_is_looked_up_whole(text, path):
    assert list(routes_of(text).literals) == [path]


@pytest.mark.parametrize(
    "text", ["/", "/a/", "/a/{x}", "b.com/a", "/a%2Fb", "/%61", "/a/./b", "/a//b"]
)
def test_a_path_that_could_be_written_otherwise_is_not(text):
    assert not routes_of(text).literals


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("/a/{x}/c", "/a/b/{y}"),
        ("/a/{x}/c/{$}", "/{y}/b/c/"),
        ("/a/b/c/d", "GET /a/{x...}"),
        ("/a/{x}/{$}", "/a/{y}/{$}"),
        ("/a/", "/a/{x...}"),
        ("/{x}/b", "HEAD /a/{y}"),
    ],
)
def test_a_conflict_is_found_deep_in_the_tree_and_nothing_is_added(old, new):
    for first, second in ((old, new), (new, old)):
        routes = routes_of("/z", first, "/m/{q}/y/x/w", "/m/n/{x}")
        with pytest.raises(PatternError, match="conflicts with"):
            routes.add(parse_pattern(second), nothing)
        assert [route.text for route in routes.all if route.text == second] == []


def test_many_routes_are_compared_with_the_few_that_they_meet():
    # Comparing each with each would be eight million: minutes.
    routes = Routes()
    for n in range(2000):
        routes.add(parse_pattern(f"GET /api/v1/kind{n}/{{id}}"), nothing)
        routes.add(parse_pattern(f"POST /api/v1/kind{n}/{{id}}/do"), nothing)
    assert found(routes, "GET", "/api/v1/kind1999/7") == (
        "GET /api/v1/kind1999/{id}",
        {"id": "7"},
    )


def test_going_back_is_bounded_by_the_routes_and_not_by_the_path():
    deep = "/a" * 200
    routes = routes_of(f"{deep}/x", "/{q}" + "/a" * 199 + "/y", "/")
    assert found(routes, "GET", f"{deep}/z") == ("/", {})
