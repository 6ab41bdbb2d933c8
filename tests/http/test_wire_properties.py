"""The wire under any bytes at all: refused, or read as a second reader reads it."""

import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portside.http.message.status_error import RequestError
from portside.http.settings import HttpSettings
from portside.http.wire.chunk import ChunkLines, read_trailers
from portside.http.wire.head import Head, HeadParser, check_line
from portside.http.wire.request_line import read_request_line
from tests.http.outcome import REFUSED, conversation
from tests.http.reference import Meaning, read_chunks, read_head

METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"]

TCHAR = "!#$%&'*+-.^_`|~09azAZ"

SMALL = HttpSettings(max_body_bytes=200, max_header_bytes=400, max_target_bytes=60)
"""So that what is made here reaches the limits."""

# -- what is tried

tokens = st.text(TCHAR, min_size=1, max_size=8).map(str.encode)
values = st.binary(max_size=12).map(
    lambda data: bytes(b for b in data if b == 9 or 32 <= b != 127)
)
targets = st.lists(
    st.sampled_from([*'/?a=&;|^{}"<>\\[]@:.*', "%20", "%ff"]), max_size=20
).map(lambda parts: f"/{''.join(parts)}".encode())
hosts = st.sampled_from([b"x", b"Foo_bar.example:80", b"[::1]:8080", b"192.0.2.1", b""])
frames = st.sampled_from(
    [
        b"",
        b"Content-Length: 0\r\n",
        b"Content-Length: 5\r\n",
        b"content-length:\t007 \r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"transfer-encoding:CHUNKED\r\n",
    ]
)
options = st.sampled_from(
    [
        b"",
        b"Connection: close\r\n",
        b"Connection: keep-alive, x\r\n",
        b"Expect: 100-continue\r\n",
        b"Connection: upgrade\r\nUpgrade: y/1\r\n",
    ]
)
SPECIAL = {
    b"host", b"content-length", b"transfer-encoding", b"expect", b"connection",
    b"upgrade",
}  # fmt: skip


@st.composite
def valid_heads(draw: st.DrawFn) -> bytes:
    """Heads that must be accepted."""
    line = b"%b %b HTTP/1.1\r\n" % (
        draw(st.sampled_from(METHODS)).encode(),
        draw(targets),
    )
    fields = [
        b"%b:%b\r\n" % (name, value)
        for name, value in draw(st.lists(st.tuples(tokens, values), max_size=4))
        if name.lower() not in SPECIAL
    ]
    fields += [b"Host: %b\r\n" % draw(hosts), draw(frames), draw(options)]
    return line + b"".join(draw(st.permutations(fields))) + b"\r\n"


BITS = [
    b"\r", b"\n", b"\r\n", b"\0", b" ", b"\t", b":", b";", b",", b"#", b"\x80", b"\x7f",
    b"5", b"_", b"+", b"0x", b"chunked", b"identity", b"Host: y\r\n",
    b"Content-Length: 6\r\n", b"Transfer-Encoding: chunked\r\n", b"Content-Length",
    b"\r\n\r\n", b"HTTP/1.1", b"HTTP/1.0", b"\x0b", b"\xc2\xa0",
]  # fmt: skip


def damaged(whole: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """What whole gives, with some of it left out, doubled, replaced or put in."""

    @st.composite
    def strategy(draw: st.DrawFn) -> bytes:
        data = draw(whole)
        for _ in range(draw(st.integers(0, 3))):
            at = draw(st.integers(0, len(data)))
            end = min(len(data), at + draw(st.sampled_from([0, 0, 1, 2, 20])))
            bit = draw(st.sampled_from([*BITS, b"", data[at:end] * 2]))
            data = data[:at] + bit + data[end:]
        return data

    return strategy()


def whole_head(data: bytes) -> bytes:
    """Return a head as it is found: up to the first empty line."""
    return (data + b"\r\n\r\n").partition(b"\r\n\r\n")[0] + b"\r\n\r\n"


heads = damaged(valid_heads()).map(whole_head)


@st.composite
def chunked(draw: st.DrawFn) -> bytes:
    """A body in chunks that must be accepted."""
    extension = st.sampled_from([b"", b"", b";a", b";a=b", b' ; a = "b;\\"c"', b";a;b"])
    pieces = draw(st.lists(st.binary(min_size=1, max_size=20), max_size=4))
    zeros = draw(st.sampled_from([b"", b"0", b"000"]))
    data = b"".join(
        b"%b%x%b\r\n%b\r\n" % (zeros, len(piece), draw(extension), piece)
        for piece in pieces
    )
    trailers = draw(st.sampled_from([b"", b"X-A: b\r\n", b"X-A:\r\nX-B: c\r\n"]))
    return data + b"0%b\r\n" % draw(extension) + trailers + b"\r\n"


# -- heads


def parse(raw: bytes) -> Head | None:
    """Return what a head says, or None; any other failure is one of the test."""
    try:
        return HeadParser(8192, 100).parse(raw)
    except RequestError:
        return None


def meaning(head: Head) -> Meaning:
    fields = tuple((n.lower(), v.strip(b" \t")) for n, v in head.fields)
    method, target = head.method.encode(), head.target.encode()
    return Meaning(method, target, head.minor, fields, head.length)


@given(valid_heads())
def test_every_lawful_head_is_accepted_and_read_as_the_reference_reads_it(raw):
    head = HeadParser(8192, 100).parse(raw)
    assert meaning(head) == read_head(raw)


@given(heads | st.binary(max_size=100).map(whole_head))
@settings(max_examples=300)
def test_any_head_is_refused_or_read_as_the_reference_reads_it(raw):
    head = parse(raw)
    if head is not None:
        assert meaning(head) == read_head(raw)


@given(heads)
@settings(max_examples=300)
def test_a_head_is_refused_by_line_only_if_it_is_refused_whole(raw):
    head = parse(raw)
    lines = re.findall(rb"[^\n]*\n", raw)
    try:
        read_request_line(lines[0], 8192)
        for line in lines[1:]:
            check_line(line)
    except RequestError:
        assert head is None


@given(st.lists(heads, max_size=4))
def test_a_parser_remembers_nothing_of_the_head_before(raws):
    parser = HeadParser(8192, 100)
    for raw in raws:
        try:
            again = parser.parse_again(raw) or parser.parse(raw)
        except RequestError:
            assert parse(raw) is None
            return  # it is never used after that, nor after a last request
        alone = parse(raw)
        assert alone is not None
        assert meaning(again) == meaning(alone)
        if not again.keep_alive:
            return


@given(heads)
@settings(max_examples=300)
def test_what_is_accepted_h11_accepts_with_the_same_meaning(raw):
    h11 = pytest.importorskip("h11")
    head = parse(raw)
    if head is None:
        return
    conn = h11.Connection(h11.SERVER)
    conn.receive_data(raw)
    request = conn.next_event()
    assert request.method.decode() == head.method
    assert request.target.decode() == head.target
    assert request.http_version.decode() == f"1.{head.minor}"
    fields = [(name.lower(), value.strip(b" \t")) for name, value in head.fields]
    if head.length is None:  # h11 writes it in lower case
        fields = [(n, v.lower() if n == b"transfer-encoding" else v) for n, v in fields]
    assert list(request.headers) == fields
    ends = type(conn.next_event()) is h11.EndOfMessage
    assert ends is (head.length == 0)


# -- chunks


@given(st.binary(max_size=60))
def test_any_line_is_the_size_of_a_chunk_or_refused(line):
    try:
        size = ChunkLines().size(line)
    except RequestError:
        return
    assert 0 <= size < 1 << 64
    assert re.match(rb"0*%x\b" % size, line.lower())


@given(st.lists(st.binary(max_size=40), max_size=4))
def test_any_lines_are_trailers_or_refused(lines):
    try:
        trailers = read_trailers(lines)
    except RequestError:
        return
    assert len(trailers) <= len(lines)


@given(damaged(chunked()), st.randoms(use_true_random=False))
@settings(max_examples=150)
def test_chunks_are_read_as_the_reference_reads_them(raw, rng):
    head = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    answers = conversation(cut(head + raw, rng), HttpSettings())
    read = read_chunks(raw)
    if read is None:
        assert answers == [REFUSED]
    else:
        body, _ = read
        status, text = answers[0]
        assert status == 200
        said = b"POST / body=" + body if body else b"POST /"
        assert text.partition(b" trailer=")[0] == said


# -- conversations


requests = st.tuples(valid_heads(), st.binary(max_size=30) | chunked()).map(b"".join)


@given(damaged(st.lists(requests, max_size=3).map(b"".join)), st.randoms())
@settings(max_examples=150)
def test_any_bytes_get_well_formed_answers_however_they_are_cut(raw, rng):
    whole = conversation([raw], SMALL)
    assert conversation(cut(raw, rng), SMALL) == whole
    assert conversation([raw[at : at + 1] for at in range(len(raw))], SMALL) == whole


@given(st.binary(max_size=200), st.randoms())
def test_garbage_gets_well_formed_answers_however_it_is_cut(raw, rng):
    assert conversation(cut(raw, rng), SMALL) == conversation([raw], SMALL)


def cut(raw: bytes, rng: random.Random) -> list[bytes]:
    places = sorted(rng.randint(0, len(raw)) for _ in range(4))
    ends = [*places, len(raw)]
    return [raw[at:end] for at, end in zip([0, *places], ends, strict=True)]
