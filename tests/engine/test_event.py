"""The event: seen by those who came before it and by those who come after."""

import signal

import pytest

from portside.engine import Event, current, sleep, spawn, timeout
from portside.errors import Cancelled, DeadlineError
from tests.engine.waiting import LONG, MS, asleep, joined

pytestmark = pytest.mark.usefixtures("engine")


def test_a_set_that_races_with_the_wait_is_never_missed():
    for _ in range(300):
        event = Event()
        waiting = [spawn(event.wait) for _ in range(2)]
        event.set()
        for task in waiting:
            joined(task)


def test_a_wait_after_the_set_returns_at_once():
    event = Event()
    event.set()
    with timeout(LONG):
        event.wait()


def test_a_set_wakes_all_who_wait():
    event = Event()
    waiting = [asleep(event.wait) for _ in range(5)]
    event.set()
    for task in waiting:
        joined(task)


def test_a_wake_for_no_reason_does_not_end_the_wait():
    event = Event()
    task = asleep(event.wait)
    for _ in range(20):
        task.wake()
    assert not task.done
    event.set()
    joined(task)


def test_setting_it_again_is_silent():
    event = Event()
    event.set()
    event.set()
    assert event.is_set


def test_it_is_as_true_as_it_is_set():
    event = Event()
    assert not event
    event.set()
    assert event


def test_a_wait_ends_at_the_bound_around_it_and_leaves_nothing_behind():
    event = Event()
    with pytest.raises(DeadlineError), timeout(MS):
        event.wait()
    assert event._waiting == []


def test_one_who_is_cancelled_leaves_the_others_waiting():
    event = Event()
    gone, other = asleep(event.wait), asleep(event.wait)
    gone.cancel()
    with pytest.raises(Cancelled):
        joined(gone)
    assert not other.done
    event.set()
    joined(other)


def test_an_event_that_is_set_is_no_wait_so_a_bound_that_has_passed_does_not_matter():
    event = Event()
    event.set()
    with timeout(0):
        event.wait()


def test_it_may_be_set_by_a_signal_handler_that_interrupts_the_wait():
    event = Event()
    before = signal.signal(signal.SIGALRM, lambda *_: event.set())
    timer = signal.setitimer(signal.ITIMER_REAL, 5 * MS)
    with timeout(LONG):
        event.wait()
    signal.setitimer(signal.ITIMER_REAL, *timer)
    signal.signal(signal.SIGALRM, before)


def test_it_may_be_set_by_a_task_for_the_task_that_started_it():
    event = Event()
    main = current()

    def work():
        while not main.sleeping:
            sleep(MS)
        event.set()

    task = spawn(work)
    with timeout(LONG):
        event.wait()
    joined(task)
