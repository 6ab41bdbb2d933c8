"""Heads in any order, on one connection: a parser that was used, beside a fresh one."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from portside.http.message.status_error import RequestError
from portside.http.wire.head import HeadParser

MAX_TARGET_BYTES = 30
MAX_HEADERS = 6

# Few words, so that the same lines come again and again, with what a parser remembers;
# and mostly lawful ones, as the connection ends with the first that is not.
methods = st.sampled_from(
    [b"GET", b"HEAD", b"POST", b"PUT", b"OPTIONS", b"DELETE"] * 5
    + [b"CONNECT", b"get", b"PURGE", b"G T"]
)
targets = st.sampled_from(
    [b"/", b"/a?b", b"http://h/a", b"/" + b"a" * (MAX_TARGET_BYTES - 1)] * 5
    + [b"*", b"x:443", b"http://h:x/", b"/\xe9", b"/#", b"/" + b"a" * MAX_TARGET_BYTES]
)
versions = st.sampled_from([b"HTTP/1.1"] * 8 + [b"HTTP/1.0", b"HTTP/2.0"])
lines = st.sampled_from(
    [b"A: 1", b"A: 2", b"a:\xe9", b"B: 1 ", b"Keep-Alive: 5", b"Content-Length: 0"] * 3
    + [b"Connection: keep-alive", b"Connection: upgrade", b"Upgrade: h2c"] * 2
    + [b"Proxy-Connection: close", b"Connection: x", b"Via: 1.1 x"] * 2
    + [b"Content-Length: 5", b"Transfer-Encoding: chunked", b"Expect: 100-continue"]
    + [b"Connection: close", b"Content-Length: 5x", b"Transfer-Encoding: gzip"]
    + [b"Expect: x", b"Host: y", b"A : 1", b" A: 1", b"A", b"A: \0"]
)


@st.composite
def heads(draw: st.DrawFn) -> bytes:
    first = b" ".join((draw(methods), draw(targets), draw(versions)))
    fields = [draw(st.sampled_from([b"Host: x"] * 8 + [b"Host: a b", b"A: 3"]))]
    fields += draw(st.lists(lines, max_size=3))
    return b"\r\n".join((first, *fields, b"", b""))


def told(parser: HeadParser, head: bytes) -> Any:
    try:
        said = parser.parse_again(head) or parser.parse(head)
    except RequestError as refusal:
        return refusal.status, refusal.message
    return {name: getattr(said, name) for name in said.__slots__}


@given(st.lists(heads(), min_size=2, max_size=5))
def test_what_was_read_before_changes_no_answer(sequence):
    """A connection goes on only behind a head that would keep it."""
    used = HeadParser(MAX_TARGET_BYTES, MAX_HEADERS)
    for head in sequence:
        fresh = told(HeadParser(MAX_TARGET_BYTES, MAX_HEADERS), head)
        assert told(used, head) == fresh
        if isinstance(fresh, tuple) or not fresh["keep_alive"]:
            return


@given(st.lists(methods, min_size=2), st.lists(targets, min_size=2), st.lists(lines))
def test_the_same_fields_under_any_request_lines_are_read_alike(
    some_methods, some_targets, fields
):
    used = HeadParser(MAX_TARGET_BYTES, MAX_HEADERS)
    for method, target in zip(some_methods, some_targets, strict=False):
        first = b" ".join((method, target, b"HTTP/1.1"))
        head = b"\r\n".join((first, b"Host: x", *fields, b"", b""))
        fresh = told(HeadParser(MAX_TARGET_BYTES, MAX_HEADERS), head)
        assert told(used, head) == fresh
        if isinstance(fresh, tuple) or not fresh["keep_alive"]:
            return
