"""Portside makes the same of a request however it comes."""

import random
import socket
import sys
from collections.abc import Iterator

import pytest

from bench.process import Server
from tests.http.differential.generator import PROBE, generate
from tests.http.differential.outcome import Outcome, outcome_from, outcome_of

CASES = generate(1000)

FEW = pytest.mark.parametrize("part", range(4))
"""The requests in four parts: a test of all of them at once says little."""


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    command = [sys.executable, "-m", "tests.http.differential.portside_server"]
    with Server("portside", command) as server:
        yield server.port


def test_every_request_has_an_answer_that_is_no_failure(port: int) -> None:
    for case in CASES:
        outcome = outcome_of(port, case.sent)
        assert outcome.ending != "hangs", case
        assert [each for each in outcome.answers if each.status in (0, 500)] == [], case


@FEW
def test_a_request_in_pieces_comes_to_the_same(port: int, part: int) -> None:
    """In one piece its head is read at once, in several it is read line by line."""
    chance = random.Random(part)
    for case in CASES[part::4]:
        sent = case.sent + PROBE
        places = range(1, min(len(sent), 4000))
        cuts = sorted(chance.sample(places, min(12, len(places))))
        assert told(pieces(port, sent, cuts)) == told(outcome_of(port, case.sent)), case


@FEW
def test_a_request_cut_in_its_line_ends_comes_to_the_same(port: int, part: int) -> None:
    for case in CASES[part::4]:
        sent = case.sent + PROBE
        cuts = [at + 1 for at in range(len(sent) - 1) if sent[at : at + 1] == b"\r"]
        outcome = pieces(port, sent, cuts[:40])
        assert told(outcome) == told(outcome_of(port, case.sent)), case


@FEW
def test_a_request_behind_one_like_it_comes_to_the_same(port: int, part: int) -> None:
    """What was read once is not read again where all fields are the same bytes."""
    for case in CASES[part::4]:
        line, end, fields = case.sent.partition(b" HTTP/1.1\r\n")
        if not end or b"\r\n\r\n" not in fields or line.startswith(b"\r\n"):
            continue
        first = (
            b"GET /first HTTP/1.1\r\n" + fields.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
        )
        alone = outcome_of(port, first)
        if alone.text != "2xx, kept":
            continue  # it has a body, or is refused for its fields
        both = outcome_of(port, first + case.sent)
        assert both.answers[0] == alone.answers[0], case
        rest = Outcome(both.answers[1:], both.ending)
        assert told(rest) == told(outcome_of(port, case.sent)), case


def told(outcome: Outcome) -> tuple[str, tuple[str, ...]]:
    """Return what must be the same."""
    return outcome.text, outcome.seen


def pieces(port: int, sent: bytes, cuts: list[int]) -> Outcome:
    """Send it in pieces, each a segment of its own."""

    def send(client: socket.socket) -> None:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start, end in zip([0, *cuts], [*cuts, len(sent)], strict=True):
            client.sendall(sent[start:end])

    return outcome_from(port, send)
