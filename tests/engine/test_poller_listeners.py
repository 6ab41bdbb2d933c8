"""Listeners in the pollers: a client is told to one of those who stand there."""

import contextlib
import socket
import threading

import pytest

from portside.engine.poller import READ, EpollPoller, SelectorsPoller
from tests.engine.waiting import LONG


@pytest.fixture(params=[EpollPoller, SelectorsPoller])
def poller(request):
    poller = request.param()
    yield poller
    poller.close()


@pytest.fixture
def listener():
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server


def told(poller, sock):
    """Return what the poller tells of the socket now."""
    return [bits for fd, bits in poller.poll(0) if fd == sock.fileno()]


def test_who_stands_at_a_listener_is_told_of_clients_while_he_stands(poller, listener):
    poller.stand_at(listener.fileno())
    assert told(poller, listener) == []
    with socket.create_connection(listener.getsockname()):
        assert [told(poller, listener) for _ in range(2)] == [[READ]] * 2
    poller.forget(listener.fileno())
    assert told(poller, listener) == []


def test_a_client_that_came_before_is_told_to_who_stands_there(poller, listener):
    with socket.create_connection(listener.getsockname()):
        poller.stand_at(listener.fileno())
        assert told(poller, listener) == [READ]


def test_one_can_stand_at_a_listener_that_was_asked_of_before(poller, listener):
    poller.ask(listener.fileno(), READ)
    poller.stand_at(listener.fileno())
    with socket.create_connection(listener.getsockname()):
        assert [told(poller, listener) for _ in range(2)] == [[READ]] * 2


def woken_by_a_client(listener, pollers):
    """Let threads sleep in the pollers, connect; return whom it woke, in order."""
    woken, all_told = [], threading.Condition()

    def sleep(poller):
        events = poller.poll(LONG)
        with all_told:
            if any(fd == listener.fileno() for fd, _ in events):
                woken.append(poller)
            all_told.notify()

    ends = [socket.socketpair() for _ in pollers]
    threads = []
    for poller, (near, _) in zip(pollers, ends, strict=True):
        poller.ask(near.fileno(), READ)
        threads.append(threading.Thread(target=sleep, args=(poller,)))
        threads[-1].start()
    _until_all_sleep_in_the_kernel(threads)
    with socket.create_connection(listener.getsockname()), all_told:
        assert all_told.wait_for(lambda: woken, LONG)
    for _, far in ends:
        far.send(b"!")  # whom the client did not wake, this does
    for thread in threads:
        thread.join(LONG)
    for poller, (near, far) in zip(pollers, ends, strict=True):
        poller.forget(near.fileno())
        near.close()
        far.close()
    with contextlib.suppress(BlockingIOError):
        listener.accept()[0].close()
    return woken


def _until_all_sleep_in_the_kernel(threads):
    """Return when each of them waits in epoll_wait, by what /proc says of it."""
    for thread in threads:
        while True:
            with open(f"/proc/self/task/{thread.native_id}/wchan") as file:
                where = file.read()
            with open(f"/proc/self/task/{thread.native_id}/stat") as file:
                state = file.read().rpartition(")")[2].split()[0]
            if "poll" in where or (where in ("", "0") and state == "S"):
                break


def test_one_client_wakes_one_of_two_who_stand_at_a_listener(listener):
    pollers = [EpollPoller(), EpollPoller()]
    for poller in pollers:
        poller.stand_at(listener.fileno())
    woken = woken_by_a_client(listener, pollers)
    assert len(woken) == 1
    for poller in pollers:
        poller.close()


def test_who_steps_out_and_in_again_is_last_in_line(listener):
    """So clients spread over those who stand there, as each does so at each client."""
    pollers = [EpollPoller(), EpollPoller()]
    for poller in pollers:
        poller.stand_at(listener.fileno())
    seen = []
    for _ in range(4):
        (woken,) = woken_by_a_client(listener, pollers)
        seen.append(pollers.index(woken))
        woken.forget(listener.fileno())
        woken.stand_at(listener.fileno())
    assert seen in ([0, 1, 0, 1], [1, 0, 1, 0])
    for poller in pollers:
        poller.close()
