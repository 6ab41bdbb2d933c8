"""How these tests wait: until something is true, never for some time to pass."""

import contextlib
import os
import signal
import socket
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from portside.engine import (
    Task,
    current,
    park,
    shield,
    sleep,
    spawn,
    unwatch,
    watch,
)
from portside.engine.blocking import Blocking, here
from portside.engine.hub import Hub
from portside.engine.threads import pool

__all__ = [
    "LONG",
    "MS",
    "asleep",
    "during_the_next_wait",
    "fill",
    "in_child",
    "joined",
    "keep_parking",
    "no_other_threads",
    "tcp_pair",
    "this_hub",
    "threads_only",
    "until",
    "watched",
]

threads_only = pytest.mark.parametrize("engine", ["blocking"], indirect=True)
"""For a test whose tasks block their threads, or are struck by a signal handler."""


MS = 0.001 * float(os.environ.get("PORTSIDE_TEST_SLOWNESS", "1"))
"""A millisecond, or more on slow machines: where the kernel's time is the subject."""

LONG = 20.0
"""Seconds that no test ever waits for."""


def until(condition: Callable[[], object]) -> None:
    """Return when the condition is true."""
    end = time.monotonic() + LONG / 2
    while not condition():
        assert time.monotonic() < end, "it never came true"
        if current().line is None:  # no task of a hub, though perhaps its callback
            time.sleep(0.0002)
        else:
            with shield():  # a test may wait for what comes of its own cancellation
                sleep(0.0002)


def asleep(function: Callable[..., Any], *args: Any) -> Task:
    """Start a task and return it once it sleeps."""
    begun: list[bool] = []

    def begin() -> Any:
        begun.append(True)  # in a hub, what has not begun is not awake either
        return function(*args)

    task = spawn(begin)
    until(lambda: begun and task.sleeping)
    return task


def this_hub() -> Hub:
    """Return the hub that the test runs in, to look inside."""
    hub = here.engine
    assert isinstance(hub, Hub)
    return hub


def watched() -> set[int]:
    """Return the descriptors that this thread watches, its bell among them."""
    engine = here.engine
    assert isinstance(engine, Blocking)
    return set(engine._watches)


def joined(task: Task) -> Any:
    """Return what the task returned, once it has ended; its error is raised."""
    until(lambda: task.done)
    return task.value


def keep_parking(deadline: float | None = None) -> None:
    """Park again whenever a park returns, so that it ends by an error only."""
    while True:
        park(deadline)


@contextlib.contextmanager
def during_the_next_wait(action: Callable[[], object]) -> Iterator[None]:
    """Do something once, on this very thread, in the middle of the wait that comes.

    So what happens "in the same moment" as the end of that wait is no matter of luck.
    """
    near, far = socket.socketpair()

    def act() -> None:
        unwatch(near.fileno())
        action()

    with near, far:
        far.send(b"!")
        watch(near.fileno(), act)
        try:
            yield
        finally:
            unwatch(near.fileno())


def fill(sock: socket.socket) -> None:
    """Send until nothing more goes in."""
    sock.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while True:
            sock.send(bytes(65536))


def tcp_pair() -> tuple[socket.socket, socket.socket]:
    """Return two connected TCP sockets."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        near = socket.create_connection(server.getsockname())
        far, _ = server.accept()
    return near, far


def no_other_threads() -> None:
    """Return when this thread is the only one."""

    def alone() -> bool:
        pool.trim()
        return threading.active_count() == 1

    until(alone)


def in_child(function: Callable[[], object], *, alone: bool = True) -> int:
    """Call the function in a forked child; return 0, or 1 if it raised.

    Args:
        alone: fork when there is no other thread, as one should.
    """
    if alone:
        no_other_threads()
    pid = os.fork()
    if pid == 0:
        signal.alarm(int(LONG))
        try:
            function()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
