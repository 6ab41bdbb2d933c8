"""The lock: one at a time, in order, and never lost."""

import contextlib

import pytest

from portside.engine import Lock, Task, call_as_task, current, now, spawn, timeout
from portside.errors import Cancelled, DeadlineError
from tests.engine.waiting import (
    LONG,
    MS,
    asleep,
    during_the_next_wait,
    joined,
    threads_only,
    until,
)

pytestmark = pytest.mark.usefixtures("engine")


class Struck(Exception):
    """What a callback raises here in the middle of a wait."""


@threads_only
def test_a_lock_handed_over_in_the_moment_of_a_signal_is_passed_on():
    lock = Lock()
    behind: list[Task] = []

    def work():
        with lock:
            return "held"

    def strike():
        behind.append(asleep(work))
        release.append(True)
        until(lambda: holder.done)
        raise Struck

    def hold():
        with lock:
            held.append(True)
            until(lambda: release)

    held: list[bool] = []
    release: list[bool] = []
    holder = spawn(hold)
    until(lambda: held)
    with during_the_next_wait(strike), pytest.raises(Struck):
        lock.acquire()
    assert joined(behind[0]) == "held"
    assert not lock.locked


def test_a_count_under_the_lock_loses_nothing():
    lock = Lock()
    count = 0

    def add():
        nonlocal count
        for _ in range(300):
            with lock:
                before = count
                for _ in range(20):
                    pass
                count = before + 1

    for task in [spawn(add) for _ in range(6)]:
        joined(task)
    assert count == 1800


def test_the_lock_goes_to_those_who_wait_in_order():
    lock = Lock()
    order = []

    def work(number):
        with lock:
            order.append(number)

    with lock:
        tasks = [asleep(work, number) for number in range(6)]
    for task in tasks:
        joined(task)
    assert order == [0, 1, 2, 3, 4, 5]


def test_who_releases_and_acquires_again_comes_after_those_who_wait():
    lock = Lock()
    order = []

    def work():
        with lock:
            order.append("waiting")

    lock.acquire()
    task = asleep(work)
    lock.release()
    with lock:
        order.append("again")
    joined(task)
    assert order == ["waiting", "again"]


def test_a_task_that_is_told_to_end_can_take_a_free_lock_to_clean_up():
    lock = Lock()
    current().cancel(reason="now")
    try:
        with lock:
            assert lock.locked
    finally:
        current().forgive("now")


def test_one_who_was_cancelled_while_waiting_is_passed_over():
    lock = Lock()

    def work():
        with lock:
            return "held"

    with lock:
        gone, next_one = asleep(work), asleep(work)
        gone.cancel()
        with pytest.raises(Cancelled):
            joined(gone)
    assert joined(next_one) == "held"
    assert not lock.locked


def test_locks_that_race_with_cancels_are_never_lost():
    lock = Lock()

    def work():
        with lock:
            pass

    for _ in range(150):
        with lock:
            tasks = [spawn(work) for _ in range(3)]
            tasks[0].cancel()
        tasks[1].cancel()
        for task in tasks:
            with contextlib.suppress(Cancelled):
                joined(task)
    with timeout(LONG), lock:
        assert lock.locked


def test_giving_up_at_a_bound_leaves_the_lock_to_who_holds_it():
    lock = Lock()

    def give_up():
        with timeout(MS), lock:
            raise AssertionError("it is held")

    with lock:
        with pytest.raises(DeadlineError):
            joined(spawn(give_up))
        assert lock.locked


def test_acquiring_it_twice_is_refused():
    lock = Lock()
    with lock, pytest.raises(RuntimeError, match="holds the lock already"):
        lock.acquire()


def test_releasing_what_another_task_holds_is_refused():
    lock = Lock()
    with lock, pytest.raises(RuntimeError, match="does not hold"):
        joined(spawn(lock.release))
    assert not lock.locked


def test_releasing_what_nobody_holds_is_refused():
    with pytest.raises(RuntimeError, match="does not hold"):
        Lock().release()


def test_a_called_task_is_another_task_to_the_lock():
    lock = Lock()

    def work():
        with timeout(MS):
            lock.acquire()

    with lock, pytest.raises(DeadlineError):
        call_as_task(work)


def test_the_lock_is_given_back_when_the_block_raises():
    lock = Lock()
    with pytest.raises(ZeroDivisionError), lock:
        divmod(1, 0)
    assert not lock.locked


def test_a_free_lock_is_taken_at_once():
    lock = Lock()
    with timeout(LONG), lock:
        begun = now()
    assert now() >= begun
