"""What the pollers promise to a hub: each event that was asked for, once."""

import os
import select
import socket
import threading

import pytest

from portside.engine.poller import (
    READ,
    WRITE,
    EpollPoller,
    SelectorsPoller,
    make_poller,
)
from tests.engine.waiting import LONG, fill

BOTH = READ | WRITE


@pytest.fixture(params=[EpollPoller, SelectorsPoller])
def poller(request):
    poller = request.param()
    yield poller
    poller.close()


@pytest.fixture
def pair():
    near, far = socket.socketpair()
    near.setblocking(False)
    with near, far:
        yield near, far


def told(poller, sock):
    """Return what the poller tells of the socket now, errors and hang-ups left out."""
    return [bits & BOTH for fd, bits in poller.poll(0) if fd == sock.fileno()]


def dup_over(sock, number):
    """Give the socket a second name: this number."""
    os.dup2(sock.fileno(), number)
    return number


# -- asking


def test_what_is_readable_already_is_told(poller, pair):
    near, far = pair
    far.send(b"x")
    poller.ask(near.fileno(), READ)
    assert told(poller, near) == [READ]


def test_what_becomes_readable_later_is_told_then(poller, pair):
    near, far = pair
    poller.ask(near.fileno(), READ)
    assert told(poller, near) == []
    far.send(b"x")
    assert told(poller, near) == [READ]


def test_what_stays_readable_is_told_at_each_poll(poller, pair):
    near, far = pair
    poller.ask(near.fileno(), READ)
    far.send(b"x")
    assert [told(poller, near) for _ in range(3)] == [[READ]] * 3
    near.recv(1)
    assert told(poller, near) == []


def test_who_asks_for_one_direction_is_told_nothing_of_the_other(poller, pair):
    near, far = pair
    far.send(b"x")
    poller.ask(near.fileno(), WRITE)
    assert told(poller, near) == [WRITE]
    fill(near)
    assert told(poller, near) == []


def test_who_asks_for_both_is_told_of_both_that_are_there(poller, pair):
    near, far = pair
    poller.ask(near.fileno(), BOTH)
    assert told(poller, near) == [WRITE]
    far.send(b"x")
    assert told(poller, near) == [BOTH]


def test_what_is_asked_later_takes_the_place_of_what_was_asked_before(poller, pair):
    near, far = pair
    fill(near)
    far.send(b"x")
    poller.ask(near.fileno(), READ)
    poller.ask(near.fileno(), WRITE)
    assert told(poller, near) == []


def test_an_end_is_told_to_who_waits_to_read(poller, pair):
    near, far = pair
    poller.ask(near.fileno(), READ)
    far.close()
    assert poller.poll(0)


def test_an_end_of_both_directions_is_told_to_who_waits_to_write(poller, pair):
    near, far = pair
    fill(near)
    poller.ask(near.fileno(), WRITE)
    far.close()
    assert poller.poll(0)


def test_many_descriptors_are_told_at_once(poller):
    pairs = [socket.socketpair() for _ in range(100)]
    for near, far in pairs:
        poller.ask(near.fileno(), READ)
        far.send(b"x")
    assert {fd for fd, _ in poller.poll(0)} == {near.fileno() for near, _ in pairs}
    for near, far in pairs:
        near.close()
        far.close()


def test_it_knows_what_was_asked(poller, pair):
    number = pair[0].fileno()
    seen = [poller.asked.get(number)]
    for mask in (READ, BOTH, WRITE):
        poller.ask(number, mask)
        seen.append(poller.asked.get(number))
    poller.forget(number)
    seen.append(poller.asked.get(number))
    assert seen == [None, READ, BOTH, WRITE, None]


def test_one_cannot_ask_of_a_descriptor_that_is_closed(poller):
    near, far = socket.socketpair()
    number = near.fileno()
    near.close()
    far.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        poller.ask(number, READ)
    assert number not in poller.asked


def test_a_file_on_disk_is_ready_until_it_is_forgotten(poller, pair, tmp_path):
    """epoll refuses it, poll and select do not: output may be sent to a file."""
    near, far = pair
    far.send(b"x")
    poller.ask(near.fileno(), READ)
    with open(tmp_path / "file", "wb") as file:
        for mask in (WRITE, READ, BOTH):
            poller.ask(file.fileno(), mask)
            assert set(poller.poll(LONG)) == {
                (file.fileno(), mask),
                (near.fileno(), READ),
            }
        poller.forget(file.fileno())
        assert poller.poll(0) == [(near.fileno(), READ)]


# -- forgetting


def test_to_forget_what_it_never_knew_is_silent(poller, pair):
    poller.forget(pair[0].fileno())
    poller.forget(10**6)


def test_to_forget_twice_is_silent(poller, pair):
    poller.ask(pair[0].fileno(), READ)
    poller.forget(pair[0].fileno())
    poller.forget(pair[0].fileno())


def test_to_forget_what_was_closed_before_is_silent(poller):
    near, far = socket.socketpair()
    number = near.fileno()
    poller.ask(number, READ)
    near.close()
    far.close()
    poller.forget(number)


def test_to_forget_when_it_is_closed_is_silent(poller, pair):
    poller.ask(pair[0].fileno(), READ)
    poller.close()
    poller.forget(pair[0].fileno())


def test_to_forget_while_another_thread_closes_it_is_silent(pair):
    """As when a hub ends between the look and the call."""
    poller = EpollPoller()
    poller.ask(pair[0].fileno(), READ)
    epoll = poller._epoll

    class ClosedAfterALook:
        def __getattr__(self, name):
            value = getattr(epoll, name)
            if name == "closed":
                epoll.close()
            return value

    poller._epoll = ClosedAfterALook()  # type: ignore[assignment]
    poller.forget(pair[0].fileno())


def test_what_was_forgotten_is_not_told(poller, pair):
    near, far = pair
    poller.ask(near.fileno(), READ)
    far.send(b"x")
    poller.forget(near.fileno())
    assert poller.poll(0) == []


def test_a_twin_that_stays_open_tells_nothing_after_the_other_was_forgotten(
    poller, pair
):
    near, far = pair
    number = os.dup(near.fileno())
    poller.ask(number, READ)
    poller.forget(number)
    os.close(number)
    far.send(b"x")
    assert poller.poll(0) == []
    near.recv(1)


def test_what_was_forgotten_can_be_asked_for_again(poller, pair):
    near, far = pair
    far.send(b"x")
    for _ in range(3):
        poller.ask(near.fileno(), READ)
        poller.forget(near.fileno())
    poller.ask(near.fileno(), READ)
    assert told(poller, near) == [READ]


# -- numbers that come again


@pytest.mark.parametrize("mask", [READ, WRITE, BOTH])
def test_a_number_that_was_closed_unseen_can_be_asked_of_for_its_next_socket(
    poller, pair, mask
):
    near, far = pair
    first, first_far = socket.socketpair()
    number = first.detach()
    poller.ask(number, mask)
    poller.poll(0)
    os.close(number)
    first_far.close()
    dup_over(near, number)
    far.send(b"x")
    poller.ask(number, READ)
    assert poller.poll(0) == [(number, READ)]
    poller.forget(number)
    os.close(number)


def test_a_registration_that_outlived_its_number_is_taken_over(pair):
    """The number was closed and came back, for the very same file: it is known."""
    near, far = pair
    poller = EpollPoller()
    number = os.dup(near.fileno())
    poller.ask(number, READ)
    del poller.asked[number]  # as after a failure to unregister
    os.close(number)
    dup_over(near, number)
    far.send(b"x")
    poller.ask(number, READ)
    assert poller.poll(0) == [(number, READ)]
    poller.close()
    os.close(number)


# -- how long, and the end


def test_a_poll_without_time_returns_at_once(poller):
    assert poller.poll(0) == []
    assert poller.poll(0.0) == []


def test_a_poll_returns_when_its_time_is_over(poller, pair):
    poller.ask(pair[0].fileno(), READ)
    assert poller.poll(0.001) == []


@pytest.mark.parametrize("seconds", [None, 1e6], ids=["for ever", "longest"])
def test_a_poll_lasts_until_there_is_an_event(poller, pair, seconds):
    near, far = pair
    poller.ask(near.fileno(), READ)
    sender = threading.Thread(target=far.send, args=(b"x",))
    sender.start()
    assert poller.poll(seconds) == [(near.fileno(), READ)]
    sender.join()


def test_to_close_it_twice_is_silent(poller):
    poller.close()
    poller.close()


def test_to_close_it_leaves_what_it_looked_at_open(poller, pair):
    near, far = pair
    poller.ask(near.fileno(), READ)
    poller.close()
    far.send(b"x")
    assert near.recv(1) == b"x"


def test_the_best_one_here_is_epoll():
    poller = make_poller()
    assert isinstance(poller, EpollPoller)
    poller.close()


def test_where_there_is_no_epoll_it_is_selectors(monkeypatch):
    monkeypatch.delattr(select, "epoll")
    poller = make_poller()
    assert isinstance(poller, SelectorsPoller)
    poller.close()
