"""Answer the packets of one packet conn, from the start of the server to its stop.

In       a packet conn and its handler
Out      each packet handed to the handler, one after another; a failure logged
Source   design of packet handlers: inline, or on so many lines as the model says
Holds    the task that runs it, and whether it was cut
Fails    never

A conversation begins with a client and ends with it. Packets have no such end, so what
answers them stands beside the conversations: a model runs it as it runs those, but it
takes no place of theirs, and it is over when the server stops. Several stand at one
packet conn, so that a handler that waits keeps only itself busy: each packet goes to
one of them.

Threads simply all receive; the operating system sees to the rest. In a hub that would
be a switch for each packet, and mostly for nothing, as most handlers never wait. So
there one leads, and answers inline; one more, its relief, is woken whenever a packet
comes, and gets its turn only when the leader waits. Waits the leader for the next
packet, the relief sleeps on. Waits it inside its handler, the relief leads from then on
and asks for a relief of its own; the old leader finishes what it is at.

What does not arrive is the network's business, and the client's: an answer that cannot
be sent is told at debug level, and the next packet is answered.
"""

import logging
import threading
from collections.abc import Callable

from portside.engine import (
    Event,
    Task,
    call_unless_forked,
    current,
    may_block,
    now,
    park,
    sleep,
)
from portside.errors import Cancelled, ClosedError, Error, WouldBlockError
from portside.net import Packet, PacketConn
from portside.server.bounded_log import BoundedLog
from portside.server.guard import Guard
from portside.server.handlers import handler_name
from portside.server.service import PacketHandler

__all__ = ["PacketDoor", "PacketStand"]

_log = logging.getLogger("portside.server")

MAX_LINES = 64
"""How many handlers of one socket's packets may wait at once in a hub: a guess. What
comes then waits in the kernel, as long as there is room."""

INLINE_PACKETS = 64
"""How many are answered in a row where others wait meanwhile: a turn of a hub."""

FIRST_PAUSE_SECONDS = 0.005
LONGEST_PAUSE_SECONDS = 1.0
"""How long to leave a socket alone that cannot receive: as in accepting."""

FIRST_RETURN_SECONDS = 0.1
LONGEST_RETURN_SECONDS = 5.0
"""How long a door is left alone whose process has died: as for workers."""


class PacketDoor:
    """A packet conn that a server hears at, with its handler.

    Attributes:
        lines: how many stand here, or are on their way.
        leader: in a hub, who receives, or answers what was received last.
        relief: who leads when the leader waits in its handler.
        is_relief_called: one is on its way.
    """

    def __init__(
        self, packets: PacketConn, handler: PacketHandler, guard: Guard | None
    ) -> None:
        self.packets = packets
        self.handler = handler
        self.guard = guard
        self.troubles = BoundedLog()
        self.lines = 0
        self.leader: PacketStand | None = None
        self.relief: Task | None = None
        self.is_relief_called = False
        self._return_at = 0.0
        self._pause = 0.0

    def return_at(self) -> float:
        """Return when somebody is to stand here again: later each time in a row."""
        present = now()
        if present > self._return_at + LONGEST_RETURN_SECONDS:
            self._pause = FIRST_RETURN_SECONDS
        else:
            self._pause = min(2 * self._pause, LONGEST_RETURN_SECONDS)
        self._return_at = present + self._pause
        return self._return_at

    def __str__(self) -> str:
        return f"{self.packets.network} {self.packets.local_address}"


class PacketStand:
    """One line of execution that answers the packets of a door.

    Args:
        on_end: called once it is over.
        call: has one more stand at the door.
    """

    is_counted = False
    """It is no client's: the report counts it only if it is cut."""

    is_given_away = False

    def __init__(
        self,
        door: PacketDoor,
        on_end: Callable[["PacketStand"], None],
        call: Callable[[PacketDoor], None],
    ) -> None:
        self.door = door
        self.was_cut = False
        self.is_running = False
        self.has_returned = False
        self._on_end = on_end
        self._call = call
        self._task: Task | None = None
        self._cut_at: float | None = None
        self._end = threading.Lock()  # taken for good by the one who ends it

    def __str__(self) -> str:
        return str(self.door)

    def descriptors(self) -> set[int]:
        """Return what it needs in a process of its own."""
        return {self.door.packets.fileno()}

    def converse(self) -> None:
        """Answer packets until the server stops."""
        self._begin()
        try:
            if may_block():
                self._receive_while(lambda: True)
            else:
                self._take_turns()
        except (ClosedError, Cancelled):
            pass  # the server stops
        finally:
            self.has_returned = True

    def answer_some(self) -> None:
        """Answer what has come, some packets at the most, and wait for none."""
        self._begin()
        try:
            for _ in range(INLINE_PACKETS):
                self._answer(self.door.packets.receive_nowait())
        except (WouldBlockError, ClosedError, Cancelled):
            pass
        except Error as error:
            self.door.troubles.warn(str(self), str(error))
        finally:
            self.has_returned = True

    def hand_over(self) -> None:
        """Nothing: this process keeps the socket, for the next one."""

    def refuse(self) -> None:
        """Nothing: what comes waits in the kernel, as long as there is room."""

    def cut(self) -> None:
        """Nothing: no handler gives a packet away."""

    def abandon(self) -> None:
        """Nothing: the socket is closed for all packets."""

    def leave(self) -> None:
        """Nothing, as in `abandon`."""

    def drain(self, cut_at: float) -> None:
        """Tell it that the server stops, and when it will be cut; from any thread."""
        self._cut_at = cut_at
        self.door.packets.drain()
        if self._task is not None:
            self._task.cancel(at=cut_at)

    def runs_on(self, task: Task) -> bool:
        """Whether task is in its handler now."""
        return self.is_running and self._task is task

    def end(self) -> None:
        """Say that it is over; again is silent."""
        if self._end.acquire(blocking=False):
            self._on_end(self)

    def serve_as(self, draining: Event) -> None:
        """Nothing: a packet has no conn that could tell of the drain."""

    def _take_turns(self) -> None:
        door = self.door
        while door.relief is None:
            self._wait_to_lead()
            door.leader = self
            is_over = self._cut_at is not None or door.packets.closed
            if door.lines < MAX_LINES and not (door.is_relief_called or is_over):
                door.is_relief_called = True
                self._call(door)
            try:
                self._receive_while(lambda: door.leader is self)
            finally:
                if door.leader is self:
                    door.leader = None
                    if door.relief is not None:
                        door.relief.wake()  # it leads, if only to see the stop

    def _wait_to_lead(self) -> None:
        door, me = self.door, current()
        door.relief = me
        door.is_relief_called = False
        try:
            while (leader := door.leader) is not None and not leader.is_running:
                park()
        finally:
            door.relief = None

    def _receive_while(self, is_mine: Callable[[], bool]) -> None:
        door, pause = self.door, FIRST_PAUSE_SECONDS
        while is_mine():
            try:
                packet = door.packets.receive()
            except ClosedError:
                raise
            except Error as error:  # the socket's own: it hears of no other's
                door.troubles.warn(str(self), str(error))
                sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
                continue
            pause = FIRST_PAUSE_SECONDS
            if door.relief is not None:
                door.relief.wake()
            self._answer(packet)
            if self._cut_at is not None:  # what has come is answered, and no more
                self.answer_some()
                raise ClosedError

    def _begin(self) -> None:
        self._task = current()
        self.has_returned = False
        if self._cut_at is not None:
            self._task.cancel(at=self._cut_at)

    def _answer(self, packet: Packet) -> None:
        door = self.door
        if door.guard is not None and not door.guard.admits(packet):
            return
        self.is_running = True
        try:
            try:
                call_unless_forked(door.handler, packet)
            finally:
                self.is_running = False  # a signal cuts handlers, not what follows
        except Error as error:
            if error.op == "send":
                name = handler_name(door.handler)
                _log.debug("%s: handler %s: %s", door, name, error)
            else:
                self._log_failure(packet, error)
        except Cancelled:
            self.was_cut = True
            raise
        except SystemExit:
            pass  # as in a conversation: this one is over
        except BaseException as error:  # noqa: BLE001  one packet's: the others go on
            self._log_failure(packet, error)
        finally:
            self.is_running = False
        if current().reasons:  # the handler swallowed it
            self.was_cut = True

    def _log_failure(self, packet: Packet, error: BaseException) -> None:
        door = self.door
        where = (
            f"{door.packets.network} {packet.local_address}->{packet.address}: "
            f"handler {handler_name(door.handler)}"
        )
        door.troubles.warn(where, f"failed: {type(error).__name__}", error)
