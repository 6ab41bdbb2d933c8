"""Serving below a path that the handler does not know of."""

import pytest

from portside.errors import HandlerError
from portside.http.message.request import Request
from portside.http.message.response import Response
from portside.http.mux import Mux
from portside.http.prefix import strip_prefix


def where(request: Request) -> Response:
    return Response.text(f"{request.raw_path} {request.path}")


STRIPPED = {
    "a path below": ("/static", "/static/a.css", "/a.css /a.css"),
    "with a slash": ("/static/", "/static/a.css", "/a.css /a.css"),
    "the prefix itself": ("/static", "/static", "/ /"),
    "the prefix and a slash": ("/static", "/static/", "/ /"),
    "two segments": ("/a/b", "/a/b/c/", "/c/ /c/"),
    "nothing": ("/", "/a", "/a /a"),
    "encoded in the request": ("/static", "/st%61tic/a%20b", "/a%20b /a b"),
    "encoded in the prefix": ("/a%20b", "/a%20b/c", "/c /c"),
    "as it reads": ("/größe", "/gr%C3%B6%C3%9Fe/c", "/c /c"),
    "a slash in a name stays": ("/a", "/a/b%2Fc", "/b%2Fc /b/c"),
    "the query is no part": ("/a", "/a/b?x=/a/", "/b /b"),
    "another host": ("/a", "http://b.com/a/b", "/b /b"),
}

ABSENT = {
    "another path": ("/static", "/other"),
    "half a segment": ("/stat", "/static/a"),
    "a longer prefix": ("/a/b/c", "/a/b"),
    "in the middle": ("/b", "/a/b"),
    "other letters": ("/Static", "/static/a"),
    "a slash in a name": ("/a/b", "/a%2Fb/c"),
    "the whole server": ("/", "*"),
}


@pytest.mark.parametrize(("prefix", "target", "seen"), STRIPPED.values(), ids=STRIPPED)
def test_the_handler_sees_the_path_without_the_prefix(prefix, target, seen):
    answer = strip_prefix(prefix, where)(Request.build("GET", target))
    assert answer.body == seen.encode()


@pytest.mark.parametrize(("prefix", "target"), ABSENT.values(), ids=ABSENT)
def test_what_does_not_begin_so_is_not_found(prefix, target):
    assert strip_prefix(prefix, where)(Request.build("OPTIONS", target)).status == 404


def test_who_is_around_sees_the_whole_path():
    request = Request.build("GET", "/a/b?x=1", headers={"Host": "h"}, body=b"body")
    seen = []

    def handler(inner: Request) -> Response:
        seen.append((inner.path, inner.target, inner.host, inner.query["x"]))
        return Response(inner.body.read_all())

    assert request.path == "/a/b"  # decoded before, and kept
    assert strip_prefix("/a", handler)(request).body == b"body"
    assert seen == [("/b", "/a/b?x=1", "h", "1")]
    assert (request.path, request.raw_path) == ("/a/b", "/a/b")


def test_a_mux_below_a_mux_sees_its_own_paths_and_redirects_to_whole_ones():
    inner = Mux()
    inner.handle("GET /{$}", where)
    inner.handle("GET /item/{id}/", where)
    outer = Mux()
    outer.handle("/api/", strip_prefix("/api", inner))

    assert outer(Request.build("GET", "/api/")).body == b"/ /"
    assert outer(Request.build("GET", "/api/item/7/")).body == b"/item/7/ /item/7/"
    answer = outer(Request.build("GET", "/api/item/7?q=1"))
    assert (answer.status, answer.headers["Location"]) == (307, "/api/item/7/?q=1")
    assert outer(Request.build("GET", "/api/nothing")).status == 404
    assert outer(Request.build("PUT", "/api/item/7/")).headers["Allow"] == "GET, HEAD"


def test_a_mux_below_a_prefix_alone_redirects_to_a_clean_whole_path():
    inner = Mux()
    inner.handle("/", where)
    stripped = strip_prefix("/api", inner)
    for target in ("/api/a//b?q", "http://h/api/a//b?q"):
        answer = stripped(Request.build("GET", target))
        assert (answer.status, answer.headers["Location"]) == (301, "/api/a/b?q")


def test_a_prefix_begins_with_a_slash():
    with pytest.raises(ValueError, match="prefix 'static': does not begin with /"):
        strip_prefix("static", where)


def test_what_is_no_handler_is_refused_at_once():
    async def later(request: Request) -> Response:
        return Response()

    with pytest.raises(HandlerError, match="is an async def"):
        strip_prefix("/a", later)  # type: ignore[arg-type]
