"""Conditions and ranges: which answer a file becomes."""

import os
import time

import pytest

from portside.http.message.conditional import precondition_status, respond_to
from portside.http.message.dates import date_text
from portside.http.message.file_body import FileBody
from portside.http.message.request import Request
from portside.http.message.response import Response

CHANGED = 1_500_000_000
DATE = date_text(CHANGED)
BEFORE, AFTER = date_text(CHANGED - 1), date_text(CHANGED + 1)
TAG = '"v1"'

# Fields of the request, status for GET and HEAD, status for other methods.
CONDITIONS = {
    "none": ({}, None, None),
    # If-Match: RFC 9110 section 13.1.1
    "match: the tag": ({"If-Match": TAG}, None, None),
    "match: one of several": ({"If-Match": '"a", "v1" , "b"'}, None, None),
    "match: several without spaces": ({"If-Match": '"a","v1"'}, None, None),
    "match: any": ({"If-Match": "*"}, None, None),
    "match: another": ({"If-Match": '"v2"'}, 412, 412),
    "match: a weak one is no match": ({"If-Match": 'W/"v1"'}, 412, 412),
    "match: without quotes": ({"If-Match": "v1"}, 412, 412),
    "match: empty": ({"If-Match": ""}, 412, 412),
    "match: behind something that is no tag": ({"If-Match": 'x "v1"'}, 412, 412),
    "match: a star in a list is no tag": ({"If-Match": '"a", *'}, 412, 412),
    "match: a tag with a comma in it": ({"If-Match": '"a,v1"'}, 412, 412),
    "match: letters of another size": ({"If-Match": '"V1"'}, 412, 412),
    # If-Unmodified-Since: section 13.1.4
    "unmodified since: then": ({"If-Unmodified-Since": DATE}, None, None),
    "unmodified since: later": ({"If-Unmodified-Since": AFTER}, None, None),
    "unmodified since: earlier": ({"If-Unmodified-Since": BEFORE}, 412, 412),
    "unmodified since: no date": ({"If-Unmodified-Since": "yesterday"}, None, None),
    "match goes before unmodified since": (
        {"If-Match": TAG, "If-Unmodified-Since": BEFORE},
        None,
        None,
    ),
    # If-None-Match: section 13.1.2
    "none match: the tag": ({"If-None-Match": TAG}, 304, 412),
    "none match: weak": ({"If-None-Match": 'W/"v1"'}, 304, 412),
    "none match: one of several": ({"If-None-Match": 'W/"a", W/"v1"'}, 304, 412),
    "none match: any": ({"If-None-Match": "*"}, 304, 412),
    "none match: another": ({"If-None-Match": '"v2"'}, None, None),
    "none match: without quotes": ({"If-None-Match": "v1"}, None, None),
    "none match: empty elements": ({"If-None-Match": ', ,"v1"'}, 304, 412),
    # If-Modified-Since: section 13.1.3
    "modified since: then": ({"If-Modified-Since": DATE}, 304, None),
    "modified since: later": ({"If-Modified-Since": AFTER}, 304, None),
    "modified since: earlier": ({"If-Modified-Since": BEFORE}, None, None),
    "modified since: no date": ({"If-Modified-Since": "x"}, None, None),
    "modified since: a date of RFC 850": (
        {"If-Modified-Since": "Friday, 14-Jul-17 02:40:00 GMT"},
        304,
        None,
    ),
    "none match goes before modified since: changed": (
        {"If-None-Match": '"v2"', "If-Modified-Since": DATE},
        None,
        None,
    ),
    "none match goes before modified since: not changed": (
        {"If-None-Match": TAG, "If-Modified-Since": BEFORE},
        304,
        412,
    ),
    # Both kinds: section 13.2.2
    "match holds, none match does not": (
        {"If-Match": TAG, "If-None-Match": TAG},
        304,
        412,
    ),
    "match does not hold: nothing else counts": (
        {"If-Match": '"v2"', "If-None-Match": TAG},
        412,
        412,
    ),
    "unmodified since holds, modified since does not": (
        {"If-Unmodified-Since": DATE, "If-Modified-Since": DATE},
        304,
        None,
    ),
}


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
@pytest.mark.parametrize(
    ("fields", "read", "other"), CONDITIONS.values(), ids=CONDITIONS
)
def test_conditions_are_asked_in_their_order(method, fields, read, other):
    request = Request.build(method, "/", headers=fields)
    wanted = read if method in ("GET", "HEAD") else other
    assert precondition_status(request, TAG, CHANGED) == wanted


@pytest.mark.parametrize(
    ("fields", "etag", "modified", "wanted"),
    [
        ({"If-Match": "*"}, None, None, 412),
        ({"If-Match": TAG}, None, None, 412),
        ({"If-None-Match": "*"}, None, None, None),
        ({"If-None-Match": TAG}, None, None, None),
        ({"If-Match": "*"}, "", CHANGED, None),
        ({"If-Match": '""'}, "", CHANGED, 412),
        ({"If-None-Match": "*"}, "", CHANGED, 412),
        ({"If-Match": 'W/"v1"'}, 'W/"v1"', CHANGED, 412),
        ({"If-None-Match": '"v1"'}, 'W/"v1"', CHANGED, 412),
        ({"If-Unmodified-Since": BEFORE}, TAG, None, None),
    ],
)
def test_a_handler_asks_about_what_there_is_or_is_not(fields, etag, modified, wanted):
    request = Request.build("PUT", "/", headers=fields)
    assert precondition_status(request, etag, modified) == wanted


def test_a_long_list_of_tags_takes_no_long_time():
    tags = ", ".join(f'"{i}"' for i in range(6000)) + "," * 20_000
    request = Request.build("GET", "/", headers={"If-None-Match": tags})
    began = time.process_time()
    assert precondition_status(request, TAG, CHANGED) is None
    assert time.process_time() - began < 0.5


# -- a file


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    os.utime(path, (CHANGED, CHANGED))
    return path


@pytest.fixture
def respond(path):
    """Return a function that answers with a file of ten bytes; all are closed."""
    bodies = []

    def answer(method="GET", *, status=200, response_headers=None, **fields):
        body = FileBody(content_type="text/plain")
        descriptor = os.open(path, os.O_RDONLY)
        body.take(descriptor, os.fstat(descriptor))
        bodies.append(body)
        named = {name.replace("_", "-"): value for name, value in fields.items()}
        response = Response(body, status=status, headers=response_headers)
        return respond_to(Request.build(method, "/", headers=named), response)

    yield answer
    for body in bodies:
        body.close()


def read(response: Response) -> bytes:
    """Return what is sent."""
    body = response.body
    if isinstance(body, bytes):
        return body
    assert isinstance(body, FileBody)
    data = b""
    for part in body.parts:
        if isinstance(part, bytes):
            data += part
        else:
            offset, count = part
            data += os.pread(body.descriptor, count, offset)
    assert len(data) == body.length
    return data


@pytest.fixture
def etag(respond):
    return respond().headers["ETag"]


def test_without_conditions_the_file_is_sent_with_its_version(respond):
    response = respond()
    assert response.status == 200
    assert read(response) == b"0123456789"
    headers = response.headers
    assert headers["ETag"].startswith('"')
    assert headers["Last-Modified"] == DATE
    assert headers["Accept-Ranges"] == "bytes"
    assert headers["Content-Type"] == "text/plain"


def test_what_the_handler_said_of_the_version_counts(respond):
    said = {"ETag": 'W/"mine"', "Last-Modified": AFTER, "Content-Type": "text/x-mine"}
    response = respond(response_headers=said)
    assert {name: response.headers[name] for name in said} == said
    assert respond(response_headers=said, If_None_Match='"mine"').status == 304
    assert respond(response_headers=said, If_Modified_Since=DATE).status == 200
    assert respond(response_headers=said, If_Modified_Since=AFTER).status == 304


def test_a_date_of_the_future_is_not_said_and_is_no_condition(respond, path):
    os.utime(path, (0, 2**32))
    response = respond()
    assert "Last-Modified" not in response.headers
    assert respond(If_Modified_Since=date_text(2**32)).status == 200
    assert respond(Range="bytes=0-0", If_Range=date_text(2**32)).status == 200


def test_a_date_is_said_once_its_second_is_over(respond, path, monkeypatch):
    """As long as it is not, another change in it would have the same date."""
    for seconds, is_said in ((CHANGED + 0.9, False), (CHANGED + 1, True)):
        moment = int(seconds * 1_000_000_000)
        monkeypatch.setattr(time, "time_ns", lambda moment=moment: moment)
        assert ("Last-Modified" in respond().headers) == is_said
        resumed = respond(Range="bytes=4-", If_Range=DATE)
        assert resumed.status == (206 if is_said else 200)


def test_what_was_not_modified_says_only_its_version(respond, etag):
    headers = {
        "Cache-Control": "max-age=5",
        "Vary": "Accept-Encoding",
        "Content-Encoding": "gzip",
        "Content-Length": "10",
        "Set-Cookie": "a=1",
    }
    response = respond(response_headers=headers, If_None_Match=etag)
    assert (response.status, response.body) == (304, b"")
    assert dict(response.headers.items()) == {
        "Cache-Control": "max-age=5",
        "Vary": "Accept-Encoding",
        "Set-Cookie": "a=1",
        "ETag": etag,
    }


@pytest.mark.parametrize(
    "fields",
    [
        {"If_None_Match": "*"},
        {"If_Match": '"other"'},
        {"Range": "bytes=10-"},
    ],
)
def test_a_file_that_is_not_sent_is_closed(respond, fields):
    before = len(os.listdir("/proc/self/fd"))
    assert respond(**fields).status in (304, 412, 416)
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_precondition_that_fails_is_told_without_the_file(respond):
    response = respond(If_Match='"other"')
    assert response.status == 412
    assert read(response) == b"412 Precondition Failed\n"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_head_is_answered_as_get(respond, method, etag):
    assert respond(method).headers == respond("GET").headers
    assert respond(method, If_None_Match=etag).status == 304
    assert respond(method, If_Match='"x"').status == 412


def test_ranges_are_for_get_alone(respond):
    assert respond("HEAD", Range="bytes=0-4").status == 200
    assert respond("POST", Range="bytes=0-4").status == 200


def test_a_method_that_has_changed_something_is_answered_whatever_the_conditions(
    respond,
):
    response = respond("POST", If_Match='"x"', If_None_Match="*")
    assert response.status == 200
    assert read(response) == b"0123456789"


def test_what_is_no_success_is_sent_as_it_is(respond):
    response = respond(status=404, If_None_Match="*", Range="bytes=0-0")
    assert response.status == 404
    assert read(response) == b"0123456789"
    assert dict(response.headers.items()) == {"Content-Type": "text/plain"}


def test_what_is_no_file_is_sent_as_it_is():
    response = Response.text("hello")
    request = Request.build("GET", "/", headers={"Range": "bytes=0-1"})
    assert respond_to(request, response) is response
    assert (response.status, response.body) == (200, b"hello")


# -- ranges


def test_a_range_is_sent_alone(respond):
    response = respond(Range="bytes=2-4")
    assert response.status == 206
    assert response.headers["Content-Range"] == "bytes 2-4/10"
    assert response.headers["Content-Type"] == "text/plain"
    assert read(response) == b"234"


def test_several_ranges_are_sent_as_parts(respond):
    response = respond(Range="bytes=0-1,-2")
    assert response.status == 206
    assert "Content-Range" not in response.headers
    kind, _, boundary = response.headers["Content-Type"].partition("; boundary=")
    assert kind == "multipart/byteranges"
    pieces = read(response).split(f"--{boundary}".encode())
    assert pieces == [
        b"",
        b"\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-1/10\r\n\r\n01\r\n",
        b"\r\nContent-Type: text/plain\r\nContent-Range: bytes 8-9/10\r\n\r\n89\r\n",
        b"--\r\n",
    ]


def test_of_several_ranges_the_only_one_that_is_there_is_sent_alone(respond):
    response = respond(Range="bytes=99-,3-3")
    assert response.headers["Content-Range"] == "bytes 3-3/10"
    assert read(response) == b"3"


@pytest.mark.parametrize("value", ["lines=0-1", "bytes=9-5", "bytes=0-9,0-9"])
def test_a_range_that_is_ignored_gets_the_whole(respond, value):
    response = respond(Range=value)
    assert response.status == 200
    assert read(response) == b"0123456789"


@pytest.mark.parametrize("value", ["bytes=10-", "bytes=-0"])
def test_a_range_beyond_the_end_is_told_how_long_the_file_is(respond, value):
    response = respond(Range=value)
    assert response.status == 416
    assert response.headers["Content-Range"] == "bytes */10"
    assert "ETag" not in response.headers


def test_an_empty_file_is_sent_whatever_the_range(respond, path):
    path.write_bytes(b"")
    response = respond(Range="bytes=0-")
    assert response.status == 200
    assert read(response) == b""


# -- If-Range: RFC 9110 section 13.1.5


def test_a_range_of_the_version_that_there_is_is_sent(respond, etag):
    assert respond(Range="bytes=0-1", If_Range=etag).status == 206
    assert respond(Range="bytes=0-1", If_Range=DATE).status == 206


@pytest.mark.parametrize(
    "condition",
    ['"other"', "W/{}", "{}, {}", "*", "{}x", BEFORE, AFTER, "yesterday", ""],
)
def test_a_range_of_another_version_gets_the_whole(respond, etag, condition):
    response = respond(Range="bytes=0-1", If_Range=condition.replace("{}", etag))
    assert response.status == 200
    assert read(response) == b"0123456789"


def test_a_weak_tag_is_never_the_version_of_a_range(respond):
    said = {"ETag": 'W/"v"'}
    response = respond(response_headers=said, Range="bytes=0-1", If_Range='W/"v"')
    assert response.status == 200


def test_a_condition_on_a_range_without_a_range_is_ignored(respond):
    assert respond(If_Range='"other"').status == 200


def test_a_range_beyond_the_end_of_another_version_gets_the_whole(respond):
    assert respond(Range="bytes=99-", If_Range='"other"').status == 200


def test_the_conditions_come_before_the_range(respond, etag):
    assert respond(Range="bytes=0-1", If_None_Match=etag).status == 304
    assert respond(Range="bytes=99-", If_None_Match=etag).status == 304
    assert respond(Range="bytes=0-1", If_Match='"x"').status == 412
    assert respond(Range="bytes=0-1", If_Match=etag).status == 206
