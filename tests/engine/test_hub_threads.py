"""Between a hub and what is outside of it: threads, other hubs, offloaded calls."""

import contextlib
import socket
import threading
import time

import pytest

from portside import net
from portside.engine import (
    Descriptor,
    Event,
    Lock,
    Queue,
    Slots,
    TaskGroup,
    closing,
    current,
    may_block,
    now,
    offload,
    park,
    sleep,
    spawn,
    spawn_on_thread,
    timeout,
    wait_accept,
)
from portside.engine.hub import Hub
from portside.errors import Cancelled, ClosedError, DeadlineError
from portside.net.conn import Conn
from portside.net.stream import SocketStream
from tests.engine.waiting import LONG, MS, asleep, joined, tcp_pair, until

pytestmark = pytest.mark.usefixtures("hub")


def in_thread(function, *args):
    return spawn_on_thread(function, *args)


def in_other_hub(function, *args):
    return spawn_on_thread(lambda: Hub().run(function, *args))


@pytest.fixture(params=[in_thread, in_other_hub], ids=["thread", "other hub"])
def elsewhere(request):
    """Run a function outside of the hub that the test runs in."""
    return request.param


def receive(descriptor, max_bytes=100):
    with descriptor.reading:
        return descriptor.receive(max_bytes)


# -- what is made of park and wake; each is made before there is a hub


@pytest.fixture
def queues():
    return Queue[int](max_items=3), Queue[int](max_items=3)


@pytest.fixture
def event():
    return Event()


@pytest.fixture
def lock():
    return Lock()


@pytest.fixture
def slots():
    return Slots(2)


def test_a_queue_passes_things_in_and_out(elsewhere, queues):
    to_there, to_here = queues

    def double():
        for number in to_there:
            to_here.put(2 * number)
        to_here.close()

    def give():
        for number in range(500):
            to_there.put(number)
        to_there.close()

    doubler, giver = elsewhere(double), spawn(give)
    assert list(to_here) == list(range(0, 1000, 2))
    joined(doubler)
    joined(giver)


def test_many_on_both_sides_of_a_queue_lose_and_double_nothing(elsewhere, queues):
    queue, _ = queues
    got: list[int] = []

    def put(first):
        for number in range(first, first + 200):
            queue.put(number)

    def get():
        got.extend(queue)

    putters = [spawn(put, 0), elsewhere(put, 200), spawn(put, 400), elsewhere(put, 600)]
    getters = [spawn(get), elsewhere(get), spawn(get), elsewhere(get)]
    for putter in putters:
        joined(putter)
    queue.close()
    for getter in getters:
        joined(getter)
    assert sorted(got) == list(range(800))


def test_an_event_wakes_who_waits_on_either_side(elsewhere, event):
    waiters = [spawn(event.wait), elsewhere(event.wait), spawn(event.wait)]
    until(lambda: len(event._waiting) == 3)
    joined(elsewhere(event.set))
    for waiter in waiters:
        joined(waiter)


def test_a_lock_lets_one_in_whoever_asks(elsewhere, lock):
    inside = 0

    def work():
        nonlocal inside
        for _ in range(100):
            with lock:
                inside += 1
                assert inside == 1
                sleep(1e-6)
                inside -= 1

    for task in [spawn(work), elsewhere(work), spawn(work), elsewhere(work)]:
        joined(task)
    assert not lock.locked


def test_places_are_handed_from_one_side_to_the_other(elsewhere, slots):
    inside = 0
    mutex = threading.Lock()

    def work():
        nonlocal inside
        for _ in range(100):
            slots.take()
            with mutex:
                inside += 1
            assert inside <= 2
            sleep(1e-6)
            with mutex:
                inside -= 1
            slots.give_back()

    tasks = [spawn(work), elsewhere(work), spawn(work), elsewhere(work), spawn(work)]
    for task in tasks:
        joined(task)
    assert slots.free == 2


def test_a_group_can_be_cancelled_from_elsewhere(elsewhere):
    with timeout(LONG), TaskGroup() as group:
        tasks = [group.start_soon(park) for _ in range(5)]
        tasks += [group.start_soon(sleep, LONG)]
        joined(elsewhere(group.cancel))
        park(now() + LONG)
    assert all(task.done for task in tasks)


def test_a_task_is_woken_and_cancelled_from_elsewhere_while_the_hub_sleeps(elsewhere):
    steps = []

    def work():
        park()
        steps.append("woken")
        with pytest.raises(Cancelled):
            while True:
                park()
        steps.append("cancelled")

    task = asleep(work)

    def act():
        task.wake()
        until(lambda: steps == ["woken"])
        until(lambda: task.sleeping)
        task.cancel()
        until(lambda: task.done)

    actor = elsewhere(act)
    event = Event()
    actor.add_joiner(current())
    with contextlib.suppress(DeadlineError), timeout(LONG):
        while not actor.done:
            park()  # without a timer: only what rings ends it
    assert not event.is_set
    assert steps == ["woken", "cancelled"]


def test_a_moment_to_cancel_at_can_be_said_from_elsewhere(elsewhere):
    task = asleep(sleep, LONG)
    joined(elsewhere(lambda: task.cancel(at=now() + MS)))
    with pytest.raises(Cancelled):
        joined(task)


def test_wakes_from_many_threads_are_never_lost():
    n_threads, n_things = 4, 300
    things: list[int] = []

    def take():
        taken = 0
        while taken < n_threads * n_things:
            if things:
                things.pop()
                taken += 1
            else:
                park()

    taker = spawn(take)

    def give():
        for number in range(n_things):
            things.append(number)
            taker.wake()

    givers = [spawn_on_thread(give) for _ in range(n_threads)]
    taker.add_joiner(current())
    with timeout(LONG):
        while not taker.done:
            park()
    for giver in givers:
        joined(giver)


# -- whose a descriptor is


@pytest.fixture
def pair():
    near, far = tcp_pair()
    descriptor = Descriptor(near)
    with far:
        yield descriptor, far
    descriptor.close()


def test_a_read_from_elsewhere_is_refused_and_both_are_named(elsewhere, pair):
    descriptor, far = pair
    far.send(b"x")
    assert receive(descriptor) == b"x"
    task = elsewhere(receive, descriptor)
    with pytest.raises(RuntimeError) as caught:
        joined(task)
    said = str(caught.value)
    assert "belongs to the hub of thread MainThread" in said
    other = "threads without a hub" if elsewhere is in_thread else "hub of thread ports"
    assert other in said
    far.send(b"y")
    assert receive(descriptor) == b"y"


def test_a_write_from_elsewhere_is_refused(elsewhere, pair):
    descriptor, far = pair

    def send():
        with descriptor.writing:
            return descriptor.send(b"x")

    assert joined(spawn(send)) == 1
    with pytest.raises(RuntimeError, match="belongs to the hub of thread MainThread"):
        joined(elsewhere(send))
    assert far.recv(10) == b"x"


def test_what_a_thread_has_used_is_refused_to_a_hub(pair):
    descriptor, far = pair
    far.send(b"x")
    assert joined(in_thread(receive, descriptor)) == b"x"
    with pytest.raises(RuntimeError, match="belongs to threads without a hub"):
        receive(descriptor)
    far.send(b"y")
    assert joined(in_thread(receive, descriptor)) == b"y"


def test_a_close_and_deadlines_may_come_from_elsewhere(elsewhere, pair):
    descriptor, _ = pair
    reader = asleep(receive, descriptor)
    joined(elsewhere(descriptor.reading.set_deadline, now()))
    with pytest.raises(DeadlineError):
        joined(reader)
    joined(elsewhere(descriptor.reading.set_deadline, None))
    reader = asleep(receive, descriptor)
    joined(elsewhere(descriptor.close))
    with pytest.raises(ClosedError):
        joined(reader)
    assert descriptor.given_back


def test_what_was_disowned_is_whose_who_uses_it_next(elsewhere, pair):
    descriptor, far = pair
    far.send(b"x")
    assert receive(descriptor) == b"x"
    descriptor.disown()
    there = elsewhere(receive, descriptor)
    until(lambda: descriptor._owner is not None)
    far.send(b"y")
    assert joined(there) == b"y"
    with pytest.raises(RuntimeError, match="belongs to"):
        receive(descriptor)


def test_a_conn_that_was_detached_is_read_and_written_elsewhere(elsewhere):
    near, far = tcp_pair()
    conn = Conn(SocketStream(near, "tcp", None, None))
    far.send(b"here\nthere\nback\n")
    assert conn.read_line() == b"here\n"

    def use():
        line = conn.read_line()
        conn.write(line)
        conn.detach()
        return line

    assert joined(elsewhere_after_detach(elsewhere, conn, use)) == b"there\n"
    assert far.recv(10) == b"there\n"
    assert conn.read_line() == b"back\n"
    far.send(b"more\n")
    assert conn.read_line() == b"more\n"
    conn.close()
    far.close()


def elsewhere_after_detach(elsewhere, conn, function):
    conn.detach()
    return elsewhere(function)


# -- calls that block


def test_an_offloaded_call_stops_no_other_task():
    go_on = threading.Event()
    task = spawn(offload, go_on.wait, LONG)
    steps = []
    for number in range(10):
        sleep(MS / 10)
        steps.append(number)
    assert not task.done
    go_on.set()
    assert joined(task) is True


def test_an_offloaded_call_sees_no_hub():
    assert not may_block()
    assert offload(may_block)
    assert offload(sleep, MS) is None


def test_a_name_that_is_slow_to_resolve_stops_no_other_task(monkeypatch):
    go_on, asked = threading.Event(), threading.Event()
    resolve = socket.getaddrinfo

    def resolve_slowly(*args, **kwargs):
        asked.set()
        go_on.wait(LONG)
        return resolve(*args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", resolve_slowly)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        dialer = spawn(net.dial, "tcp", f"localhost:{port}")
        until(asked.is_set)
        sleep(MS)
        assert not dialer.done
        go_on.set()
        joined(dialer).close()


def test_a_thread_that_a_task_started_runs_while_the_hub_runs_others():
    begun = time.monotonic()
    task = spawn_on_thread(sleep, 5 * MS)
    while not task.done:
        sleep(MS)
    assert time.monotonic() - begun >= 5 * MS


def test_a_hub_that_waits_at_a_listener_no_more_keeps_no_client_from_another():
    """The kernel wakes one of the hubs that stand there: this one has left."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        number, clients = server.fileno(), []
        for _ in range(20):
            for accept in (asleep, in_other_hub):
                task = accept(wait_accept, {number})
                # From a thread, as this hub is to be asleep in the kernel meanwhile.
                client = in_thread(socket.create_connection, server.getsockname())
                assert joined(task) == {number}
                clients.append(joined(client))
                server.accept()[0].close()
        for client in clients:
            client.close()
        closing(number)
