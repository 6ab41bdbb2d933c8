"""A response: what a handler may answer, and what it may not."""

import math
from enum import Enum
from http import HTTPStatus

import pytest

from portside.errors import HandlerError
from portside.http.message.file_body import FileBody
from portside.http.message.headers import Headers
from portside.http.message.response import Response, Upgrade
from portside.http.wire.reply import status_line

BYTES = "application/octet-stream"
TEXT = "text/plain; charset=utf-8"


@pytest.mark.parametrize("body", [None, 5, object()])
def test_what_is_no_body_is_told_where_it_is_given(body):
    with pytest.raises(TypeError, match="not bytes"):
        Response(body)


def test_an_answer_of_nothing_is_fine():
    response = Response()
    assert (response.status, response.body) == (200, b"")
    assert response.headers.items() == []


class _Kind(str, Enum):  # noqa: UP042  a StrEnum is written as its value
    HTML = "text/html; charset=utf-8"


class _Code(int, Enum):
    OK = 200


def test_a_member_of_an_enum_says_its_value():
    response = Response("x", content_type=_Kind.HTML)
    assert response.bare_type.__class__ is str
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    assert status_line(_Code.OK) == "HTTP/1.1 200 OK\r\n"


def test_text_is_plain_text_whatever_a_subclass_is_of():
    class Page(Response):
        def __init__(self, body, *, status=200, content_type="text/html"):
            super().__init__(body, status=status, content_type=content_type)

    assert Page.text("<b>").headers["Content-Type"] == TEXT


def test_text_is_sent_as_utf_8():
    response = Response("né", status=201)
    assert (response.status, response.body) == (201, "né".encode())
    assert response.headers.items() == [("Content-Type", TEXT)]


def test_bytes_have_the_type_that_is_given():
    assert Response(b"x").headers.items() == [("Content-Type", BYTES)]
    assert Response(iter((b"x",))).headers.items() == [("Content-Type", BYTES)]
    response = Response(b"x", content_type="image/png", headers={"X-A": "1"})
    assert response.headers.items() == [("X-A", "1"), ("Content-Type", "image/png")]


def test_what_is_said_of_the_type_counts_and_not_what_is_guessed():
    headers = {"content-type": "text/csv"}
    assert Response("a,b", headers=headers).headers["Content-Type"] == "text/csv"
    given = Response("a,b", headers=headers, content_type="text/html")
    assert given.headers.get_all("Content-Type") == ["text/html"]


def test_the_fields_of_a_response_are_its_own():
    headers = Headers([("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")])
    response = Response(b"x", headers=headers)
    response.headers.add("X-A", "1")
    assert len(headers) == 2
    assert response.headers.get_all("set-cookie") == ["a=1", "b=2"]


@pytest.mark.parametrize("status", [-1, 0, 99, 100, 101, 103, 199, 600, 1000])
def test_a_status_is_one_that_ends_a_request(status):
    with pytest.raises(ValueError, match="from 200 to 599"):
        Response(b"", status=status)


@pytest.mark.parametrize("status", ["200", None, "200 OK\r\nX-A: b", b"200", 200.5])
def test_a_status_is_a_whole_number(status):
    with pytest.raises((ValueError, TypeError)):
        Response(b"", status=status)


def test_a_status_may_have_pythons_name_for_it():
    response = Response(b"", status=HTTPStatus.NOT_FOUND)
    assert status_line(response.status) == "HTTP/1.1 404 Not Found\r\n"
    assert repr(response) == "<Response 404 Not Found>"


@pytest.mark.parametrize("value", ["a\r\nX-B: b", "\u20ac", "a\0"])
def test_what_would_end_its_line_cannot_be_said(value):
    for make in (
        lambda: Response(b"", headers={"X-A": value}),
        lambda: Response(b"", content_type=value),
    ):
        with pytest.raises(ValueError, match="cannot carry"):
            make()


# -- the usual kinds


def test_each_kind_says_its_type():
    kinds = {
        Response.text("é", 404): (404, "é".encode(), TEXT),
        Response.html("<p>é"): (200, "<p>é".encode(), "text/html; charset=utf-8"),
    }
    for response, (status, body, content_type) in kinds.items():
        assert (response.status, response.body) == (status, body)
        assert response.headers.items() == [("Content-Type", content_type)]


def test_a_value_is_json_in_utf_8_without_spaces():
    response = Response.json({"é": [1, None, 0.5]}, 201)
    assert response.status == 201
    assert response.body == '{"é":[1,null,0.5]}'.encode()
    assert response.headers.items() == [("Content-Type", "application/json")]


@pytest.mark.parametrize("value", [math.nan, math.inf, [-math.inf]], ids=str)
def test_json_has_no_word_for_what_is_no_number(value):
    with pytest.raises(ValueError, match="JSON"):
        Response.json(value)


def test_json_has_no_word_for_an_object():
    with pytest.raises(TypeError):
        Response.json({"a": object()})


def test_a_stream_is_what_was_given():
    pieces = iter([b"a"])
    response = Response.stream(pieces, "text/csv", 201)
    assert response.body is pieces
    assert response.headers.items() == [("Content-Type", "text/csv")]
    assert response.status == 201


def test_a_file_is_not_looked_for_before_it_is_sent():
    response = Response.file("/nowhere/a.txt")
    assert isinstance(response.body, FileBody)
    assert response.body.path == "/nowhere/a.txt"
    assert not response.body.is_open
    assert response.headers.items() == []
    assert Response.file("/a", "image/png").headers["Content-Type"] == "image/png"


DOWNLOADS = {
    "a b.txt": 'attachment; filename="a b.txt"',
    "né.txt": "attachment; filename=\"n_.txt\"; filename*=UTF-8''n%C3%A9.txt",
    'a"b\\c%41': "attachment; filename=\"a_b_c_41\"; filename*=UTF-8''a%22b%5Cc%2541",
    "a\r\nX-B: b": (
        "attachment; filename=\"a__X-B: b\"; filename*=UTF-8''a%0D%0AX-B%3A%20b"
    ),
    "a;b='c'": "attachment; filename=\"a;b='c'\"",
    "\u202egpj.exe": (
        "attachment; filename=\"_gpj.exe\"; filename*=UTF-8''%E2%80%AEgpj.exe"
    ),
}


@pytest.mark.parametrize("name", DOWNLOADS, ids=ascii)
def test_a_download_may_have_any_name(name):
    """RFC 6266; RFC 8187 for what ASCII has no letter for, or quotes would split."""
    response = Response.file("/x", download_name=name)
    assert response.headers["Content-Disposition"] == DOWNLOADS[name]


LOCATIONS = {
    "/a?b=c#d": "/a?b=c#d",
    "https://x:1/": "https://x:1/",
    "/né": "/n%C3%A9",
    "/a b": "/a%20b",
    "/%20": "/%20",
    "/a\r\nX-B: b": "/a%0D%0AX-B:%20b",
    "/\0\x7f": "/%00%7F",
}


@pytest.mark.parametrize("location", LOCATIONS, ids=ascii)
def test_a_redirect_says_where_in_ascii(location):
    response = Response.redirect(location)
    assert response.status == 303
    assert response.headers["Location"] == LOCATIONS[location]
    assert response.body == b""


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_these_redirect(status):
    assert Response.redirect("/", status).status == status


@pytest.mark.parametrize("status", [200, 300, 304, 305, 306, 404])
def test_the_others_do_not(status):
    with pytest.raises(ValueError, match="redirect"):
        Response.redirect("/", status)


def test_a_redirect_to_nowhere_is_a_mistake():
    with pytest.raises(ValueError, match="location"):
        Response.redirect("")


def test_an_error_is_plain_text_and_nothing_else():
    """A browser that guesses could take a message for a page."""
    response = Response.error(404, "<script>é")
    assert response.status == 404
    assert response.body == "404 Not Found: <script>é\n".encode()
    assert response.headers.items() == [
        ("Content-Type", TEXT),
        ("X-Content-Type-Options", "nosniff"),
    ]
    assert Response.error(599).body == b"599 Unknown\n"


def test_events_are_a_stream_that_no_cache_keeps():
    response = Response.events(["hello"])
    assert not isinstance(response.body, bytes | FileBody | Upgrade)
    assert b"".join(response.body) == b"data: hello\n\n"
    assert response.headers["Content-Type"] == "text/event-stream"
    assert response.headers["Cache-Control"] == "no-store"


async def converse_later(conn):
    pass


def converse_by_and_by(conn):
    yield


@pytest.mark.parametrize("converse", [converse_later, converse_by_and_by, 3])
def test_an_upgrade_goes_on_with_a_function_of_the_conn(converse):
    with pytest.raises(HandlerError):
        Response.upgrade("websocket", converse)


def test_an_upgrade_names_the_protocol():
    response = Response.upgrade("websocket", print, {"X-A": "1"})
    assert response.status == 101
    assert response.headers.items() == [("X-A", "1"), ("Upgrade", "websocket")]
    assert isinstance(response.body, Upgrade)
    assert response.body.converse is print
    assert Response.upgrade("irc/2.0", print).headers["Upgrade"] == "irc/2.0"


@pytest.mark.parametrize("protocol", ["", "/1", "a b", "a,b", "a\r\nX-B: b", "é"])
def test_a_protocol_has_a_name(protocol):
    with pytest.raises(ValueError, match=r"not the name of a protocol|cannot carry"):
        Response.upgrade(protocol, print)


# -- cookies


def test_each_cookie_has_a_field_of_its_own():
    response = Response.text("x")
    response.set_cookie("a", "1", max_age=60)
    response.set_cookie("b", "2", http_only=False)
    first, second = response.headers.get_all("Set-Cookie")
    assert first.startswith("a=1; ")
    assert "Max-Age=60" in first
    assert "HttpOnly" not in second


def test_a_cookie_is_forgotten_where_it_was_set():
    response = Response.text("x")
    response.delete_cookie("a", path="/shop")
    (line,) = response.headers.get_all("Set-Cookie")
    assert "Max-Age=0" in line
    assert "Path=/shop" in line


def test_a_cookie_that_cannot_be_leaves_nothing():
    response = Response.text("x")
    with pytest.raises(ValueError, match="cookie"):
        response.set_cookie("a", "1; Domain=evil")
    assert "Set-Cookie" not in response.headers


def test_half_a_surrogate_is_sent_as_json_has_it():
    """Any client can send one: json.loads takes it."""
    assert Response.json({"a": "\ud800"}).body == b'{"a":"\\ud800"}'
    assert Response.json({"a": "é"}).body == '{"a":"é"}'.encode()


def test_a_mapping_is_no_body_and_a_bytearray_is_one():
    with pytest.raises(TypeError, match=r"Response\.json"):
        Response({"a": 1})  # type: ignore[dict-item]
    assert Response(bytearray(b"abc")).body == b"abc"  # type: ignore[arg-type]


def test_a_copy_is_changed_apart():
    response = Response.text("x")
    copied = response.copy()
    copied.headers["X-A"] = "1"
    copied.status = 404
    assert ("X-A" in response.headers, response.status) == (False, 200)
