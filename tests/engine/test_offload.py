"""Offloaded calls: who waits, who does not, and what a call that is left does."""

import contextvars
import threading

import pytest

from portside.engine import Offloader, checkpoint, offload, spawn, timeout
from portside.engine.offload import MAX_OFFLOADED
from portside.errors import Cancelled, DeadlineError
from tests.engine.waiting import LONG, MS, asleep, joined, until

pytestmark = pytest.mark.usefixtures("engine")


def test_a_deadline_leaves_the_call_running():
    go_on, ended = threading.Event(), threading.Event()

    def block():
        go_on.wait(LONG)
        ended.set()

    with pytest.raises(DeadlineError), timeout(2 * MS):
        offload(block)
    assert not ended.is_set()
    go_on.set()
    assert ended.wait(LONG)


def test_a_cancel_leaves_the_call_running():
    go_on, ended = threading.Event(), threading.Event()

    def block():
        go_on.wait(LONG)
        ended.set()

    task = asleep(offload, block)
    task.cancel()
    with pytest.raises(Cancelled):
        joined(task)
    go_on.set()
    assert ended.wait(LONG)


def test_a_call_that_was_left_keeps_its_place_until_it_ends():
    """Or calls that hang would pile up without bound."""
    offload_one = Offloader(1)
    go_on = threading.Event()
    n_calls = 0

    def block():
        nonlocal n_calls
        n_calls += 1
        go_on.wait(LONG)

    for _ in range(3):
        with pytest.raises(DeadlineError), timeout(50 * MS):
            offload_one(block)
    assert n_calls == 1
    go_on.set()
    with timeout(LONG):
        assert offload_one(int) == 0


def test_no_more_calls_than_the_bound_run_at_once():
    offload_two = Offloader(2)
    inside, most = 0, 0
    mutex, go_on = threading.Lock(), threading.Event()

    def block():
        nonlocal inside, most
        with mutex:
            inside += 1
            most = max(most, inside)
        go_on.wait(LONG)
        with mutex:
            inside -= 1

    tasks = [spawn(offload_two, block) for _ in range(6)]
    until(lambda: inside == 2 and all(task.sleeping for task in tasks))
    assert most == 2
    go_on.set()
    for task in tasks:
        joined(task)
    assert most == 2


def test_a_call_that_waits_for_its_place_can_be_given_up():
    offload_one = Offloader(1)
    go_on, called = threading.Event(), threading.Event()
    first = asleep(offload_one, go_on.wait, LONG)
    with pytest.raises(DeadlineError), timeout(MS):
        offload_one(called.set)
    go_on.set()
    joined(first)
    assert offload_one(int) == 0
    assert not called.is_set()


def test_errors_pass_through():
    with pytest.raises(ZeroDivisionError):
        offload(divmod, 1, 0)


def test_an_error_gives_the_place_back():
    offload_one = Offloader(1)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), timeout(LONG):
            offload_one(divmod, 1, 0)


def test_what_ends_a_program_passes_through_too():
    with pytest.raises(SystemExit):
        offload(exit, 3)


def test_it_returns_what_the_function_does():
    assert offload(sorted, [1, 3, 2], reverse=True) == [3, 2, 1]


def test_the_call_runs_on_another_thread():
    assert offload(threading.get_ident) != threading.get_ident()


def test_the_call_sees_the_callers_context_variables():
    variable = contextvars.ContextVar("variable", default="nobody's")
    variable.set("the caller's")
    assert offload(variable.get) == "the caller's"


def test_waits_inside_the_call_are_bound_by_the_block_around_the_caller():
    with timeout(LONG):
        assert offload(checkpoint) == checkpoint()


def test_the_bound_has_room_for_as_many_calls_as_are_promised():
    barrier = threading.Barrier(MAX_OFFLOADED, timeout=LONG)
    tasks = [spawn(offload, barrier.wait) for _ in range(MAX_OFFLOADED)]
    assert sorted(joined(task) for task in tasks) == list(range(MAX_OFFLOADED))


def test_a_bound_that_has_passed_calls_nothing():
    called = threading.Event()
    with pytest.raises(DeadlineError), timeout(0):
        offload(called.set)
    assert not called.is_set()
