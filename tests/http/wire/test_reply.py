"""The head of an answer, in bytes."""

import pytest

from portside.http.message.headers import Headers
from portside.http.wire.reply import head_bytes, status_line


@pytest.mark.parametrize(
    ("status", "line"),
    [
        (200, "HTTP/1.1 200 OK\r\n"),
        (413, "HTTP/1.1 413 Content Too Large\r\n"),
        (418, "HTTP/1.1 418 I'm a Teapot\r\n"),
        (599, "HTTP/1.1 599 Unknown\r\n"),
    ],
)
def test_a_status_line_is_the_same_each_time(status, line):
    assert status_line(status) == line
    assert status_line(status) == line


def test_fields_stand_in_their_order_and_as_often_as_they_are():
    fields = Headers([("Set-Cookie", "a=1"), ("X-A", ""), ("set-cookie", "b=n\xe9e")])
    assert head_bytes(103, fields.items()) == (
        b"HTTP/1.1 103 Early Hints\r\n"
        b"Set-Cookie: a=1\r\n"
        b"X-A: \r\n"
        b"set-cookie: b=n\xe9e\r\n"
        b"\r\n"
    )


def test_a_head_may_have_no_field():
    assert head_bytes(100, []) == b"HTTP/1.1 100 Continue\r\n\r\n"
