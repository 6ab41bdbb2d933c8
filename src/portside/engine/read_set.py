"""Many descriptors that one task waits for, kept registered between its waits.

In       descriptors that come and go, from any thread
Out      those that are readable, at each wait
Source   epoll(7): an epoll instance is itself readable while one of its own is ready
Holds    a poller; in a process that forks, our copy of it goes with the descriptors
Fails    OSError as the kernel gave it: EMFILE, ENOSPC, ENOMEM

`wait_any` is told anew each time what to wait for, which costs a step for each
descriptor at each wait. Here one that comes or goes costs the same however many there
are, and so does one that is ready: the engine waits for the poller alone.
"""

import contextlib
import weakref

from portside.engine.open_descriptors import open_descriptors
from portside.engine.poller import READ, make_poller
from portside.engine.waist import closing, wait_read
from portside.errors import DeadlineError

__all__ = ["ReadSet"]


class ReadSet:
    """What is waited for together; `close` gives its own descriptor back.

    Attributes:
        number: that of its own descriptor.
        given_back: whether the kernel has the number back.
    """

    def __init__(self) -> None:
        self._poller = make_poller()
        self.number = self._poller.fileno()
        self.given_back = False
        open_descriptors[self.number] = weakref.ref(self)

    def add(self, fd: int) -> None:
        """Tell of fd from now on, also in the wait that goes on; from any thread."""
        self._poller.ask(fd, READ)

    def discard(self, fd: int) -> None:
        """Tell of fd no more; before it is closed."""
        self._poller.forget(fd)

    def wait(self, deadline: float) -> list[int]:
        """Return some that have bytes, an end or an error; none when it is early.

        Nor does it raise at the deadline.
        """
        with contextlib.suppress(DeadlineError):
            wait_read(self.number, deadline)
        return [fd for fd, _ in self._poller.poll(0)]

    def close(self) -> None:
        """Give the descriptor back; nobody waits any more."""
        if not self.given_back:
            closing(self.number)
            self.abandon()

    def abandon(self) -> None:
        """Close our copy, in a fork: what the parent waits for stays as it is."""
        self.given_back = True
        open_descriptors.pop(self.number, None)
        self._poller.close()
