"""The engine of a plain thread: what strikes in the middle of its waits."""

import contextlib
import gc
import os
import signal
import socket
import threading
from functools import partial

import pytest

from portside.engine import (
    Task,
    current,
    now,
    park,
    shield,
    sleep,
    spawn,
    timeout,
    unwatch,
    wait_any,
    wait_read,
    wait_write,
    watch,
)
from portside.engine.blocking import Blocking, here
from portside.errors import Cancelled, DeadlineError
from tests.engine.waiting import (
    LONG,
    MS,
    asleep,
    during_the_next_wait,
    fill,
    in_child,
    joined,
    keep_parking,
    no_other_threads,
    until,
)


class Struck(Exception):
    """What the signal handlers of these tests raise."""


@pytest.fixture
def pair():
    near, far = socket.socketpair()
    with near, far:
        yield near, far


@pytest.fixture
def _strikes():
    """Let SIGUSR1 raise Struck."""

    def strike(number, frame):
        raise Struck

    before = signal.signal(signal.SIGUSR1, strike)
    yield
    signal.signal(signal.SIGUSR1, before)


def strike_when_asleep(task):
    def strike():
        until(lambda: task.sleeping)
        os.kill(os.getpid(), signal.SIGUSR1)

    return spawn(strike)


# -- signals


@pytest.fixture
def _no_finalizers():
    """Let no handler strike inside a finalizer, where what it raises is lost."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("_no_finalizers")
def test_signal_handlers_that_raise_anywhere_leave_the_engine_usable(pair):
    """They strike between any two lines, also while a wait is being prepared."""
    near, far = pair
    watched, ready = socket.socketpair()
    ready.send(b"x")
    is_armed = False

    def strike(number, frame):
        if is_armed:
            raise Struck

    def use_until_struck():
        nonlocal is_armed
        try:
            is_armed = True
            while True:
                wait_write(near.fileno(), now() + LONG)
                watch(watched.fileno(), lambda: None)
                wait_any({far.fileno()}, {far.fileno()}, now() + LONG)
                unwatch(watched.fileno())
        except Struck:
            is_armed = False

    before = signal.signal(signal.SIGALRM, strike)
    timer = signal.setitimer(signal.ITIMER_REAL, 0)
    with watched, ready:
        for round_ in range(300):
            seconds = 0.0001 + round_ % 37 * 0.00001
            signal.setitimer(signal.ITIMER_REAL, seconds, 0.01)
            use_until_struck()
            signal.setitimer(signal.ITIMER_REAL, 0)
            unwatch(watched.fileno())
            with pytest.raises(DeadlineError):  # nothing is left that ends its waits
                keep_parking(now() + 0.0001)
            with timeout(LONG):  # and nothing is forgotten that does
                assert wait_any((), {near.fileno()}) == {near.fileno()}
            current().wake()
            park(now() + LONG)
    signal.setitimer(signal.ITIMER_REAL, *timer)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.usefixtures("_strikes")
@pytest.mark.parametrize("wait", [park, lambda: sleep(LONG)], ids=["park", "sleep"])
def test_a_signal_handler_that_raises_ends_the_wait_with_its_error(wait):
    striker = strike_when_asleep(current())
    with pytest.raises(Struck):
        wait()
    joined(striker)
    current().wake()
    park()
    with pytest.raises(DeadlineError):
        keep_parking(now() + 2 * MS)  # the end of the striker may wake it late


@pytest.mark.usefixtures("_strikes")
def test_a_signal_handler_that_raises_in_a_wait_for_data_loses_no_data(pair):
    near, far = pair
    striker = strike_when_asleep(current())
    with pytest.raises(Struck):
        wait_read(near.fileno())
    joined(striker)
    far.send(b"x")
    with timeout(LONG):
        wait_read(near.fileno())
    assert near.recv(1) == b"x"


def test_a_signal_handler_that_returns_does_not_end_the_wait(pair):
    near, far = pair
    seen = []
    before = signal.signal(signal.SIGUSR1, lambda *_: seen.append(1))
    main = current()

    def has_seen(count):
        return len(seen) == count

    def strike():
        for count in range(1, 4):
            until(lambda: main.sleeping)
            os.kill(os.getpid(), signal.SIGUSR1)
            until(partial(has_seen, count))
        assert main.sleeping
        far.send(b"x")

    striker = spawn(strike)
    assert wait_any({near.fileno()}) == {near.fileno()}
    joined(striker)
    signal.signal(signal.SIGUSR1, before)


def test_a_signal_handler_may_wake_the_task_that_it_interrupts():
    task = current()
    before = signal.signal(signal.SIGUSR1, lambda *_: task.wake())
    striker = strike_when_asleep(task)
    park()
    joined(striker)
    signal.signal(signal.SIGUSR1, before)


# -- watches


def test_a_watch_calls_back_from_inside_every_kind_of_wait(pair):
    near, far = pair
    other = socket.socketpair()
    seen = []
    watch(near.fileno(), lambda: seen.append(near.recv(1)))
    for wait in (
        lambda: park(now() + LONG),
        lambda: wait_read(other[0].fileno(), now() + LONG),
        lambda: wait_any({other[0].fileno()}, (), now() + LONG),
    ):
        far.send(b"x")
        wait()
    unwatch(near.fileno())
    for sock in other:
        sock.close()
    assert seen == [b"x"] * 3


def test_a_watch_is_for_a_number_that_was_waited_for_under_another_socket(pair):
    """What was armed for the old socket must not take the watch away."""
    old, old_far = socket.socketpair()
    old_far.send(b"x")
    wait_read(old.fileno())
    number = old.fileno()
    old.close()
    near, far = socket.socketpair()
    assert near.fileno() == number
    seen = []
    watch(number, lambda: seen.append(near.recv(1)))
    pair[1].send(b"x")
    wait_read(pair[0].fileno())
    far.send(b"y")
    with timeout(LONG):
        park()
    unwatch(number)
    for sock in (old_far, near, far):
        sock.close()
    assert seen == [b"y"]


@pytest.mark.parametrize("seconds", [None, LONG])
def test_a_watched_descriptor_may_be_waited_for_too_and_stays_watched(pair, seconds):
    near, far = pair
    seen = []
    watch(near.fileno(), lambda: seen.append(near.recv(1)))
    for letter in (b"1", b"2"):
        far.send(letter)
        wait_read(near.fileno(), None if seconds is None else now() + seconds)
        with pytest.raises(DeadlineError):
            park(now() + MS)
    far.send(b"3")
    park(now() + LONG)
    unwatch(near.fileno())
    assert seen == [b"1", b"2", b"3"]


def test_a_watched_descriptor_that_is_only_writable_is_not_called_back(pair):
    """Whether it was waited for before the watch or not."""
    near, _ = pair
    seen = []
    wait_write(near.fileno(), now() + LONG)
    watch(near.fileno(), lambda: seen.append("called"))
    assert wait_any((), {near.fileno()}, now() + LONG) == {near.fileno()}
    unwatch(near.fileno())
    assert seen == []


def test_a_watch_may_be_ended_while_its_descriptor_is_waited_for(pair):
    near, far = pair
    far.send(b"x")
    watch(near.fileno(), lambda: unwatch(near.fileno()))
    wait_read(near.fileno())
    near.recv(1)
    for _ in range(2):
        with pytest.raises(DeadlineError):
            wait_read(near.fileno(), now() + MS)


def test_a_callback_may_end_the_watch_of_another_that_is_ready_too(pair):
    seen = []

    def end_both(name):
        seen.append(name)
        unwatch(pair[0].fileno())
        unwatch(pair[1].fileno())

    for sock in pair:
        sock.send(b"x")
    watch(pair[0].fileno(), lambda: end_both("one"))
    watch(pair[1].fileno(), lambda: end_both("other"))
    for _ in range(2):
        with contextlib.suppress(DeadlineError):
            park(now() + MS)
    assert len(seen) == 1


def test_a_callback_may_watch_another_descriptor(pair):
    seen = []

    def see_other():
        seen.append("other")
        unwatch(pair[1].fileno())

    pair[0].send(b"x")
    with during_the_next_wait(lambda: watch(pair[1].fileno(), see_other)):
        park(now() + LONG)
    park(now() + LONG)
    assert seen == ["other"]


def test_a_callback_may_wait_itself(pair):
    near, far = pair
    far.send(b"x")
    steps = []

    def wait_inside():
        wait_read(near.fileno())
        steps.append(near.recv(1))

    with during_the_next_wait(wait_inside):
        park(now() + LONG)
    assert steps == [b"x"]


def test_what_a_callback_raises_comes_out_of_the_wait():
    def fail():
        raise Struck

    with during_the_next_wait(fail), pytest.raises(Struck):
        park(now() + LONG)
    with pytest.raises(DeadlineError):
        park(now() + MS)


def test_a_callback_that_wakes_its_own_task_ends_the_next_wait_at_the_latest():
    happened = []

    def happen():
        happened.append(1)
        current().wake()

    with during_the_next_wait(happen), timeout(LONG):
        while not happened:
            park()


def test_a_callback_that_cancels_its_own_task_cancels_the_next_wait_at_the_latest():
    def work():
        with during_the_next_wait(current().cancel):
            park()
            park()

    with pytest.raises(Cancelled):
        joined(spawn(work))


def test_unwatch_of_what_is_not_watched_is_silent():
    unwatch(0)


# -- waits


def test_wait_any_returns_all_that_is_ready_and_nothing_else(pair):
    near, far = pair
    other_near, other_far = socket.socketpair()
    with other_near, other_far:
        far.send(b"x")
        fds = {near.fileno(), other_near.fileno()}
        assert wait_any(fds) == {near.fileno()}
        other_far.send(b"x")
        assert wait_any(fds) == fds
        assert wait_any({other_far.fileno()}, {other_far.fileno()}) == {
            other_far.fileno()
        }


def test_wait_any_that_was_woken_returns_nothing(pair):
    current().wake()
    assert wait_any({pair[0].fileno()}) == set()


def test_a_number_that_is_none_leaves_no_other_armed(pair):
    near, far = pair
    far.send(b"x")
    with pytest.raises(ValueError, match="negative"):
        wait_any([near.fileno(), -1])
    with pytest.raises(DeadlineError):
        park(now() + MS)


def test_a_closed_number_that_was_armed_ends_no_later_wait(pair):
    near, far = pair
    far.send(b"x")
    wait_read(near.fileno())
    near.close()
    with pytest.raises(DeadlineError):
        park(now() + MS)


def test_the_end_of_the_stream_counts_as_readable_and_as_writable(pair):
    near, far = pair
    far.close()
    assert wait_any({near.fileno()}) == {near.fileno()}
    wait_write(near.fileno())


def test_a_full_socket_is_not_writable_until_somebody_reads(pair):
    near, far = pair
    fill(near)
    with pytest.raises(DeadlineError):
        wait_write(near.fileno(), now() + 2 * MS)
    reader = spawn(far.recv, 2**22)
    wait_write(near.fileno(), now() + LONG)
    joined(reader)


def test_ready_data_wins_over_a_deadline_that_has_not_passed(pair):
    near, far = pair
    far.send(b"x")
    wait_read(near.fileno(), now() + LONG)


def test_a_wake_before_the_first_wait_of_a_thread_is_not_lost():
    engine = Blocking()
    engine.task.wake()
    engine.park(now() + LONG)


def test_a_thread_that_never_waits_opens_no_descriptor():
    before = os.listdir("/proc/self/fd")
    engine = Blocking()
    engine.run_here(Task("adder", sum, ([1, 2],)))
    assert os.listdir("/proc/self/fd") == before


def test_a_task_that_is_kept_keeps_no_descriptor_of_the_thread_it_ran_on():
    before = os.listdir("/proc/self/fd")
    kept = [asleep(park) for _ in range(5)]
    for task in kept:
        task.wake()
        joined(task)
    no_other_threads()
    assert os.listdir("/proc/self/fd") == before


def test_a_traceback_that_is_kept_keeps_no_descriptor_of_the_thread_it_comes_from():
    before = os.listdir("/proc/self/fd")
    task = asleep(park)
    task.cancel()
    with pytest.raises(Cancelled) as caught:
        joined(task)
    no_other_threads()
    assert os.listdir("/proc/self/fd") == before
    assert caught.tb is not None


def test_run_here_gives_the_line_back_to_the_task_that_was_there():
    before = current()
    inner = Task("inner", current)
    here.engine.run_here(inner)
    assert inner.value is inner
    assert current() is before


def test_a_spawned_task_runs_on_a_thread_of_its_own():
    assert joined(spawn(threading.get_ident)) != threading.get_ident()


def test_a_shielded_wait_sleeps_on_after_the_moment_to_cancel_at():
    """Or it would return early all the time, and use the processor for nothing."""

    def work():
        current().cancel(at=now())
        with shield():
            park()  # takes the permit that the cancel has left
            with pytest.raises(DeadlineError):
                park(now() + 5 * MS)

    joined(spawn(work))


def test_a_shielded_sleep_is_not_ended_by_the_moment_to_cancel_at():
    def work():
        current().cancel(at=now() + MS)
        begun = now()
        with shield():
            sleep(10 * MS)
        return now() - begun

    assert joined(spawn(work)) >= 10 * MS


# -- fork


def ring_for_this_thread():
    ringer = current().ringer
    assert ringer is not None
    ringer.ring(current())


def test_waking_the_main_task_of_a_child_does_not_wake_the_parents():
    """Both would listen to one eventfd, if the child kept its parent's bell."""

    def work():
        main = current()

        def wake():
            until(lambda: main.sleeping)
            main.wake()

        waker = spawn(wake)
        park()
        joined(waker)
        main.wake()

    assert in_child(work) == 0
    with pytest.raises(DeadlineError):
        park(now() + 5 * MS)


def test_a_child_does_not_hear_the_bell_that_rang_for_its_parent():
    def work():
        with pytest.raises(DeadlineError):
            park(now() + 5 * MS)

    ring_for_this_thread()
    assert in_child(work) == 0
    park(now() + LONG)  # returns: it still rings here


def test_a_child_that_silences_its_bell_does_not_silence_its_parents():
    def work():
        current().wake()
        park()

    ring_for_this_thread()
    assert in_child(work) == 0
    park(now() + LONG)  # returns: it still rings here


def test_a_child_keeps_no_watch_of_its_parent(pair):
    near, far = pair
    seen = []
    watch(near.fileno(), lambda: seen.append(near.recv(1)))
    far.send(b"x")

    def work():
        with pytest.raises(DeadlineError):
            park(now() + 5 * MS)
        assert not seen

    assert in_child(work) == 0
    park(now() + LONG)
    unwatch(near.fileno())
    assert seen == [b"x"]


def test_a_child_forked_inside_a_callback_leaves_the_other_watches_to_its_parent(pair):
    near, far = pair
    far.send(b"x")
    seen: list[bytes] = []
    outcome = []

    def work():
        with pytest.raises(DeadlineError):
            park(now() + 5 * MS)
        assert not seen

    with during_the_next_wait(lambda: outcome.append(in_child(work))):
        watch(near.fileno(), lambda: seen.append(near.recv(1)))
        while not seen or not outcome:
            park(now() + LONG)
    unwatch(near.fileno())
    assert outcome == [0]


def test_a_child_can_start_tasks_of_its_own():
    joined(spawn(int))  # the parent has an idle thread; the child does not

    def work():
        assert joined(spawn(lambda: 7)) == 7

    assert in_child(work) == 0
