"""Bounds of a block: what they reach, and what they leave alone."""

import math
import threading

import pytest

from portside.engine import (
    checkpoint,
    deadline,
    earliest,
    now,
    park,
    shield,
    sleep,
    spawn,
    timeout,
    unbounded,
    wait_read,
)
from portside.engine.scope import scope_deadline
from portside.errors import DeadlineError
from tests.engine.waiting import (
    LONG,
    MS,
    asleep,
    joined,
    keep_parking,
    tcp_pair,
    threads_only,
    until,
)

pytestmark = pytest.mark.usefixtures("engine")


def test_a_block_that_only_computes_is_not_interrupted():
    with timeout(-1):
        total = sum(range(1000))
    assert total == 499500


def test_the_first_wait_after_the_bound_has_passed_raises_even_if_it_could_return():
    near, far = tcp_pair()
    with near, far, deadline(now()):
        far.send(b"x")
        with pytest.raises(DeadlineError):
            wait_read(near.fileno())


def test_every_wait_after_the_bound_raises():
    with timeout(0):
        for _ in range(3):
            with pytest.raises(DeadlineError):
                park()


def test_what_comes_after_the_block_is_not_bound():
    with timeout(0):
        pass
    assert checkpoint() is None


def test_a_bound_is_taken_off_also_when_the_block_raises():
    with pytest.raises(DeadlineError), timeout(0):
        park()
    assert scope_deadline() is None


def test_of_nested_bounds_the_earliest_wins_whichever_is_inside():
    soon, late = now() + 1, now() + 2
    with deadline(soon), deadline(late):
        assert scope_deadline() == soon
    with deadline(late):
        with deadline(soon):
            assert scope_deadline() == soon
        assert scope_deadline() == late


def test_the_earlier_of_the_bound_around_and_the_callers_deadline_wins():
    soon, late = now() + 1, now() + 2
    with deadline(soon):
        assert checkpoint(late) == soon
    with deadline(late):
        assert checkpoint(soon) == soon


def test_none_adds_no_bound_and_takes_none_off():
    at = now() + 1
    with deadline(at), timeout(None), deadline(None):
        assert scope_deadline() == at


def test_a_task_is_bound_by_the_block_that_it_was_started_in():
    with timeout(20 * MS):
        task = spawn(sleep, LONG)
    with pytest.raises(DeadlineError):
        joined(task)


def test_a_task_is_not_bound_by_a_block_that_began_after_it():
    go_on = threading.Event()
    task = asleep(park)
    with timeout(0):
        go_on.set()
        assert not task.done
    task.wake()
    joined(task)


@threads_only
def test_a_block_inside_a_task_bounds_nobody_else():
    def work():
        with timeout(0):
            entered.set()
            leave.wait()

    entered, leave = threading.Event(), threading.Event()
    task = spawn(work)
    entered.wait()
    assert checkpoint() is None
    leave.set()
    joined(task)


def test_unbounded_takes_the_bounds_off_and_puts_them_back():
    with timeout(0):
        with unbounded():
            checkpoint()
        with pytest.raises(DeadlineError):
            checkpoint()


def test_shield_takes_the_bounds_off_and_puts_them_back():
    with timeout(0):
        with shield():
            checkpoint()
        with pytest.raises(DeadlineError):
            checkpoint()


def test_a_bound_inside_a_shield_holds():
    with shield(), pytest.raises(DeadlineError), timeout(2 * MS):
        keep_parking()


@pytest.mark.parametrize("seconds", [2.0**31 / 1000, 1e6, 1e300, math.inf])
def test_a_bound_too_long_for_poll_is_a_long_wait_and_no_error(seconds):
    def work():
        with timeout(seconds):
            park()

    task = asleep(work)
    task.wake()
    joined(task)


@pytest.mark.parametrize("seconds", [-1e-9, -1.0, -1e300, -math.inf])
def test_a_negative_timeout_has_passed(seconds):
    with timeout(seconds), pytest.raises(DeadlineError):
        park()


def test_a_wait_is_never_given_up_before_its_time():
    """poll counts whole milliseconds: rounding down would wake it too early."""
    for _ in range(5):
        at = now() + 1.3 * MS
        with pytest.raises(DeadlineError), deadline(at):
            keep_parking()
        assert now() >= at


def test_the_clock_does_not_go_back():
    moments = [now() for _ in range(100)]
    assert moments == sorted(moments)


def test_the_earliest_of_no_bound_and_one_is_the_one():
    assert earliest(None, 1.0) == earliest(1.0, None) == earliest(1.0, 2.0) == 1.0
    assert earliest(None, None) is None


def test_a_bound_moves_nothing_that_sleeps_outside_of_it():
    task = asleep(park)
    with timeout(0):
        pass
    assert task.sleeping
    task.wake()
    until(lambda: task.done)
