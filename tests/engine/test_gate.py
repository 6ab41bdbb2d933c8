"""The gate: turns, deadlines and closing, and what meets in one moment."""

import sys
import threading

import pytest

from portside.engine import (
    Gate,
    Task,
    call_as_task,
    checkpoint,
    current,
    deadline,
    now,
    park,
    spawn,
    spawn_on_thread,
    timeout,
    unbounded,
)
from portside.engine.blocking import here
from portside.errors import Cancelled, ClosedError, DeadlineError
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


@pytest.fixture
def emptied():
    return []


@pytest.fixture
def gate(emptied):
    return Gate(lambda: emptied.append("empty"))


def pass_through(gate):
    gate.enter()
    gate.leave()
    return "passed"


class Inside:
    """A task that is inside the gate and waits for nothing of the engine."""

    def __init__(self, gate):
        self.gate = gate
        self._entered, self._go_on = threading.Event(), threading.Event()
        self.task = spawn_on_thread(self._stay)
        assert self._entered.wait(LONG)

    def _stay(self):
        self.gate.enter()
        self._entered.set()
        self._go_on.wait(LONG)
        self.gate.leave()

    def leave(self):
        self._go_on.set()
        joined(self.task)


def test_a_task_that_is_inside_is_told_so_and_does_not_wait_for_itself(gate):
    """A signal handler may try, in the middle of a call."""
    gate.enter()
    with pytest.raises(RuntimeError, match="in the middle of such a call"):
        gate.enter()
    gate.leave()
    assert pass_through(gate) == "passed"


# -- in the same moment


@threads_only
def test_a_turn_that_comes_in_the_moment_of_the_deadline_is_passed_on(gate):
    inside = Inside(gate)
    behind: list[Task] = []
    at = now() + 100 * MS

    def hand_over():
        with unbounded():
            behind.append(asleep(pass_through, gate))
        until(lambda: now() > at)
        inside.leave()

    with during_the_next_wait(hand_over), pytest.raises(DeadlineError), deadline(at):
        gate.enter()
    assert joined(behind[0]) == "passed"


@threads_only
def test_a_turn_that_comes_in_the_moment_of_a_cancel_is_passed_on(gate):
    inside = Inside(gate)
    behind: list[Task] = []

    def hand_over():
        behind.append(asleep(pass_through, gate))
        current().cancel()
        inside.leave()

    with during_the_next_wait(hand_over), pytest.raises(Cancelled):
        call_as_task(gate.enter)
    assert joined(behind[0]) == "passed"


@threads_only
def test_a_turn_that_comes_in_the_moment_of_a_signal_is_passed_on(gate):
    inside = Inside(gate)
    behind: list[Task] = []

    def hand_over():
        behind.append(asleep(pass_through, gate))
        inside.leave()
        raise Struck

    with during_the_next_wait(hand_over), pytest.raises(Struck):
        gate.enter()
    assert joined(behind[0]) == "passed"


def test_a_turn_that_comes_in_the_moment_of_a_close_is_the_last_one_out(gate, emptied):
    inside = Inside(gate)

    def hand_over():
        inside.leave()
        gate.close()
        assert emptied == []

    with during_the_next_wait(hand_over), pytest.raises(ClosedError):
        gate.enter()
    assert emptied == ["empty"]


def test_turns_that_race_with_deadlines_are_never_lost(gate):
    """Whoever gave up is not handed a turn that nobody gives back."""

    def try_often(seconds):
        passed = 0
        for _ in range(100):
            try:
                with timeout(seconds):
                    gate.enter()
            except DeadlineError:
                continue
            checkpoint()
            gate.leave()
            passed += 1
        return passed

    tasks = [spawn(try_often, 0.0001 * number) for number in range(1, 9)]
    assert sum(joined(task) for task in tasks) > 0
    with timeout(LONG):
        assert pass_through(gate) == "passed"


# -- turns


def test_one_task_at_a_time_is_inside(gate):
    inside = 0

    def pass_often():
        nonlocal inside
        for _ in range(300):
            gate.enter()
            inside += 1
            assert inside == 1
            inside -= 1
            gate.leave()

    for task in [spawn(pass_often) for _ in range(6)]:
        joined(task)


def test_the_turns_go_in_the_order_in_which_they_were_asked_for(gate):
    inside = Inside(gate)
    order = []

    def enter(number):
        gate.enter()
        order.append(number)
        gate.leave()

    tasks = [asleep(enter, number) for number in range(5)]
    inside.leave()
    for task in tasks:
        joined(task)
    assert order == [0, 1, 2, 3, 4]


def test_one_who_gave_up_is_passed_over(gate):
    inside = Inside(gate)
    gone, next_one = asleep(gate.enter), asleep(pass_through, gate)
    gone.cancel()
    with pytest.raises(Cancelled):
        joined(gone)
    inside.leave()
    assert joined(next_one) == "passed"


def test_one_who_comes_later_does_not_overtake_who_waits(gate):
    inside = Inside(gate)
    waiting = asleep(pass_through, gate)
    with pytest.raises(DeadlineError), timeout(2 * MS):
        gate.enter()
    assert not waiting.done
    inside.leave()
    joined(waiting)


def test_a_wake_for_no_reason_lets_nobody_in(gate):
    inside = Inside(gate)
    waiting = asleep(pass_through, gate)
    for _ in range(20):
        waiting.wake()
    with pytest.raises(DeadlineError):
        park(now() + 2 * MS)
    assert not waiting.done
    inside.leave()
    joined(waiting)


# -- deadlines


def test_the_deadline_covers_the_wait_for_the_turn(gate):
    inside = Inside(gate)
    gate.set_deadline(now() + 2 * MS)
    with pytest.raises(DeadlineError):
        gate.enter()
    inside.leave()


def test_a_deadline_that_has_passed_keeps_out_of_an_empty_gate(gate):
    gate.set_deadline(now())
    with pytest.raises(DeadlineError):
        gate.enter()
    gate.set_deadline(None)
    assert pass_through(gate) == "passed"


def test_a_deadline_moved_earlier_from_another_thread_reaches_who_waits(gate):
    inside = Inside(gate)
    gate.set_deadline(now() + LONG)
    waiting = asleep(gate.enter)
    gate.set_deadline(now() - 1)
    with pytest.raises(DeadlineError):
        joined(waiting)
    inside.leave()


def test_a_deadline_moved_later_from_another_thread_lets_who_waits_wait_on(gate):
    inside = Inside(gate)
    first = now() + 100 * MS
    gate.set_deadline(first)
    waiting = asleep(pass_through, gate)
    gate.set_deadline(first + LONG)
    until(lambda: now() > first + 10 * MS)
    assert not waiting.done
    inside.leave()
    assert joined(waiting) == "passed"


def test_a_deadline_taken_off_from_another_thread_lets_who_waits_wait_on(gate):
    inside = Inside(gate)
    first = now() + 100 * MS
    gate.set_deadline(first)
    waiting = asleep(pass_through, gate)
    gate.set_deadline(None)
    until(lambda: now() > first + 10 * MS)
    inside.leave()
    assert joined(waiting) == "passed"


def test_check_notes_the_earlier_of_its_deadline_and_the_bound_around(gate):
    at = now() + LONG
    gate.set_deadline(at)
    gate.check()
    assert gate.bound == at
    with deadline(at - 1):
        gate.check()
        assert gate.bound == at - 1


def test_one_who_waits_in_line_does_not_change_the_bound_of_the_one_inside(gate):
    at = now() + LONG
    with deadline(at):
        gate.enter()
    waiting = asleep(pass_through, gate)
    with pytest.raises(DeadlineError), timeout(MS):
        joined(spawn(gate.enter))
    assert gate.bound == at
    gate.leave()
    joined(waiting)


def test_a_deadline_moved_while_a_task_comes_in_is_never_missed(gate):
    """It either sees the new one, or is woken because it counts as inside."""

    def wait_inside():
        gate.enter()
        try:
            while True:
                here.engine.park(gate.bound)
                gate.check()
        finally:
            gate.leave()

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    for _ in range(500):
        gate.set_deadline(now() + LONG)
        task = spawn(wait_inside)
        gate.set_deadline(now())
        with pytest.raises(DeadlineError):
            joined(task)
    sys.setswitchinterval(before)


def test_a_cancel_comes_before_the_deadline(gate):
    def work():
        gate.set_deadline(now())
        current().cancel()
        gate.check()

    with pytest.raises(Cancelled):
        joined(spawn(work))


# -- the end


def test_a_close_wakes_all_who_wait_and_lets_the_one_inside_finish(gate, emptied):
    inside = Inside(gate)
    waiting = [asleep(gate.enter) for _ in range(5)]
    gate.close()
    for task in waiting:
        with pytest.raises(ClosedError):
            joined(task)
    assert emptied == []
    inside.leave()
    assert emptied == ["empty"]


def test_a_close_wakes_the_one_inside(gate):
    def wait_inside():
        gate.enter()
        try:
            while True:
                park()
                gate.check()
        finally:
            gate.leave()

    task = asleep(wait_inside)
    gate.close()
    with pytest.raises(ClosedError):
        joined(task)


def test_a_close_of_an_empty_gate_leaves_it_to_the_caller_to_see(gate, emptied):
    gate.close()
    assert gate.is_empty
    assert emptied == []


def test_a_gate_that_is_open_is_never_empty(gate):
    assert not gate.is_empty


def test_nobody_comes_in_after_the_close(gate):
    gate.close()
    with pytest.raises(ClosedError):
        gate.enter()
    with pytest.raises(ClosedError):
        gate.check()


def test_no_turn_is_handed_on_after_the_close(gate, emptied):
    inside = Inside(gate)
    waiting = asleep(gate.enter)
    gate.close()
    inside.leave()
    with pytest.raises(ClosedError):
        joined(waiting)
    assert set(emptied) == {"empty"}  # once, or once by each of the two


# -- draining


def test_a_drain_ends_only_what_was_declared_idle(gate):
    gate.drain()
    assert not gate.is_over
    gate.ends_when_draining = True
    assert gate.is_over


def test_a_drain_wakes_the_one_inside(gate):
    def wait_inside():
        gate.enter()
        gate.ends_when_draining = True
        while not gate.is_over:
            park()
        gate.leave()
        return "saw it"

    task = asleep(wait_inside)
    gate.drain()
    assert joined(task) == "saw it"
