"""Ranges: what is asked for, what is ignored, what cannot be sent."""

import pytest

from portside.http.message.ranges import (
    MAX_RANGES,
    content_range,
    multipart_of,
    parse_ranges,
)

# Value, size of the file, (offset, count) of each part.
SENT = {
    "the first byte": ("bytes=0-0", 10, [(0, 1)]),
    "the first five": ("bytes=0-4", 10, [(0, 5)]),
    "all, by name": ("bytes=0-9", 10, [(0, 10)]),
    "all, open": ("bytes=0-", 10, [(0, 10)]),
    "from two on": ("bytes=2-", 10, [(2, 8)]),
    "the last byte, by name": ("bytes=9-9", 10, [(9, 1)]),
    "the last byte, open": ("bytes=9-", 10, [(9, 1)]),
    "the last five": ("bytes=-5", 10, [(5, 5)]),
    "as many at the end as there are": ("bytes=-10", 10, [(0, 10)]),
    "more at the end than there are": ("bytes=-11", 10, [(0, 10)]),
    "end is beyond the end": ("bytes=3-7000", 10, [(3, 7)]),
    "end of thirty digits": ("bytes=3-" + "9" * 30, 10, [(3, 7)]),
    "end of 5000 digits": ("bytes=3-" + "9" * 5000, 10, [(3, 7)]),
    "suffix of 5000 digits": ("bytes=-" + "9" * 5000, 10, [(0, 10)]),
    "zeros in front": ("bytes=" + "0" * 30 + "1-" + "0" * 30 + "2", 10, [(1, 2)]),
    "unit in other letters": ("ByTeS=1-2", 10, [(1, 2)]),
    "two": ("bytes=0-0,2-2", 10, [(0, 1), (2, 1)]),
    "two, in the order asked for": ("bytes=5-6,0-0", 10, [(5, 2), (0, 1)]),
    "two, with spaces": ("bytes=0-0 ,\t2-2", 10, [(0, 1), (2, 1)]),
    "two of three: one is beyond": ("bytes=0-0,99-,2-2", 10, [(0, 1), (2, 1)]),
    "one of two: none at the end": ("bytes=-0,2-2", 10, [(2, 1)]),
    "empty elements": ("bytes=,0-0,,2-2, ,", 10, [(0, 1), (2, 1)]),
    "two that touch and are all": ("bytes=0-4,5-9", 10, [(0, 5), (5, 5)]),
    "the same twice, together not longer": ("bytes=0-1,0-1", 10, [(0, 2), (0, 2)]),
    "as many as may be": (
        "bytes=" + ",".join(f"{i}-{i}" for i in range(MAX_RANGES)),
        100,
        [(i, 1) for i in range(MAX_RANGES)],
    ),
    "of a huge file": (
        "bytes=4294967296-",
        1 << 40,
        [(1 << 32, (1 << 40) - (1 << 32))],
    ),
}

IGNORED = {
    "nothing": "",
    "only the unit": "bytes",
    "no ranges": "bytes=",
    "only commas": "bytes=,, ,",
    "no unit": "0-4",
    "another unit": "lines=0-4",
    "another unit, empty": "lines=",
    "unit with a space": "bytes =0-4",
    "space in front": " bytes=0-4",
    "only a hyphen": "bytes=-",
    "only a number": "bytes=5",
    "letters": "bytes=a-b",
    "a letter at the end": "bytes=0-4x",
    "hexadecimal": "bytes=0x0-0x4",
    "underscore": "bytes=0-1_0",
    "plus": "bytes=+0-4",
    "minus": "bytes=--4",
    "two hyphens": "bytes=0--4",
    "arabic digits": "bytes=\u0660-\u0664",
    "superscript": "bytes=0-\u00b2",
    "space inside": "bytes=0 -4",
    "end before the beginning": "bytes=9-5",
    "end before the beginning, of many digits": "bytes=" + "9" * 30 + "-5",
    "end before the beginning, and one that is good": "bytes=0-1,9-5",
    "bad, and one that is good": "bytes=0-1,x",
    "fraction": "bytes=0.0-4",
    "semicolon": "bytes=0-1;2-3",
    "line end": "bytes=0-4\n",
    "too many": "bytes=" + ",".join(f"{i}-{i}" for i in range(MAX_RANGES + 1)),
    "a thousand": "bytes=" + ",".join(["0-0"] * 1000),
    "together longer than the file": "bytes=0-99,0-0",
    "the same again and again": "bytes=" + ",".join(["0-"] * MAX_RANGES),
}

BEYOND = {
    "right behind the end": "bytes=100-",
    "right behind the end, with an end": "bytes=100-100",
    "far behind it": "bytes=100000-200000",
    "of thirty digits": "bytes=" + "9" * 30 + "-",
    "of 5000 digits": "bytes=" + "9" * 5000 + "-",
    "nothing at the end": "bytes=-0",
    "nothing at the end, in many zeros": "bytes=-" + "0" * 40,
    "two": "bytes=100-,200-",
    "both kinds": "bytes=-0,100-",
}


@pytest.mark.parametrize(("value", "size", "ranges"), SENT.values(), ids=SENT)
def test_what_can_be_sent_is(value, size, ranges):
    assert parse_ranges(value, size) == ranges


@pytest.mark.parametrize("value", IGNORED.values(), ids=IGNORED)
def test_what_is_malformed_or_costs_too_much_is_ignored(value):
    assert parse_ranges(value, 100) is None


@pytest.mark.parametrize("value", BEYOND.values(), ids=BEYOND)
def test_what_is_beyond_the_end_cannot_be_sent(value):
    assert parse_ranges(value, 100) == []


@pytest.mark.parametrize("value", ["bytes=0-", "bytes=0-0", "bytes=-1", "bytes=-0"])
def test_of_an_empty_file_every_range_is_all_of_it(value):
    assert parse_ranges(value, 0) is None


def test_a_range_is_named_by_its_first_and_last_byte():
    assert content_range((0, 1), 10) == "bytes 0-0/10"
    assert content_range((5, 5), 10) == "bytes 5-9/10"
    assert content_range(None, 10) == "bytes */10"


def test_several_parts_are_framed_as_mime_has_it():
    kind, parts = multipart_of([(0, 2), (7, 3)], 10, "text/plain")
    boundary = kind.removeprefix("multipart/byteranges; boundary=")
    texts = [part if isinstance(part, bytes) else b"*" * part[1] for part in parts]
    assert b"".join(texts).decode() == (
        f"--{boundary}\r\n"
        "Content-Type: text/plain\r\n"
        "Content-Range: bytes 0-1/10\r\n"
        "\r\n"
        "**"
        f"\r\n--{boundary}\r\n"
        "Content-Type: text/plain\r\n"
        "Content-Range: bytes 7-9/10\r\n"
        "\r\n"
        "***"
        f"\r\n--{boundary}--\r\n"
    )


def test_a_part_has_no_type_where_the_whole_has_none():
    _, parts = multipart_of([(0, 1), (2, 1)], 10, None)
    assert b"Content-Type" not in b"".join(p for p in parts if isinstance(p, bytes))


def test_no_two_answers_have_the_same_boundary():
    kinds = {multipart_of([(0, 1), (2, 1)], 10, None)[0] for _ in range(20)}
    assert len(kinds) == 20
