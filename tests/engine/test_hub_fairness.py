"""Nobody keeps the others, or the kernel, out of a hub for long."""

import math
import socket
from itertools import pairwise

import pytest

from portside import net
from portside.engine import (
    Bell,
    Descriptor,
    Task,
    checkpoint,
    current,
    now,
    park,
    sleep,
    spawn,
    timeout,
    unwatch,
    watch,
)
from portside.engine import hub as hub_module
from portside.engine.hub import TURN_OPERATIONS, TURN_SECONDS
from portside.errors import DeadlineError
from portside.net.conn import Conn
from portside.net.stream import SocketStream
from portside.net.unix_stream import STREAMS
from tests.engine.waiting import LONG, MS, asleep, joined, tcp_pair, this_hub, until

pytestmark = pytest.mark.usefixtures("hub")


@pytest.fixture
def _by_operations(monkeypatch):
    monkeypatch.setattr(hub_module, "TURN_SECONDS", math.inf)


@pytest.fixture
def _by_time(monkeypatch):
    monkeypatch.setattr(hub_module, "TURN_OPERATIONS", math.inf)


@pytest.mark.usefixtures("_by_operations")
def test_a_task_gives_way_after_so_many_operations():
    done = 0

    def work():
        nonlocal done
        for _ in range(10 * TURN_OPERATIONS):
            checkpoint()
            done += 1

    worker = spawn(work)
    turns = [joined(spawn(lambda: done))]
    assert turns == [TURN_OPERATIONS - 1]
    joined(worker)


@pytest.mark.usefixtures("_by_time")
def test_a_task_gives_way_after_a_time_without_a_wait():
    is_over = False

    def work():
        number = 0
        while not is_over:
            checkpoint()
            number += 1
        return number

    def end():
        nonlocal is_over
        is_over = True

    worker = spawn(work)
    spawn(end)
    with timeout(LONG):
        assert joined(worker) > 0


def most_in_a_turn(work):
    """Run work, which notes each operation, beside others; return the most at once."""
    done = 0

    def note():
        nonlocal done
        done += 1

    worker = spawn(work, note)
    seen = [0]
    while not worker.done:
        sleep(1e-6)
        seen.append(done)
    joined(worker)
    return max(after - before for before, after in pairwise(seen))


@pytest.mark.usefixtures("_by_operations")
def test_reads_that_a_buffer_serves_are_operations_too():
    near, far = tcp_pair()
    conn = Conn(SocketStream(near, "tcp", None, None))
    far.sendall(b"x\n" * 1000)

    def read(note):
        for _ in range(1000):
            conn.read_line()
            note()

    assert most_in_a_turn(read) <= 2 * TURN_OPERATIONS
    conn.close()
    far.close()


@pytest.mark.usefixtures("_by_operations")
@pytest.mark.parametrize("kind", ["tcp", "unix", "unixpacket"])
def test_reads_that_find_what_they_want_without_a_wait_are_operations_too(kind):
    if kind == "tcp":
        near, far = tcp_pair()
    else:
        how = socket.SOCK_STREAM if kind == "unix" else socket.SOCK_SEQPACKET
        near, far = socket.socketpair(socket.AF_UNIX, how)
    conn = Conn(STREAMS.get(kind, SocketStream)(near, kind, None, None))
    for _ in range(250):
        far.sendall(b"x")

    def read(note):
        for _ in range(250):
            conn.read(1)
            note()

    assert most_in_a_turn(read) <= TURN_OPERATIONS
    conn.close()
    far.close()


def test_packets_that_are_received_without_a_wait_end_a_turn_after_its_time():
    with net.listen_packet("udp", "127.0.0.1:0") as packets:
        with net.dial("udp", str(packets.local_address)) as sender:
            for _ in range(50):
                sender.send(b"x")

        def receive(note):
            for _ in range(50):
                packets.receive()
                note()
                until_over = now() + TURN_SECONDS
                while now() < until_over:
                    pass

        assert most_in_a_turn(receive) < 5


@pytest.mark.usefixtures("_by_operations")
@pytest.mark.parametrize("is_buffered", [True, False])
def test_a_deadline_that_passes_while_others_have_their_turn_comes_before_data(
    is_buffered,
):
    n_bytes = 50 * TURN_OPERATIONS
    near, far = tcp_pair()
    conn = Conn(SocketStream(near, "tcp", None, None))
    far.sendall(bytes(n_bytes))
    if is_buffered:
        conn.peek(n_bytes)
    n_read = 0

    def read():
        nonlocal n_read
        for _ in range(n_bytes):
            conn.read(1)
            n_read += 1

    reader = spawn(read)
    until(lambda: n_read)  # it gives way in the middle of a read
    n_before = n_read
    assert 0 < n_before < n_bytes
    conn.set_read_deadline(now())
    with pytest.raises(DeadlineError):
        joined(reader)
    assert n_read == n_before
    conn.close()
    far.close()


def test_who_counts_inside_the_loop_takes_the_turn_of_nobody():
    """As a signal handler may, between two turns."""
    sleeper = asleep(park)
    hub = this_hub()

    def strike():
        bell.silence()
        hub.task = sleeper  # as in the moment before its turn
        for _ in range(2 * TURN_OPERATIONS):
            hub.count()
        hub.task = hub.idle
        struck.append(sleeper.sleeping)

    struck: list[bool] = []
    bell = Bell()
    watch(bell.fd, strike)
    bell.ring()
    until(lambda: struck)
    unwatch(bell.fd)
    assert struck == [True]
    sleeper.wake()
    joined(sleeper)


def test_who_gives_way_in_the_middle_of_giving_way_goes_on():
    """As a signal handler may."""
    hub = this_hub()
    switch = hub._switch
    is_struck = False

    def strike():
        nonlocal is_struck
        hub._switch, is_struck = switch, True
        for _ in range(2 * TURN_OPERATIONS):
            hub.count()
        return switch()

    hub._switch = strike
    for _ in range(2 * TURN_OPERATIONS):
        hub.count()
    assert is_struck


def test_what_one_task_has_used_of_its_turn_is_not_counted_for_the_next():
    is_same_turn = []

    def work():
        began = this_hub().resumed_at
        for _ in range(TURN_OPERATIONS // 2):
            checkpoint()
        is_same_turn.append(this_hub().resumed_at == began)

    for task in [spawn(work) for _ in range(6)]:
        joined(task)
    assert (
        is_same_turn.count(True) >= 5
    )  # the one millisecond may have been over for one


@pytest.fixture
def crowd():
    """Tasks that wake one another without an end, until the test is over."""
    is_over = False

    def play(others, number):
        while not is_over:
            others[1 - number].wake()
            park()

    def start():
        for _ in range(5):
            pair: list[Task] = []
            pair += [spawn(play, pair, 0), spawn(play, pair, 1)]
            tasks.extend(pair)

    def end():
        nonlocal is_over
        is_over = True
        for task in tasks:
            task.wake()
        for task in tasks:
            joined(task)

    tasks: list[Task] = []
    return start, end


def test_a_crowd_that_wakes_itself_does_not_keep_the_kernel_out(crowd):
    start, end = crowd
    near, far = tcp_pair()
    descriptor = Descriptor(near)
    start()
    far.send(b"x")
    with descriptor.reading, timeout(LONG):
        assert descriptor.receive(10) == b"x"
    end()
    descriptor.close()
    far.close()


def test_a_crowd_that_wakes_itself_does_not_keep_moments_from_coming(crowd):
    start, end = crowd
    start()
    sleep(2 * MS)
    end()


def test_a_crowd_that_wakes_itself_does_not_keep_watches_from_being_called(crowd):
    start, end = crowd
    start()
    near, far = socket.socketpair()
    called: list[bool] = []
    with near, far:

        def call():
            unwatch(near.fileno())
            called.append(True)

        watch(near.fileno(), call)
        far.send(b"x")
        task = current()
        until(lambda: called)
        assert task is current()
    end()


def test_a_task_that_only_does_operations_keeps_nobody_out():
    is_over = False

    def work():
        while not is_over:
            checkpoint()

    worker = spawn(work)
    near, far = tcp_pair()
    descriptor = Descriptor(near)
    far.send(b"x")
    with descriptor.reading, timeout(LONG):
        assert descriptor.receive(10) == b"x"
    sleep(MS)
    is_over = True
    joined(worker)
    descriptor.close()
    far.close()


def test_a_task_that_gives_way_keeps_its_permit():
    def work():
        current().wake()
        for _ in range(3 * TURN_OPERATIONS):
            checkpoint()
        park()
        return "the permit was there"

    with timeout(LONG):
        assert joined(spawn(work)) == "the permit was there"


def test_a_task_that_gives_way_may_be_cancelled_meanwhile():
    def work():
        while True:
            checkpoint()

    worker = spawn(work)
    sleep(0.001)
    worker.cancel()
    until(lambda: worker.done)
