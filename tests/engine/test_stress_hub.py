"""Readers and writers in a hub, and threads that do everything to them at any moment.

Each conversation has a script for the far end: bytes, urgent data, an end with the last
bytes or after them, a reset, or none of these. Other threads close, move deadlines,
wake and cancel. Whatever they do, each reader must have come to the end that its books
say: all the bytes and the end, or a true prefix of them and an error that somebody has
caused. Nobody may hang.
"""

import contextlib
import errno
import random
import socket
import threading
import time
from collections import Counter

import pytest

from portside.engine import Descriptor, Task, TaskGroup, now, sleep, spawn
from portside.engine.hub import Hub
from portside.errors import Cancelled, ClosedError, DeadlineError
from tests.engine.waiting import tcp_pair

RESET = b"\1\0\0\0\0\0\0\0"  # SO_LINGER on, zero seconds
N_CONVERSATIONS = 24
N_BYTES = 40_000
PATIENCE = 60.0
ENDS = ("end", "end at once", "half-close", "reset", "close", "cancel", "deadline")


class Conversation:
    """One pair of sockets, what is done to it, and what came of it."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        near, self.far = tcp_pair()
        near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
        self.near = Descriptor(near)
        self.how = self.chance.choice(ENDS)
        self.to_near = self.chance.randbytes(self.chance.randrange(1, N_BYTES))
        self.to_far = self.chance.randbytes(self.chance.randrange(1, N_BYTES))
        self.got_near, self.got_far = bytearray(), bytearray()
        self.tasks: list[Task] = []
        self.read_end: object = None
        self.write_end: object = None
        self.far_end: object = None
        self.is_over = threading.Event()

    def __repr__(self) -> str:
        return (
            f"<{self.how}: near got {len(self.got_near)} of {len(self.to_near)}, "
            f"{self.read_end!r}; far got {len(self.got_far)} of {len(self.to_far)}, "
            f"{self.far_end!r}; write {self.write_end!r}; {self.tasks}; "
            f"armed for {self.near.number}>"
        )

    # -- in the hub

    def read(self) -> None:
        """Read until it ends in one way or another; a deadline alone ends nothing."""
        chance = random.Random(self.chance.random())
        try:
            while True:
                try:
                    with self.near.reading:
                        data = self.near.receive(chance.choice((1, 7, 500, 65536)))
                except DeadlineError:
                    if self.how == "deadline" and self.is_over.is_set():
                        raise
                    self.near.reading.set_deadline(None)
                    continue
                if not data:
                    break
                self.got_near += data
            self.read_end = "end"
        except BaseException as error:
            self.read_end = error
            raise

    def write(self) -> None:
        """Write all; half-close at the end if that is what this one does."""
        view = memoryview(self.to_far)
        try:
            while view:
                try:
                    with self.near.writing:
                        view = view[self.near.send(view[:5000]) :]
                except DeadlineError:
                    if self.how == "deadline" and self.is_over.is_set():
                        raise
                    self.near.writing.set_deadline(None)
            self.write_end = "end"
            if self.how == "half-close":
                self.near.shutdown_write()
        except BaseException as error:
            self.write_end = error
            raise

    # -- at the far end, on a thread of its own each

    def be_far(self) -> None:
        """Send and receive by plain blocking calls."""
        self.far.settimeout(PATIENCE)
        reader = threading.Thread(target=self._far_read)
        reader.start()
        try:
            self._far_write()
        except OSError as error:
            if error.errno not in (errno.ECONNRESET, errno.EPIPE):
                raise
        if self.how != "reset":
            reader.join(PATIENCE)
        self.is_over.set()
        self.far.close()  # and while its reader is inside: then it ends by the reset
        reader.join(PATIENCE)

    def _far_write(self) -> None:
        chance = random.Random(self.chance.random())
        view = memoryview(self.to_near)
        stop = chance.randrange(len(view)) if self.how == "reset" else len(view)
        sent = 0
        may_urge = True  # once: a second urgent byte makes a plain one of the first
        while sent < stop:
            size = min(chance.choice((1, 100, 5000)), stop - sent)
            if may_urge and chance.random() < 0.1:
                self.far.send(b"!", socket.MSG_OOB)
                may_urge = False
            if chance.random() < 0.2:
                time.sleep(chance.random() * 0.002)
            is_last = sent + size == len(view)
            if is_last and self.how == "end at once":
                self.far.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
            self.far.sendall(view[sent : sent + size])
            sent += size
        if self.how in ("end", "end at once", "half-close"):
            self.far.shutdown(socket.SHUT_WR)
        elif self.how == "reset":
            self.far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            with contextlib.suppress(OSError):
                self.far.shutdown(socket.SHUT_RD)
            self.far.close()

    def _far_read(self) -> None:
        try:
            while len(self.got_far) < len(self.to_far):
                data = self.far.recv(3000)
                if not data:
                    break
                self.got_far += data
            self.far_end = "end"
        except OSError as error:
            self.far_end = error

    # -- from other threads, at any moment

    def disturb(self, chance: random.Random) -> None:
        """Do what must change nothing."""
        kind = chance.randrange(4)
        if kind == 0:
            chance.choice(self.tasks).wake()
        elif kind == 1:
            moment = now() + chance.choice((-1.0, 0.0, 0.001, PATIENCE))
            chance.choice((self.near.reading, self.near.writing)).set_deadline(moment)
        elif kind == 2:
            self.near.reading.set_deadline(None)
        else:
            self.near.writing.set_deadline(now() + 0.0005)

    def finish(self) -> None:
        """End what does not end by itself, as this one does."""
        if self.how == "close":
            self.near.close()
        elif self.how == "cancel":
            for task in self.tasks:
                task.cancel()
        elif self.how == "deadline":
            self.is_over.set()
            self.near.reading.set_deadline(now())
            self.near.writing.set_deadline(now())

    @property
    def is_done(self) -> bool:
        """Whether reader and writer have ended."""
        return bool(self.tasks) and all(task.done for task in self.tasks)

    def check(self) -> None:
        """Say what is wrong with the books."""
        are_true = self.to_near.startswith(self.got_near)
        assert are_true, "the near end got other bytes"
        are_true = self.to_far.startswith(self.got_far)
        assert are_true, "the far end got other bytes"
        allowed: tuple[type[BaseException], ...] = {
            "close": (ClosedError, ConnectionError),
            "cancel": (Cancelled, ConnectionError),
            "deadline": (DeadlineError, ConnectionError),
            "reset": (ConnectionError,),
        }.get(self.how, ())
        for ended in (self.read_end, self.write_end):
            assert ended == "end" or isinstance(ended, allowed), f"it ended by {ended}"
        if not allowed:
            is_whole = len(self.got_near) == len(self.to_near)
            assert is_whole, "bytes were lost on the way in"
            is_whole = len(self.got_far) == len(self.to_far)
            assert is_whole, "bytes were lost on the way out"
        if self.how == "reset":
            assert self.read_end != "end", "a reset looked like an end"


def converse(conversation: Conversation) -> None:
    """Read and write in tasks of the hub, and see both end."""
    conversation.tasks = [spawn(conversation.read), spawn(conversation.write)]
    while not conversation.is_done:
        sleep(0.002)
    conversation.near.close()


def run_round(hub: Hub, seed: int, counts: Counter[str]) -> None:
    """Run some conversations at once, to the end of all of them."""
    chance = random.Random(seed)
    talks = [Conversation(chance.getrandbits(60)) for _ in range(N_CONVERSATIONS)]
    stop = threading.Event()

    def disturb(seed: int) -> None:
        chance = random.Random(seed)
        while not stop.is_set():
            if (talk := chance.choice(talks)).tasks:
                talk.disturb(chance)
            time.sleep(chance.random() * 0.001)

    def finish(seed: int) -> None:
        chance = random.Random(seed)
        for talk in talks:
            time.sleep(chance.random() * 0.01)
            while not talk.tasks:
                time.sleep(0.001)
            talk.finish()

    others = [
        threading.Thread(target=act, args=(chance.getrandbits(60),), daemon=True)
        for act in (disturb, disturb, finish)
    ]
    others += [threading.Thread(target=talk.be_far, daemon=True) for talk in talks]

    def main() -> None:
        for other in others:
            other.start()
        end = now() + PATIENCE
        with TaskGroup() as group:
            for talk in talks:
                group.start_soon(converse, talk)
            while not all(talk.is_done for talk in talks):
                if now() > end:
                    hanging = [talk for talk in talks if not talk.is_done]
                    raise AssertionError(f"still there: {hanging}; {vars(hub)}")
                sleep(0.005)

    hub.run(main)
    stop.set()
    for other in others:
        other.join(PATIENCE)
        assert not other.is_alive(), f"a thread hangs: {talks}"
    for talk in talks:
        counts[f"{talk.how}: {type(talk.read_end).__name__}"] += 1
        try:
            talk.check()
        except AssertionError as error:
            raise AssertionError(f"{error}: {talk}") from error
        assert talk.near.given_back


@pytest.mark.parametrize(
    "seconds",
    [
        3.0,
        pytest.param(200.0, marks=[pytest.mark.stress, pytest.mark.timeout(400)]),
    ],
    ids=["short", "long"],
)
def test_every_conversation_ends_as_its_books_say(new_hub, seconds):
    seeds = random.Random(random.SystemRandom().getrandbits(32))
    end = time.monotonic() + seconds
    counts: Counter[str] = Counter()
    while time.monotonic() < end:
        seed = seeds.getrandbits(32)
        try:
            run_round(new_hub(), seed, counts)
        except BaseException as error:
            error.add_note(f"seed {seed}")
            raise
    print(sorted(counts.items()))
