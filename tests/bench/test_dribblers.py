"""The measure of dribblers: it counts, and finds out a server that answers wrongly."""

import contextlib

import pytest

from bench.dribblers import Latencies, Measured, ask, dribbling, main, wait_for_all
from bench.process import ProgramError
from portside import Server, http
from portside.services import daytime

QUIET = Latencies(0.5, 2.0, 100)


@contextlib.contextmanager
def answering(handler):
    with Server(handler, "tcp://127.0.0.1:0", model="thread") as server:
        yield server.address.port


def test_clients_are_measured_alone_and_beside_dribblers(capsys):
    words = ["--models", "nonblocking", "--count", "20", "--seconds", "0.5"]
    assert main(words) in (0, 1)  # a busy machine may miss the limit
    told = capsys.readouterr().out
    assert "nonblocking: 50 clients, and then beside 20 that dribble" in told
    assert told.count(" answers") == 2
    assert "  cut off: head 0, body 0, read 0" in told
    assert "failed" not in told


def test_clients_notice_when_one_of_a_hundred_waits_too_long():
    assert Measured(QUIET, Latencies(0.5, 11.9, 100), {}).is_good
    assert not Measured(QUIET, Latencies(0.5, 12.1, 100), {}).is_good
    slow = Latencies(50.0, 100.0, 100)
    assert Measured(slow, Latencies(50.0, 199.0, 100), {}).is_good
    assert not Measured(slow, Latencies(50.0, 201.0, 100), {}).is_good


def test_every_client_is_answered_again_and_again():
    with answering(http.handler(lambda r: http.Response("Hello, x!"))) as port:
        told = ask(port, 0.5, clients=5)
    assert told.count >= 10
    assert 0 < told.p50 <= told.p99


def test_a_server_of_another_page_is_found_out():
    with answering(http.handler(lambda r: http.Response("Hello, y!"))) as port:
        with pytest.raises(ProgramError, match="was answered"):
            ask(port, 0.5, clients=2)


def test_a_server_that_says_something_to_a_dribbler_is_found_out():
    with answering(daytime) as port, dribbling(port, 3) as program:
        with pytest.raises(ProgramError, match=r"of a (head|body) was told"):
            wait_for_all(program, 3)
            program.line(5)
