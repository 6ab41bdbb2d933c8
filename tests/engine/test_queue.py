"""The queue: no item lost, none doubled, and nobody hangs."""

import contextlib
import random

import pytest

from portside.engine import Queue, Task, call_as_task, current, now, spawn, timeout
from portside.errors import Cancelled, ClosedError, DeadlineError, WouldBlockError
from tests.engine.waiting import (
    LONG,
    MS,
    asleep,
    during_the_next_wait,
    joined,
    threads_only,
)

pytestmark = pytest.mark.usefixtures("engine")


class Struck(Exception):
    """What a callback raises here in the middle of a wait."""


@pytest.mark.parametrize("max_items", [1, 3, None])
def test_many_putters_and_getters_that_give_up_in_the_middle_lose_and_double_nothing(
    max_items,
):
    """Timeouts and cancels strike at every wait; what a call said it did, it did."""
    queue = Queue[int](max_items=max_items)
    put: list[int] = []
    got: list[int] = []

    def put_often(seed):
        chance = random.Random(seed)
        for number in range(seed * 1000, seed * 1000 + 200):
            try:
                with timeout(chance.choice([None, 0.0, 0.0001, 0.001])):
                    queue.put(number)
            except DeadlineError:
                continue
            put.append(number)

    def get_often(seed):
        chance = random.Random(seed)
        while True:
            try:
                with timeout(chance.choice([None, 0.0, 0.0001, 0.001])):
                    got.append(queue.get())
            except DeadlineError:
                continue
            except ClosedError:
                return

    putters = [spawn(put_often, number) for number in range(1, 6)]
    getters = [spawn(get_often, number) for number in range(10, 14)]
    chance = random.Random(0)
    seed = 100
    while not all(putter.done for putter in putters):
        seed += 1
        victim = spawn(chance.choice([get_often, put_often]), seed)
        victim.cancel(at=now() + chance.random() * 0.002)
        with contextlib.suppress(Cancelled):
            joined(victim)
    queue.close()
    for task in (*putters, *getters):
        joined(task)
    assert sorted(got) == sorted(put)


@threads_only
def test_a_getter_woken_on_its_way_out_passes_the_wake_up_on():
    queue = Queue[str]()
    behind: list[Task] = []

    def put():
        behind.append(asleep(queue.get))
        queue.put_nowait("item")  # wakes the getter here, which is on its way out
        raise Struck

    with during_the_next_wait(put), pytest.raises(Struck):
        queue.get()
    assert joined(behind[0]) == "item"


@threads_only
def test_a_putter_woken_on_its_way_out_passes_the_wake_up_on():
    queue = Queue[str](max_items=1)
    queue.put("first")
    behind: list[Task] = []

    def get():
        behind.append(asleep(queue.put, "third"))
        assert queue.get_nowait() == "first"
        raise Struck

    with during_the_next_wait(get), pytest.raises(Struck):
        queue.put("second")
    joined(behind[0])
    assert queue.get() == "third"


def test_a_getter_cancelled_in_the_moment_of_the_put_leaves_the_item():
    queue = Queue[str]()

    def put():
        current().cancel()
        queue.put_nowait("item")

    with during_the_next_wait(put):
        try:
            got = call_as_task(queue.get)
        except Cancelled:
            got = queue.get_nowait()
    assert got == "item"
    assert len(queue) == 0


def test_a_getter_that_overtakes_the_one_woken_makes_it_wait_again():
    queue = Queue[str]()
    waiting = asleep(queue.get)
    queue.put_nowait("first")
    overtaken = False
    try:
        queue.get_nowait()
        overtaken = True
    except WouldBlockError:
        assert joined(waiting) == "first"
    if overtaken:
        queue.put_nowait("second")
        assert joined(waiting) == "second"


def test_overtaking_in_every_order_loses_nothing():
    queue = Queue[int](max_items=2)

    def get_all():
        return list(queue)

    getters = [spawn(get_all) for _ in range(2)]
    stolen = []
    for number in range(500):
        queue.put(number)
        if number % 3 == 0:
            try:
                stolen.append(queue.get_nowait())
            except WouldBlockError:
                pass
    queue.close()
    got = [number for getter in getters for number in joined(getter)]
    assert sorted(got + stolen) == list(range(500))


def test_one_putters_items_come_out_in_its_order():
    queue = Queue[int](max_items=2)

    def put_all():
        for number in range(500):
            queue.put(number)
        queue.close()

    putter = spawn(put_all)
    assert list(queue) == list(range(500))
    joined(putter)


def test_a_full_queue_makes_putters_wait_and_holds_no_more():
    queue = Queue[int](max_items=2)
    queue.put(1)
    queue.put(2)
    putter = asleep(queue.put, 3)
    assert len(queue) == 2
    assert queue.get() == 1
    joined(putter)
    assert [queue.get(), queue.get()] == [2, 3]


def test_an_empty_queue_makes_getters_wait():
    queue = Queue[str]()
    getter = asleep(queue.get)
    queue.put("x")
    assert joined(getter) == "x"


def test_getters_are_served_in_the_order_in_which_they_came():
    queue = Queue[int]()
    getters = [asleep(queue.get) for _ in range(4)]
    for number, getter in enumerate(getters):
        queue.put(number)
        assert joined(getter) == number


def test_putters_are_served_in_the_order_in_which_they_came():
    queue = Queue[int](max_items=1)
    queue.put(0)
    putters = [asleep(queue.put, number) for number in range(1, 5)]
    for number, putter in enumerate(putters):
        assert queue.get() == number
        joined(putter)
    assert queue.get() == 4


def test_a_wake_for_no_reason_brings_nothing_out():
    queue = Queue[str]()
    getter = asleep(queue.get)
    for _ in range(20):
        getter.wake()
    assert not getter.done
    queue.put("x")
    assert joined(getter) == "x"


def test_a_close_wakes_all_who_wait_to_get():
    queue = Queue[str]()
    getters = [asleep(queue.get) for _ in range(3)]
    queue.close()
    for getter in getters:
        with pytest.raises(ClosedError, match="get: the queue is closed"):
            joined(getter)


def test_a_close_wakes_all_who_wait_to_put_and_takes_nothing_of_theirs():
    queue = Queue[int](max_items=1)
    queue.put(0)
    putters = [asleep(queue.put, number) for number in range(1, 4)]
    queue.close()
    for putter in putters:
        with pytest.raises(ClosedError, match="put: the queue is closed"):
            joined(putter)
    assert list(queue) == [0]


def test_what_was_put_before_the_close_can_still_be_got():
    queue = Queue[int]()
    queue.put(1)
    queue.put(2)
    queue.close()
    assert queue.closed
    assert list(queue) == [1, 2]
    with pytest.raises(ClosedError):
        queue.get()


def test_closing_it_again_is_silent():
    queue = Queue[int]()
    queue.close()
    queue.close()
    with pytest.raises(ClosedError):
        queue.put(1)


def test_a_bound_around_ends_a_get_and_a_put():
    queue = Queue[int](max_items=1)
    with pytest.raises(DeadlineError), timeout(MS):
        queue.get()
    queue.put(1)
    with pytest.raises(DeadlineError), timeout(MS):
        queue.put(2)
    assert list(queue._items) == [1]
    assert (len(queue._getters), len(queue._putters)) == (0, 0)


def test_a_bound_that_has_passed_wins_over_an_item_that_is_there():
    queue = Queue[int]()
    queue.put(1)
    with timeout(0), pytest.raises(DeadlineError):
        queue.get()
    assert len(queue) == 1


def test_nowait_calls_say_what_they_would_wait_for():
    queue = Queue[int](max_items=1)
    with pytest.raises(WouldBlockError, match="get: the queue is empty"):
        queue.get_nowait()
    queue.put_nowait(1)
    with pytest.raises(WouldBlockError, match="put: the queue holds max_items=1"):
        queue.put_nowait(2)


def test_nothing_is_an_item_too():
    queue = Queue[None]()
    queue.put(None)
    with timeout(LONG):
        assert queue.get() is None


@pytest.mark.parametrize("max_items", [0, -1])
def test_a_queue_that_holds_nothing_is_refused(max_items):
    with pytest.raises(ValueError, match=f"not {max_items}"):
        Queue[int](max_items=max_items)
