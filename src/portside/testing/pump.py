"""Carry packets between two TUN devices, as badly as is asked.

In       what the kernel sends into each of the two devices
Out      the same packets out of the other one: later, fewer, twice, in another order
Source   the kernel's Documentation/networking/tuntap.rst: one read, one packet
Holds    the packets that are on their way, at most `MAX_PACKETS` for each direction
Fails    never: a packet that the other end does not take is lost and counted

One poll waits for both devices and for the moment at which the next packet is due, so
a packet on its way costs its bytes and a place in a heap, and no thread. A packet may
come up to a millisecond late: poll(2) counts in milliseconds.

All this runs in a process of its own (see `link`), or it would share the GIL with the
very code that is on trial, and the threads of a test would come in between.
"""

import contextlib
import heapq
import json
import math
import os
import select
import socket
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields

from portside.engine import now
from portside.testing.conditions import Conditions, Fates

__all__ = ["MTU", "Direction", "PacketCounts", "run_pump"]

MTU = 1500
"""The largest packet in bytes: that of an Ethernet, and of a fresh TUN device."""

MAX_PACKETS = 4096
"""Packets on their way in one direction, 6 MiB; what comes on top is lost, as in a
router. Enough for 200 ms at 30 megabytes a second, more than the pump carries."""

MAX_WAIT_SECONDS = 0.5
"""How long a packet may wait for its turn where there is a rate; who would wait longer
is lost. A guess: routers at home hold anything from some milliseconds to seconds."""

BATCH = 64
"""Packets that are read before those that are due go out: a guess, never measured."""


@dataclass(slots=True)
class PacketCounts:
    """What became of the packets that one end has sent.

    When nothing is on its way, ``sent + duplicated`` is ``delivered`` and all kinds of
    loss (dropped, overflowed, unplugged) together.

    Attributes:
        sent: that end has sent.
        delivered: the other end was given, copies counted, and those that were cut.
        dropped: were lost by `Conditions.loss`.
        overflowed: were lost because too many were on their way, or before the rate.
        unplugged: were lost because the link was down, or went down.
        duplicated: were doubled.
        reordered: were held back.
        cut: lost their end.
        on_the_way: are with the pump now; the kernel may hold more, unread.
    """

    sent: int = 0
    delivered: int = 0
    dropped: int = 0
    overflowed: int = 0
    unplugged: int = 0
    duplicated: int = 0
    reordered: int = 0
    cut: int = 0
    on_the_way: int = 0

    def __add__(self, other: "PacketCounts") -> "PacketCounts":
        names = (field.name for field in fields(self))
        return PacketCounts(
            **{name: getattr(self, name) + getattr(other, name) for name in names}
        )


class Direction:
    """The packets from one end to the other.

    Args:
        conditions: how bad the link is.
        name: that of the end that sends.
        deliver: takes a packet at the other end; an OSError loses it.
    """

    def __init__(
        self, conditions: Conditions, name: str, deliver: Callable[[bytes], object]
    ) -> None:
        self._counts = PacketCounts()
        self._is_up = True
        self._conditions = conditions
        self._fates = Fates(conditions, name)
        self._deliver = deliver
        self._heap: list[tuple[float, int, bytes]] = []  # due, number, packet
        self._number = 0  # so that those that are due together keep their order
        self._free_at = -math.inf  # when the rate lets the next one go
        self._last_due = -math.inf

    @property
    def counts(self) -> PacketCounts:
        """What became of the packets so far."""
        self._counts.on_the_way = len(self._heap)
        return self._counts

    @property
    def next_due(self) -> float | None:
        """When the first of those on their way is due."""
        return self._heap[0][0] if self._heap else None

    def send(self, packet: bytes, at: float) -> None:
        """Take a packet that was sent at a moment."""
        if _is_multicast(packet):
            return
        counts, fate = self._counts, self._fates.draw()
        counts.sent += 1
        if not self._is_up:
            counts.unplugged += 1
            return
        leaves = self._turn(len(packet), at)
        if leaves is None or len(self._heap) >= MAX_PACKETS:
            counts.overflowed += 1
            return
        if fate.is_lost:
            counts.dropped += 1
            return
        if fate.kept is not None:
            counts.cut += 1
            packet = packet[: 1 + int(fate.kept * (len(packet) - 1))]
        due = max(leaves + self._conditions.delay + fate.late, self._last_due)
        if fate.is_held:
            counts.reordered += 1
            due += self._conditions.hold
        else:
            self._last_due = due
        self._push(due, packet)
        if fate.is_doubled:
            counts.duplicated += 1
            self._push(due, packet)

    def deliver_due(self, at: float) -> None:
        """Give the other end all that is due at a moment."""
        heap, counts = self._heap, self._counts
        while heap and heap[0][0] <= at:
            packet = heapq.heappop(heap)[2]
            try:
                self._deliver(packet)
            except OSError:  # the device was set down, or has no memory
                counts.unplugged += 1
            else:
                counts.delivered += 1

    def set_up(self, is_up: bool) -> None:
        """Let packets pass, or lose them, also those that are on their way."""
        self._is_up = is_up
        if not is_up:
            self._counts.unplugged += len(self._heap)
            self._heap.clear()
            self._free_at = self._last_due = -math.inf

    def _turn(self, size: int, at: float) -> float | None:
        """Return when a packet has left; None if it would wait too long for that."""
        if self._conditions.rate is None:
            return at
        begins = max(at, self._free_at)
        if begins - at > MAX_WAIT_SECONDS:
            return None
        self._free_at = begins + size / self._conditions.rate
        return self._free_at

    def _push(self, due: float, packet: bytes) -> None:
        self._number += 1
        heapq.heappush(self._heap, (due, self._number, packet))


def _is_multicast(packet: bytes) -> bool:
    """Whether the kernel says something to all on the link, who do not listen.

    Router solicitations and group reports come when the kernel likes; counted, they
    would shift the fates of what a test sends.
    """
    if packet[0] >> 4 == 6:  # RFC 8200 section 3: the destination is at 24
        return packet[24] == 0xFF  # RFC 4291 section 2.7
    return packet[16] >> 4 == 0xE  # RFC 791 section 3.1; RFC 1112 section 4


def run_pump(
    near: int, far: int, control: socket.socket, conditions: Conditions
) -> None:
    """Carry packets between two devices until control ends.

    Args:
        near: the descriptor of a TUN device without packet information; non-blocking.
        far: another.
        control: a SOCK_SEQPACKET socket; each ``up``, ``down`` or ``counts`` that comes
            is answered with the counts of both directions, as JSON.
        conditions: how badly.
    """
    directions = {
        near: Direction(conditions, "near", lambda packet: os.write(far, packet)),
        far: Direction(conditions, "far", lambda packet: os.write(near, packet)),
    }
    poller = select.poll()
    for number in (*directions, control.fileno()):
        poller.register(number, select.POLLIN)
    while True:
        dues = [each.next_due for each in directions.values()]
        due = min((each for each in dues if each is not None), default=None)
        wait = None if due is None else max(0, math.ceil((due - now()) * 1000))
        for number, _ in poller.poll(wait):
            if number in directions:
                _take(number, directions[number])
            elif not _obey(control, directions):
                return
        present = now()
        for direction in directions.values():
            direction.deliver_due(present)


def _take(number: int, direction: Direction) -> None:
    present = now()
    with contextlib.suppress(BlockingIOError):
        for _ in range(BATCH):
            direction.send(os.read(number, MTU), present)


def _obey(control: socket.socket, directions: dict[int, Direction]) -> bool:
    try:
        word = control.recv(16)
    except ConnectionResetError:  # the other end went away with an answer unread
        return False
    if not word:
        return False
    for direction in directions.values():
        if word in (b"up", b"down"):
            direction.set_up(word == b"up")
    counts = [asdict(each.counts) for each in directions.values()]
    with contextlib.suppress(BrokenPipeError):
        control.send(json.dumps(counts).encode())
    return True
