"""Forms: which bodies are one, and what becomes of their files."""

import os
import shutil
import subprocess

import pytest

from portside.http.message.body import Body
from portside.http.message.forms import MAX_FIELD_BYTES, read_form
from portside.http.message.headers import Headers
from portside.http.message.request import Request
from portside.http.message.response import Response
from portside.http.message.status_error import RequestError, StatusError
from portside.http.web import handler

ENCODED = "application/x-www-form-urlencoded"
PARTS = "multipart/form-data; boundary=b"
FILE = (
    b'--b\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n'
    b"0123456789\r\n"
)


def request(body, content_type, method="POST"):
    headers = {} if content_type is None else {"Content-Type": content_type}
    return Request.build(method, "/", headers=headers, body=body)


def refused(request, **limits):
    with pytest.raises(StatusError) as caught:
        read_form(request, **limits)
    return caught.value.status


def n_descriptors():
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.parametrize(
    "content_type",
    [ENCODED, ENCODED.upper(), f"{ENCODED}; charset=UTF-8", f"{ENCODED} ;x=y"],
)
def test_an_encoded_form_is_read(content_type):
    form = read_form(request(b"a=1&b=%C3%A9+x&a=2", content_type))
    assert form.fields.items() == [("a", "1"), ("b", "é x"), ("a", "2")]
    assert form.files == []


def test_bytes_that_a_client_did_not_encode_are_utf_8_too():
    assert read_form(request("a=é".encode(), ENCODED)).fields["a"] == "é"


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("content_type", [None, ENCODED, "application/json"])
def test_without_a_body_the_form_is_empty(method, content_type):
    form = read_form(request(b"", content_type, method))
    assert (form.fields.items(), form.files) == ([], [])


def test_a_form_in_parts_is_not_empty_without_a_body_but_ends_early():
    assert refused(request(b"", PARTS)) == 400


@pytest.mark.parametrize(
    "content_type", [None, "", "application/json", "text/plain", "multipart/mixed"]
)
def test_a_body_that_is_no_form_is_refused(content_type):
    assert refused(request(b"a=1", content_type)) == 415


def test_two_types_are_refused():
    twice = request(b"a=1", ENCODED)
    twice.headers.add("Content-Type", PARTS)
    assert refused(twice) == 400


def test_so_many_fields_are_taken_and_not_one_more():
    assert len(read_form(request(b"a&b", ENCODED), max_fields=2).fields) == 2
    assert refused(request(b"a&b&c", ENCODED), max_fields=2) == 400


def test_an_encoded_form_is_as_long_as_it_may_be_and_no_longer():
    long = b"a=" + b"x" * (MAX_FIELD_BYTES - 2)
    assert len(read_form(request(long, ENCODED)).fields["a"]) == MAX_FIELD_BYTES - 2
    assert refused(request(long + b"x", ENCODED)) == 413


@pytest.mark.parametrize("content_type", [ENCODED, PARTS])
def test_the_bound_of_the_body_holds_too(content_type):
    short = request(b"a=1&b=2", content_type)
    short.body.max_bytes = 3
    assert refused(short) == 413
    assert short.body.max_bytes == 3


def test_files_are_found_by_the_name_of_their_field():
    with read_form(request(FILE + FILE + b"--b--", PARTS)) as form:
        assert form.file("f") is form.files[0]
        assert form.file("g") is None
        assert repr(form).startswith("<Form [] [FormFile(name='f', filename='f', ")


def test_a_block_closes_the_files():
    with read_form(request(FILE + b"--b--", PARTS), memory_bytes=0) as form:
        assert form.files[0].file.read() == b"0123456789"
    form.close()
    with pytest.raises(ValueError, match="closed file"):
        form.files[0].file.read()


def test_what_ends_the_request_closes_the_files():
    """A file that was left open would be found by the guard around each test."""
    sent = request(FILE + b"--b--", PARTS)
    form = sent.form()
    assert sent.form() is form
    sent.close()
    assert form.files[0].file.closed


class Gone(Exception):
    pass


class BodyThatEndsBadly(Body):
    def __init__(self, data, trouble):
        super().__init__(None, None, 0.0)
        self._data = data
        self._trouble = trouble

    def _receive(self, max_bytes):
        data, self._data = self._data, b""
        if not data:
            raise self._trouble
        return data


@pytest.mark.parametrize(
    "trouble",
    [RequestError(408, "slow"), Gone(), KeyboardInterrupt()],
    ids=["slow", "gone", "interrupted"],
)
def test_files_are_closed_when_the_form_does_not_come_to_its_end(trouble):
    class Sent:
        headers = Headers({"Content-Type": PARTS})
        body = BodyThatEndsBadly(FILE + FILE + FILE[:-5], trouble)

    before = n_descriptors()
    with pytest.raises(type(trouble)):
        read_form(Sent(), memory_bytes=0)
    assert n_descriptors() == before


def test_files_are_closed_when_the_form_turns_out_to_be_none():
    sent = request(FILE + FILE + b"--b\r\nno form\r\n", PARTS)
    before = n_descriptors()
    with pytest.raises(StatusError):
        read_form(sent, memory_bytes=0)
    assert n_descriptors() == before


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl here")
def test_curl_sends_files_and_nothing_is_left_of_them(portside_serve, model, tmp_path):
    """Under thread and serial a file that stays open is found by the guard."""
    data = os.urandom(1_500_000)
    (tmp_path / "große datei.bin").write_bytes(data)

    def take(request):
        request.body.max_bytes = None
        form = request.form()
        (file,) = form.files
        same = file.file.read() == data
        said = [form.fields["title"], file.filename, file.content_type, file.size, same]
        return Response.json(said)

    server = portside_serve(handler(take), model=model)
    done = subprocess.run(
        [
            *("curl", "-sS", "--max-time", "20", f"http://{server.address}/"),
            *("--form-string", "title=Grüße; und mehr", "-F", "file=@große datei.bin"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == (
        '["Grüße; und mehr","große datei.bin","application/octet-stream",1500000,true]'
    )
