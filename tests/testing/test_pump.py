"""The pump, tried with sockets in place of devices: that needs no rights."""

import contextlib
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from portside.testing.conditions import Conditions
from portside.testing.pump import (
    MAX_PACKETS,
    MAX_WAIT_SECONDS,
    Direction,
    PacketCounts,
    run_pump,
)

HEADER = b"\x45" + bytes(15) + b"\xc0\x00\x02\x02"  # IPv4, to 192.0.2.2


def packet(number: int) -> bytes:
    return HEADER + number.to_bytes(4, "big")


def number_of(packet: bytes) -> int:
    return int.from_bytes(packet[-4:], "big")


class Wire:
    """A direction whose packets end up in a list."""

    def __init__(self, **conditions: Any) -> None:
        self.came: list[bytes] = []
        self.direction = Direction(Conditions(**conditions), "near", self.came.append)

    def send(self, n: int, at: float = 0.0) -> None:
        for number in range(n):
            self.direction.send(packet(number), at)

    def at(self, moment: float) -> list[int]:
        """Return what came at a moment."""
        self.came.clear()
        self.direction.deliver_due(moment)
        return [number_of(each) for each in self.came]

    @property
    def counts(self) -> PacketCounts:
        return self.direction.counts


def test_a_packet_takes_as_long_as_the_delay() -> None:
    wire = Wire(delay=0.1)
    wire.send(1, at=5.0)
    assert wire.direction.next_due == pytest.approx(5.1)
    assert wire.at(5.09) == []
    assert wire.counts.on_the_way == 1
    assert wire.at(5.11) == [0]
    assert wire.counts == PacketCounts(sent=1, delivered=1)


def test_jitter_makes_packets_late_and_keeps_their_order() -> None:
    wire = Wire(delay=0.1, jitter=0.5)
    wire.send(100)
    early = wire.at(0.3)
    assert early == list(range(len(early)))
    assert early + wire.at(0.6) == list(range(100))
    assert 0 < len(early) < 100


def test_a_packet_that_is_held_back_is_passed_by_those_behind_it() -> None:
    wire = Wire(delay=0.1, reorder=0.2, seed=1)
    wire.send(100)
    came = wire.at(1.0)
    held = [each for each in came if came.index(each) != each]
    assert sorted(came) == list(range(100))
    assert came != sorted(came)
    assert wire.counts.reordered > 0
    assert held != []


def test_what_is_lost_and_what_is_doubled_is_counted() -> None:
    wire = Wire(loss=0.3, duplicate=0.2)
    wire.send(1000)
    came = wire.at(1.0)
    counts = wire.counts
    assert len(set(came)) == 1000 - counts.dropped
    assert len(came) == 1000 - counts.dropped + counts.duplicated == counts.delivered
    assert counts.dropped > 200
    assert counts.duplicated > 100


def test_a_packet_that_is_cut_keeps_its_front() -> None:
    wire = Wire(cut=1)
    wire.send(100)
    wire.at(1.0)
    assert wire.counts.cut == 100
    assert all(1 <= len(each) < len(packet(0)) for each in wire.came)
    assert all(packet(0).startswith(each[: len(HEADER)]) for each in wire.came)


def test_the_rate_lets_one_packet_go_after_another() -> None:
    wire = Wire(rate=len(packet(0)) * 100)  # a hundred packets a second
    wire.send(10)
    assert wire.at(0.055) == [0, 1, 2, 3, 4]
    assert wire.at(0.101) == [5, 6, 7, 8, 9]


def test_who_would_wait_too_long_for_the_rate_is_lost() -> None:
    wire = Wire(rate=len(packet(0)) * 100)
    wire.send(200)
    held = round(MAX_WAIT_SECONDS * 100) + 1
    assert wire.counts.on_the_way == pytest.approx(held, abs=1)
    assert wire.counts.overflowed == 200 - wire.counts.on_the_way


def test_the_packets_on_their_way_are_bounded() -> None:
    wire = Wire(delay=1)
    wire.send(MAX_PACKETS + 10)
    assert wire.counts.on_the_way == MAX_PACKETS
    assert wire.counts.overflowed == 10
    assert wire.at(1.0) == list(range(MAX_PACKETS))


def test_a_link_that_goes_down_loses_what_is_on_its_way() -> None:
    wire = Wire(delay=1)
    wire.send(3)
    wire.direction.set_up(False)
    wire.send(2)
    assert wire.at(2.0) == []
    assert wire.counts == PacketCounts(sent=5, unplugged=5)
    wire.direction.set_up(True)
    wire.send(1, at=2.0)
    assert wire.at(3.0) == [0]


def test_the_fates_go_on_while_the_link_is_down() -> None:
    def fate_of_the_tenth(*, is_down_before: bool) -> list[int]:
        wire = Wire(loss=0.5, seed=2)
        wire.direction.set_up(not is_down_before)
        wire.send(9)
        wire.direction.set_up(True)
        wire.at(1.0)
        wire.direction.send(packet(9), 1.0)
        return wire.at(2.0)

    assert fate_of_the_tenth(is_down_before=True) == fate_of_the_tenth(
        is_down_before=False
    )


def test_what_the_kernel_says_to_all_is_no_traffic() -> None:
    wire = Wire()
    group = b"\x45" + bytes(15) + b"\xe0\x00\x00\x16"  # 224.0.0.22
    routers = b"\x60" + bytes(23) + b"\xff\x02" + bytes(13) + b"\x02"  # ff02::2
    for each in (group, routers):
        wire.direction.send(each, 0.0)
    assert wire.counts == PacketCounts()


def test_a_packet_that_the_device_refuses_is_counted() -> None:
    def refuse(packet: bytes) -> None:
        raise OSError(5, "the device is down")

    direction = Direction(Conditions(), "near", refuse)
    direction.send(packet(1), 0.0)
    direction.deliver_due(0.0)
    assert direction.counts == PacketCounts(sent=1, unplugged=1)


def test_counts_of_two_directions_add_up() -> None:
    one, other = PacketCounts(sent=3, dropped=1), PacketCounts(sent=4, delivered=4)
    assert one + other == PacketCounts(sent=7, dropped=1, delivered=4)


class Running:
    """A pump on a thread, with a socket for each device."""

    def __init__(self, near: socket.socket, far: socket.socket, ask: socket.socket):
        self.near, self.far, self.ask = near, far, ask

    def say(self, word: bytes) -> list[PacketCounts]:
        self.ask.send(word)
        return [PacketCounts(**each) for each in json.loads(self.ask.recv(4096))]


@contextlib.contextmanager
def running(**conditions: Any) -> Iterator[Running]:
    pairs = [socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(3)]
    (near, near_device), (far, far_device), (ask, control) = pairs
    with contextlib.ExitStack() as stack:
        for pair in pairs:
            for each in pair:
                stack.enter_context(each)
        for each in (near, far, ask):
            each.settimeout(20)
        for each in (near_device, far_device):
            each.setblocking(False)
        devices = near_device.fileno(), far_device.fileno()
        pump = threading.Thread(
            target=run_pump, args=(*devices, control, Conditions(**conditions))
        )
        pump.start()
        try:
            yield Running(near, far, ask)
        finally:
            ask.close()
            pump.join(20)
            assert not pump.is_alive()


def test_the_pump_carries_both_ways_and_says_how_much() -> None:
    with running() as pump:
        pump.near.send(packet(1))
        assert number_of(pump.far.recv(100)) == 1
        pump.far.send(packet(2))
        assert number_of(pump.near.recv(100)) == 2
        assert pump.say(b"counts") == [PacketCounts(sent=1, delivered=1)] * 2


def test_the_pump_waits_for_what_is_due_and_not_longer() -> None:
    with running(delay=0.1) as pump:
        began = time.monotonic()
        pump.near.send(packet(1))
        pump.far.recv(100)
        assert 0.1 <= time.monotonic() - began < 5


def test_the_pump_takes_the_link_down_and_up() -> None:
    with running() as pump:
        pump.say(b"down")
        pump.near.send(packet(1))
        while pump.say(b"counts")[0].unplugged == 0:
            pass
        pump.say(b"up")
        pump.near.send(packet(2))
        assert number_of(pump.far.recv(100)) == 2


def test_an_idle_pump_uses_no_processor() -> None:
    with running(delay=0.3) as pump:
        pump.near.send(packet(1))
        before = os.times().user + os.times().system
        pump.far.recv(100)  # it has something to wait for
        assert os.times().user + os.times().system - before < 0.1
