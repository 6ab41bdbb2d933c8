"""A hub from its beginning to its end, and what it leaves."""

import contextvars
import gc
import os
import subprocess
import sys
import threading
import weakref

import pytest
from greenlet import GreenletExit

from portside.engine import (
    Task,
    closing,
    current,
    may_block,
    park,
    sleep,
    spawn,
    timeout,
)
from portside.engine.blocking import here
from portside.engine.hubs import hubs
from portside.errors import Cancelled, DeadlineError
from tests.engine.waiting import LONG, MS, asleep, joined, until

variable = contextvars.ContextVar("variable", default="nobody's")


class Boom(Exception):
    """What functions fail with here."""


def raising(kind):
    sleep(0)
    raise kind


# -- its life


def test_it_returns_what_the_function_does(new_hub):
    assert new_hub().run(divmod, 7, 2) == (3, 1)


@pytest.mark.parametrize(
    "kind", [Boom, KeyboardInterrupt, SystemExit, GreenletExit, Cancelled]
)
def test_it_raises_what_the_function_does(new_hub, kind):
    with pytest.raises(kind):
        new_hub().run(raising, kind)


def test_the_thread_has_its_engine_again_afterwards(new_hub):
    before = here.engine
    assert new_hub().run(lambda: here.engine) is not before
    assert here.engine is before
    with pytest.raises(Boom):
        new_hub().run(raising, Boom)
    assert here.engine is before
    assert may_block()


def test_it_is_known_while_it_runs_and_no_longer(new_hub):
    hub = new_hub()
    assert hub.run(lambda: hub in hubs)
    assert hub not in hubs


def test_it_leaves_no_descriptor_and_no_thread(new_hub):
    def count():
        return len(os.listdir("/proc/self/fd")), threading.active_count()

    before = count()
    new_hub().run(sleep, MS)
    until(lambda: count() == before)


def test_an_ended_hub_can_be_collected(new_hub):
    def work():
        for task in [spawn(sleep, 0) for _ in range(10)]:
            joined(task)

    hub = new_hub()
    hub.run(work)
    seen = weakref.ref(hub)
    del hub
    until(lambda: threading.active_count() == 1)
    gc.collect()
    assert seen() is None


def test_many_hubs_one_after_another_keep_nothing(new_hub):
    for _ in range(30):
        new_hub().run(sleep, 0)


def test_hubs_in_many_threads_run_beside_each_other(new_hub):
    barrier = threading.Barrier(4, timeout=LONG)
    seen = []

    def work():
        barrier.wait()
        sleep(MS)
        seen.append(current().name)

    threads = [threading.Thread(target=new_hub().run, args=(work,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG)
    assert seen == ["work"] * 4


def test_hubs_that_begin_and_end_disturb_no_close_in_another_thread(new_hub):
    """Whoever closes asks all the hubs that there are, while others come and go."""
    stop = threading.Event()
    errors: list[BaseException] = []

    def close():
        try:
            while not stop.is_set():
                closing(10**6)
        except BaseException as error:
            errors.append(error)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    closer = threading.Thread(target=close)
    closer.start()
    for _ in range(300):
        new_hub().run(int)
        if errors:
            break
    stop.set()
    closer.join()
    sys.setswitchinterval(before)
    assert errors == []


def test_a_hub_made_in_one_thread_and_run_in_another_is_the_others(new_hub):
    hub = new_hub()
    names: list[str] = []
    thread = threading.Thread(
        target=lambda: hub.run(lambda: names.append(repr(hub))), name="the other"
    )
    thread.start()
    thread.join()
    assert "the other" in names[0]


def test_a_hub_that_has_ended_is_not_run_again(new_hub):
    hub = new_hub()
    hub.run(int)
    with pytest.raises(RuntimeError):
        hub.run(sleep, MS)


def test_a_hub_inside_a_hub_runs_to_its_end_first(new_hub):
    """The outer one stands still meanwhile, as for any other call that blocks."""
    order: list[str] = []

    def inner():
        tasks[0].wake()
        joined(spawn(order.append, "inner task"))
        order.append("inner")
        return "value"

    def wait_outside():
        park()
        order.append("outer task")

    def outer():
        tasks.append(asleep(wait_outside))
        engine = here.engine
        assert new_hub().run(inner) == "value"
        assert here.engine is engine
        joined(tasks[0])

    tasks: list[Task] = []
    new_hub().run(outer)
    assert order == ["inner task", "inner", "outer task"]


# -- what the first task is given


def test_the_first_task_has_the_callers_context_variables(new_hub):
    variable.set("the caller's")
    assert new_hub().run(variable.get) == "the caller's"


def test_the_first_task_is_bound_by_the_blocks_around(new_hub):
    with pytest.raises(DeadlineError), timeout(2 * MS):
        new_hub().run(sleep, 40 * MS)


def test_what_the_first_task_changes_of_its_context_stays_with_it(new_hub):
    variable.set("the caller's")
    new_hub().run(variable.set, "the task's")
    assert variable.get() == "the caller's"


# -- tasks that are left at the end


@pytest.fixture
def left_behind():
    """Return a function that stays in a wait for ever, and what it has done."""
    steps = []

    def stay():
        steps.append("began")
        try:
            park()
            steps.append("went on")
        finally:
            steps.append("cleaned up")

    return stay, steps


def test_tasks_that_are_left_stay_where_they_are(new_hub, left_behind):
    stay, steps = left_behind
    task = new_hub().run(asleep, stay)
    gc.collect()
    assert not task.done
    del task
    gc.collect()
    assert steps == ["began"]


def test_tasks_that_are_left_by_a_failure_stay_where_they_are(new_hub, left_behind):
    stay, steps = left_behind

    def fail():
        asleep(stay)
        raise Boom

    with pytest.raises(Boom):
        new_hub().run(fail)
    gc.collect()
    assert steps == ["began"]


def test_a_task_that_was_left_can_be_woken_and_cancelled_in_vain(new_hub, left_behind):
    stay, steps = left_behind
    task = new_hub().run(asleep, stay)
    task.wake()
    task.cancel()
    assert not task.done
    assert steps == ["began"]


def test_tasks_that_are_left_clean_up_nothing_when_the_process_ends():
    program = (
        "from portside.engine import park, sleep, spawn\n"
        "from portside.engine.hub import Hub\n"
        "def stay():\n"
        "    try:\n"
        "        park()\n"
        "    finally:\n"
        "        print('cleaned up')\n"
        "def main():\n"
        "    spawn(stay)\n"
        "    sleep(0.001)\n"
        "Hub().run(main)\n"
        "print('ended')\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", program],
        check=False,
        capture_output=True,
        text=True,
        timeout=LONG,
    )
    assert (found.stdout, found.stderr, found.returncode) == ("ended\n", "", 0)


def test_a_task_that_has_not_begun_at_the_end_never_does(new_hub):
    steps: list[int] = []
    new_hub().run(lambda: spawn(steps.append, 1))
    gc.collect()
    assert steps == []
