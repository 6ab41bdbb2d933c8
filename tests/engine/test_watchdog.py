"""The watchdog: names who holds up a hub, once, and sleeps when the hub does."""

import logging
import threading
from typing import Any

import pytest

from portside.engine import (
    Task,
    closing,
    current,
    now,
    park,
    sleep,
    spawn,
    spawn_on_thread,
    wait_read,
    watchdog,
)
from portside.engine.blocking import here
from portside.engine.hub import Hub
from portside.engine.watchdog import Watchdog
from tests.engine.waiting import LONG, MS, joined, tcp_pair, this_hub, until


class Records(logging.Handler):
    """What was logged, and a way to wait for it on a thread that is held up.

    Not what was logged of the body of the test: a lambda, which a machine may hold up.
    """

    def __init__(self):
        super().__init__()
        self.texts: list[str] = []
        self._changed = threading.Condition()

    def emit(self, record):
        text = record.getMessage()
        if text.startswith("<lambda> "):
            return
        with self._changed:
            self.texts.append(text)
            self._changed.notify_all()

    def wait_for(self, count):
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.texts) >= count, LONG)


@pytest.fixture
def records():
    handler, log = Records(), logging.getLogger("portside.engine")
    log.addHandler(handler)
    yield handler
    log.removeHandler(handler)


@pytest.fixture
def _quick(monkeypatch):
    """Let it look often, and call a stall what is short."""
    monkeypatch.setattr(watchdog, "_LOOK_SECONDS", 0.0005)
    monkeypatch.setattr(watchdog, "STALL_SECONDS", 0.01)


class Turns:
    """The turns of a hub, by hand; it counts how often they are looked at."""

    def __init__(self):
        self.idle = Task("idle")
        self.present = self.idle
        self.resumed_at = now()
        self.looks = 0

    @property
    def task(self):
        self.looks += 1
        return self.present

    def begin(self, name, *, seconds_ago=0.0):
        self.resumed_at = now() - seconds_ago
        self.present = Task(name)

    def end(self):
        self.present = self.idle

    def be_looked_at(self):
        """Return when the watchdog has had time for whatever it does at a look."""
        looks = self.looks
        until(lambda: self.looks > looks + 3)


@pytest.fixture
def turns():
    return Turns()


@pytest.fixture
def dog(turns, _quick):
    dog = Watchdog(turns, threading.get_ident())
    yield dog
    dog.stop()


def is_alone():
    return threading.active_count() == 1


# -- with a hub


def hold_up(records, count):
    records.wait_for(count)


@pytest.mark.usefixtures("_quick")
def test_a_task_that_holds_up_its_hub_is_named_with_its_stack(hub, records):
    joined(spawn(hold_up, records, 1, name="the slow one"))
    assert records.texts[0].startswith("the slow one has held up its hub for ")
    assert "in hold_up\n" in records.texts[0]
    assert "offload" in records.texts[0]


def test_without_a_change_it_takes_a_tenth_of_a_second_to_be_told(hub, records):
    begun = now()
    joined(spawn(hold_up, records, 1))
    assert now() - begun >= 0.1


@pytest.mark.usefixtures("_quick")
def test_each_task_that_holds_up_its_hub_is_named(hub, records):
    joined(spawn(hold_up, records, 1, name="the first"))
    joined(spawn(hold_up, records, 2, name="the second"))
    names = [text.split(" has")[0] for text in records.texts]
    assert names == ["the first", "the second"]


def test_a_hub_that_sleeps_is_not_told_of(hub, records):
    sleep(300 * MS)
    assert records.texts == []


@pytest.mark.usefixtures("_quick")
def test_it_may_fall_asleep_just_before_a_turn_and_tells_of_it_all_the_same(
    hub, records
):
    engine = this_hub()
    poller: Any = engine._poller
    poll = poller.poll

    class Events(list[tuple[int, int]]):
        def __iter__(self):  # the hub has them, and has not begun with the first
            until(lambda: engine._watchdog.sleeps)
            return super().__iter__()

    def poll_once(seconds):
        events = poll(seconds)
        if any(fd == near.fileno() for fd, _ in events):
            poller.poll = poll
            return Events(events)
        return events

    def read_and_hold_up():
        wait_read(near.fileno())
        hold_up(records, 1)

    near, far = tcp_pair()
    with near, far:
        task = spawn(read_and_hold_up, name="it")
        poller.poll = poll_once
        far.sendall(b"x")
        joined(task)
        closing(near.fileno())
    assert records.texts[0].startswith("it has held up its hub")


def test_it_wakes_again_with_a_hub_that_slept(hub, records, monkeypatch):
    monkeypatch.setattr(watchdog, "_LOOK_SECONDS", 0.0005)
    engine = here.engine
    assert isinstance(engine, Hub)
    dog = engine._watchdog

    looker = spawn_on_thread(until, lambda: dog.sleeps)
    looker.add_joiner(current())
    while not looker.done:
        park()  # or each turn of ours would rouse it
    joined(spawn(hold_up, records, 1, name="after the sleep"))
    assert "after the sleep" in records.texts[-1]


def test_its_thread_ends_with_the_hub(new_hub):
    new_hub().run(sleep, MS)
    until(is_alone)


# -- by hand


def test_a_stall_is_told_once_however_long_it_is(dog, turns, records):
    turns.begin("slow", seconds_ago=1.0)
    dog.rouse()
    records.wait_for(1)
    turns.be_looked_at()
    assert len(records.texts) == 1


def test_two_stalls_are_told_twice(dog, turns, records):
    for count in (1, 2):
        turns.begin("slow", seconds_ago=1.0)
        dog.rouse()
        records.wait_for(count)
        turns.end()


def test_many_short_turns_of_one_task_are_no_stall(dog, turns, records):
    dog.rouse()
    for _ in range(30):
        turns.begin("quick", seconds_ago=-1.0)
        turns.be_looked_at()
    assert records.texts == []


def test_nobodys_turn_is_no_stall_however_long_it_is(dog, turns, records):
    turns.begin("done", seconds_ago=100.0)
    turns.end()
    dog.rouse()
    turns.be_looked_at()
    assert records.texts == []


def test_a_long_turn_is_watched_to_its_end(dog, turns, records):
    """It never sleeps while somebody has his turn."""
    turns.begin("slow", seconds_ago=1.0)
    dog.rouse()
    looks = turns.looks
    until(lambda: turns.looks > looks + 3 * watchdog._IDLE_LOOKS)
    assert not dog.sleeps


def test_it_sleeps_with_the_hub_and_looks_again_when_roused(dog, turns, records):
    dog.rouse()
    for count in (1, 2):
        until(lambda: dog.sleeps)
        turns.begin("slow", seconds_ago=1.0)
        dog.rouse()
        assert not dog.sleeps
        records.wait_for(count)
        turns.end()


def test_it_looks_at_nothing_while_it_sleeps(dog, turns):
    dog.rouse()
    until(lambda: dog.sleeps)
    looks = turns.looks
    sleep(20 * MS)  # forty looks, if it did
    assert turns.looks <= looks + 1


def test_it_has_no_thread_until_a_turn_begins(dog):
    assert is_alone()
    assert dog.sleeps


def test_it_has_one_thread_however_often_it_is_roused(dog):
    for _ in range(5):
        dog.rouse()
    assert threading.active_count() == 2


@pytest.mark.parametrize("asleep", [False, True], ids=["awake", "asleep"])
def test_a_stop_ends_its_thread(dog, turns, asleep):
    dog.rouse()
    until(lambda: dog.sleeps is asleep)
    dog.stop()
    until(is_alone)


def test_a_stop_in_the_moment_in_which_it_falls_asleep_ends_its_thread(monkeypatch):
    monkeypatch.setattr(watchdog, "_LOOK_SECONDS", 0.0005)
    monkeypatch.setattr(watchdog, "_IDLE_LOOKS", 0)

    class StopsAtTheSecondLook(Turns):
        @property
        def task(self):
            if self.looks == 1:
                stopped.stop()
            return super().task

    stopped = Watchdog(StopsAtTheSecondLook(), threading.get_ident())
    stopped.rouse()
    try:
        until(is_alone)
    finally:
        stopped.stop()


@pytest.mark.usefixtures("_quick")
def test_a_thread_that_is_gone_is_not_told_of(turns, records):
    dog = Watchdog(turns, thread=0)
    turns.begin("slow", seconds_ago=1.0)
    dog.rouse()
    turns.be_looked_at()
    dog.stop()
    assert records.texts == []
