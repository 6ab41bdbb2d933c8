"""Accepting: who comes in, until when, and how it ends."""

import errno
import os
import socket

import pytest

from portside import net
from portside.engine import Descriptor, Event, TaskGroup, now, sleep, timeout
from portside.errors import (
    ClosedError,
    DeadlineError,
    Error,
    ResetError,
    WouldBlockError,
)

LONG_AGO = now() - 5

# What accept may say of a connection that broke in the queue: accept(2).
BROKEN_IN_THE_QUEUE = ["ECONNABORTED", "EPROTO", "EPERM", "ENETDOWN", "EHOSTUNREACH"]


def test_clients_are_accepted_in_the_order_in_which_they_came(listener):
    clients = [net.dial(listener.address) for _ in range(5)]
    conns = [listener.accept() for _ in clients]
    assert [each.remote_address for each in conns] == [
        each.local_address for each in clients
    ]
    for conn in clients + conns:
        conn.close()


def test_accepting_without_a_client_waits_or_says_so(listener):
    with pytest.raises(WouldBlockError, match=r"^accept tcp 127\.0\.0\.1:"):
        listener.accept_nowait()
    with TaskGroup() as group:
        accepting = group.start_soon(listener.accept)
        near = net.dial(listener.address)
        with near, accepting.result() as far:
            assert far.remote_address == near.local_address


def test_ten_tasks_may_accept(listener):
    accepted = []

    def accept() -> None:
        while True:
            with listener.accept() as conn:
                accepted.append(conn.remote_address)

    with TaskGroup() as group:
        for _ in range(10):
            group.start_soon(pytest.raises, ClosedError, accept)
        dialed = []
        for _ in range(100):
            with net.dial(listener.address) as near:
                dialed.append(near.local_address)
                assert near.read() == b""
        listener.close()
    assert sorted(accepted, key=str) == sorted(dialed, key=str)


class Faulty(Descriptor):
    """A listening socket whose kernel has something to say first."""

    faults: list[int]

    def accept_nowait(self):
        if self.faults:
            number = self.faults.pop(0)
            raise OSError(number, os.strerror(number))
        return super().accept_nowait()


@pytest.fixture
def faulty():
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    sock.listen()
    descriptor = Faulty(sock)
    with net.Listener("tcp", [descriptor]) as listener:
        yield listener, descriptor


@pytest.mark.parametrize("name", BROKEN_IN_THE_QUEUE)
def test_a_connection_that_broke_in_the_queue_is_passed_over(faulty, name):
    listener, descriptor = faulty
    descriptor.faults = [getattr(errno, name)] * 3
    with net.dial(listener.address) as near, listener.accept() as far:
        assert far.remote_address == near.local_address


def test_a_lack_of_descriptors_is_told_and_the_client_still_waits(faulty):
    listener, descriptor = faulty
    descriptor.faults = [errno.EMFILE]
    with net.dial(listener.address) as near:
        with pytest.raises(
            Error, match=r"^accept tcp .*: too many open files"
        ) as caught:
            listener.accept()
        assert caught.value.errno == errno.EMFILE
        with listener.accept() as far:
            assert far.remote_address == near.local_address


def test_a_client_that_leaves_the_queue_disturbs_nobody(listener):
    gone = net.dial(listener.address)
    gone.abort()
    with net.dial(listener.address) as near:
        far = listener.accept()
        if far.remote_address != near.local_address:  # the kernel still counts it
            with pytest.raises(ResetError):
                far.read()
            far.close()
            far = listener.accept()
        with far:
            assert far.remote_address == near.local_address


# -- until when


def test_a_passed_deadline_wins_over_a_client_that_waits(listener):
    with net.dial(listener.address) as near:
        listener.set_deadline(LONG_AGO)
        for _ in range(2):
            with pytest.raises(
                DeadlineError, match=r"^accept tcp .*: deadline exceeded"
            ):
                listener.accept()
        listener.set_deadline(None)
        with listener.accept() as far:
            assert far.remote_address == near.local_address


def test_a_deadline_ends_a_busy_accept_loop(listener):
    def accept() -> None:
        while True:
            net.dial(listener.address).close()
            listener.accept().close()

    at = now() + 0.05
    listener.set_deadline(at)
    with pytest.raises(DeadlineError):
        accept()
    assert now() >= at
    with pytest.raises(DeadlineError):
        listener.accept()


def test_a_deadline_ends_an_accept_that_waits(listener):
    at = now() + 0.02
    listener.set_deadline(at)
    with pytest.raises(DeadlineError):
        listener.accept()
    assert at <= now() < at + 5


def test_moving_the_deadline_ends_an_accept_that_waits(listener):
    with TaskGroup() as group:
        group.start_soon(pytest.raises, DeadlineError, listener.accept)
        sleep(0.02)
        listener.set_deadline(LONG_AGO)


def test_a_cleared_deadline_binds_no_more(listener):
    listener.set_deadline(LONG_AGO)
    listener.set_deadline(None)
    with TaskGroup() as group:
        accepting = group.start_soon(pytest.raises, ClosedError, listener.accept)
        sleep(0.1)
        assert not accepting.done
        listener.close()


def test_a_timeout_bounds_an_accept(listener):
    with timeout(0.02), pytest.raises(DeadlineError):
        listener.accept()


# -- closing


def test_a_closed_listener_accepts_nobody(listener):
    with net.dial(listener.address):
        assert not listener.closed
        listener.close()
        assert listener.closed
        with pytest.raises(ClosedError) as caught:
            listener.accept()
    assert caught.value.op == "accept"
    assert caught.value.local == listener.address


def test_closing_twice_is_silent(listener):
    listener.close()
    listener.close()


def test_a_close_wakes_those_who_accept(listener):
    with TaskGroup() as group:
        for _ in range(3):
            group.start_soon(pytest.raises, ClosedError, listener.accept)
        sleep(0.02)
        began = now()
        listener.close()
    assert now() - began < 5


def test_after_a_close_the_address_is_free(listener):
    address = listener.address
    listener.close()
    for _ in range(10):
        net.listen(address).close()


def test_after_a_close_under_an_accept_the_address_is_free(listener):
    address = listener.address
    for _ in range(10):
        waiting = Event()

        def accept(listener=listener, waiting=waiting):
            waiting.set()
            with pytest.raises(ClosedError):
                listener.accept()

        with TaskGroup() as group:
            group.start_soon(accept)
            waiting.wait()
            listener.close()
            listener = net.listen(address)
    listener.close()


def test_after_a_close_the_address_is_free_though_conns_live_on(listener):
    address = listener.address
    with net.dial(address) as near, listener.accept() as far:
        listener.close()
        net.listen(address).close()
        near.write(b"x")
        assert far.read() == b"x"


def test_a_close_resets_the_clients_that_wait(listener):
    with net.dial(listener.address) as near:
        listener.close()
        with pytest.raises(ResetError):
            near.read()


def test_a_block_closes_its_listener():
    with net.listen("tcp", "127.0.0.1:0") as listener:
        pass
    assert listener.closed


def test_a_listener_does_not_survive_exec(listener):
    assert not os.get_inheritable(listener.filenos()[0])
