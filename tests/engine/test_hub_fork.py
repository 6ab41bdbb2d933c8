"""A child that a task forks: alone, and silent towards what is its parent's."""

import contextlib
import gc
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import traceback

import pytest

from portside.engine import (
    Descriptor,
    Event,
    call_as_task,
    current,
    may_block,
    now,
    park,
    sleep,
    spawn,
    spawn_on_thread,
    timeout,
    wait_accept,
    wait_read,
)
from portside.engine.hub import Hub
from portside.engine.hubs import hubs
from portside.errors import Cancelled, ClosedError, DeadlineError
from tests.engine.waiting import LONG, MS, asleep, joined, tcp_pair, until

pytestmark = pytest.mark.filterwarnings(
    # A hub has a watchdog beside it, which holds no lock that the child could want.
    "ignore:.*multi-threaded, use of fork:DeprecationWarning"
)


def fork(function):
    """Call the function in a forked child and return its exit code, 1 if it raised."""
    pid = os.fork()
    if pid == 0:
        signal.alarm(int(LONG))
        try:
            function()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return exit_code(pid)


def exit_code(pid):
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def receive(descriptor, max_bytes=100):
    with descriptor.reading:
        return descriptor.receive(max_bytes)


def send(descriptor, data):
    with descriptor.writing:
        return descriptor.send(data)


@pytest.fixture
def pair():
    near, far = tcp_pair()
    descriptor = Descriptor(near)
    with far:
        yield descriptor, far
    descriptor.close()


@pytest.fixture
def pipe():
    read_end, write_end = os.pipe()
    os.set_blocking(read_end, False)
    yield read_end, write_end
    os.close(read_end)
    os.close(write_end)


def said(pipe):
    """Return what was written to the pipe so far."""
    try:
        return os.read(pipe[0], 1000)
    except BlockingIOError:
        return b""


def has_come(sock):
    return bool(select.select([sock], [], [], 0)[0])


def test_tasks_of_the_parent_do_nothing_in_the_child(hub, pipe):
    def stay():
        try:
            park()
        finally:
            os.write(pipe[1], b"cleaned up\n")

    def work():
        gc.collect()
        sleep(MS)
        for task in tasks:
            task.wake()
            task.cancel()
        sleep(MS)

    tasks = [asleep(stay) for _ in range(3)]
    pid = os.fork()
    if pid == 0:
        work()
        return  # the task comes to its end, and so does the child
    assert exit_code(pid) == 0
    assert said(pipe) == b""
    for task in tasks:
        task.cancel()
        with pytest.raises(Cancelled):
            joined(task)
    assert said(pipe) == b"cleaned up\n" * 3


def test_a_child_whose_task_ends_runs_nothing_of_who_runs_the_hub(new_hub, pipe):
    pids = []

    def main():
        pids.append(os.fork())

    new_hub().run(main)
    if pids == [0]:
        os.write(pipe[1], b"the child is here")
        os._exit(0)
    assert exit_code(pids[0]) == 0
    assert said(pipe) == b""


def test_a_child_of_a_spawned_task_ends_with_it(hub, pipe):
    def work():
        return os.fork()

    pid = joined(spawn(work))
    os.write(pipe[1], b"%d" % os.getpid())
    assert exit_code(pid) == 0
    assert said(pipe) == b"%d" % os.getpid()


@pytest.mark.parametrize(
    ("error", "code"), [(ZeroDivisionError(), 1), (SystemExit(3), 3)], ids=repr
)
def test_a_child_whose_task_fails_says_so_by_its_exit_code(hub, error, code):
    def work():
        if (pid := os.fork()) == 0:
            raise error
        return pid

    assert exit_code(joined(spawn(work))) == code


def test_what_the_child_printed_is_flushed():
    program = (
        "import os\n"
        "from portside.engine.hub import Hub\n"
        "def main():\n"
        "    if (pid := os.fork()) == 0:\n"
        "        print('child')\n"
        "    else:\n"
        "        os.waitpid(pid, 0)\n"
        "        print('parent')\n"
        "Hub().run(main)\n"
    )
    found = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        check=True,
        capture_output=True,
        text=True,
        timeout=LONG,
    )
    assert found.stdout == "child\nparent\n"


def test_a_child_waits_by_blocking(hub):
    def work():
        assert may_block()
        sleep(MS)
        near, far = socket.socketpair()
        sender = spawn_on_thread(lambda: far.send(b"x"))
        with timeout(LONG):
            wait_read(near.fileno())
            assert receive(Descriptor(near)) == b"x"
        joined(sender)
        with timeout(LONG):
            spawned = spawn(current)
            until(lambda: spawned.done)
        with pytest.raises(DeadlineError), timeout(MS):
            while True:
                park()

    assert fork(work) == 0


def test_a_child_is_still_the_task_that_forked(hub):
    present = current()

    def work():
        assert current() is present
        present.wake()
        park(now() + LONG)
        present.cancel()
        with pytest.raises(Cancelled):
            park()

    assert fork(work) == 0


def test_a_child_forked_inside_a_called_task_goes_on_as_its_caller(hub):
    def caller():
        pid = call_as_task(os.fork)
        if pid == 0:
            with contextlib.suppress(BaseException):
                os._exit(0 if current() is me[0] else 1)
            os._exit(2)
        return exit_code(pid)

    def start():
        me.append(current())
        return caller()

    me: list[object] = []
    assert joined(spawn(start)) == 0


def test_a_child_that_runs_a_hub_of_its_own_can_wait_in_it(hub):
    def work():
        near, far = tcp_pair()
        descriptor = Descriptor(near)

        def talk():
            task = asleep(receive, descriptor)
            far.send(b"x")
            return joined(task)

        assert Hub().run(talk) == b"x"

    assert fork(work) == 0


def test_nothing_of_the_child_reaches_the_parents_peers(hub, pair):
    descriptor, far = pair
    send(descriptor, b"first")
    assert far.recv(100) == b"first"

    def work():
        with pytest.raises(RuntimeError):
            receive(descriptor)
        with pytest.raises(RuntimeError):
            send(descriptor, b"from the child")
        with pytest.raises(ClosedError):
            descriptor.shutdown_write()
        descriptor.close(abort=True)
        assert descriptor.closed

    assert fork(work) == 0
    assert not has_come(far)
    assert send(descriptor, b"second") == 6
    assert far.recv(100) == b"second"


def test_the_parents_waits_are_not_disturbed_by_what_the_child_closes(hub, pair):
    """Both share one epoll: what the child took out of it would be out of it."""
    descriptor, far = pair
    reader = asleep(receive, descriptor)

    def work():
        descriptor.close()
        near, _far = tcp_pair()
        other = Descriptor(near)
        with contextlib.suppress(DeadlineError), timeout(MS):
            receive(other)
        other.close()

    for _ in range(3):
        assert fork(work) == 0
    far.send(b"x")
    assert joined(reader) == b"x"


def in_other_hub(function, *args):
    return spawn_on_thread(lambda: Hub().run(function, *args))


@pytest.fixture
def listener():
    listener = Descriptor(Descriptor.open_socket(socket.AF_INET, socket.SOCK_STREAM))
    listener.bind(("127.0.0.1", 0))
    listener.listen(5)
    yield listener
    listener.close()


@pytest.mark.usefixtures("engine")
def test_a_hub_in_another_thread_still_hears_clients_after_a_child_closed(listener):
    """The child has no thread for that hub, but it shares the hub's epoll."""
    accepting = in_other_hub(wait_accept, {listener.number})
    until(lambda: accepting_is_asleep(listener.number))
    assert fork(listener.close) == 0
    with socket.create_connection(listener.socket.getsockname()):
        until(lambda: accepting.done)
        listener.accept_nowait()[0].close()


def accepting_is_asleep(number):
    return any(
        (task := hub._readers.get(number)) is not None and task.sleeping and hub._asleep
        for hub in tuple(hubs)
        if isinstance(hub, Hub)
    )


@pytest.mark.usefixtures("engine")
def test_a_hub_in_another_thread_still_hears_data_after_a_child_closed(pair):
    """An arming that was left over counts as armed, so it must not be taken away."""
    descriptor, far = pair
    go_on = Event()

    def read_twice():
        with pytest.raises(DeadlineError), timeout(MS):
            receive(descriptor)
        ready.append(True)
        go_on.wait()
        return receive(descriptor)

    ready: list[bool] = []
    reading = in_other_hub(read_twice)
    until(lambda: ready)
    assert fork(descriptor.close) == 0
    assert not has_come(far)
    go_on.set()
    far.send(b"x")
    until(lambda: reading.done)
    assert reading.value == b"x"


def test_the_child_leaves_the_parents_listener_open(hub):
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert fork(server.close) == 0
        with socket.create_connection(server.getsockname()):
            server.accept()[0].close()


def test_the_parent_goes_on_with_all_its_tasks(hub):
    tasks = [spawn(sleep, MS) for _ in range(5)]
    waiter = asleep(park)
    assert fork(int) == 0
    for task in tasks:
        joined(task)
    waiter.wake()
    joined(waiter)
    assert threading.active_count() >= 1
