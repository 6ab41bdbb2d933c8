"""Accept the conns of all listeners of a server, whatever goes wrong.

In       listeners, each with its handler; a capacity; the doors of packets, where who
         accepts is to answer them
Out      the next conn, the next door where somebody is wanted, or None at the stop
Source   accept(2), "Error handling"; field experience of nginx, Go, libuv
Holds    one spare descriptor, and how long to pause
Fails    Error: an errno of accept that no pause can cure

What is over capacity is not accepted: it waits in the kernel's queue and costs nothing.

A descriptor that cannot be had (EMFILE, ENFILE) leaves the listener readable, so a loop
that only tries again burns a core. Here the spare descriptor is given up for a moment
to accept one client and turn it away, so that it learns of it, and then accepting
pauses: 5 ms, doubled each time up to 1 s, and from the beginning when it has gone well
for 1 s. No memory (ENOBUFS, ENOMEM) pauses in the same way. A conversation that ends
frees what was missing, and ends the pause.
"""

import contextlib
import errno
import os
from collections import deque
from collections.abc import Collection, Sequence

from portside.engine import Task, current, now, park, wait_accept, wait_read
from portside.errors import ClosedError, DeadlineError, Error, WouldBlockError
from portside.net import Conn, Listener
from portside.net.listener import PASSED_OVER
from portside.server.bounded_log import BoundedLog
from portside.server.capacity import Capacity
from portside.server.packets import PacketDoor
from portside.server.service import Handler

__all__ = ["Acceptor"]

FIRST_PAUSE_SECONDS = 0.005
LONGEST_PAUSE_SECONDS = 1.0
"""As Go's http.Server."""

_NO_DESCRIPTOR = (errno.EMFILE, errno.ENFILE)
_NO_MEMORY = (errno.ENOBUFS, errno.ENOMEM)


class Acceptor:
    """The door of a server: one task stands there.

    Args:
        refuse: what is over capacity is accepted, and turned away.
        is_alone: no other process accepts at the same listeners.
    """

    def __init__(
        self,
        doors: list[tuple[Listener, Handler]],
        capacity: Capacity,
        packet_doors: Sequence[PacketDoor] = (),
        *,
        refuse: bool,
        is_alone: bool = True,
    ) -> None:
        self._doors = doors
        self._numbers = _numbers(doors)
        self._packet_doors = packet_doors
        # Where somebody is wanted, and from when on.
        self._wanted: deque[tuple[float, PacketDoor]] = deque()
        self._capacity = capacity
        self._refuse = refuse
        self._is_alone = is_alone
        self._is_stopping = False
        self._is_held = False  # it waits for a place, or pauses
        self._task: Task | None = None
        self._pause = FIRST_PAUSE_SECONDS
        self._paused_until = 0.0
        self._spare: int | None = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
        self._troubles = BoundedLog()

    def accept(self) -> tuple[Conn, Handler] | PacketDoor | None:
        """Wait for a client for whom there is a place; None once it stops.

        Where it was given doors of packets, one that has some is returned as well.

        Raises:
            Error: accept fails in a way that waiting does not cure.
        """
        self._task = current()
        try:
            return self._wait_for_one()
        finally:
            self._task = None

    def wait_for_stop(self, until: float | None) -> None:
        """Return when it stops, at a moment, or early: for who lets others accept."""
        self._task = current()
        try:
            if not self._is_stopping:
                park(until)
        except DeadlineError:
            pass
        finally:
            self._task = None

    def stop(self) -> None:
        """Let nobody in any more, and listen no more; from any thread."""
        self._is_stopping = True
        self.look_again()
        for listener, _ in tuple(self._doors):
            listener.close()

    def call_at(self, door: PacketDoor, moment: float = 0.0) -> None:
        """Let an accept return this door, now or at a moment; from any thread."""
        self._wanted.append((moment, door))
        self.look_again()

    def place_is_free(self) -> None:
        """End a wait for a place, or a pause; from any thread, at every end."""
        if self._is_held:
            self.look_again()

    def look_again(self) -> None:
        """End a pause, or a wait for a place; from any thread."""
        if (task := self._task) is not None:
            task.wake()

    def pause(self, why: str) -> None:
        """Accept nobody for a moment, longer each time until somebody was accepted."""
        # When the last one is long over, this is a new trouble: begin with a short one.
        is_new = now() > self._paused_until + LONGEST_PAUSE_SECONDS
        wanted = FIRST_PAUSE_SECONDS if is_new else 2 * self._pause
        self._pause = min(wanted, LONGEST_PAUSE_SECONDS)
        self._paused_until = now() + self._pause
        self._troubles.warn(why, "accepting pauses")
        self._is_held = True
        with contextlib.suppress(DeadlineError):
            park(self._paused_until)

    def close(self) -> None:
        """Give the spare descriptor back."""
        spare, self._spare = self._spare, None  # whoever takes it off closes it
        if spare is not None:
            os.close(spare)

    def _may_admit(self) -> bool:
        has_place = self._refuse or not self._capacity.is_full
        return has_place and not self._is_stopping

    def _wait_for_one(self) -> tuple[Conn, Handler] | PacketDoor | None:
        while not self._is_stopping:
            if self._wanted and (door := self._next_wanted()) is not None:
                return door
            try:
                ready = self._wait()
                # Another worker may have taken the last place meanwhile.
                if ready and self._may_admit():
                    admitted = self._look(ready)
                    if admitted is not None:
                        return admitted
            except DeadlineError:
                pass  # of a door that is wanted from now on
            except ClosedError:  # by a stop, or by somebody else
                self._doors = [door for door in self._doors if not door[0].closed]
                self._numbers = _numbers(self._doors)
                if not self._doors:
                    break
        return None

    def _wait(self) -> Collection[int]:
        self._is_held = True  # from here on, who gives a place back wakes us ...
        # ... and before here it has given it back: one of the two is seen.
        self._is_held = is_held = not self._may_admit()
        until = self._wanted_from() if self._wanted else None
        numbers = () if is_held else self._numbers
        if len(numbers) == 1 and self._is_alone and not self._packet_doors:
            if self._doors[0][0].closed:
                raise ClosedError  # its number may be another's
            wait_read(numbers[0], until)
            return numbers
        hearing = self._hearing() if self._packet_doors else {}
        if not numbers and not hearing:
            park(until)
            return ()
        ready = wait_accept([*numbers, *hearing], until)
        # After the client that is admitted now, and each before the next one.
        self._wanted.extend((0.0, hearing[n]) for n in ready if n in hearing)
        return ready

    def _hearing(self) -> dict[int, PacketDoor]:
        return {
            door.packets.fileno(): door
            for door in self._packet_doors
            if not door.packets.closed
        }

    def _next_wanted(self) -> PacketDoor | None:
        present = now()
        for wanted in tuple(self._wanted):
            if wanted[0] <= present:
                self._wanted.remove(wanted)
                return wanted[1]
        return None

    def _wanted_from(self) -> float | None:
        return min((moment for moment, _ in self._wanted), default=None)

    def _look(self, ready: Collection[int]) -> tuple[Conn, Handler] | None:
        # Who was served goes to the end of the line, so that one busy listener does not
        # keep the others waiting.
        for door in tuple(self._doors):
            listener, handler = door
            if ready is not self._numbers and not {*ready} & {*listener.filenos()}:
                continue
            try:
                conn = listener.accept_nowait()
            except WouldBlockError:
                continue
            except Error as error:
                self._recover(listener, error)
                return None
            if len(self._doors) > 1:
                self._doors.remove(door)
                self._doors.append(door)
            if self._refuse and self._capacity.is_full:
                conn.abort()
                most = self._capacity.max_connections
                self._troubles.warn(_ends(conn), f"refused, at max_connections={most}")
            elif not self._capacity.take(self._capacity.counted(conn)):
                conn.close()
                share = self._capacity.max_connections_per_ip
                self._troubles.warn(
                    _ends(conn), f"turned away, at max_connections_per_ip={share}"
                )
            else:
                return conn, handler
        return None

    def _recover(self, listener: Listener, error: Error) -> None:
        if error.errno in _NO_DESCRIPTOR:
            self._turn_one_away(listener)
        elif error.errno not in _NO_MEMORY and error.errno not in PASSED_OVER:
            raise error
        self.pause(str(error))

    def _turn_one_away(self, listener: Listener) -> None:
        self.close()
        with contextlib.suppress(Error):
            listener.accept_nowait().abort()
        with contextlib.suppress(OSError):
            self._spare = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)


def _numbers(doors: list[tuple[Listener, Handler]]) -> tuple[int, ...]:
    return tuple(number for listener, _ in doors for number in listener.filenos())


def _ends(conn: Conn) -> str:
    return f"{conn.network} {conn.local_address}->{conn.remote_address}"
