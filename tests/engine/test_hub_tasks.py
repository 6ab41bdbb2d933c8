"""The tasks of a hub: apart from each other, and refused what no task may do."""

import contextlib
import contextvars
import gc
import socket
import sys
import warnings

import pytest
from greenlet import GreenletExit

from portside.engine import (
    Event,
    Task,
    call_as_task,
    checkpoint,
    closing,
    current,
    park,
    sleep,
    spawn,
    timeout,
    unwatch,
    wait_accept,
    wait_any,
    wait_read,
    wait_write,
    watch,
)
from portside.errors import Cancelled, DeadlineError
from tests.engine.waiting import (
    LONG,
    MS,
    asleep,
    fill,
    joined,
    tcp_pair,
    this_hub,
    until,
)

variable = contextvars.ContextVar("variable", default="nobody's")


class Boom(Exception):
    """What functions fail with here."""


def raising(kind):
    sleep(0)
    raise kind


# -- tasks and what they raise


@pytest.mark.parametrize(
    "kind", [Boom, KeyboardInterrupt, SystemExit, GreenletExit, Cancelled]
)
def test_whatever_a_task_raises_the_others_go_on(hub, kind):
    task, other = spawn(raising, kind), spawn(sleep, 2 * MS)
    with pytest.raises(kind):
        joined(task)
    joined(other)
    assert isinstance(task.error, kind)


def test_an_error_that_one_task_handles_is_not_seen_by_another(hub):
    seen = []
    go_on = Event()

    def handle():
        try:
            raise Boom
        except Boom:
            go_on.wait()
            seen.append(sys.exc_info()[0])

    def look():
        seen.append(sys.exc_info()[0])

    first = asleep(handle)
    joined(spawn(look))
    go_on.set()
    joined(first)
    assert seen == [None, Boom]


def test_a_greenlet_that_is_used_again_keeps_nothing_of_the_task_before(hub):
    lines = []

    def leave_things():
        lines.append(current().line)
        variable.set("the first task's")
        try:
            raise Boom
        except Boom:
            with timeout(0):
                raise

    def look():
        lines.append(current().line)
        assert sys.exc_info() == (None, None, None)
        assert checkpoint() is None
        return variable.get()

    variable.set("main's")
    first = spawn(leave_things)
    until(lambda: first.done)
    assert joined(spawn(look)) == "main's"
    assert lines[0] is lines[1]


def test_how_deep_a_task_has_called_is_its_own(hub):
    def dive(depth):
        if depth:
            dive(depth - 1)
        else:
            sleep(MS)

    depth = sys.getrecursionlimit() // 2
    tasks = [spawn(dive, depth) for _ in range(6)]
    for task in tasks:
        joined(task)

    def fall():
        fall()

    faller = spawn(fall)
    with pytest.raises(RecursionError):
        joined(faller)
    joined(spawn(dive, depth))


def test_more_tasks_than_are_kept_for_the_next_all_run(hub):
    tasks = [spawn(sleep, MS) for _ in range(1000)]
    for task in tasks:
        joined(task)
    assert len(this_hub()._idle_lines) <= 256


def test_a_spawned_task_inherits_variables_and_bounds(hub):
    variable.set("the spawner's")
    with timeout(2 * MS):
        tasks = [spawn(variable.get), spawn(park)]
    assert joined(tasks[0]) == "the spawner's"
    with pytest.raises(DeadlineError):
        joined(tasks[1])


def test_a_spawned_task_begins_after_its_spawner_waits(hub):
    steps: list[str] = []
    task = spawn(steps.append, "task")
    steps.append("spawner")
    joined(task)
    assert steps == ["spawner", "task"]


def test_a_task_in_place_of_another_waits_and_is_woken_like_any(hub):
    near, far = tcp_pair()
    with near, far:
        inside = []

        def work():
            inside.append(current())
            wait_read(near.fileno())
            park()
            with pytest.raises(Cancelled):
                while True:
                    park()
            return near.recv(10)

        def disturb():
            until(lambda: inside)
            far.send(b"x")
            inside[0].wake()
            sleep(MS)
            inside[0].cancel()

        present = current()
        spawn(disturb)
        with timeout(LONG):
            assert call_as_task(work) == b"x"
        assert current() is present
        closing(near.fileno())


def test_a_task_in_place_of_another_inside_a_third(hub):
    def third():
        sleep(MS)
        return current()

    def second():
        task = call_as_task(third)
        sleep(MS)
        return task, current()

    present = current()
    found = call_as_task(second)
    assert len({present, *found}) == 3
    sleep(MS)
    assert current() is present


# -- two for one, and callbacks that wait


@pytest.mark.parametrize(
    "wait",
    [wait_read, lambda fd: wait_any({fd})],
    ids=["wait_read", "wait_any"],
)
def test_a_second_reader_of_one_descriptor_is_refused_and_told_who_reads(hub, wait):
    near, far = tcp_pair()
    with near, far:
        first = spawn(wait_read, near.fileno(), name="the first reader")
        until(lambda: near.fileno() in this_hub()._readers)
        with pytest.raises(RuntimeError, match="the first reader"):
            wait(near.fileno())
        assert not first.done
        far.send(b"x")  # the first one is left as it was
        joined(first)
        closing(near.fileno())


def test_a_second_writer_of_one_descriptor_is_refused_and_told_who_writes(hub):
    near, far = socket.socketpair()
    with near, far:
        fill(near)
        first = spawn(wait_write, near.fileno(), name="the first writer")
        until(lambda: near.fileno() in this_hub()._writers)
        for wait in (wait_write, lambda fd: wait_any({far.fileno()}, {fd})):
            with pytest.raises(RuntimeError, match="the first writer"):
                wait(near.fileno())
        wait_any((), {far.fileno()})  # nothing of the refused one is left
        assert not first.done
        far.setblocking(False)
        while not first.done:
            with contextlib.suppress(BlockingIOError):
                far.recv(2**20)
            sleep(MS)
        joined(first)
        closing(near.fileno())
        closing(far.fileno())


WAITS = {
    "park": park,
    "sleep": lambda: sleep(MS),
    "event": lambda: Event().wait(),
    "wait_any": lambda: wait_any((), ()),
    "wait_accept": lambda: wait_accept(()),
    "call_as_task": lambda: call_as_task(park),
}


@pytest.mark.parametrize("wait", WAITS.values(), ids=WAITS)
def test_a_callback_that_waits_is_told_that_it_must_not(hub, wait):
    near, far = socket.socketpair()
    errors: list[BaseException] = []

    def call():
        unwatch(near.fileno())
        try:
            with timeout(20 * MS):
                wait()
        except BaseException as error:
            errors.append(error)
        else:
            errors.append(Boom("it did not raise"))

    with near, far:
        far.send(b"x")
        watch(near.fileno(), call)
        until(lambda: errors)
    assert isinstance(errors[0], RuntimeError), errors
    assert "must not wait" in str(errors[0])


@pytest.mark.parametrize("wait", [wait_read, wait_write])
def test_a_wait_for_what_is_watched_is_refused_and_leaves_the_watch(hub, wait):
    near, far = socket.socketpair()
    with near, far:
        seen: list[bytes] = []
        watch(near.fileno(), lambda: seen.append(near.recv(1)))
        with pytest.raises(RuntimeError, match="a watch"):
            wait(near.fileno())
        far.send(b"x")
        until(lambda: seen)
        unwatch(near.fileno())


@pytest.mark.parametrize("wait", [wait_read, wait_write])
def test_a_watch_of_what_is_waited_for_is_refused_and_leaves_the_wait(hub, wait):
    near, far = socket.socketpair()
    with near, far:
        fill(near)
        task = asleep(wait, near.fileno())
        with pytest.raises(RuntimeError, match="waits for"):
            watch(near.fileno(), lambda: None)
        far.send(b"x")
        far.recv(2**20)
        far.close()
        joined(task)
        joined(spawn(wait_read, near.fileno()))
        closing(near.fileno())


def test_a_descriptor_that_is_closed_is_watched_no_more(hub):
    near, far = socket.socketpair()
    with near, far:
        far.send(b"x")
        watch(near.fileno(), lambda: pytest.fail("it was told of"))
        closing(near.fileno())
        joined(spawn(wait_read, near.fileno()))
        closing(near.fileno())


def test_a_callback_may_wake_and_spawn(hub):
    near, far = socket.socketpair()
    spawned: list[Task] = []

    def call():
        unwatch(near.fileno())
        sleeper.wake()
        spawned.append(spawn(int))

    sleeper = asleep(park)
    with near, far:
        watch(near.fileno(), call)
        far.send(b"x")
        joined(sleeper)
        assert joined(spawned[0]) == 0


def test_no_warning_comes_of_a_hub_that_was_never_run(new_hub):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        hub = new_hub()
        del hub
        gc.collect()
