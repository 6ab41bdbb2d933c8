"""Tasks: the permit between park and wake, and being told to end."""

import contextvars
import threading
from collections import deque

import pytest

from portside.engine import (
    Event,
    Task,
    cancel,
    checkpoint,
    current,
    now,
    park,
    shield,
    sleep,
    spawn,
    timeout,
    wait_read,
    wake,
)
from portside.errors import Cancelled, DeadlineError
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


def test_no_wake_up_is_lost_between_two_tasks_that_take_turns():
    """Each turn is one wake and one park, which meet in every possible order."""
    rounds = 5000
    turn = 0
    tasks: list[Task] = []

    def play(number):
        nonlocal turn
        for _ in range(rounds):
            while turn % 2 != number:
                park()
            turn += 1
            tasks[1 - number].wake()

    def start(number):
        until(lambda: len(tasks) == 2)
        play(number)

    tasks += [spawn(start, 0), spawn(start, 1)]
    with timeout(LONG):
        for task in tasks:
            joined(task)
    assert turn == 2 * rounds


def test_no_wake_up_is_lost_among_many_wakers_of_one_task():
    n_wakers, n_things = 8, 500
    things: deque[int] = deque()

    def take():
        taken = 0
        while taken < n_wakers * n_things:
            if things:
                things.popleft()
                taken += 1
            else:
                park()
        return taken

    taker = spawn(take)

    def give():
        for number in range(n_things):
            things.append(number)
            taker.wake()

    for giver in [spawn(give) for _ in range(n_wakers)]:
        joined(giver)
    assert joined(taker) == n_wakers * n_things


def test_a_wake_before_the_park_makes_it_return_at_once():
    wake(current())
    park(now() + LONG)


def test_two_wakes_before_a_park_are_one_permit():
    current().wake()
    current().wake()
    park(now() + LONG)
    with pytest.raises(DeadlineError):
        park(now() + 2 * MS)


def test_a_wake_ends_a_sleep_in_another_thread():
    task = asleep(park)
    task.wake()
    joined(task)


def test_a_wake_ends_a_wait_for_a_descriptor_too():
    near, far = tcp_pair()
    with near, far:
        task = asleep(wait_read, near.fileno())
        task.wake()
        joined(task)


def test_a_task_that_has_not_started_can_be_woken():
    Task("idle").wake()


def test_a_task_that_has_ended_can_be_woken_and_cancelled():
    task = spawn(int)
    joined(task)
    task.wake()
    task.cancel()
    assert joined(task) == 0


def test_cancelled_is_raised_at_every_wait_until_the_task_ends():
    raised = []

    def stubborn():
        for wait in (lambda: sleep(LONG), park, checkpoint, lambda: wait_read(0)):
            try:
                wait()
            except Cancelled:
                raised.append(wait)

    task = asleep(stubborn)
    task.cancel()
    joined(task)
    assert len(raised) == 4


@threads_only
def test_a_task_cancelled_before_its_first_wait_computes_up_to_it():
    started, go_on = threading.Event(), threading.Event()
    steps = []

    def work():
        started.set()
        go_on.wait()
        steps.append("computed")
        park()
        steps.append("waited")

    task = spawn(work)
    started.wait()
    cancel(task)
    go_on.set()
    with pytest.raises(Cancelled):
        joined(task)
    assert steps == ["computed"]


def test_a_cancel_comes_before_a_deadline_that_has_passed():
    def late():
        current().cancel()
        with timeout(-1):
            park()

    with pytest.raises(Cancelled):
        joined(spawn(late))


def test_a_cancel_comes_before_data_that_is_ready():
    near, far = tcp_pair()
    with near, far:
        far.send(b"x")

        def read():
            current().cancel()
            wait_read(near.fileno())

        with pytest.raises(Cancelled):
            joined(spawn(read))


def test_a_cancel_for_a_reason_that_is_forgiven_is_over():
    reason = object()

    def work():
        current().cancel(reason=reason)
        with pytest.raises(Cancelled):
            checkpoint()
        current().forgive(reason)
        checkpoint()
        return "went on"

    assert joined(spawn(work)) == "went on"


def test_one_of_two_reasons_that_is_forgiven_leaves_the_other():
    def work():
        current().cancel(reason="one")
        current().cancel(reason="other")
        current().forgive("one")
        checkpoint()

    with pytest.raises(Cancelled):
        joined(spawn(work))


def test_a_cancel_at_a_moment_ends_a_sleep_that_began_before():
    task = asleep(sleep, LONG)
    moment = now() + 20 * MS
    cancel(task, at=moment)
    with pytest.raises(Cancelled):
        joined(task)
    assert moment <= now() < moment + LONG / 2


def test_a_cancel_at_a_moment_is_raised_at_every_wait_from_then_on():
    def work():
        current().cancel(at=now())
        for _ in range(3):
            with pytest.raises(Cancelled):
                checkpoint()
        return "ended by itself"

    assert joined(spawn(work)) == "ended by itself"


def test_the_earlier_of_two_moments_to_cancel_at_stays():
    task = asleep(sleep, LONG)
    cancel(task, at=now() + 2 * LONG)
    cancel(task, at=now() + 10 * MS)
    cancel(task, at=now() + 3 * LONG)
    with pytest.raises(Cancelled):
        joined(task)


def test_a_cancel_now_does_not_wait_for_the_moment_that_was_said_before():
    task = asleep(sleep, LONG)
    cancel(task, at=now() + LONG)
    cancel(task)
    with pytest.raises(Cancelled):
        joined(task)


def test_a_deadline_before_the_moment_to_cancel_at_is_a_deadline():
    def work():
        current().cancel(at=now() + LONG)
        with timeout(2 * MS):
            keep_parking()

    with pytest.raises(DeadlineError):
        joined(spawn(work))


def test_a_shielded_wait_is_not_cancelled_and_the_next_one_is():
    steps: list[str] = []

    def work():
        with shield():
            with pytest.raises(DeadlineError):
                keep_parking(moment)
            steps.append("waited to the end")
        checkpoint()

    moment = now() + 20 * MS
    task = asleep(work)
    cancel(task)
    cancel(task, at=now())
    with pytest.raises(Cancelled):
        joined(task)
    assert steps == ["waited to the end"]


def test_run_keeps_whatever_is_raised_and_raises_nothing():
    def leave():
        raise SystemExit(3)

    task = Task("leaver", leave)
    task.run()
    assert task.done
    assert isinstance(task.error, SystemExit)
    with pytest.raises(SystemExit):
        task.value  # noqa: B018  the reading of it is what raises


def test_a_task_that_has_ended_keeps_nothing_of_what_it_was_given():
    class Big:
        pass

    task = Task("keeper", lambda big: None, (Big(),))
    task.run()
    assert (task._function, task._args, task._context) == (None, (), None)


def test_a_joiner_is_woken_when_the_task_is_done():
    go_on = Event()
    task = spawn(go_on.wait)

    def join():
        task.add_joiner(current())
        try:
            while not task.done:
                park()
        finally:
            task.remove_joiner(current())

    joiners = [asleep(join), asleep(join)]
    go_on.set()
    for joiner in joiners:
        joined(joiner)


def test_a_task_changes_only_its_own_copy_of_the_context():
    variable = contextvars.ContextVar("variable", default="nobody's")
    variable.set("ours")

    def work():
        seen = variable.get()
        variable.set("the task's")
        return seen

    assert joined(spawn(work)) == "ours"
    assert variable.get() == "ours"


def test_a_task_shows_its_name():
    assert repr(Task("reader")) == "<Task reader>"
    assert repr(spawn(int, name="one")) == "<Task one>"
    assert repr(spawn(int)) == "<Task int>"
