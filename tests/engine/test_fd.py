"""The descriptor: closed, moved and woken while others are inside it."""

import errno
import gc
import os
import select
import socket
import threading

import pytest

from portside.engine import (
    Descriptor,
    Task,
    current,
    now,
    shield,
    spawn,
    spawn_on_thread,
    timeout,
)
from portside.engine.open_descriptors import abandon_all
from portside.errors import Cancelled, ClosedError, DeadlineError, WouldBlockError
from portside.events import socket_call
from tests.descriptors import is_open
from tests.engine.waiting import (
    LONG,
    MS,
    asleep,
    during_the_next_wait,
    fill,
    in_child,
    joined,
    tcp_pair,
    threads_only,
    until,
)

pytestmark = pytest.mark.usefixtures("engine")


@pytest.fixture
def pair():
    near, far = tcp_pair()
    descriptor = Descriptor(near)
    with far:
        yield descriptor, far
    descriptor.close()


@pytest.fixture
def calls():
    """Return the calls that are told of, while the test runs."""
    seen = []

    def hook(name, fd, arguments, result):
        seen.append((name, arguments, result))

    socket_call.add(hook)
    yield seen
    socket_call.remove(hook)


def receive(descriptor, max_bytes=100):
    descriptor.reading.enter()
    try:
        return descriptor.receive(max_bytes)
    finally:
        descriptor.reading.leave()


def send(descriptor, data):
    descriptor.writing.enter()
    try:
        return descriptor.send(data)
    finally:
        descriptor.writing.leave()


class Inside:
    """A task inside one of the gates that waits for nothing of the engine."""

    def __init__(self, gate):
        self.gate = gate
        self._entered, self._go_on = threading.Event(), threading.Event()
        self.task = spawn_on_thread(self._stay)
        assert self._entered.wait(LONG)

    def _stay(self):
        self.gate.enter()
        self._entered.set()
        self._go_on.wait(LONG)
        self.gate.leave()

    def leave(self):
        self._go_on.set()
        joined(self.task)


# -- closing


def test_the_number_is_not_used_again_while_a_reader_is_inside(pair):
    descriptor, _ = pair
    inside = Inside(descriptor.reading)
    descriptor.close()
    with socket.socket() as next_one:
        assert next_one.fileno() != descriptor.number
        assert is_open(descriptor.number)
        assert not descriptor.given_back
    inside.leave()
    assert descriptor.given_back
    assert not is_open(descriptor.number)


def test_the_last_one_out_of_both_directions_gives_the_number_back(pair):
    descriptor, _ = pair
    reader, writer = Inside(descriptor.reading), Inside(descriptor.writing)
    descriptor.close()
    reader.leave()
    assert is_open(descriptor.number)
    writer.leave()
    assert not is_open(descriptor.number)


def test_a_close_with_nobody_inside_gives_the_number_back_at_once(pair):
    descriptor, _ = pair
    descriptor.close()
    assert not is_open(descriptor.number)


def test_a_second_close_does_not_close_what_has_the_number_now(pair):
    descriptor, far = pair
    descriptor.close()
    os.dup2(far.fileno(), descriptor.number)
    descriptor.close()
    descriptor.close(abort=True)
    os.close(descriptor.number)  # raises if it is closed


def test_a_close_wakes_readers_and_writers_inside_and_in_line(pair):
    descriptor, _ = pair
    fill(descriptor.socket)
    tasks = [asleep(receive, descriptor) for _ in range(3)]
    tasks += [asleep(send, descriptor, b"x") for _ in range(3)]
    descriptor.close()
    for task in tasks:
        with pytest.raises(ClosedError):
            joined(task)
    assert not is_open(descriptor.number)


def test_closes_that_race_with_reads_give_each_number_back_once():
    for _ in range(100):
        near, far = socket.socketpair()
        descriptor = Descriptor(near)
        readers = [spawn(receive, descriptor) for _ in range(2)]
        closers = [spawn(descriptor.close) for _ in range(2)]
        for closer in closers:
            joined(closer)
        for reader in readers:
            with pytest.raises(ClosedError):
                joined(reader)
        assert descriptor.given_back
        assert near.fileno() == -1
        far.close()


def test_nothing_is_received_after_the_close_though_data_is_there(pair):
    descriptor, far = pair
    far.send(b"x")
    descriptor.close()
    with pytest.raises(ClosedError):
        receive(descriptor)


def test_data_that_comes_in_the_moment_of_the_close_is_not_received(pair):
    descriptor, far = pair
    far.send(b"x")
    with during_the_next_wait(descriptor.close), pytest.raises(ClosedError):
        receive(descriptor)
    assert descriptor.given_back


def test_a_plain_close_ends_the_stream_for_the_peer(pair):
    descriptor, far = pair
    send(descriptor, b"last words")
    descriptor.close()
    assert far.recv(100) == b"last words"
    assert far.recv(100) == b""


def test_an_abort_resets_the_peer(pair):
    descriptor, far = pair
    descriptor.close(abort=True)
    with pytest.raises(ConnectionResetError):
        far.recv(1)


def test_an_abort_of_what_the_peer_has_reset_is_silent(pair):
    descriptor, far = pair
    Descriptor(far.dup()).close(abort=True)
    far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    far.close()
    descriptor.close(abort=True)


def test_a_reset_is_told_to_every_later_read_and_never_as_an_end(pair):
    """The kernel tells it once; a reply cut in half must not look whole."""
    descriptor, far = pair
    far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    far.close()
    for _ in range(3):
        with pytest.raises(ConnectionResetError):
            receive(descriptor)


def test_shutdown_write_ends_one_direction_only(pair):
    descriptor, far = pair
    descriptor.shutdown_write()
    assert far.recv(1) == b""
    far.send(b"still here")
    assert receive(descriptor) == b"still here"


def test_shutdown_write_after_the_close_is_refused(pair):
    descriptor, _ = pair
    descriptor.close()
    with pytest.raises(ClosedError):
        descriptor.shutdown_write()


# -- deadlines


def test_a_deadline_moved_earlier_from_another_thread_ends_a_read(pair):
    descriptor, _ = pair
    descriptor.reading.set_deadline(now() + LONG)
    task = asleep(receive, descriptor)
    descriptor.reading.set_deadline(now())
    with pytest.raises(DeadlineError):
        joined(task)


def test_a_deadline_moved_later_from_another_thread_lets_a_read_go_on(pair):
    descriptor, far = pair
    first = now() + 100 * MS
    descriptor.reading.set_deadline(first)
    task = asleep(receive, descriptor)
    descriptor.reading.set_deadline(first + LONG)
    until(lambda: now() > first + 10 * MS)
    assert not task.done
    far.send(b"late")
    assert joined(task) == b"late"


def test_a_deadline_moved_earlier_from_another_thread_ends_a_write(pair):
    descriptor, _ = pair
    fill(descriptor.socket)
    task = asleep(send, descriptor, b"x")
    descriptor.writing.set_deadline(now())
    with pytest.raises(DeadlineError):
        joined(task)


def test_deadlines_moved_in_a_storm_lose_no_wake_up(pair):
    descriptor, _ = pair
    for _ in range(200):
        descriptor.reading.set_deadline(None)
        task = spawn(receive, descriptor)
        descriptor.reading.set_deadline(now() + LONG)
        descriptor.reading.set_deadline(now())
        with pytest.raises(DeadlineError):
            joined(task)


def test_a_deadline_that_has_passed_wins_over_data_and_the_data_stays(pair):
    descriptor, far = pair
    far.send(b"x")
    descriptor.reading.set_deadline(now())
    with pytest.raises(DeadlineError):
        receive(descriptor)
    descriptor.reading.set_deadline(None)
    assert receive(descriptor) == b"x"


def test_a_read_deadline_does_not_bound_a_write(pair):
    descriptor, far = pair
    descriptor.reading.set_deadline(now())
    assert send(descriptor, b"x") == 1
    assert far.recv(1) == b"x"


def test_a_bound_around_ends_a_read(pair):
    descriptor, _ = pair
    with timeout(2 * MS), pytest.raises(DeadlineError):
        receive(descriptor)


def test_a_descriptors_own_deadline_holds_inside_a_shield(pair):
    descriptor, _ = pair
    descriptor.reading.set_deadline(now() + 2 * MS)
    with shield(), pytest.raises(DeadlineError):
        receive(descriptor)


def test_a_cancel_ends_a_read_and_the_data_that_comes_stays(pair):
    descriptor, far = pair
    task = asleep(receive, descriptor)
    task.cancel()
    with pytest.raises(Cancelled):
        joined(task)
    far.send(b"x")
    assert receive(descriptor) == b"x"


# -- receiving and sending


def test_a_wake_for_no_reason_does_not_end_a_read(pair):
    descriptor, far = pair
    task = asleep(receive, descriptor)
    for _ in range(20):
        task.wake()
    far.send(b"x")
    assert joined(task) == b"x"


def test_what_comes_is_received_whatever_the_last_receive_left(pair):
    """One that filled its buffer is followed by one that asks the kernel first."""
    descriptor, far = pair
    far.send(b"abcdef")
    assert [receive(descriptor, 2) for _ in range(3)] == [b"ab", b"cd", b"ef"]
    task = asleep(receive, descriptor, 2)
    far.send(b"gh")
    assert joined(task) == b"gh"


def test_data_and_the_end_that_came_together_are_both_received(pair):
    descriptor, far = pair
    far.send(b"data")
    far.shutdown(socket.SHUT_WR)
    with timeout(LONG):
        assert receive(descriptor) == b"data"
        assert receive(descriptor) == b""
        assert receive(descriptor) == b""


def test_receive_into_fills_what_it_is_given(pair):
    descriptor, far = pair
    far.send(b"abc")
    buffer = bytearray(2)
    with memoryview(buffer) as view:
        assert descriptor.receive_into(view) == 2
        assert buffer == b"ab"
        assert descriptor.receive_into(view) == 1
    assert buffer == b"cb"


def test_urgent_data_neither_ends_nor_fills_a_read(pair):
    descriptor, far = pair
    task = asleep(receive, descriptor)
    far.send(b"!", socket.MSG_OOB)
    far.send(b"x")
    assert joined(task) in (b"x", b"!x")


def test_a_send_that_does_not_fit_waits_until_the_peer_reads(pair):
    descriptor, far = pair
    fill(descriptor.socket)
    task = asleep(send, descriptor, b"x")
    far.setblocking(False)

    def is_sent():
        try:
            far.recv(2**20)
        except BlockingIOError:
            pass
        return task.done

    until(is_sent)
    assert joined(task) == 1


def test_send_many_sends_them_in_order(pair):
    descriptor, far = pair
    assert descriptor.send_many([b"ab", bytearray(b"c"), memoryview(b"d")]) == 4
    assert far.recv(10) == b"abcd"


def test_every_socket_is_made_non_blocking(pair):
    descriptor, _ = pair
    assert descriptor.socket.gettimeout() == 0.0


def test_a_socket_of_its_own_is_closed_at_exec():
    with Descriptor.open_socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
        assert not sock.get_inheritable()


# -- draining


def test_a_drain_ends_a_read_that_was_declared_idle(pair):
    descriptor, _ = pair
    descriptor.reading.ends_when_draining = True
    task = asleep(receive, descriptor)
    descriptor.reading.drain()
    with pytest.raises(BlockingIOError):
        joined(task)


def test_a_drain_leaves_what_is_there_to_be_read(pair):
    descriptor, far = pair
    descriptor.reading.ends_when_draining = True
    far.send(b"x")
    until(lambda: select.select([descriptor.number], [], [], 0)[0])
    descriptor.reading.drain()
    assert receive(descriptor) == b"x"


def test_a_drain_does_not_end_a_read_that_is_owed_an_answer(pair):
    descriptor, far = pair
    task = asleep(receive, descriptor)
    descriptor.reading.drain()
    far.send(b"x")
    assert joined(task) == b"x"


# -- connecting and accepting


@pytest.fixture
def full():
    """A listener whose queue is full: a connect to it takes its time."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        fillers = []
        for _ in range(3):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(server.getsockname())
            fillers.append(filler)
        yield server
        for filler in fillers:
            filler.close()


def new_descriptor():
    return Descriptor(Descriptor.open_socket(socket.AF_INET, socket.SOCK_STREAM))


def test_a_connect_that_is_woken_early_goes_on_until_it_is_connected(full):
    descriptor = new_descriptor()
    task = asleep(descriptor.connect, full.getsockname())
    for _ in range(100):
        task.wake()
    assert not task.done
    full.setblocking(False)

    def is_connected():
        try:
            full.accept()[0].close()
        except BlockingIOError:
            pass
        return task.done

    until(is_connected)  # when the kernel sends its SYN again, after a second
    joined(task)
    assert descriptor.socket.getpeername() == full.getsockname()
    descriptor.close()


def test_a_connect_ends_at_its_deadline(full):
    descriptor = new_descriptor()
    descriptor.writing.set_deadline(now() + 5 * MS)
    with pytest.raises(DeadlineError):
        descriptor.connect(full.getsockname())
    descriptor.close()


def test_a_connect_can_be_cancelled(full):
    descriptor = new_descriptor()
    task = asleep(descriptor.connect, full.getsockname())
    task.cancel()
    with pytest.raises(Cancelled):
        joined(task)
    descriptor.close()


def test_a_connect_where_nobody_listens_is_refused():
    with socket.socket() as placeholder:
        placeholder.bind(("127.0.0.1", 0))
        descriptor = new_descriptor()
        with pytest.raises(ConnectionRefusedError):
            descriptor.connect(placeholder.getsockname())
        descriptor.close()


def test_a_connect_can_be_asked_how_it_goes(full):
    descriptor = new_descriptor()
    address = full.getsockname()
    assert not descriptor.try_connect(address)
    assert not descriptor.try_connect(address)
    full.setblocking(False)

    def is_connected():
        try:
            full.accept()[0].close()  # also those who stood in line before it
        except BlockingIOError:
            pass
        return descriptor.try_connect(address)

    until(is_connected)  # when the kernel sends its SYN again, after a second
    assert descriptor.socket.getpeername() == address
    descriptor.close()


def test_a_connect_that_fails_tells_it_to_who_asks():
    with socket.socket() as placeholder:
        placeholder.bind(("127.0.0.1", 0))
        descriptor = new_descriptor()
        with pytest.raises(ConnectionRefusedError):
            until(lambda: descriptor.try_connect(placeholder.getsockname()))
        descriptor.close()


def test_accepting_from_an_empty_queue_says_so():
    descriptor = new_descriptor()
    descriptor.bind(("127.0.0.1", 0))
    descriptor.listen(1)
    with pytest.raises(WouldBlockError):
        descriptor.accept_nowait()
    descriptor.close()


# -- forks


@threads_only
def test_a_child_that_abandons_it_says_nothing_to_the_peer(pair):
    descriptor, far = pair

    def work():
        descriptor.abandon()
        assert descriptor.closed
        assert not is_open(descriptor.number)
        descriptor.close()

    assert in_child(work) == 0
    far.setblocking(False)
    with pytest.raises(BlockingIOError):
        far.recv(1)
    assert send(descriptor, b"x") == 1


@threads_only
def test_a_child_may_abandon_all_but_what_it_needs(pair):
    descriptor, _ = pair
    other, other_far = socket.socketpair()
    kept = Descriptor(other)

    def work():
        abandon_all({kept.number})
        assert not is_open(descriptor.number)
        assert is_open(kept.number)

    assert in_child(work) == 0
    assert is_open(descriptor.number)
    kept.close()
    other_far.close()


@threads_only
def test_what_was_closed_before_the_fork_is_not_abandoned_under_its_new_owner(pair):
    descriptor, far = pair
    descriptor.close()
    os.dup2(far.fileno(), descriptor.number)

    def work():
        abandon_all(())
        assert is_open(descriptor.number)

    assert in_child(work) == 0
    os.close(descriptor.number)


# -- what it tells, and what it keeps


def test_each_call_is_told_to_the_hooks(calls):
    listener = new_descriptor()
    listener.bind(("127.0.0.1", 0))
    listener.listen(5)
    client = new_descriptor()
    client.connect(listener.socket.getsockname())
    served = Descriptor(listener.accept_nowait()[0])
    send(client, b"hello")
    client.send_many([b"a", b"b"])
    client.shutdown_write()
    assert receive(served) == b"helloab"
    assert receive(served) == b""
    for descriptor in (served, client, listener):
        descriptor.close()
    names = [name for name, _, _ in calls]
    assert names == [
        "socket",
        "bind",
        "listen",
        "socket",
        "connect",
        "accept",
        "send",
        "sendmsg",
        "shutdown",
        "recv",
        "recv",
        "close",
        "close",
        "close",
    ]


def test_a_call_that_fails_is_an_oserror_as_the_kernel_gave_it(pair):
    descriptor, _ = pair
    descriptor.shutdown_write()
    with pytest.raises(BrokenPipeError) as caught:
        send(descriptor, b"x")
    assert caught.value.errno == errno.EPIPE


def test_a_descriptor_that_is_closed_can_be_collected(pair):
    near, far = socket.socketpair()
    with far:
        descriptor = Descriptor(near)
        descriptor.close()
        del descriptor
        gc.collect()
        assert near.fileno() == -1


def test_the_reader_inside_is_the_current_task(pair):
    descriptor, _ = pair
    descriptor.reading.enter()
    holder: Task | None = descriptor.reading._inside.get(0)
    descriptor.reading.leave()
    assert holder is current()
