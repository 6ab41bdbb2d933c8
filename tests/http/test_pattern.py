"""What a pattern says, and what is none: the rules of Go 1.22, row by row."""

import pickle

import pytest

from portside.errors import Error
from portside.http.pattern import Kind, PatternError, Segment, parse_pattern

REST = Segment(Kind.REST)
END = Segment(Kind.END)


def literal(text: str) -> Segment:
    return Segment(Kind.LITERAL, text)


def one(name: str) -> Segment:
    return Segment(Kind.ONE, name)


def rest(name: str) -> Segment:
    return Segment(Kind.REST, name)


PATTERNS = {
    "/": ("", "", [REST]),
    "/a": ("", "", [literal("a")]),
    "/a/": ("", "", [literal("a"), REST]),
    "/path/to/it": ("", "", [literal("path"), literal("to"), literal("it")]),
    "/{w1}/lit/{w2}": ("", "", [one("w1"), literal("lit"), one("w2")]),
    "/{w1}/lit/{w2}/": ("", "", [one("w1"), literal("lit"), one("w2"), REST]),
    "/{a}/foo/{rest...}": ("", "", [one("a"), literal("foo"), rest("rest")]),
    "/{$}": ("", "", [END]),
    "/foo/{$}": ("", "", [literal("foo"), END]),
    "example.com/": ("", "example.com", [REST]),
    "GET /": ("GET", "", [REST]),
    "POST example.com/foo/{w}": ("POST", "example.com", [literal("foo"), one("w")]),
    "DELETE example.com/a/{foo12}/{$}": (
        "DELETE", "example.com", [literal("a"), one("foo12"), END]
    ),
    # One or more spaces and tabs.
    "GET  /a": ("GET", "", [literal("a")]),
    "GET\t \tb.com/a": ("GET", "b.com", [literal("a")]),
    # Any method that is a token.
    "PURGE /a": ("PURGE", "", [literal("a")]),
    "#!~ /a": ("#!~", "", [literal("a")]),
    "purge /a": ("purge", "", [literal("a")]),
    # Hosts are compared in lower case.
    "Example.COM/a": ("", "example.com", [literal("a")]),
    "[::1]/a": ("", "[::1]", [literal("a")]),
    "_dmarc.example.com/a": ("", "_dmarc.example.com", [literal("a")]),
    # Names are identifiers of any script; words of Python too.
    "/{_}/{größe}/{class}": ("", "", [one("_"), one("größe"), one("class")]),
    # Literals are decoded; so a brace can be one.
    "/a%20b/%7Bx%7D/%2F": ("", "", [literal("a b"), literal("{x}"), literal("/")]),
    "/größe": ("", "", [literal("größe")]),
    "/%zz": ("", "", [literal("%zz")]),
    "GET /a b": ("GET", "", [literal("a b")]),
    # Only CONNECT can have such a path, as it is not cleaned for it.
    "//": ("", "", [literal(""), REST]),
    "a.com/foo//": ("", "a.com", [literal("foo"), literal(""), REST]),
    "/foo///./../bar": (
        "", "",
        [*map(literal, ("foo", "", "", ".", "..", "bar"))],
    ),
    "CONNECT /a//b": ("CONNECT", "", [literal("a"), literal(""), literal("b")]),
}  # fmt: skip

REFUSED = {
    "": "has no path, which begins with /",
    " ": "has no path, which begins with /",
    "GET": "has no path, which begins with /",
    "example.com": "has no path, which begins with /",
    "A=B /": "bad method 'A=B'",
    "GÉT /": "bad method 'GÉT'",
    "GET, /": "bad method 'GET,'",
    "get /": "methods are in capitals: 'GET'",
    "/a b": "has a space in its path (write it as %20)",
    "/{w}x": "bad segment '{w}x': a wildcard is a whole segment, {name}",
    "/x{w}": "bad segment 'x{w}': a wildcard is a whole segment, {name}",
    "/{wx": "bad segment '{wx': a wildcard is a whole segment, {name}",
    "/{": "bad segment '{': a wildcard is a whole segment, {name}",
    "/{a$}": "bad name 'a$': letters, digits, _",
    "/{1a}": "bad name '1a': letters, digits, _",
    "/{a-b}": "bad name 'a-b': letters, digits, _",
    "/{a:int}": "bad name 'a:int': letters, digits, _",
    "/{{a}}": "bad name '{a}': letters, digits, _",
    "/{}": "{} has no name",
    "/{...}": "{...} has no name",
    "/{$...}": "bad name '$': letters, digits, _",
    "/{a....}": "bad name 'a.': letters, digits, _",
    "/{$}/": "{$} is not at the end",
    "/{$}/x": "{$} is not at the end",
    "/{a...}/": "{a...} is not at the end",
    "/{a...}/x": "{a...} is not at the end",
    "{a}/b": "a host has no wildcards, and a path begins with /",
    "*.example.com/": "bad host '*.example.com'",
    "u@b.com/": "bad host 'u@b.com'",
    "größe.de/": "bad host 'größe.de'",
    "http://b.com/": "host 'http:': is matched without its port; leave it out",
    "b.com:80/": "host 'b.com:80': is matched without its port; leave it out",
    "[::1]:80/": "host '[::1]:80': is matched without its port; leave it out",
    "::1/": "bad host '::1'",
    "/a/{x}/b/{x...}": "two wildcards are called 'x'",
    "/{x}/{x}": "two wildcards are called 'x'",
    "GET //": "can never match: requests are for '/' instead",
    "POST /a/../b": "can never match: requests are for '/b' instead",
    "GET /a/%2e/b": "can never match: requests are for '/a/b' instead",
}


@pytest.mark.parametrize("text", PATTERNS)
def test_a_pattern_has_a_method_a_host_and_segments(text):
    pattern = parse_pattern(text)
    method, host, segments = PATTERNS[text]
    assert (pattern.method, pattern.host) == (method, host)
    assert list(pattern.segments) == segments


@pytest.mark.parametrize("text", PATTERNS)
def test_a_pattern_reads_as_it_was_written(text):
    assert str(parse_pattern(text)) == text


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_no_pattern_is_named_with_the_reason(text):
    with pytest.raises(PatternError) as caught:
        parse_pattern(text)

    assert str(caught.value) == f"pattern {text!r}: {REFUSED[text]}"


def test_what_is_no_text_is_no_pattern():
    with pytest.raises(PatternError, match=r"is no text, like 'GET /hello/\{name\}'"):
        parse_pattern(parse_pattern)  # type: ignore[arg-type]  # a bare @mux.handle


def test_the_error_is_caught_as_ours_and_as_a_value_error():
    for cls in (Error, ValueError):
        with pytest.raises(cls):
            parse_pattern("")


def test_the_error_survives_pickling():
    error = PatternError("pattern '': has no path")
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_a_pattern_knows_where_it_was_written():
    assert parse_pattern("/a", "app.py:7").place == "app.py:7"
