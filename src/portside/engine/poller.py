"""Ask the kernel which descriptors are ready, many at a time.

In       descriptors, and what to tell of each, until it is changed
Out      (descriptor, what it is ready for), at each poll for as long as it is
Source   epoll(7), epoll_ctl(2); `selectors` where there is no epoll
Holds    an epoll instance; for each descriptor what the kernel was asked to tell
Fails    OSError as the kernel gave it: ENOSPC, ENOMEM, EBADF

Level-triggered: what is ready is told at every poll, so the poller has no memory of an
edge that somebody could have missed. And what was asked for stays asked for between two
waits, so that a task that waits for the same descriptor again costs no system call. It
is for the hub to take back what was told and nobody waited for, or it would be told for
ever.
"""

import errno
import select
import selectors
from collections.abc import Callable
from typing import Protocol

__all__ = ["READ", "WRITE", "EpollPoller", "Poller", "SelectorsPoller", "make_poller"]

READ = 1
"""Bytes, a client, an end, urgent data, or an error: as EPOLLIN."""

WRITE = 4
"""Room for bytes, or an error: as EPOLLOUT."""


Poll = Callable[[float | None], list[tuple[int, int]]]


class Poller(Protocol):
    """What a hub asks of it. All but `forget` come from the hub's own thread."""

    asked: dict[int, int]
    """For each descriptor what the poller was asked to tell of it."""

    reads: set[int]
    """Those that it was asked to tell READ of."""

    def ask(self, fd: int, mask: int) -> None:
        """Tell this of fd from now on, in place of what was asked before.

        A file on disk is always ready.
        """

    def stand_at(self, fd: int) -> None:
        """Tell of clients at a listener, until it is forgotten."""

    def forget(self, fd: int) -> None:
        """Tell nothing of fd any more; silent if nothing was known of it."""

    @property
    def poll(self) -> Poll:
        """What waits for events and returns them; empty when the time is over.

        An error or a hang-up may come with other bits than those that were asked for.
        """

    def fileno(self) -> int:
        """Return the number of its own descriptor: readable while there are events."""

    def close(self) -> None:
        """Give the descriptor back; what others share with us stays as it is."""


class EpollPoller:
    """By epoll, on Linux."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self.poll: Poll = self._epoll.poll  # without a layer: it is called each round
        self.asked: dict[int, int] = {}
        self.reads: set[int] = set()
        self._on_disk: set[int] = set()

    def ask(self, fd: int, mask: int) -> None:
        """Tell this of fd from now on."""
        try:
            if fd in self.asked:
                self._modify(fd, mask)
            else:
                self._register(fd, mask)
        except PermissionError:  # a file on disk: epoll refuses what is always ready
            self._on_disk.add(fd)
            self.poll = self._poll_with_files
        _note(self, fd, mask)

    def stand_at(self, fd: int) -> None:
        """Join the end of the line of the processes that wait at this listener.

        EPOLLEXCLUSIVE wakes the first of them that sleeps. Who stays registered stays
        first, and gets nearly every client; so this is done anew for each.
        """
        self.forget(fd)
        self._register(fd, select.EPOLLIN | select.EPOLLEXCLUSIVE)
        _note(self, fd, READ)

    def forget(self, fd: int) -> None:
        """Tell nothing of fd any more, also if a twin of it stays open."""
        self.reads.discard(fd)
        if self.asked.pop(fd, None) is None or self._epoll.closed:
            return
        self._on_disk.discard(fd)
        try:
            self._epoll.unregister(fd)
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.EBADF, errno.EPERM):
                raise
        except ValueError:
            pass  # another thread has closed the poller just now

    def fileno(self) -> int:
        """Return the number of its own descriptor."""
        return self._epoll.fileno()

    def close(self) -> None:
        """Give the descriptor back."""
        self._epoll.close()

    def _poll_with_files(self, seconds: float | None) -> list[tuple[int, int]]:
        files = [(fd, self.asked.get(fd, 0)) for fd in self._on_disk.copy()]
        return self._epoll.poll(0 if files else seconds) + files

    def _register(self, fd: int, events: int) -> None:
        try:
            self._epoll.register(fd, events)
        except FileExistsError:  # left over from what had this number before
            self._epoll.unregister(fd)
            self._epoll.register(fd, events)

    def _modify(self, fd: int, events: int) -> None:
        try:
            self._epoll.modify(fd, events)
        except FileNotFoundError:  # it was closed, and this is another one
            self._epoll.register(fd, events)


class SelectorsPoller:
    """By what the `selectors` module finds best: kqueue on macOS."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self.asked: dict[int, int] = {}
        self.reads: set[int] = set()
        self._on_disk: set[int] = set()

    def ask(self, fd: int, mask: int) -> None:
        """Tell this of fd from now on."""
        events = selectors.EVENT_READ if mask & READ else 0
        events |= selectors.EVENT_WRITE if mask & WRITE else 0
        # Anew, not modified: the number may be another descriptor's by now.
        self.forget(fd)
        try:
            self._selector.register(fd, events)
        except PermissionError:
            self._on_disk.add(fd)
        _note(self, fd, mask)

    def stand_at(self, fd: int) -> None:
        """Tell of clients at a listener; every process that waits is woken."""
        self.ask(fd, READ)

    def forget(self, fd: int) -> None:
        """Tell nothing of fd any more."""
        self._on_disk.discard(fd)
        self.reads.discard(fd)
        if self.asked.pop(fd, None) is None or self._selector.get_map() is None:
            return
        try:
            self._selector.unregister(fd)
        except KeyError:  # a file on disk
            pass

    def fileno(self) -> int:
        """Return the number of its own descriptor: epoll and kqueue have one."""
        return self._selector.fileno()

    def poll(self, seconds: float | None) -> list[tuple[int, int]]:
        """Wait for events and return them."""
        found = [(fd, self.asked.get(fd, 0)) for fd in self._on_disk.copy()]
        for key, events in self._selector.select(0 if found else seconds):
            mask = READ if events & selectors.EVENT_READ else 0
            mask |= WRITE if events & selectors.EVENT_WRITE else 0
            found.append((key.fd, mask))
        return found

    def close(self) -> None:
        """Give the descriptor back."""
        self._selector.close()


def _note(poller: Poller, fd: int, mask: int) -> None:
    poller.asked[fd] = mask
    if mask & READ:
        poller.reads.add(fd)
    else:
        poller.reads.discard(fd)


def make_poller() -> Poller:
    """Return the best one that this system has."""
    return EpollPoller() if hasattr(select, "epoll") else SelectorsPoller()
