"""Ask the kernel which descriptors are ready, many at a time.

In       descriptors, armed for one event each, or watched for as long as they are
Out      (descriptor, what it is ready for), once for each arming
Source   epoll(7), epoll_ctl(2); `selectors` where there is no epoll
Holds    an epoll instance; for each descriptor what it is armed for
Fails    OSError as the kernel gave it: ENOSPC, ENOMEM, EBADF

An arming is for one event (EPOLLONESHOT), so the poller has no memory of an edge that
somebody could have missed: who waits arms, the kernel looks at the descriptor then and
there, and what is readable already is told at the next poll.
"""

import errno
import select
import selectors
from typing import Protocol

__all__ = ["READ", "WRITE", "EpollPoller", "Poller", "SelectorsPoller", "make_poller"]

READ = 1
"""Bytes, a client, an end, urgent data, or an error: as EPOLLIN."""

WRITE = 4
"""Room for bytes, or an error: as EPOLLOUT."""


class Poller(Protocol):
    """What a hub asks of it. All but `forget` come from the hub's own thread."""

    def arm(self, fd: int, mask: int) -> None:
        """Tell the next event of mask, once; in place of an earlier arming."""

    def is_armed(self, fd: int, mask: int) -> bool:
        """Whether an arming for all of mask has not been used up."""

    def stand_at(self, fd: int) -> None:
        """Tell of clients at a listener, of which one process at a time need know."""

    def watch(self, fd: int) -> None:
        """Tell at each poll that fd is readable, until it is forgotten."""

    def forget(self, fd: int) -> None:
        """Tell nothing of fd any more; silent if nothing was known of it."""

    def poll(self, seconds: float | None) -> list[tuple[int, int]]:
        """Wait for events and return them; empty when the time is over."""

    def close(self) -> None:
        """Give the descriptor back; what others share with us stays as it is."""


class EpollPoller:
    """By epoll, on Linux."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._armed: dict[int, int] = {}  # what the kernel knows; 0: used up

    def arm(self, fd: int, mask: int) -> None:
        """Tell the next event of mask, once."""
        events = mask | select.EPOLLONESHOT
        if fd in self._armed:
            try:
                self._epoll.modify(fd, events)
            except FileNotFoundError:  # it was closed, and this is another one
                self._epoll.register(fd, events)
        else:
            try:
                self._epoll.register(fd, events)
            except FileExistsError:
                self._epoll.modify(fd, events)
        self._armed[fd] = mask

    def is_armed(self, fd: int, mask: int) -> bool:
        """Whether an arming for all of mask has not been used up."""
        return self._armed.get(fd, 0) & mask == mask

    def stand_at(self, fd: int) -> None:
        """Join the end of the line of the processes that wait at this listener.

        EPOLLEXCLUSIVE wakes the first of them that sleeps. Who stays registered stays
        first, and gets nearly every client; so this is done anew for each.
        """
        self._epoll.register(fd, select.EPOLLIN | select.EPOLLEXCLUSIVE)
        self._armed[fd] = 0

    def watch(self, fd: int) -> None:
        """Tell at each poll that fd is readable."""
        self._epoll.register(fd, select.EPOLLIN)
        self._armed[fd] = 0

    def forget(self, fd: int) -> None:
        """Tell nothing of fd any more, also if a twin of it stays open."""
        if self._armed.pop(fd, None) is not None and not self._epoll.closed:
            try:
                self._epoll.unregister(fd)
            except OSError as error:
                if error.errno not in (errno.ENOENT, errno.EBADF):
                    raise

    def poll(self, seconds: float | None) -> list[tuple[int, int]]:
        """Wait for events and return them."""
        events = self._epoll.poll(seconds)
        armed = self._armed
        for fd, _ in events:
            if fd in armed:
                armed[fd] = 0
        return events

    def close(self) -> None:
        """Give the descriptor back."""
        self._epoll.close()


class SelectorsPoller:
    """By what the `selectors` module finds best: kqueue on macOS."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._stays: set[int] = set()

    def arm(self, fd: int, mask: int) -> None:
        """Tell the next event of mask, once."""
        events = selectors.EVENT_READ if mask & READ else 0
        events |= selectors.EVENT_WRITE if mask & WRITE else 0
        self.forget(fd)
        self._selector.register(fd, events)

    def is_armed(self, fd: int, mask: int) -> bool:
        """Whether an arming for all of mask has not been used up."""
        key = self._selector.get_map().get(fd)
        return key is not None and _mask(key.events) & mask == mask

    def stand_at(self, fd: int) -> None:
        """Tell of clients at a listener; every process that waits is woken."""
        self.watch(fd)

    def watch(self, fd: int) -> None:
        """Tell at each poll that fd is readable."""
        self._selector.register(fd, selectors.EVENT_READ)
        self._stays.add(fd)

    def forget(self, fd: int) -> None:
        """Tell nothing of fd any more."""
        self._stays.discard(fd)
        if self._selector.get_map() is not None:
            try:
                self._selector.unregister(fd)
            except KeyError:
                pass

    def poll(self, seconds: float | None) -> list[tuple[int, int]]:
        """Wait for events and return them."""
        found: list[tuple[int, int]] = []
        for key, events in self._selector.select(seconds):
            if key.fd not in self._stays:
                self.forget(key.fd)
            found.append((key.fd, _mask(events)))
        return found

    def close(self) -> None:
        """Give the descriptor back."""
        self._selector.close()


def _mask(events: int) -> int:
    return (READ if events & selectors.EVENT_READ else 0) | (
        WRITE if events & selectors.EVENT_WRITE else 0
    )


def make_poller() -> Poller:
    """Return the best one that this system has."""
    return EpollPoller() if hasattr(select, "epoll") else SelectorsPoller()
