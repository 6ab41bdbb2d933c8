"""The patterns: what each takes, and how long at the most."""

import re
import time
from typing import Any

import pytest

from portside.http import grammar

PATTERNS = {
    name: getattr(grammar, name) for name in grammar.__all__ if name != "FIELD_VALUE"
}

LENGTHS = (300, 1500, 6000)
"""How often each text is repeated: a cube shows at the first, a square at the last."""

PUMPED = [" ", "\t", "a", "a ", "1", '"', '\\"', ";", ";a", ";a=", ';a="x"', "; ", ":"]
PUMPED += [".", "0", "=", "a=", '"a', "\\", "A:", "/", "é"]
BEFORE = [
    "",
    "a",
    "A:",
    "A:a",
    "GET /",
    "GET / HTTP/1.1",
    "[",
    "x:",
    "5",
    "5;a",
    '5;a="',
]
BEHIND = ["", "\r", "\n", "\r\n", "\0", "b", "b\r\n", " HTTP/1.1\n", '"', ":"]


@pytest.mark.parametrize("name", PATTERNS)
def test_no_pattern_takes_more_than_linear_time(name):
    """Each is tried on what a stranger has sent, mostly before anything is known."""
    pattern = PATTERNS[name]
    assert [
        f"{before}({pumped})*"
        for before in BEFORE
        for pumped in PUMPED
        if any(is_slow(pattern, before, pumped * n_times) for n_times in LENGTHS)
    ] == []


def is_slow(pattern: re.Pattern[Any], before: str, pumped: str) -> bool:
    is_text = isinstance(pattern.pattern, str)
    texts = [before + pumped + behind for behind in BEHIND]
    tried = texts if is_text else [text.encode("latin-1") for text in texts]
    return all(takes_long(pattern, tried) for _ in range(5))


def takes_long(pattern: re.Pattern[Any], tried: list[Any]) -> bool:
    """A busy machine may make it long once, a pattern that is not linear each time."""
    began = time.process_time()
    for text in tried:
        pattern.fullmatch(text)
    return time.process_time() - began > 0.05


TAKEN: dict[str, list[Any]] = {
    "TOKEN": [b"a", b"GET", b"!#$%&'*+-.^_`|~09AZaz"],
    "REQUEST_LINE": [
        b"GET / HTTP/1.1\r\n",
        b"M * HTTP/0.0\r\n",
        b'GET /|^{}"`<>\\ HTTP/9.9\r\n',
    ],
    "FIELD_LINE": [b"A:\r\n", b"A: \t b c \t\r\n", b"A:b\r\n", b"!: \x80\xff~\r\n"],
    "FIELD": [b"A:", b"A: \t", b"A: \t b c \t", b"A:b", b"!: \x80\xff~"],
    "FIELD_NAME": ["a", "X-A", "!#$%&'*+-.^_`|~"],
    "FIELD_VALUE": ["", "a b", "\t", "\x80\xff", "!~"],
    "HOST": [b"", b"a", b"a:", b"a:1", b"[::1]", b"[::1]:1", b"a_b.c~d-e"],
    "CHUNK_LINE": [b"0\r\n", b"5;a\r\n", b'5;a="\\"";b=c\r\n', b"F" * 16 + b"\r\n"],
    "NEXT_CHUNK_LINE": [b"\r\n0\r\n", b"\r\nfF;a=b\r\n", b"\r\n" + b"0" * 16 + b"\r\n"],
}

NOT_TAKEN: dict[str, list[Any]] = {
    "TOKEN": [b"", b" ", b"a b", b"a\n", b"(", b"\xe9", b'"', b"a/b", b"a:"],
    "REQUEST_LINE": [
        b"GET / HTTP/1.1\n",
        b"GET / HTTP/1.1 \r\n",
        b"GET / HTTP/11\r\n",
        b"GET /# HTTP/1.1\r\n",
        b"GET /\x7f HTTP/1.1\r\n",
        b"GET /\xe9 HTTP/1.1\r\n",
        b"GET  HTTP/1.1\r\n",
    ],
    "FIELD_LINE": [
        b"A\r\n",
        b"A :b\r\n",
        b" A:b\r\n",
        b":b\r\n",
        b"A:b\n",
        b"A:b\r\r\n",
        b"A:\0\r\n",
        b"A:b\r\n\r\n",
        b"A:b\r\n c\r\n",
    ],
    "FIELD": [b"A", b"A :b", b" A:b", b":b", b"A:b\r\n", b"A:\r", b"A:\0", b"A:\x7f"],
    "FIELD_NAME": ["", "a b", "a\n", "é", "\uff21", "a:"],
    "FIELD_VALUE": ["\n", "a\n", "\r", "\0", "\x7f", "\x1f", "\u0100", "\ud800"],
    "HOST": [b"a b", b"a/b", b"a,b", b"u@a", b"[::1", b"::1", b"a:b", b"a:1:2", b"a\n"],
    "CHUNK_LINE": [b"0\n", b"5 \r\n", b"5;\r\n", b"0x5\r\n", b"0" * 17 + b"\r\n"],
    "NEXT_CHUNK_LINE": [b"0\r\n", b"\n0\r\n", b"\r\n5;\r\n", b"\r\n\r\n", b"\r\n5\n"],
}


@pytest.mark.parametrize("name", grammar.__all__)
def test_each_pattern_takes_its_rule_whole(name):
    pattern = getattr(grammar, name)
    assert [text for text in TAKEN[name] if not pattern.fullmatch(text)] == []
    assert [text for text in NOT_TAKEN[name] if pattern.fullmatch(text)] == []


def test_a_field_line_gives_the_value_without_the_space_around():
    for line in (b"A:b\r\n", b"A: \tb\t \r\n"):
        match = grammar.FIELD_LINE.fullmatch(line)
        assert match is not None
        assert (match[1], match[2].strip(b" \t")) == (b"A", b"b")
