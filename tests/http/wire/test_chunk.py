"""The lines of a body in chunks: sizes, what surrounds the data, trailers."""

import pytest

from portside.http.message.status_error import RequestError
from portside.http.wire.chunk import (
    MAX_CHUNK_LINE_BYTES,
    MAX_OVERHEAD_BYTES,
    ChunkLines,
    read_trailers,
)

SIZES = {
    b"0\r\n": 0,
    b"5\r\n": 5,
    b"00ff\r\n": 255,
    b"aBc\r\n": 0xABC,
    b"000000000000001a\r\n": 26,
    b"f" * 16 + b"\r\n": 2**64 - 1,
    b"5;a\r\n": 5,
    b"5;a=1\r\n": 5,
    b'5 ; a = "x \\" \xe9;" ;b\r\n': 5,
    b'5;a=""\r\n': 5,
}


@pytest.mark.parametrize("line", SIZES, ids=ascii)
def test_a_size_is_hexadecimal_and_extensions_are_ignored(line):
    assert ChunkLines().size(line) == SIZES[line]


REFUSED = [
    *(b"", b"\r\n", b"5", b"5\n", b"5\r", b"5\r\r\n", b"5 \r\n", b" 5\r\n", b"\t5\r\n"),
    *(b"0x5\r\n", b"+5\r\n", b"-5\r\n", b"5_0\r\n", b"5g\r\n", b"5.0\r\n", b"\xb2\r\n"),
    *(b"0" * 17 + b"\r\n", b"5\0\r\n", "\uff15\r\n".encode()),
    *(b"5;\r\n", b"5;;\r\n", b"5;a=\r\n", b"5;=1\r\n", b"5;a b\r\n", b"5 a\r\n"),
    *(b"5;a\nb\r\n", b"5;a\rb\r\n", b"5;\n\r\n", b'5;a="\r\n', b'5;a="\\\r\n'),
    *(b'5;a="\n"\r\n', b"5;a=\x01\r\n", b'5;a="\x7f"\r\n', b"5\r\n5\r\n"),
]


@pytest.mark.parametrize("line", REFUSED, ids=ascii)
def test_what_another_could_take_for_another_size_is_refused(line):
    with pytest.raises(RequestError) as caught:
        ChunkLines().size(line)
    assert caught.value.status == 400


@pytest.mark.parametrize("line", [b"1\r\n", b"0000000000000001\r\n", b"2;a=b\r\n"])
def test_small_chunks_may_go_on_for_ever(line):
    lines = ChunkLines()
    for _ in range(100_000):
        assert lines.size(line) > 0


def test_extensions_around_a_byte_come_to_an_end():
    """What CVE-2023-39326 was: a page of extensions for each byte of data."""
    lines, line = ChunkLines(), b"1;" + b"a" * 1000 + b"\r\n"
    read = 0
    with pytest.raises(RequestError, match="more around them than in them"):
        while read <= 2 * MAX_OVERHEAD_BYTES:
            lines.size(line)
            read += len(line)
    assert read <= MAX_OVERHEAD_BYTES


def test_extensions_have_room_beside_enough_data():
    lines, line = ChunkLines(), b"1f4;" + b"a" * 1000 + b"\r\n"
    for _ in range(1000):
        assert lines.size(line) == 500


def test_much_data_is_no_credit_for_what_comes_later():
    lines = ChunkLines()
    lines.size(b"7fffffff\r\n")
    with pytest.raises(RequestError):
        for _ in range(20):
            lines.size(b"1;" + b"a" * 1000 + b"\r\n")


def test_a_line_of_quotes_takes_no_time_to_refuse():
    """A pattern that tries each way to cut them would take longer than the universe."""
    line = b"5" + b';a="\\"' * 160 + b"\r\n"
    assert len(line) < MAX_CHUNK_LINE_BYTES
    with pytest.raises(RequestError):
        ChunkLines().size(line)
    with pytest.raises(RequestError):
        ChunkLines().size(b"5" + b" \t" * 500 + b"x\r\n")


# -- trailers


def test_trailers_are_fields():
    trailers = read_trailers([b"X-Sum: \t1 2 \r\n", b"x-sum:3\r\n", b"X-E:\r\n"])
    assert trailers.items() == [("X-Sum", "1 2"), ("x-sum", "3"), ("X-E", "")]
    assert trailers["X-SUM"] == "1 2, 3"


def test_there_need_be_none():
    assert read_trailers([]).items() == []


@pytest.mark.parametrize(
    "name",
    [
        *("Content-Length", "TRANSFER-ENCODING", "host", "Authorization", "Cookie"),
        *("Connection", "Set-Cookie", "Content-Type", "Expect", "Trailer", "Range"),
    ],
)
def test_what_was_acted_on_already_is_dropped(name):
    """RFC 9110 section 6.5.1: it would pass for something that stood in the head."""
    trailers = read_trailers([f"{name}: 1\r\n".encode(), b"X-A: 1\r\n"])
    assert trailers.items() == [("X-A", "1")]


@pytest.mark.parametrize(
    "line",
    [
        *(b"X-A: 1\n", b"X-A : 1\r\n", b" X-A: 1\r\n", b"X-A\r\n", b": 1\r\n"),
        *(b"X-A: a\rb\r\n", b"X-A: \0\r\n", b"X-\xe9: 1\r\n", b"X-A: 1\r\r\n"),
        *(b"\r\n", b""),
    ],
    ids=ascii,
)
def test_a_malformed_trailer_is_refused(line):
    with pytest.raises(RequestError) as caught:
        read_trailers([b"X-A: 1\r\n", line])
    assert caught.value.status == 400
