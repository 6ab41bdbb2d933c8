"""The verbs, as the rooms above ask them."""

import contextlib
import contextvars
import socket
import threading

import pytest

from portside.engine import (
    Task,
    call_as_task,
    cancel,
    checkpoint,
    closing,
    current,
    deadline,
    now,
    park,
    shield,
    sleep,
    spawn,
    timeout,
    wait_any,
    wait_read,
    wait_write,
    wake,
)
from portside.engine.scope import scope_deadline
from portside.errors import Cancelled, DeadlineError
from tests.engine.waiting import (
    LONG,
    MS,
    asleep,
    fill,
    joined,
    keep_parking,
    threads_only,
    until,
)

pytestmark = pytest.mark.usefixtures("engine")


@pytest.fixture
def pair():
    near, far = socket.socketpair()
    with near, far:
        yield near, far


WAITS = {
    "park": lambda fd: park(),
    "sleep": lambda fd: sleep(LONG),
    "wait_read": wait_read,
    "wait_any": lambda fd: wait_any({fd}),
    "checkpoint": lambda fd: checkpoint(),
}


@pytest.mark.parametrize("wait", WAITS.values(), ids=WAITS)
def test_every_wait_raises_cancelled_before_it_waits(pair, wait):
    def work():
        current().cancel()
        wait(pair[0].fileno())

    with pytest.raises(Cancelled):
        joined(spawn(work))


@pytest.mark.parametrize("wait", WAITS.values(), ids=WAITS)
def test_every_wait_raises_the_bound_that_has_passed_before_it_waits(pair, wait):
    with timeout(0), pytest.raises(DeadlineError):
        wait(pair[0].fileno())


ENDLESS = {name: wait for name, wait in WAITS.items() if name != "checkpoint"}


@pytest.mark.parametrize("wait", ENDLESS.values(), ids=ENDLESS)
def test_a_cancel_reaches_a_task_that_sleeps(pair, wait):
    task = asleep(wait, pair[0].fileno())
    cancel(task)
    with pytest.raises(Cancelled):
        joined(task)


@pytest.mark.parametrize("wait", ENDLESS.values(), ids=ENDLESS)
def test_a_moment_to_cancel_at_reaches_a_task_that_sleeps(pair, wait):
    def work():
        while True:
            wait(pair[0].fileno())

    task = asleep(work)
    cancel(task, at=now() + 5 * MS)
    with pytest.raises(Cancelled):
        joined(task)


def test_a_wait_for_data_returns_when_it_comes_from_another_thread(pair):
    near, far = pair
    task = asleep(wait_read, near.fileno())
    far.send(b"x")
    joined(task)


def test_a_wait_to_write_returns_when_the_peer_reads(pair):
    near, far = pair
    fill(near)
    task = asleep(wait_write, near.fileno())
    far.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while True:
            far.recv(65536)
    joined(task)


def test_a_wait_for_many_bounds_itself_by_the_earliest():
    with deadline(now() + LONG), pytest.raises(DeadlineError):
        wait_any((), (), now() + MS)


def test_a_sleep_that_is_woken_goes_on():
    begun = now()
    task = asleep(sleep, 30 * MS)
    for _ in range(100):
        wake(task)
    joined(task)
    assert now() - begun >= 30 * MS


def test_a_sleep_to_its_end_is_no_deadline():
    with timeout(LONG):
        sleep(MS)


def test_a_sleep_over_the_bound_ends_at_the_bound():
    begun = now()
    with pytest.raises(DeadlineError), timeout(5 * MS):
        sleep(LONG)
    assert now() - begun < LONG / 2


@pytest.mark.parametrize("seconds", [0, -1, -1e300])
def test_a_sleep_of_no_time_is_a_checkpoint(seconds):
    sleep(seconds)
    with timeout(0), pytest.raises(DeadlineError):
        sleep(seconds)


def test_a_spawned_task_has_its_functions_name_unless_told_another():
    assert spawn(int).name == "int"
    assert spawn(int, name="other").name == "other"
    assert spawn(type("Nameless", (), {"__call__": lambda self: None})()).name == "task"


def test_a_spawned_task_is_the_current_one_to_itself():
    task = spawn(current)
    assert joined(task) is task


@threads_only
def test_two_tasks_run_beside_each_other():
    barrier = threading.Barrier(2, timeout=LONG)
    tasks = [spawn(barrier.wait), spawn(barrier.wait)]
    assert sorted(joined(task) for task in tasks) == [0, 1]


def test_forgetting_a_descriptor_that_was_never_waited_for_is_silent(pair):
    closing(pair[0].fileno())


# -- call_as_task


def test_what_is_said_to_a_called_task_ends_with_it():
    def work():
        current().cancel()
        park()

    with pytest.raises(Cancelled):
        call_as_task(work)
    checkpoint()


def test_a_called_task_is_not_reached_by_what_was_said_to_the_caller():
    def caller():
        current().cancel()
        return call_as_task(checkpoint)

    assert joined(spawn(caller)) is None


def test_a_called_task_is_not_bound_by_the_blocks_around():
    with timeout(0):
        assert call_as_task(scope_deadline) is None
        assert scope_deadline() is not None


def test_a_called_task_returns_what_the_function_does():
    assert call_as_task(divmod, 7, 2) == (3, 1)


def test_a_called_task_raises_what_the_function_does_and_gives_the_line_back():
    before = current()
    with pytest.raises(ZeroDivisionError):
        call_as_task(divmod, 7, 0)
    assert current() is before


def test_a_called_task_has_the_callers_context_variables():
    variable = contextvars.ContextVar("variable", default="nobody's")
    variable.set("the caller's")
    assert call_as_task(variable.get) == "the caller's"


def test_a_called_task_can_be_woken_and_cancelled_from_another_thread():
    inside: list[Task] = []

    def work():
        inside.append(current())
        with pytest.raises(Cancelled):
            keep_parking()
        return "ended"

    def end():
        until(lambda: inside and inside[0].sleeping)
        inside[0].cancel()

    ender = spawn(end)
    assert call_as_task(work) == "ended"
    joined(ender)


def test_a_wake_of_the_caller_is_kept_while_the_called_task_runs():
    caller = current()

    def work():
        caller.wake()
        with pytest.raises(DeadlineError):
            keep_parking(now() + MS)

    call_as_task(work)
    park(now() + LONG)


# -- shield


def test_a_cancel_during_a_shield_is_raised_by_the_first_wait_after_it():
    steps = []

    def work():
        with shield():
            park()
            steps.append("undisturbed")
        park()

    task = asleep(work)
    task.cancel()
    with pytest.raises(Cancelled):
        joined(task)
    assert steps == ["undisturbed"]


def test_a_shield_in_a_shield_ends_with_the_outer_one():
    def work():
        current().cancel()
        with shield():
            with shield():
                checkpoint()
            checkpoint()
        checkpoint()

    with pytest.raises(Cancelled):
        joined(spawn(work))


def test_a_shield_ends_also_when_the_block_raises():
    with pytest.raises(ZeroDivisionError), shield():
        divmod(1, 0)
    assert current().shields == 0


def test_a_shield_is_for_the_task_that_asks_and_for_no_other():
    def work():
        current().cancel()
        checkpoint()

    with shield(), pytest.raises(Cancelled):
        joined(spawn(work))
