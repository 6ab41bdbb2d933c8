"""Task groups: what ends whom, what comes out, and that nothing is left running."""

import contextvars
import os
import signal
from functools import partial

import pytest

from portside.engine import (
    Event,
    TaskGroup,
    cancel,
    checkpoint,
    current,
    now,
    park,
    shield,
    sleep,
    spawn,
    spawn_on_thread,
    timeout,
)
from portside.errors import Cancelled, DeadlineError
from tests.engine.waiting import (
    LONG,
    MS,
    asleep,
    joined,
    keep_parking,
    threads_only,
    until,
)

pytestmark = pytest.mark.usefixtures("engine")


class Boom(Exception):
    """What tasks fail with here."""


def fail(text="boom"):
    raise Boom(text)


def fail_while_ending(text="while ending"):
    try:
        keep_parking()
    finally:
        raise Boom(text)


@pytest.fixture
def running():
    """Names of what runs now; `stay` puts itself in."""
    return set()


@pytest.fixture
def stay(running):
    """Return a function that runs until it is cancelled, and takes its time to end."""

    def stay(name):
        running.add(name)
        try:
            keep_parking()
        finally:
            with shield():
                sleep(MS)
            running.discard(name)

    return stay


# -- a failure


def test_a_failure_cancels_the_siblings_and_the_body(running, stay):
    with pytest.raises(ExceptionGroup) as caught, TaskGroup() as group:
        group.start_soon(stay, "one")
        group.start_soon(stay, "other")
        until(lambda: len(running) == 2)
        group.start_soon(fail)
        keep_parking()
    assert [str(error) for error in caught.value.exceptions] == ["boom"]
    assert running == set()


def test_a_failing_body_cancels_the_tasks_and_is_in_the_group(running, stay):
    with pytest.raises(ExceptionGroup) as caught, TaskGroup() as group:
        group.start_soon(stay, "one")
        until(lambda: running)
        fail("body")
    assert [str(error) for error in caught.value.exceptions] == ["body"]
    assert running == set()


def test_the_errors_of_all_who_failed_come_out_together():
    with pytest.raises(ExceptionGroup) as caught, TaskGroup() as group:
        ending = group.start_soon(fail_while_ending)
        until(lambda: ending._task.sleeping)
        fail("body")
    assert [str(error) for error in caught.value.exceptions] == ["body", "while ending"]


def test_an_error_that_the_body_got_from_result_comes_out_once():
    with pytest.raises(ExceptionGroup) as caught, TaskGroup() as group, shield():
        task = group.start_soon(fail)
        until(lambda: task.done)
        task.result()
    assert [str(error) for error in caught.value.exceptions] == ["boom"]


def test_a_failure_while_the_block_already_ends_cancels_the_others(running, stay):
    go_on = Event()

    def fail_later():
        go_on.wait()
        fail()

    main = current()
    with pytest.raises(ExceptionGroup), TaskGroup() as group:
        group.start_soon(stay, "one")
        until(lambda: running)
        group.start_soon(fail_later)

        def let_go():
            until(lambda: main.sleeping)
            go_on.set()

        waker = spawn(let_go)
    joined(waker)
    assert running == set()


def test_a_body_that_swallows_its_cancel_still_gets_the_errors():
    with pytest.raises(ExceptionGroup), TaskGroup() as group:
        group.start_soon(fail)
        try:
            keep_parking()
        except Cancelled:
            pass


def test_a_body_that_computes_on_is_not_interrupted():
    steps = []
    with pytest.raises(ExceptionGroup), TaskGroup() as group:
        task = group.start_soon(fail)
        until(lambda: task.done)
        steps.append("computed")
        checkpoint()
        steps.append("waited")
    assert steps == ["computed"]


def test_the_parent_is_usable_after_a_group_that_failed():
    for _ in range(50):
        with pytest.raises(ExceptionGroup), TaskGroup() as group:
            group.start_soon(fail)
            group.start_soon(fail)
        checkpoint()


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_what_ends_the_program_comes_out_of_a_body_as_it_is(kind):
    with pytest.raises(kind), TaskGroup() as group:
        task = group.start_soon(fail_while_ending)
        until(lambda: task._task.sleeping)
        raise kind


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_what_ends_the_program_comes_out_of_a_task_as_it_is(kind, running, stay):
    def leave():
        raise kind

    with pytest.raises(kind), TaskGroup() as group:
        group.start_soon(stay, "one")
        until(lambda: running)
        group.start_soon(leave)
    assert running == set()


@threads_only
def test_ctrl_c_while_the_block_waits_ends_the_tasks_and_comes_out(running, stay):
    def interrupt(number, frame):
        raise KeyboardInterrupt

    main = current()
    before = signal.signal(signal.SIGUSR1, interrupt)
    with pytest.raises(KeyboardInterrupt), TaskGroup() as group:
        group.start_soon(stay, "one")
        group.start_soon(fail_while_ending)
        until(lambda: running)

        def strike():
            until(lambda: main.sleeping)
            os.kill(os.getpid(), signal.SIGUSR1)

        striker = spawn(strike)
    joined(striker)
    signal.signal(signal.SIGUSR1, before)
    assert running == set()


# -- told to end from outside


def test_a_parent_cancelled_from_outside_cancels_its_tasks_and_is_cancelled(
    running, stay
):
    after = []

    def parent():
        with TaskGroup() as group:
            group.start_soon(stay, "one")
            group.start_soon(stay, "other")
        after.append("the block did not raise")

    task = spawn(parent)
    until(lambda: len(running) == 2 and task.sleeping)
    cancel(task)
    with pytest.raises(Cancelled):
        joined(task)
    assert running == set()
    assert after == []


def test_a_parent_cancelled_in_its_body_cancels_its_tasks_and_is_cancelled(
    running, stay
):
    def parent():
        with TaskGroup() as group:
            group.start_soon(stay, "one")
            until(lambda: running)
            current().cancel()
            keep_parking()

    with pytest.raises(Cancelled):
        joined(spawn(parent))
    assert running == set()


def test_a_parent_cancelled_while_its_group_is_cancelled_stays_cancelled(stay, running):
    """Which of the two came first must not decide whether it goes on."""

    def parent():
        with TaskGroup() as group:
            group.start_soon(stay, "one")
            until(lambda: running)
            group.cancel()
            current().cancel()
            keep_parking()
        checkpoint()

    with pytest.raises(Cancelled):
        joined(spawn(parent))


def test_a_parent_cancelled_at_a_moment_ends_its_tasks_then(running, stay):
    def parent():
        with TaskGroup() as group:
            group.start_soon(stay, "one")

    task = spawn(parent)
    until(lambda: running and task.sleeping)
    cancel(task, at=now() + 5 * MS)
    with pytest.raises(Cancelled):
        joined(task)
    assert running == set()


def test_cancels_that_race_with_failures_leave_nothing_running(running, stay):
    def parent(number):
        with TaskGroup() as group:
            for child in range(3):
                group.start_soon(stay, (number, child))
            group.start_soon(fail)
            keep_parking()

    for number in range(60):
        task = spawn(parent, number)
        task.cancel(at=now() + number % 10 * 0.0002)
        with pytest.raises((Cancelled, ExceptionGroup)):
            joined(task)
        assert running == set()


# -- a timeout around


def test_a_timeout_around_comes_out_as_a_deadline_whoever_saw_it_first():
    """Tasks inherit the bound: all of them and the block see it pass, in any order."""
    for _ in range(50):
        with (
            pytest.raises(DeadlineError) as caught,
            timeout(0.002),
            TaskGroup() as group,
        ):
            group.start_soon(sleep, LONG)
            group.start_soon(sleep, LONG)
        assert caught.type is DeadlineError


def test_a_timeout_around_comes_out_as_a_deadline_also_from_the_body():
    with pytest.raises(DeadlineError), timeout(2 * MS), TaskGroup() as group:
        group.start_soon(sleep, LONG)
        sleep(LONG)


def test_a_timeout_around_nested_groups_comes_out_as_a_deadline():
    with pytest.raises(DeadlineError), timeout(2 * MS), TaskGroup() as outer:
        outer.start_soon(sleep, LONG)
        with TaskGroup() as inner:
            inner.start_soon(sleep, LONG)


def test_a_timeout_around_does_not_hide_another_failure():
    with pytest.raises(ExceptionGroup) as caught, timeout(2 * MS), TaskGroup() as group:
        group.start_soon(fail_while_ending)
        group.start_soon(sleep, LONG)
    assert caught.group_contains(Boom)


def test_a_timeout_inside_a_task_is_a_failure_like_any_other():
    def late():
        with timeout(0):
            park()

    with pytest.raises(ExceptionGroup) as caught, timeout(LONG), TaskGroup() as group:
        group.start_soon(late)
    assert caught.group_contains(DeadlineError)


def test_a_timeout_around_waits_for_the_tasks_to_end(running, stay):
    with pytest.raises(DeadlineError), timeout(2 * MS), TaskGroup() as group:
        task = group.start_soon(stay, "one")
    assert task.done
    assert running == set()


def test_a_timeout_inside_the_body_that_is_caught_there_ends_nothing():
    with TaskGroup() as group:
        event = Event()
        task = group.start_soon(event.wait)
        try:
            with timeout(MS):
                task.result()
        except DeadlineError:
            event.set()
    assert task.done


# -- nested


def test_a_failure_outside_cancels_the_group_inside(running, stay):
    def nest():
        with TaskGroup() as inner:
            inner.start_soon(stay, "inner")

    with pytest.raises(ExceptionGroup) as caught, TaskGroup() as outer:
        outer.start_soon(nest)
        until(lambda: running)
        outer.start_soon(fail)
    assert [str(error) for error in caught.value.exceptions] == ["boom"]
    assert running == set()


def test_a_failure_inside_comes_out_of_both_groups_each_in_its_own(running, stay):
    with pytest.raises(ExceptionGroup) as caught, TaskGroup() as outer:
        outer.start_soon(stay, "outer")
        until(lambda: running)
        with TaskGroup() as inner:
            inner.start_soon(fail)
    (inside,) = caught.value.exceptions
    assert isinstance(inside, ExceptionGroup)
    assert isinstance(inside.exceptions[0], Boom)
    assert running == set()


def test_the_outer_block_goes_on_after_an_inner_group_was_cancelled(running, stay):
    steps = []
    with TaskGroup() as outer:
        outer.start_soon(stay, "outer")
        until(lambda: running)
        with TaskGroup() as inner:
            inner.start_soon(stay, "inner")
            inner.cancel()
            keep_parking()
        checkpoint()
        steps.append("went on")
        assert running == {"outer"}
        outer.cancel()
    assert steps == ["went on"]


def test_an_outer_cancel_inside_an_inner_block_ends_both(running, stay):
    steps = []
    with TaskGroup() as outer:
        with TaskGroup() as inner:
            inner.start_soon(stay, "inner")
            until(lambda: running)
            outer.cancel()
            keep_parking()
        steps.append("the inner block did not raise")
    checkpoint()
    assert steps == []
    assert running == set()


# -- group.cancel


def test_cancel_ends_the_tasks_and_the_block_and_is_no_error(running, stay):
    steps = []
    with TaskGroup() as group:
        group.start_soon(stay, "one")
        until(lambda: running)
        group.cancel()
        checkpoint()
        steps.append("the body went on")
    checkpoint()
    assert (steps, running) == ([], set())


def test_cancel_by_one_of_its_tasks_ends_the_others_and_the_block(running, stay):
    with TaskGroup() as group:
        group.start_soon(stay, "one")
        until(lambda: running)
        group.start_soon(group.cancel)
        keep_parking()
    checkpoint()
    assert running == set()


def test_cancel_in_a_body_that_does_not_wait_is_over_with_the_block():
    with TaskGroup() as group:
        group.cancel()
    checkpoint()


def test_cancel_after_the_block_reaches_nobody():
    with TaskGroup() as group:
        group.start_soon(int)
    group.cancel()
    checkpoint()


def test_cancels_that_race_with_the_end_of_the_block_reach_nobody_after_it():
    for _ in range(300):
        with TaskGroup() as group:
            canceller = spawn(group.cancel)
        checkpoint()
        joined(canceller)
        checkpoint()


def test_cancel_may_come_from_a_signal_handler():
    with TaskGroup() as group:
        before = signal.signal(signal.SIGALRM, lambda *_: group.cancel())
        timer = signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
        group.start_soon(keep_parking)
        try:
            while True:
                group.start_soon(int)
                checkpoint()
        finally:
            signal.setitimer(signal.ITIMER_REAL, *timer)
            signal.signal(signal.SIGALRM, before)


def test_a_task_started_after_the_cancel_ends_at_its_first_wait():
    steps = []

    def late():
        steps.append("began")
        park(now() + LONG)
        steps.append("waited")

    with TaskGroup() as group:
        group.cancel()
        group.start_soon(late)
    assert steps == ["began"]


def test_a_task_started_by_one_that_swallows_its_cancel_is_cancelled_too():
    """The block knows of the cancel already, and would wait for it for ever."""
    main = current()

    def swallow(group):
        try:
            keep_parking()
        except Cancelled:
            until(lambda: main.sleeping)
            with shield():
                group.start_soon(keep_parking)

    with timeout(LONG), TaskGroup() as group:
        group.start_soon(swallow, group)
        group.cancel()
    checkpoint()


# -- one task


def test_result_returns_what_the_task_returned_and_again():
    with TaskGroup() as group:
        task = group.start_soon(sum, [1, 2])
        assert task.result() == 3
    assert task.result() == 3


def test_result_raises_what_the_task_raised():
    with pytest.raises(ExceptionGroup), TaskGroup() as group:
        task = group.start_soon(fail)
    with pytest.raises(Boom):
        task.result()


def test_a_task_that_was_cancelled_has_no_result():
    """Who asks for it is told so, and not that it is to end itself."""
    with TaskGroup() as group:
        task = group.start_soon(keep_parking)
        task.cancel()
        until(lambda: task.done)
    with pytest.raises(RuntimeError, match="was told to end, and has no result"):
        task.result()


def test_who_waits_for_a_task_when_its_group_ends_is_told_to_end_too():
    with TaskGroup() as group:
        task = group.start_soon(keep_parking)
        group.start_soon(group.cancel)
        with pytest.raises(Cancelled):
            task.result()


def test_result_ends_at_the_bound_around_and_the_task_goes_on():
    with TaskGroup() as group:
        event = Event()
        task = group.start_soon(event.wait)
        with pytest.raises(DeadlineError), timeout(MS):
            task.result()
        assert not task.done
        event.set()


def test_result_may_be_asked_by_several_tasks():
    event = Event()

    def work():
        event.wait()
        return 7

    with TaskGroup() as group:
        task = group.start_soon(work)
        askers = [asleep(task.result) for _ in range(3)]
        event.set()
    assert [joined(asker) for asker in askers] == [7, 7, 7]


def test_cancelling_one_task_is_no_failure_and_ends_no_other():
    with TaskGroup() as group:
        event = Event()
        gone, other = group.start_soon(keep_parking), group.start_soon(event.wait)
        gone.cancel()
        until(lambda: gone.done)
        assert not other.done
        event.set()


def test_a_task_that_swallows_its_cancel_is_waited_for():
    steps = []

    def stubborn():
        try:
            keep_parking()
        except Cancelled:
            with shield():
                sleep(5 * MS)
            steps.append("cleaned up")

    with TaskGroup() as group:
        group.start_soon(stubborn)
        group.cancel()
    assert steps == ["cleaned up"]


# -- starting


def test_the_block_waits_for_all_its_tasks():
    done = []

    def work(number):
        sleep(number * MS)
        done.append(number)

    with TaskGroup() as group:
        for number in range(5):
            group.start_soon(work, number)
    assert sorted(done) == [0, 1, 2, 3, 4]


def test_a_block_without_tasks_ends_at_once():
    with timeout(LONG), TaskGroup():
        pass


def test_a_task_may_start_others_also_while_the_block_already_ends():
    done = []

    def tree(group, depth):
        if depth:
            group.start_soon(tree, group, depth - 1)
            group.start_soon(tree, group, depth - 1)
        done.append(depth)

    with TaskGroup() as group:
        group.start_soon(tree, group, 5)
    assert len(done) == 63


def test_start_soon_before_and_after_the_block_is_refused():
    group = TaskGroup()
    with pytest.raises(RuntimeError, match="inside the group's with block"):
        group.start_soon(int)
    with group:
        pass
    with pytest.raises(RuntimeError, match="inside the group's with block"):
        group.start_soon(int)


def test_start_soon_from_outside_that_races_with_the_end_leaves_nothing_running():
    """Either it is refused, or the block has waited for what was started."""
    done: list[int] = []

    def start(group, number):
        try:
            while True:
                group.start_soon(done.append, number)
        except RuntimeError:
            return

    for number in range(60):
        with timeout(LONG), TaskGroup() as group:
            starter = spawn_on_thread(start, group, number)
            until(partial(done.count, number))
        seen = len(done)
        joined(starter)
        assert len(done) == seen


def test_a_task_takes_arguments_by_place_and_by_name():
    with TaskGroup() as group:
        task = group.start_soon(sorted, [1, 3, 2], reverse=True)
    assert task.result() == [3, 2, 1]


def test_a_task_has_its_functions_name_for_logs():
    with TaskGroup() as group:
        task = group.start_soon(sum, [])
    assert task._task.name == "sum"


def test_a_task_has_a_copy_of_the_context_it_was_started_in():
    variable = contextvars.ContextVar("variable", default="nobody's")
    variable.set("the block's")
    with TaskGroup() as group:
        task = group.start_soon(variable.get)
    assert task.result() == "the block's"


def test_a_task_knows_the_bound_of_the_block_it_was_started_in():
    with TaskGroup() as group:
        with timeout(LONG):
            bound = group.start_soon(checkpoint)
        free = group.start_soon(checkpoint)
    assert bound.result() is not None
    assert free.result() is None
