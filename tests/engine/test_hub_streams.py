"""What ends a read or a write, on every engine: data, ends, errors, others."""

import contextlib
import select
import socket

import pytest

from portside.engine import (
    Descriptor,
    now,
    sleep,
    spawn,
    spawn_on_thread,
    timeout,
)
from portside.errors import Cancelled, ClosedError, DeadlineError
from tests.engine.waiting import LONG, MS, asleep, fill, joined, tcp_pair, until

pytestmark = pytest.mark.usefixtures("engine")

RESET = b"\1\0\0\0\0\0\0\0"  # SO_LINGER on, zero seconds


@pytest.fixture
def pair():
    near, far = tcp_pair()
    descriptor = Descriptor(near)
    with far:
        yield descriptor, far
    descriptor.close()


def receive(descriptor, max_bytes=100):
    with descriptor.reading:
        return descriptor.receive(max_bytes)


def send(descriptor, data):
    with descriptor.writing:
        return descriptor.send(data)


def wait_for(task):
    until(lambda: task.done)


def read_to_end(descriptor):
    data = b""
    while piece := receive(descriptor, 3):
        data += piece
    return data


def empty(sock):
    sock.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while True:
            sock.recv(2**20)


def reset(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    sock.close()


# -- ends


def test_an_end_alone_is_read_as_the_end(pair):
    descriptor, far = pair
    task = asleep(receive, descriptor)
    far.shutdown(socket.SHUT_WR)
    assert joined(task) == b""


def test_data_and_the_end_that_come_together_are_both_read(pair):
    descriptor, far = pair
    task = asleep(read_to_end, descriptor)
    far.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
    far.send(b"12345678")
    far.shutdown(socket.SHUT_WR)  # one segment has both
    assert joined(task) == b"12345678"


def test_a_reset_ends_a_read_with_its_error(pair):
    descriptor, far = pair
    task = asleep(receive, descriptor)
    reset(far)
    with pytest.raises(ConnectionResetError):
        joined(task)


def test_a_reset_ends_a_write_with_its_error(pair):
    descriptor, far = pair
    fill(descriptor.socket)
    task = asleep(send, descriptor, b"x")
    reset(far)
    with pytest.raises(ConnectionResetError):
        joined(task)


def test_a_reset_reaches_reader_and_writer(pair):
    descriptor, far = pair
    fill(descriptor.socket)
    tasks = [asleep(receive, descriptor), asleep(send, descriptor, b"x")]
    reset(far)
    for task in tasks:
        wait_for(task)
        assert isinstance(task.error, ConnectionResetError | BrokenPipeError)


def test_a_reset_that_a_writer_was_told_first_is_no_end_to_the_reader(pair):
    """The kernel tells it once; a thread that was told may not have noted it yet."""
    descriptor, far = pair
    reset(far)
    until(lambda: select.select([descriptor.number], [], [], 0)[0])
    with pytest.raises(ConnectionResetError):
        descriptor.socket.send(b"x")  # as the writer does
    with pytest.raises(ConnectionResetError):
        receive(descriptor)


def test_an_end_beside_a_writer_that_ends_our_direction_is_no_reset(pair):
    """Both ends have said all: the connection is closed, and nobody has reset it."""
    descriptor, far = pair
    far.shutdown(socket.SHUT_WR)
    with descriptor.writing:
        descriptor.shutdown_write()
        assert far.recv(1) == b""
        until(lambda: tcp_state(descriptor) == TCP_CLOSE)
        assert receive(descriptor) == b""


TCP_CLOSE = 7


def tcp_state(descriptor):
    return descriptor.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]


def test_urgent_data_ends_no_read_and_hides_no_data(pair):
    descriptor, far = pair
    task = asleep(receive, descriptor, 1)
    far.send(b"!", socket.MSG_OOB)
    until(lambda: select.select([], [], [descriptor.number], 0)[2])
    sleep(2 * MS)
    assert not task.done
    far.send(b"x")
    assert joined(task) == b"x"


def test_urgent_data_and_the_end_together_end_the_read(pair):
    descriptor, far = pair
    task = asleep(read_to_end, descriptor)
    far.send(b"data")
    far.send(b"!", socket.MSG_OOB)
    far.shutdown(socket.SHUT_WR)
    assert joined(task) == b"data"


def test_after_our_half_is_closed_theirs_is_read_on(pair):
    descriptor, far = pair
    task = asleep(read_to_end, descriptor)
    descriptor.shutdown_write()
    assert far.recv(1) == b""
    far.send(b"still")
    far.shutdown(socket.SHUT_WR)
    assert joined(task) == b"still"


def test_after_their_half_is_closed_ours_is_written_on(pair):
    descriptor, far = pair
    far.shutdown(socket.SHUT_WR)
    fill(descriptor.socket)
    task = asleep(send, descriptor, b"x")
    until(lambda: empty(far) or task.done)
    assert joined(task) == 1


# -- both directions, and two for one


def test_a_reader_and_a_writer_of_one_descriptor_both_get_theirs(pair):
    descriptor, far = pair
    fill(descriptor.socket)
    reader, writer = asleep(receive, descriptor), asleep(send, descriptor, b"x")
    far.send(b"for the reader")
    assert joined(reader) == b"for the reader"
    assert not writer.done
    reader = asleep(receive, descriptor)
    until(lambda: empty(far) or writer.done)
    assert joined(writer) == 1
    assert not reader.done
    far.send(b"more")
    assert joined(reader) == b"more"


@pytest.mark.parametrize("first", ["reader", "writer"])
def test_one_direction_that_gives_up_leaves_the_other_waiting(pair, first):
    descriptor, far = pair
    fill(descriptor.socket)
    tasks = {
        "reader": asleep(receive, descriptor),
        "writer": asleep(send, descriptor, b"x"),
    }
    leaver = tasks.pop(first)
    leaver.cancel()
    with pytest.raises(Cancelled):
        joined(leaver)
    far.send(b"x")
    (stayer,) = tasks.values()
    until(lambda: empty(far) or stayer.done)
    assert joined(stayer) in (1, b"x")


def test_what_comes_while_nobody_waits_any_more_is_told_to_the_next(pair):
    """An arming that was left over is used up by then, and must be made anew."""
    descriptor, far = pair
    for _ in range(5):
        task = asleep(receive, descriptor)
        task.cancel()
        with pytest.raises(Cancelled):
            joined(task)
        far.send(b"x")
        sleep(MS)
        with timeout(LONG):
            assert receive(descriptor) == b"x"


# -- others that end it


@pytest.mark.parametrize("start", [spawn, spawn_on_thread], ids=["task", "thread"])
def test_a_close_from_elsewhere_ends_reads_and_writes(pair, start):
    descriptor, _ = pair
    fill(descriptor.socket)
    tasks = [asleep(receive, descriptor), asleep(send, descriptor, b"x")]
    joined(start(descriptor.close))
    for task in tasks:
        with pytest.raises(ClosedError):
            joined(task)
    assert descriptor.given_back


@pytest.mark.parametrize("start", [spawn, spawn_on_thread], ids=["task", "thread"])
def test_a_deadline_moved_from_elsewhere_ends_and_extends_a_read(pair, start):
    descriptor, far = pair
    gate = descriptor.reading
    first = now() + 30 * MS
    gate.set_deadline(first)
    task = asleep(receive, descriptor)
    joined(start(gate.set_deadline, now() + LONG))
    until(lambda: now() > first + 5 * MS)
    assert not task.done
    joined(start(gate.set_deadline, now()))
    with pytest.raises(DeadlineError):
        joined(task)
    gate.set_deadline(None)
    far.send(b"x")
    assert receive(descriptor) == b"x"


def test_what_is_closed_while_many_wait_for_many_wakes_the_right_ones():
    pairs = [tcp_pair() for _ in range(30)]
    descriptors = [Descriptor(near) for near, _ in pairs]
    tasks = [asleep(receive, each) for each in descriptors]
    for number in range(0, 30, 3):
        spawn_on_thread(descriptors[number].close)
    for number in range(1, 30, 3):
        pairs[number][1].send(b"%d" % number)
    for number in range(2, 30, 3):
        tasks[number].cancel()
    for number, task in enumerate(tasks):
        wait_for(task)
        if number % 3 == 0:
            assert isinstance(task.error, ClosedError)
        elif number % 3 == 1:
            assert task.value == b"%d" % number
        else:
            assert isinstance(task.error, Cancelled)
    for descriptor, (_, far) in zip(descriptors, pairs, strict=True):
        descriptor.close()
        far.close()


# -- numbers that come again


def test_a_number_that_comes_again_after_a_close_is_a_new_descriptor():
    for _ in range(20):
        near, far = tcp_pair()
        descriptor = Descriptor(near)
        task = asleep(receive, descriptor)
        descriptor.close()
        with pytest.raises(ClosedError):
            joined(task)
        next_near, next_far = tcp_pair()
        following = Descriptor(next_near)
        task = asleep(receive, following)
        next_far.send(b"x")
        assert joined(task) == b"x"
        following.close()
        far.close()
        next_far.close()
