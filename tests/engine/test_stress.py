"""Everything of the engine at once, in random order, cut short at random moments.

What was done must add up: each item that was put was got once, each place taken was
given back, one task at a time was inside, and at the end nobody waits for anything.
"""

import contextlib
import random
import socket
from collections import Counter
from collections.abc import Callable
from functools import partial

import pytest

from portside.engine import (
    Descriptor,
    Event,
    GroupTask,
    Lock,
    Queue,
    Slots,
    Task,
    TaskGroup,
    cancel,
    current,
    now,
    offload,
    shield,
    sleep,
    timeout,
)
from portside.errors import DeadlineError
from tests.engine.waiting import LONG, fill, until

N_TASKS = 12
N_PLACES = 3
PATIENCE = (None, 0.0, 0.0001, 0.0005, 0.002)


class World:
    """What the tasks share, and the books that are kept of it."""

    def __init__(self) -> None:
        self.queue = Queue[int](max_items=4)
        self.put: list[int] = []
        self.got: list[int] = []
        self.lock = Lock()
        self.locked = 0
        self.slots = Slots(N_PLACES)
        self.taken = 0
        near, self.far = socket.socketpair()
        self.descriptor = Descriptor(near)
        self.sent = 0
        self.received = 0
        self.reading = 0
        self.done = Counter[str]()

    def use_queue(self, chance: random.Random) -> None:
        """Put a number that nobody else puts, or get one."""
        if chance.random() < 0.5:
            number = chance.getrandbits(60)
            self.queue.put(number)
            self.put.append(number)
        else:
            self.got.append(self.queue.get())

    def use_lock(self, chance: random.Random) -> None:
        """Be alone, also over a wait."""
        with self.lock:
            self.locked += 1
            try:
                assert self.locked == 1
                if chance.random() < 0.3:
                    sleep(0.0001)
            finally:
                self.locked -= 1

    def use_slots(self, chance: random.Random) -> None:
        """Be one of few, also over a wait."""
        self.slots.take()
        try:
            assert self.slots.free < N_PLACES
            if chance.random() < 0.3:
                sleep(0.0001)
        finally:
            self.slots.give_back()

    def use_descriptor(self, chance: random.Random) -> None:
        """Read what the far end sends, one task at a time; move deadlines."""
        if chance.random() < 0.3:
            far_deadline = now() + chance.choice((-1.0, 0.0005, LONG))
            self.descriptor.reading.set_deadline(far_deadline)
            return
        if chance.random() < 0.5:
            with self.lock, contextlib.suppress(BlockingIOError):
                self.sent += self.far.send(b"xyz")
            return
        gate = self.descriptor.reading
        gate.enter()
        try:
            self.reading += 1
            assert self.reading == 1
            self.received += len(self.descriptor.receive(2))
        finally:
            self.reading -= 1
            gate.leave()

    def use_group(self, chance: random.Random) -> None:
        """Start tasks that end, fail or are cancelled, and see none of them after."""
        running = Counter[str]()
        event = Event()

        def child(kind: int) -> None:
            running["now"] += 1
            try:
                if kind == 0:
                    raise ZeroDivisionError
                elif kind == 1:
                    event.set()
                elif kind == 2:
                    event.wait()
                else:
                    sleep(0.0002)
            finally:
                running["now"] -= 1

        try:
            with TaskGroup() as group:
                for _ in range(chance.randrange(4)):
                    group.start_soon(child, chance.randrange(5))
                if chance.random() < 0.3:
                    group.cancel()
                event.set()
        except* ZeroDivisionError:
            pass
        except* DeadlineError:
            pass
        finally:
            assert running["now"] == 0

    def use_offload(self, chance: random.Random) -> None:
        """Ask another thread."""
        number = chance.randrange(100)
        assert offload(abs, -number) == number

    def use_shield(self, chance: random.Random) -> None:
        """Do what is not to be disturbed."""
        with shield(), timeout(LONG), self.lock:
            sleep(0.0001)

    def work(self, seed: int, end: float) -> None:
        """Do one thing after the other until the end, or a cancel."""
        chance = random.Random(seed)
        uses: list[Callable[[random.Random], None]] = [
            self.use_queue,
            self.use_queue,
            self.use_lock,
            self.use_slots,
            self.use_descriptor,
            self.use_group,
            self.use_offload,
            self.use_shield,
        ]
        while now() < end:
            use = chance.choice(uses)
            seconds = chance.choice(PATIENCE)
            bound = timeout(max(0.01, end - now()) if seconds is None else seconds)
            with contextlib.suppress(DeadlineError), bound:
                use(chance)
                self.done[use.__name__] += 1


@pytest.mark.parametrize(
    "seconds",
    [3.0, pytest.param(45.0, marks=pytest.mark.stress)],
    ids=["short", "long"],
)
def test_everything_at_once_adds_up(seconds, record_property):
    seed = random.SystemRandom().getrandbits(32)
    print(f"seed {seed}")
    record_property("seed", seed)
    chance = random.Random(seed)
    world = World()
    world.far.setblocking(False)
    end = now() + seconds
    workers: list[GroupTask[None]] = []
    n_cancelled = 0
    with timeout(seconds + LONG), TaskGroup() as group:
        while now() < end:
            workers = [worker for worker in workers if not worker.done]
            while len(workers) < N_TASKS:
                workers.append(
                    group.start_soon(world.work, chance.getrandbits(32), end)
                )
            sleep(chance.random() * 0.003)
            victim = chance.choice(workers)._task
            n_cancelled += 1
            cancel(victim, at=None if chance.random() < 0.5 else now() + 0.001)
            chance.choice(workers)._task.wake()
        group.start_soon(world.descriptor.reading.set_deadline, None)

    world.queue.close()
    world.got += list(world.queue)
    assert sorted(world.got) == sorted(world.put)
    assert not world.lock.locked
    assert world.slots.free == N_PLACES
    world.descriptor.reading.set_deadline(None)
    while world.received < world.sent:
        with world.descriptor.reading:
            world.received += len(world.descriptor.receive(4096))
    assert world.received == world.sent
    fill(world.far)
    world.descriptor.close()
    world.far.close()
    assert world.descriptor.given_back
    assert set(world.done) >= {"use_queue", "use_lock", "use_slots", "use_group"}
    assert n_cancelled > 10
    assert not current().reasons


def is_any_asleep(tasks: list[Task]) -> bool:
    return any(task.sleeping for task in tasks)


def test_a_crowd_that_is_cancelled_at_once_ends_at_once():
    """Every kind of wait there is, ended from another thread in the same moment."""
    seed = random.SystemRandom().getrandbits(32)
    print(f"seed {seed}")
    world = World()
    for _ in range(10):
        with timeout(LONG), TaskGroup() as group:
            tasks = [
                group.start_soon(world.work, seed + number, now() + 2 * LONG)._task
                for number in range(N_TASKS)
            ]
            until(partial(is_any_asleep, tasks))
            group.cancel()
    world.descriptor.close()
    world.far.close()
