"""What ends a wait for a descriptor, on every engine: data, ends, errors, others."""

import contextlib
import os
import select
import socket

import pytest

from portside.engine import (
    Descriptor,
    closing,
    now,
    park,
    sleep,
    spawn_on_thread,
    timeout,
    unwatch,
    wait_accept,
    wait_any,
    wait_read,
    wait_write,
    watch,
)
from portside.errors import Cancelled, DeadlineError
from tests.engine.waiting import LONG, MS, asleep, fill, joined, tcp_pair, until

pytestmark = pytest.mark.usefixtures("engine")

RESET = b"\1\0\0\0\0\0\0\0"  # SO_LINGER on, zero seconds


@pytest.fixture
def raw():
    near, far = tcp_pair()
    near.setblocking(False)
    with near, far:
        yield near, far
        closing(near.fileno())


@pytest.fixture
def listener():
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server
        closing(server.fileno())


@pytest.mark.parametrize("at", [None, LONG])
def test_a_deadline_that_was_moved_in_time_does_not_fire_when_it_is_looked_at(at):
    """The one who moved it may keep the thread until after the old moment."""
    near, far = tcp_pair()
    descriptor = Descriptor(near)
    old = now() + 100 * MS
    descriptor.reading.set_deadline(old)
    reader = asleep(receive, descriptor)
    descriptor.reading.set_deadline(None if at is None else now() + at)
    assert now() < old, "the machine was too busy to try it"
    while now() < old:
        pass
    far.sendall(b"x")
    assert joined(reader) == b"x"
    descriptor.close()
    far.close()


def receive(descriptor, max_bytes=100):
    with descriptor.reading:
        return descriptor.receive(max_bytes)


def empty(sock):
    sock.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while True:
            sock.recv(2**20)


# -- what is there before the wait


def test_a_wait_for_data_that_is_there_returns(raw):
    near, far = raw
    far.send(b"x")
    with timeout(LONG):
        wait_read(near.fileno())
        wait_read(near.fileno())  # nobody took it
    assert near.recv(1) == b"x"


def test_a_wait_for_room_that_is_there_returns(raw):
    with timeout(LONG):
        wait_write(raw[0].fileno())
        wait_write(raw[0].fileno())


def test_a_wait_for_either_returns_the_one_that_is_ready(raw):
    near, far = raw
    with timeout(LONG):
        assert wait_any({near.fileno()}, {far.fileno()}) == {far.fileno()}
        fill(far)
        assert wait_any({near.fileno()}, {far.fileno()}) == {near.fileno()}


def test_a_wait_for_both_directions_of_one_returns(raw):
    number = raw[0].fileno()
    with timeout(LONG):
        assert wait_any({number}, {number}) == {number}


# -- what comes while they wait


def test_data_that_comes_wakes_every_kind_of_wait(raw):
    near, far = raw
    number = near.fileno()
    for wait in (
        lambda: wait_read(number),
        lambda: wait_any({number}),
    ):
        task = asleep(wait)
        far.send(b"x")
        assert joined(task) in (None, {number})
        assert near.recv(1) == b"x"


def test_waits_in_a_row_for_the_same_descriptor_each_get_their_data(raw):
    near, far = raw

    def read():
        got: list[bytes] = []
        while len(got) < 100:
            try:
                got.append(near.recv(1))
            except BlockingIOError:
                wait_read(near.fileno())
        return b"".join(got)

    task = asleep(read)
    for number in range(100):
        far.send(b"%c" % number)
    assert joined(task) == bytes(range(100))


def test_room_that_comes_wakes_who_waits_to_write(raw):
    near, far = raw
    for wait in (
        lambda: wait_write(near.fileno()),
        lambda: wait_any((), {near.fileno()}),
    ):
        fill(near)
        task = asleep(wait)
        while not task.done:
            empty(far)
            sleep(MS)
        joined(task)


def test_a_client_wakes_who_waits_to_accept(listener):
    task = asleep(wait_accept, {listener.fileno()})
    with socket.create_connection(listener.getsockname()):
        assert joined(task) == {listener.fileno()}
        with timeout(LONG):
            assert wait_accept({listener.fileno()}) == {listener.fileno()}
    listener.accept()[0].close()


def test_a_client_of_one_of_many_listeners_is_told_for_that_one(listener):
    with socket.create_server(("127.0.0.1", 0)) as other:
        numbers = {listener.fileno(), other.fileno()}
        for server in (other, listener, other):
            task = asleep(wait_accept, numbers)
            with socket.create_connection(server.getsockname()):
                assert joined(task) == {server.fileno()}
                server.accept()[0].close()
        closing(other.fileno())


def test_an_accept_that_ended_early_can_be_waited_for_in_another_way(listener):
    for wait in (wait_accept, wait_any, wait_accept):
        with pytest.raises(DeadlineError), timeout(MS):
            while True:
                wait({listener.fileno()})


def test_a_wake_from_a_thread_ends_any_wait_early(raw):
    number = raw[0].fileno()
    for wait in (lambda: wait_read(number), lambda: wait_any({number}), park):
        task = asleep(wait)
        joined(spawn_on_thread(task.wake))
        joined(task)


def test_a_twin_of_what_was_closed_wakes_nobody():
    """The kernel tells of a twin under the number that was registered."""
    near, far = tcp_pair()
    twin = near.dup()
    descriptor = Descriptor(near)
    number = descriptor.number
    task = asleep(receive, descriptor)
    task.cancel()
    with pytest.raises(Cancelled):
        joined(task)
    descriptor.close()
    other, other_far = tcp_pair()
    os.dup2(other.fileno(), number)
    task = asleep(wait_read, number)
    far.send(b"for the twin")
    until(lambda: select.select([twin], [], [], 0)[0])
    sleep(2 * MS)
    assert not task.done
    other_far.send(b"x")
    joined(task)
    closing(number)
    os.close(number)
    for sock in (twin, far, other, other_far):
        sock.close()


# -- watches


def test_a_watch_is_called_until_it_is_ended(raw):
    near, far = raw
    seen: list[bytes] = []
    watch(near.fileno(), lambda: seen.append(near.recv(1)))
    far.send(b"abc")
    while len(seen) < 3:
        sleep(MS)
    unwatch(near.fileno())
    far.send(b"d")
    sleep(2 * MS)
    assert seen == [b"a", b"b", b"c"]


def test_a_descriptor_that_was_waited_for_can_be_watched(raw):
    near, far = raw
    with pytest.raises(DeadlineError), timeout(MS):
        while True:
            wait_read(near.fileno())
    seen: list[bytes] = []
    watch(near.fileno(), lambda: seen.append(near.recv(1)))
    far.send(b"x")
    while not seen:
        sleep(MS)
    unwatch(near.fileno())


def test_a_descriptor_that_was_watched_can_be_waited_for(raw):
    near, far = raw
    watch(near.fileno(), lambda: None)
    unwatch(near.fileno())
    task = asleep(wait_read, near.fileno())
    far.send(b"x")
    joined(task)


def test_a_file_on_disk_is_always_ready(tmp_path):
    """epoll refuses it, poll and select do not: output may be sent to a file."""
    with open(tmp_path / "file", "wb") as file, timeout(LONG):
        wait_write(file.fileno())
        wait_read(file.fileno())
