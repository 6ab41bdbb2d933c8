"""Slots: no place lost, none made, and those who wait come in order."""

import contextlib

import pytest

from portside.engine import (
    Slots,
    Task,
    call_as_task,
    current,
    deadline,
    now,
    spawn,
    timeout,
    unbounded,
)
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


def take(slots):
    slots.take()
    return "taken"


@threads_only
def test_a_place_given_in_the_moment_of_a_signal_is_passed_on():
    slots = Slots(0)
    behind: list[Task] = []

    def give():
        behind.append(asleep(take, slots))
        slots.give_back()  # to the task that waits here, which is on its way out
        raise Struck

    with during_the_next_wait(give), pytest.raises(Struck):
        slots.take()
    assert joined(behind[0]) == "taken"
    assert slots.free == 0


def test_a_place_given_in_the_moment_of_a_cancel_is_free_again():
    """Cancelled or not, the place is somebody's: the task's, or free."""
    slots = Slots(0)

    def work():
        slots.take()
        return "taken"

    def give():
        current().cancel()
        slots.give_back()

    with during_the_next_wait(give):
        assert call_as_task(work) == "taken"
    assert slots.free == 0


@threads_only
def test_a_place_given_in_the_moment_of_a_deadline_is_somebodys():
    slots = Slots(0)
    at = now() + 100 * MS
    behind: list[Task] = []

    def give():
        with unbounded():
            behind.append(asleep(take, slots))
        until(lambda: now() > at)
        slots.give_back()

    with during_the_next_wait(give), deadline(at):
        try:
            slots.take()
        except DeadlineError:
            pass
        else:
            slots.give_back()
    assert joined(behind[0]) == "taken"


def test_places_that_race_with_cancels_and_deadlines_are_neither_lost_nor_made():
    slots = Slots(2)
    inside = 0

    def use(number):
        nonlocal inside
        for round_ in range(150):
            try:
                with timeout(0.0001 * ((number + round_) % 5)):
                    slots.take()
            except DeadlineError:
                continue
            inside += 1
            assert inside <= 2
            inside -= 1
            slots.give_back()

    def take_for_ever():
        slots.take()
        slots.give_back()

    users = [spawn(use, number) for number in range(6)]
    while not all(user.done for user in users):
        taker = spawn(take_for_ever)
        taker.cancel()
        with contextlib.suppress(Cancelled):
            joined(taker)
    for user in users:
        joined(user)
    assert slots.free == 2


def test_the_places_go_to_those_who_wait_in_order():
    slots = Slots(0)
    waiting = [asleep(take, slots) for _ in range(4)]
    for task in waiting:
        assert task.sleeping
        slots.give_back()
        joined(task)


def test_one_who_comes_later_does_not_overtake_who_waits():
    slots = Slots(1)
    slots.take()
    waiting = asleep(take, slots)
    with pytest.raises(DeadlineError), timeout(2 * MS):
        slots.take()
    assert not waiting.done
    slots.give_back()
    assert joined(waiting) == "taken"


def test_one_who_gave_up_is_passed_over():
    slots = Slots(0)
    gone, next_one = asleep(take, slots), asleep(take, slots)
    gone.cancel()
    with pytest.raises(Cancelled):
        joined(gone)
    slots.give_back()
    assert joined(next_one) == "taken"


def test_giving_up_takes_nothing():
    slots = Slots(0)
    with pytest.raises(DeadlineError), timeout(MS):
        slots.take()
    slots.give_back()
    assert slots.free == 1


def test_a_free_place_is_no_wait_so_a_bound_that_has_passed_does_not_matter():
    slots = Slots(1)
    with timeout(0):
        slots.take()
    assert slots.free == 0


def test_a_wake_for_no_reason_gives_no_place():
    slots = Slots(0)
    waiting = asleep(take, slots)
    for _ in range(20):
        waiting.wake()
    assert not waiting.done
    slots.give_back()
    assert joined(waiting) == "taken"
    assert slots.free == 0


def test_a_place_may_be_given_back_by_another_task():
    slots = Slots(1)
    slots.take()
    joined(spawn(slots.give_back))
    with timeout(LONG):
        slots.take()
