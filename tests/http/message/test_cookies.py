"""Cookies: what is read, what is written, and what is not."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from portside.http.message.cookies import (
    MAX_COOKIE_BYTES,
    MAX_COOKIES,
    cookie_line,
    parse_cookies,
)
from portside.http.message.status_error import StatusError

READ = {
    "nothing": ("", {}),
    "one": ("a=1", {"a": "1"}),
    "two": ("a=1; b=2", {"a": "1", "b": "2"}),
    "no space": ("a=1;b=2", {"a": "1", "b": "2"}),
    "spaces and tabs": (" \ta \t= \t1 \t;  b=2 ", {"a": "1", "b": "2"}),
    "the same name: the longest path is first": ("a=1; a=2", {"a": "1"}),
    "names in two cases": ("a=1; A=2", {"a": "1", "A": "2"}),
    "no value": ("a=", {"a": ""}),
    "an equals sign in the value": ("a=b=c==", {"a": "b=c=="}),
    "quotes": ('a="1 2, 3"', {"a": "1 2, 3"}),
    "quotes with nothing inside": ('a=""', {"a": ""}),
    "one quote": ('a="', {"a": '"'}),
    "a quote at one end": ('a="1', {"a": '"1'}),
    "spaces inside the quotes": ('a=" 1 "', {"a": " 1 "}),
    "encoded: left as it is": ("a=%20+", {"a": "%20+"}),
    "utf-8, as the wire gives it": ("a=n\xc3\xa9e", {"a": "née"}),
    "latin-1": ("a=n\xe9e", {"a": "n\xe9e"}),
    "the old words are names": ("$Version=1; a=1", {"$Version": "1", "a": "1"}),
    "no equals sign": ("a; b=2", {"b": "2"}),
    "no name": ("=1; b=2", {"b": "2"}),
    "empty": (";; ;b=2;", {"b": "2"}),
    "no token": ("a b=1; a[]=1; (=1; n\xe9e=1; b=2", {"b": "2"}),
}

SKIPPED_SPACES = "\x0b\x0c\x1c\x1d\x1e\x1f\x85\xa0\u2000\u2028\u3000"


@pytest.mark.parametrize(("header", "cookies"), READ.values(), ids=READ)
def test_a_cookie_field_is_read(header, cookies):
    assert parse_cookies(header) == cookies


@pytest.mark.parametrize("space", SKIPPED_SPACES, ids=ascii)
def test_a_name_behind_a_space_that_is_none_in_http_is_another_name(space):
    """Or a page of a neighbouring domain could plant what only this host may set."""
    planted = f"{space}__Host-id=evil"
    assert parse_cookies(planted) == {}
    assert parse_cookies(planted.encode().decode("latin-1")) == {}


def test_a_quote_holds_no_semicolon():
    """Or a planted cookie could swallow those that follow it, up to the next quote."""
    cookies = parse_cookies('a="1; id=secret; b=2"')
    assert cookies == {"a": '"1', "id": "secret", "b": '2"'}


def test_so_many_cookies_are_taken_and_not_one_more():
    names = [f"c{number}=1" for number in range(MAX_COOKIES + 1)]
    assert len(parse_cookies("; ".join(names[:-1]))) == MAX_COOKIES
    with pytest.raises(StatusError, match="more than 1000 cookies") as caught:
        parse_cookies("; ".join(names))
    assert caught.value.status == 400


NOON = datetime(2026, 2, 3, 12, 0, 0, tzinfo=UTC)

WRITTEN = {
    "as it is": ({}, "a=1; Path=/; HttpOnly; SameSite=Lax"),
    "bare": ({"path": None, "http_only": False, "same_site": None}, "a=1"),
    "max age": ({"max_age": 60}, "a=1; Max-Age=60; Path=/; HttpOnly; SameSite=Lax"),
    "removed": ({"max_age": 0}, "a=1; Max-Age=0; Path=/; HttpOnly; SameSite=Lax"),
    "expires": (
        {"expires": NOON, "same_site": "Strict"},
        "a=1; Expires=Tue, 03 Feb 2026 12:00:00 GMT; Path=/; HttpOnly; SameSite=Strict",
    ),
    "everything": (
        {
            "max_age": 1,
            "path": "/a b",
            "domain": "example.com",
            "secure": True,
            "same_site": "None",
            "partitioned": True,
        },
        (
            "a=1; Max-Age=1; Path=/a b; Domain=example.com; Secure; HttpOnly; "
            "SameSite=None; Partitioned"
        ),
    ),
}


@pytest.mark.parametrize(("attributes", "line"), WRITTEN.values(), ids=WRITTEN)
def test_a_cookie_is_written(attributes, line):
    assert cookie_line("a", "1", **attributes) == line


def test_a_moment_is_written_in_gmt_wherever_it_was_told():
    east = timezone(timedelta(hours=2))
    line = cookie_line("a", "1", expires=NOON.astimezone(east))
    assert "Expires=Tue, 03 Feb 2026 12:00:00 GMT" in line


def test_a_moment_that_no_browser_reads_is_one_that_has_passed():
    line = cookie_line("a", "", expires=datetime(1, 1, 1, tzinfo=UTC))
    assert "Expires=Thu, 01 Jan 1970 00:00:00 GMT" in line


def test_the_dot_in_front_of_a_domain_is_left_out():
    assert "Domain=example.com;" in cookie_line("a", "1", domain=".example.com")


def test_spaces_and_commas_are_quoted_and_read_back():
    line = cookie_line("a", " 1, 2 ", path=None, http_only=False, same_site=None)
    assert line == 'a=" 1, 2 "'
    assert parse_cookies(line) == {"a": " 1, 2 "}


REFUSED = {
    "no name": ({"name": ""}, "''.*not the name of a cookie"),
    "a name with a space": ({"name": "a b"}, "'a b'.*not the name"),
    "a name with an equals sign": ({"name": "a="}, "not the name"),
    "a name with a line feed": ({"name": "a\n"}, "not the name"),
    "a name beyond ascii": ({"name": "é"}, "not the name"),
    "a line in the value": ({"value": "1\r\nSet-Cookie: b=2"}, "cannot be its value"),
    "an attribute in the value": ({"value": "1; Domain=x"}, "cannot be its value"),
    "a quote in the value": ({"value": 'say "hi"'}, "cannot be its value"),
    "a backslash in the value": ({"value": "a\\b"}, "cannot be its value"),
    "a tab in the value": ({"value": "a\tb"}, "cannot be its value"),
    "a value beyond ascii": ({"value": "é"}, "encode it"),
    "a delete in the value": ({"value": "\x7f"}, "cannot be its value"),
    "a path without a slash": ({"path": "a"}, "path='a'"),
    "an empty path": ({"path": ""}, "path=''"),
    "an attribute in the path": ({"path": "/; Domain=x"}, "path="),
    "a line in the path": ({"path": "/\r\nX: y"}, "path="),
    "a path that is too long": ({"path": "/" * 1025}, "path="),
    "an attribute in the domain": ({"domain": "x; Secure"}, "domain="),
    "an empty domain": ({"domain": ""}, "domain=''"),
    "two dots in the domain": ({"domain": "a..b"}, "domain="),
    "a port in the domain": ({"domain": "a:80"}, "domain="),
    "a domain beyond ascii": ({"domain": "bücher.example"}, "in ASCII"),
    "a domain that is too long": ({"domain": "a." * 127 + "ab"}, "domain="),
    "half a second": ({"max_age": 0.5}, "max_age=0.5"),
    "a truth for an age": ({"max_age": True}, "max_age=True"),
    "a moment without a zone": ({"expires": datetime(2026, 1, 1)}, "no time zone"),  # noqa: DTZ001
    "another same site": ({"same_site": "lax"}, "same_site='lax'"),
    "same site none": ({"same_site": "None"}, "same_site='None' needs secure=True"),
    "partitioned": ({"partitioned": True}, "partitioned needs secure=True"),
    "secure by name": ({"name": "__Secure-a"}, "__Secure- needs secure=True"),
    "host by name": ({"name": "__Host-a"}, "__Host- needs secure=True"),
    "host by name, in small": ({"name": "__host-a"}, "__Host- needs secure=True"),
    "host and a path": (
        {"name": "__Host-a", "secure": True, "path": "/x"},
        "needs path='/', no domain",
    ),
    "host and no path": (
        {"name": "__Host-a", "secure": True, "path": None},
        "needs path='/', no domain",
    ),
    "host and a domain": (
        {"name": "__HOST-a", "secure": True, "domain": "x.example"},
        "needs path='/', no domain",
    ),
}


@pytest.mark.parametrize(("given", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_a_browser_would_not_keep_is_refused(given, reason):
    given = {"name": "a", "value": "1"} | given
    with pytest.raises(ValueError, match=reason):
        cookie_line(**given)


@pytest.mark.parametrize("name", ["__Host-a", "__Secure-a", "__secure-a"])
def test_a_name_that_promises_is_written_when_it_is_kept(name):
    assert cookie_line(name, "1", secure=True).startswith(f"{name}=1; Path=/; Secure")


def test_a_cookie_is_as_long_as_a_browser_keeps_and_no_longer():
    value = "x" * (MAX_COOKIE_BYTES - 1)
    assert value in cookie_line("a", value)
    with pytest.raises(ValueError, match="over the 4096 bytes"):
        cookie_line("ab", value)
    with pytest.raises(ValueError, match="over the 4096 bytes"):
        cookie_line("a", value[:-1] + ",")  # the quotes count
