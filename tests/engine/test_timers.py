"""When a hub wakes whom: early is a look for nothing, late is a bug."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portside.engine import Task, timers
from portside.engine.timers import LONGEST_SECONDS, SWEEP_OVER, Timers


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self):
        self.time = 1000.0

    def __call__(self):
        return self.time


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(timers, "now", clock)
    return clock


def test_tasks_are_taken_earliest_first(clock):
    tasks = {at: Task(at) for at in (1007.0, 1003.0, 1005.0)}
    moments = Timers()
    for at, task in tasks.items():
        moments.set(task, at)
    clock.time = 1010.0
    assert [task.name for task in moments.take_due()] == [1003.0, 1005.0, 1007.0]


def test_tasks_of_one_moment_are_taken_in_the_order_in_which_they_were_set(clock):
    tasks = [Task(number) for number in range(10)]
    moments = Timers()
    for task in tasks:
        moments.set(task, 1001.0)
    clock.time = 1001.0
    assert moments.take_due() == tasks


def test_nobody_is_taken_before_the_moment_and_everybody_at_it(clock):
    task, moments = Task(), Timers()
    moments.set(task, 1001.0)
    clock.time = math.nextafter(1001.0, 0)
    assert moments.take_due() == []
    clock.time = 1001.0
    assert moments.take_due() == [task]


def test_a_task_is_taken_once(clock):
    task, moments = Task(), Timers()
    moments.set(task, 1000.0)
    assert moments.take_due() == [task]
    assert moments.take_due() == []
    assert task.timer is None


def test_a_later_moment_leaves_the_one_entry_where_it_is(clock):
    task, moments = Task(), Timers()
    for at in range(1001, 1101):
        moments.set(task, at)
    assert len(moments.heap) == 1
    assert moments.seconds_to_next() == 1.0


def test_an_earlier_moment_takes_the_place_of_a_later_one(clock):
    task, moments = Task(), Timers()
    moments.set(task, 1009.0)
    moments.set(task, 1002.0)
    assert moments.seconds_to_next() == 2.0
    clock.time = 1010.0
    assert moments.take_due() == [task]  # and not a second time for the later one
    assert len(moments.heap) == 0


def test_a_moment_that_was_taken_can_be_set_again(clock):
    task, moments = Task(), Timers()
    for _ in range(3):
        moments.set(task, 1000.0)
        assert moments.take_due() == [task]


def test_a_task_that_was_dropped_is_not_taken(clock):
    dropped, kept, moments = Task(), Task(), Timers()
    moments.set(dropped, 1001.0)
    moments.set(kept, 1002.0)
    moments.drop(dropped)
    clock.time = 1002.0
    assert moments.take_due() == [kept]


def test_a_drop_of_a_task_without_a_moment_is_silent(clock):
    moments = Timers()
    moments.drop(Task())
    assert len(moments.heap) == 0


# -- how long there is to sleep


def test_without_a_moment_there_is_no_end_to_the_sleep(clock):
    assert Timers().seconds_to_next() is None


def test_a_moment_that_has_passed_leaves_no_time_to_sleep(clock):
    moments = Timers()
    moments.set(Task(), 1.0)
    assert moments.seconds_to_next() == 0.0


@pytest.mark.parametrize("at", [math.inf, 1e300, 1000.0 + 2 * LONGEST_SECONDS])
def test_a_sleep_is_never_longer_than_the_kernel_can_be_told(clock, at):
    moments = Timers()
    moments.set(Task(), at)
    assert moments.seconds_to_next() == LONGEST_SECONDS
    assert moments.take_due() == []


def test_a_moment_that_never_comes_does_not_hide_one_that_does(clock):
    task, moments = Task(), Timers()
    moments.set(task, math.inf)
    moments.set(task, 1003.0)
    assert moments.seconds_to_next() == 3.0


# -- what is left of moments that were given up


MANY = 10_000
BOUND = 3 * SWEEP_OVER


def test_tasks_that_end_before_their_moment_leave_a_bounded_heap(clock):
    moments = Timers()
    for _ in range(MANY):
        task = Task()
        moments.set(task, 2000.0)
        moments.drop(task)
        assert len(moments.heap) <= BOUND


def test_moments_that_are_set_ever_earlier_leave_a_bounded_heap(clock):
    task, moments = Task(), Timers()
    for number in range(MANY):
        moments.set(task, 2000.0 - number * 0.001)
        assert len(moments.heap) <= BOUND


def test_a_far_bound_with_near_ones_inside_leaves_a_bounded_heap(clock):
    """As with a long timeout around a loop, and a short one around each round of it."""
    task, moments = Task(), Timers()
    for _ in range(MANY):
        moments.set(task, 5000.0)
        moments.set(task, clock.time + 0.1)
        clock.time += 0.1
        assert moments.take_due() == [task]
        assert len(moments.heap) <= BOUND


def test_a_sweep_keeps_who_is_alive(clock):
    alive = [Task(number) for number in range(SWEEP_OVER)]
    moments = Timers()
    for number, task in enumerate(alive):
        moments.set(task, 1500.0 + number)
    for _ in range(MANY):
        dead = Task()
        moments.set(dead, 1400.0)
        moments.drop(dead)
    assert len(moments.heap) < MANY
    clock.time = 2000.0
    assert moments.take_due() == alive


# -- against an oracle


N_TASKS = 5

steps = st.lists(
    st.one_of(
        st.tuples(
            st.just("set"),
            st.integers(0, N_TASKS - 1),
            st.one_of(st.integers(0, 20).map(float), st.just(math.inf)),
        ),
        st.tuples(st.just("drop"), st.integers(0, N_TASKS - 1), st.just(0.0)),
        st.tuples(st.just("pass"), st.just(0), st.integers(1, 5).map(float)),
    ),
    max_size=80,
)


@given(steps=steps, sweep_over=st.sampled_from([0, 1, SWEEP_OVER]))
def test_no_moment_is_missed_whatever_is_set_and_dropped(steps, sweep_over):
    """The oracle is a dictionary: the earliest moment that each task waits for."""
    clock, moments = Clock(), Timers()
    tasks = [Task(number) for number in range(N_TASKS)]
    wanted: dict[Task, float] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(timers, "now", clock)
        patch.setattr(timers, "SWEEP_OVER", sweep_over)
        for kind, number, seconds in steps:
            task = tasks[number]
            if kind == "set":
                at = clock.time + seconds
                moments.set(task, at)
                wanted[task] = min(at, wanted.get(task, at))
            elif kind == "drop":
                moments.drop(task)
                wanted.pop(task, None)
            else:
                clock.time += seconds
                taken = moments.take_due()
                assert len(taken) == len(set(taken))
                assert set(taken) == {
                    task for task, at in wanted.items() if at <= clock.time
                }
                for task in taken:
                    del wanted[task]
            if wanted:
                sleep = moments.seconds_to_next()
                assert sleep is not None
                assert sleep <= max(0.0, min(wanted.values()) - clock.time)
    for task in tasks:
        assert (task.timer[0] if task.timer else None) == wanted.get(task)
