"""A request: its parts, decoded when they are asked for, and what its body says."""

import contextlib
import encodings
import time
from typing import Any

import pytest

from portside.http.message.body import BytesBody
from portside.http.message.headers import Headers
from portside.http.message.request import Request
from portside.http.message.status_error import StatusError

# -- what is asked for

TARGETS = {
    "/": ("/", "/", ""),
    "/a%20b?x=1": ("/a%20b", "/a b", "x=1"),
    "/?": ("/", "/", ""),
    "/a?b?c=/d": ("/a", "/a", "b?c=/d"),
    "/a%2Fb": ("/a%2Fb", "/a/b", ""),
    "/%C3%A9": ("/%C3%A9", "/é", ""),
    "/%FF%fe": ("/%FF%fe", "/\ufffd\ufffd", ""),
    "/%ED%A0%80": ("/%ED%A0%80", "/\ufffd\ufffd\ufffd", ""),
    "/%00": ("/%00", "/\0", ""),
    "/%": ("/%", "/%", ""),
    "/%zz%2": ("/%zz%2", "/%zz%2", ""),
    "/a+b": ("/a+b", "/a+b", ""),
    "/a;b=c": ("/a;b=c", "/a;b=c", ""),
    "//a/../b": ("//a/../b", "//a/../b", ""),
    "*": ("*", "*", ""),
    "http://h": ("/", "/", ""),
    "http://h/a%20b?x=1": ("/a%20b", "/a b", "x=1"),
    "http://h?x=1": ("/", "/", "x=1"),
    "http://h/http://i/": ("/http://i/", "/http://i/", ""),
    "HTTPS://h:1/": ("/", "/", ""),
}


@pytest.mark.parametrize("target", TARGETS)
def test_a_target_is_a_path_and_a_query(target):
    request = Request.build("GET", target)
    parts = request.raw_path, request.path, request.raw_query
    assert parts == TARGETS[target]
    assert request.target == target


def test_the_query_is_read_when_it_is_asked_for():
    request = Request.build("GET", "/?" + "&" * 5000)
    assert request.path == "/"
    with pytest.raises(StatusError):
        _ = request.query
    request = Request.build("GET", "/?a=1&a=2&b=%20")
    assert request.query.get_all("a") == ["1", "2"]
    assert request.query is request.query


@pytest.mark.parametrize(
    ("target", "host"),
    [("/", "x:80"), ("*", "x:80"), ("http://h:8/a", "h:8"), ("http://h?a", "h")],
)
def test_who_is_asked_is_in_the_target_before_the_host(target, host):
    """RFC 9112 section 3.2.2."""
    request = Request.build("GET", target, headers={"Host": "x:80"})
    assert request.host == host
    assert request.headers["Host"] == "x:80"
    assert request.scheme == "http"


@pytest.mark.parametrize("target", ["", "hello/x", "?a=b"])
def test_what_is_no_target_is_refused(target):
    with pytest.raises(ValueError, match="a path begins with /"):
        Request.build("GET", target)


def test_a_body_is_bytes():
    text: Any = "text"
    with pytest.raises(TypeError, match="a body is bytes, and not str"):
        Request.build("POST", "/", body=text)


@pytest.mark.parametrize("user", [3, b"ada", True, ("ada",)])
def test_a_user_is_a_text(user):
    request = Request.build("GET", "/")
    with pytest.raises(TypeError, match="a user is a text"):
        request.user = user


def test_without_a_host_nobody_is_asked():
    assert Request.build("GET", "/").host == ""


def test_a_request_shows_what_it_asks():
    assert repr(Request.build("GET", "/a?b")) == "<Request GET /a?b>"


# -- what it says


def test_fields_are_found_in_any_case():
    request = Request.build("GET", "/", headers={"X-A": "n\xe9"})
    assert request.headers["x-a"] == "n\xe9"
    assert request.headers is request.headers


def test_a_field_that_could_not_be_sent_cannot_be_tried():
    with pytest.raises(ValueError, match="cannot carry"):
        Request.build("GET", "/", headers={"X-A": "a\nb"})


def test_cookies_may_come_in_several_fields():
    fields = [(b"Cookie", b"a=1; b=2"), (b"cookie", b"c=3")]
    request = Request("GET", "/", 1, fields, "", "", None, Told())
    assert request.cookies == {"a": "1", "b": "2", "c": "3"}
    assert request.cookies is request.cookies
    assert Request.build("GET", "/").cookies == {}


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("text/HTML; charset=x", "text/html"),
        ("application/json", "application/json"),
        (" text/plain ;", "text/plain"),
        ("", ""),
        (None, ""),
    ],
)
def test_the_type_of_the_body_is_without_its_parameters(value, kind):
    headers = {} if value is None else {"Content-Type": value}
    assert Request.build("POST", "/", headers=headers).content_type == kind


def test_a_request_without_a_body_has_an_empty_one():
    request = Request("GET", "/", 1, [], "", "", None, Told())
    assert request.body.read_all() == b""
    assert request.body.length == 0
    assert request.body is request.body


# -- text and JSON


def post(body: bytes, content_type: str | None = None) -> Request:
    headers = {} if content_type is None else {"Content-Type": content_type}
    return Request.build("POST", "/", headers=headers, body=body)


@pytest.mark.parametrize(
    ("content_type", "body", "text"),
    [
        (None, b"n\xc3\xa9", "né"),
        ("text/plain", b"n\xc3\xa9", "né"),
        ("text/plain; charset=latin-1", b"n\xe9", "né"),
        ('text/plain; a=b; Charset="ISO-8859-1"', b"n\xe9", "né"),
        ("text/plain;charset=utf-16", b"\xff\xfeh\0", "h"),
        ("text/plain; charset=us-ascii", b"", ""),
        ("text/plain; charset=windows-1252", b"\x80", "\u20ac"),
        ("text/plain; charset=KOI8-R", b"\xc1", "\u0430"),
        ("text/plain; charset=Shift_JIS", b"\x82\xa0", "\u3042"),
        ("text/plain; charset=GB18030", b"\xc4\xe3", "\u4f60"),
        ("text/plain; charset=utf-32", b"\xff\xfe\0\0a\0\0\0", "a"),
    ],
)
def test_text_is_decoded_as_it_says(content_type, body, text):
    assert post(body, content_type).text() == text


@pytest.mark.parametrize(
    ("charset", "body", "status"),
    [
        ("utf-8", b"\xff", 400),
        ("us-ascii", b"\xe9", 400),
        ("utf-16", b"x", 400),
        ("klingon", b"x", 415),
        ("", b"x", 415),
        ("hex", b"41", 415),  # a codec of Python that makes no text
        ("rot13", b"x", 415),
    ],
)
def test_text_that_is_none_is_the_clients_mistake(charset, body, status):
    with pytest.raises(StatusError) as caught:
        post(body, f"text/plain; charset={charset}").text()
    assert caught.value.status == status


@pytest.mark.parametrize(
    ("charset", "body"), [("undefined", b"x"), ("punycode", b"\\N{x}")]
)
def test_a_codec_of_python_that_is_no_charset_is_the_clients_mistake_too(charset, body):
    with pytest.raises(StatusError):
        post(body, f"text/plain; charset={charset}").text()


def test_a_charset_nobody_knows_is_not_kept():
    """Python keeps each name that it was asked for: a client could send many."""
    known = len(encodings._cache)
    for n in range(10):
        with pytest.raises(StatusError):
            post(b"x", f"text/plain; charset={'x' * 1000}{n}").text()
    assert len(encodings._cache) == known


def test_no_charset_takes_time_that_grows_with_the_square():
    """A client chooses it: minutes of computing for a megabyte would be a weapon."""
    request = post(b"a" * 20_000 + b"-" + b"b" * 20_000, "text/plain; charset=punycode")
    began = time.process_time()
    with contextlib.suppress(StatusError):
        request.text()
    assert time.process_time() - began < 0.1


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"a": [1, null, "\xc3\xa9"]}', {"a": [1, None, "é"]}),
        (b' "x" ', "x"),
        ('"é"'.encode("utf-16"), "é"),
        (b"0", 0),
    ],
)
def test_json_is_read_whatever_its_type_is_called(body, value):
    assert post(body, "text/plain").json() == value


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"{'a': 1}",
        b"[1] [2]",
        b'"\xff"',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"1" * 5000,  # more digits than Python turns into a number
        b"\xff\xfe\x00",
    ],
    ids=lambda body: ascii(body[:20]),
)
def test_what_is_no_json_is_the_clients_mistake(body):
    with pytest.raises(StatusError) as caught:
        post(body).json()
    assert caught.value.status == 400


def test_a_body_over_its_bound_is_no_json_but_too_large():
    request = post(b"[1, 2]")
    request.body.max_bytes = 5
    for read in (request.json, request.text):
        with pytest.raises(StatusError) as caught:
            read()
        assert caught.value.status == 413


def test_a_form_is_read_once_and_its_files_go_with_the_request():
    boundary = "multipart/form-data; boundary=b"
    body = (
        b"--b\r\nContent-Disposition: form-data; name=f; filename=a.txt\r\n\r\n"
        b"hello\r\n--b--\r\n"
    )
    request = post(body, boundary)
    form = request.form()
    assert request.form() is form
    file = form.files[0].file
    assert file.read() == b"hello"
    request.close()
    assert file.closed
    request.close()


def test_a_request_for_a_path_below_is_the_same_but_for_its_path():
    request = Request.build(
        "POST", "http://h/a/b%20c?d=1", headers={"Cookie": "e=2"}, body=b"hello"
    )
    request.path_values["x"] = "y"
    request.pattern = "/a/"
    below = request.with_path("/b%20c")
    assert (below.path, below.raw_path) == ("/b c", "/b%20c")
    assert (request.path, request.raw_path) == ("/a/b c", "/a/b%20c")
    for name in ("method", "target", "host", "raw_query", "cookies", "version", "line"):
        assert getattr(below, name) == getattr(request, name)
    assert below.body is request.body
    assert (below.path_values, below.pattern) == ({"x": "y"}, "/a/")


def test_a_form_that_was_read_below_goes_with_the_whole_request():
    body = (
        b"--b\r\nContent-Disposition: form-data; name=f; filename=a.txt\r\n\r\n"
        b"hello\r\n--b--\r\n"
    )
    request = post(body, "multipart/form-data; boundary=b")
    form = request.with_path("/b").with_path("/c").form()
    assert request.form() is form
    request.close()
    assert form.files[0].file.closed


def test_who_has_read_no_form_has_nothing_to_close():
    post(b"x").close()


# -- who asks, and what it is told before the answer


class Told:
    """What a request came by: it notes what is told."""

    remote_address = None
    local_address = None
    is_draining = True

    def __init__(self) -> None:
        self.told: list[Any] = []

    def inform(self, request: Request, status: int, headers: Headers) -> None:
        self.told.append((status, headers.items()))


def asked(minor: int = 1) -> tuple[Request, Told]:
    line = Told()
    return Request("GET", "/", minor, [], "", "", BytesBody(b""), line), line


def test_early_hints_are_links_before_the_answer():
    request, line = asked()
    request.early_hints("</a.css>; rel=preload", "</b.js>")
    request.inform(102)
    request.inform(199, {"X-A": "1"})
    assert line.told == [
        (103, [("Link", "</a.css>; rel=preload"), ("Link", "</b.js>")]),
        (102, []),
        (199, [("X-A", "1")]),
    ]


def test_an_old_client_is_told_nothing_that_it_does_not_know():
    """RFC 9110 section 15.2."""
    request, line = asked(minor=0)
    request.early_hints("</a.css>")
    assert line.told == []
    assert request.version == (1, 0)


@pytest.mark.parametrize("status", [0, 99, 100, 101, 200, 404])
def test_only_what_comes_before_an_answer_is_told_before_it(status):
    """100 is said when the body is read, 101 is an answer: `Response.upgrade`."""
    request, line = asked()
    with pytest.raises(ValueError, match="from 102 on"):
        request.inform(status)
    assert line.told == []


def test_what_is_told_cannot_end_its_line():
    request, line = asked()
    with pytest.raises(ValueError, match="cannot carry"):
        request.early_hints("</a>\r\nX-B: b")
    assert line.told == []


def test_a_request_knows_what_it_came_by():
    request, _ = asked()
    assert request.is_draining
    assert request.remote_address is request.local_address is None


def test_a_request_that_came_by_no_wire_answers_the_same_questions():
    request = Request.build("GET", "/", headers={"Upgrade": "h2c"})
    assert request.remote_address is request.local_address is None
    assert not request.is_draining
    assert request.upgrade == "h2c"
    assert (request.path_values, request.pattern) == ({}, None)
    request.early_hints("</a>")


def test_a_body_that_was_read_whole_can_be_read_again():
    request = Request.build("POST", "/", body=b'{"a": 1}')
    assert request.text() == request.text() == '{"a": 1}'
    assert request.json() == {"a": 1}
    assert request.with_path("/b").json() == {"a": 1}
    assert request.content() == b'{"a": 1}'
    assert request.body.read_all() == b'{"a": 1}'


def test_what_a_middleware_has_found_out_is_known_below():
    request = Request.build("GET", "/a/b")
    request.user = "ada"
    request.state["rights"] = ["read"]
    inner = request.with_path("/b")
    assert (inner.user, inner.state) == ("ada", {"rights": ["read"]})
    inner.state["seen"] = True
    assert request.state["seen"]
