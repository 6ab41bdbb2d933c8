"""Many descriptors that one task waits for, on each engine and with each poller."""

import os
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from portside.engine import ReadSet, abandon_all, now
from portside.engine import read_set as module
from portside.engine.poller import EpollPoller, Poller, SelectorsPoller
from tests.engine.waiting import LONG

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture(params=[EpollPoller, SelectorsPoller])
def waiting(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ReadSet]:
    make: Callable[[], Poller] = request.param
    monkeypatch.setattr(module, "make_poller", make)
    waiting = ReadSet()
    yield waiting
    waiting.close()


@pytest.fixture
def pairs() -> Iterator[list[Pair]]:
    pairs = [socket.socketpair() for _ in range(5)]
    yield pairs
    for near, far in pairs:
        near.close()
        far.close()


def wait(waiting: ReadSet) -> list[int]:
    until = now() + LONG
    while not (ready := waiting.wait(until)):
        assert now() < until
    return ready


def test_it_tells_of_those_that_are_readable(engine, waiting, pairs):
    for near, _ in pairs:
        waiting.add(near.fileno())
    pairs[1][1].send(b"x")
    pairs[3][1].close()  # an end is something to read
    assert sorted(wait(waiting)) == [pairs[1][0].fileno(), pairs[3][0].fileno()]


def test_it_tells_again_as_long_as_there_is_something(engine, waiting, pairs):
    near, far = pairs[0]
    waiting.add(near.fileno())
    far.send(b"x")
    assert wait(waiting) == wait(waiting) == [near.fileno()]
    near.recv(1)
    assert waiting.wait(now() + 0.001) == []


def test_it_tells_nothing_at_the_deadline_and_does_not_raise(engine, waiting, pairs):
    waiting.add(pairs[0][0].fileno())
    assert waiting.wait(now() - 1) == []


def test_one_that_another_thread_adds_is_told_in_the_wait_that_goes_on(
    engine, waiting, pairs
):
    near, far = pairs[0]
    far.send(b"x")
    adding = threading.Timer(0.02, waiting.add, [near.fileno()])
    adding.start()
    assert wait(waiting) == [near.fileno()]
    adding.join()


def test_one_that_was_discarded_is_told_no_more(engine, waiting, pairs):
    for near, far in pairs[:2]:
        waiting.add(near.fileno())
        far.send(b"x")
    waiting.discard(pairs[0][0].fileno())
    waiting.discard(pairs[4][0].fileno())  # never there: silent
    assert wait(waiting) == [pairs[1][0].fileno()]


def test_the_number_of_one_that_was_discarded_can_be_anothers(engine, waiting, pairs):
    number = pairs[0][0].fileno()
    waiting.add(number)
    waiting.discard(number)
    os.dup2(pairs[1][0].fileno(), number)
    waiting.add(number)
    pairs[1][1].send(b"y")
    assert wait(waiting) == [number]


def test_closing_gives_its_descriptor_back_and_again_is_silent(engine):
    waiting = ReadSet()
    os.fstat(waiting.number)
    waiting.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(waiting.number)
    waiting.close()


def test_a_forked_child_lets_go_of_it():
    waiting = ReadSet()
    pid = os.fork()
    if pid == 0:
        try:
            abandon_all(keep=set())
            os.fstat(waiting.number)
        except OSError:
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitpid(pid, 0)[1] == 0
    waiting.close()
