"""Datagram descriptors on each engine: bursts, waits, the end, and whose they are."""

import os
import socket

import pytest

from portside.engine import (
    DatagramDescriptor,
    now,
    offload,
    sleep,
    spawn,
    unwatch,
    watch,
)
from portside.engine.datagram import MAX_IN_A_ROW
from portside.engine.hub import Hub
from portside.errors import ClosedError, DeadlineError
from portside.events import socket_call
from tests.engine.waiting import MS, asleep, in_child, joined, until

# Since 3.12 a fork beside other threads, as of the tests before, is warned of.
pytestmark = pytest.mark.filterwarnings(
    "ignore:.*multi-threaded, use of fork:DeprecationWarning"
)


@pytest.fixture
def pair():
    """Return a descriptor, and a plain socket that sends to it."""
    near = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    far = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    near.bind(("127.0.0.1", 0))
    far.bind(("127.0.0.1", 0))
    far.connect(near.getsockname())
    descriptor = DatagramDescriptor(near, control_bytes=64)
    yield descriptor, far
    descriptor.close()
    far.close()


def receive(descriptor, max_bytes=100):
    with descriptor.reading:
        return descriptor.receive_from(max_bytes)


def traced(function):
    """Return the names and the texts of the socket calls inside."""
    calls = []

    def hook(*call):
        calls.append(call)

    socket_call.add(hook)
    try:
        function()
    finally:
        socket_call.remove(hook)
    return calls


class TestReceiving:
    def test_a_message_comes_with_its_sender(self, engine, pair):
        descriptor, far = pair
        far.send(b"hello")
        assert receive(descriptor) == (b"hello", far.getsockname())

    def test_an_empty_message_is_one(self, engine, pair):
        descriptor, far = pair
        far.send(b"")
        assert receive(descriptor) == (b"", far.getsockname())

    def test_what_is_cut_off_is_told(self, engine, pair):
        descriptor, far = pair
        far.send(b"x" * 20)
        far.send(b"y" * 19)
        with descriptor.reading:
            assert descriptor.receive_message(19)[::2] == (b"x" * 19, True)
            assert descriptor.receive_message(19)[::2] == (b"y" * 19, False)

    def test_it_waits_for_one_that_comes_later(self, engine, pair):
        descriptor, far = pair
        reader = asleep(receive, descriptor)
        far.send(b"later")
        assert joined(reader)[0] == b"later"

    def test_a_burst_is_taken_without_a_wait_between(self, engine, pair):
        descriptor, far = pair
        for number in range(10):
            far.send(b"%d" % number)
        assert receive(descriptor)[0] == b"0"
        seen: list[bool] = []

        def see():
            seen.append(True)
            unwatch(near.fileno())

        near, other = socket.socketpair()  # in each wait this would be seen
        with near, other:
            other.send(b"!")
            watch(near.fileno(), see)
            try:
                for number in range(1, 10):
                    assert receive(descriptor)[0] == b"%d" % number
                assert seen == []
            finally:
                unwatch(near.fileno())

    def test_in_a_flood_what_is_watched_is_seen_all_the_same(self, engine, pair):
        descriptor, far = pair
        near, other = socket.socketpair()
        seen: list[bool] = []

        def see():
            seen.append(True)
            unwatch(near.fileno())

        with near, other:
            far.send(b"the wait before the first one is none between two")
            receive(descriptor)
            watch(near.fileno(), see)
            try:
                other.send(b"!")
                for _ in range(2 * MAX_IN_A_ROW + 1):
                    far.send(b"flood")
                    receive(descriptor)
                assert seen
            finally:
                unwatch(near.fileno())

    def test_a_wait_can_be_refused(self, engine, pair):
        descriptor, far = pair
        with descriptor.reading:
            with pytest.raises(BlockingIOError):
                descriptor.receive_from(100, wait=False)
            with pytest.raises(BlockingIOError):
                descriptor.receive_message(100, wait=False)
            far.send(b"1")
            far.send(b"2")
            assert descriptor.receive_from(100, wait=False)[0] == b"1"
            assert descriptor.receive_message(100, wait=False)[0] == b"2"

    def test_a_deadline_bounds_the_wait(self, engine, pair):
        descriptor, _ = pair
        at = now() + 10 * MS
        descriptor.reading.set_deadline(at)
        with pytest.raises(DeadlineError):
            receive(descriptor)
        assert now() >= at

    def test_a_close_ends_the_wait(self, engine, pair):
        descriptor, _ = pair
        reader = asleep(receive, descriptor)
        descriptor.close()
        with pytest.raises(ClosedError):
            joined(reader)
        until(lambda: descriptor.given_back)

    def test_nothing_is_received_after_a_close(self, engine, pair):
        descriptor, far = pair
        far.send(b"x")
        descriptor.reading.enter()
        descriptor.close()
        for call in (descriptor.receive_from, descriptor.receive_message):
            for wait in (True, False):
                with pytest.raises(ClosedError):
                    call(100, wait=wait)
        descriptor.reading.leave()

    def test_a_drain_gives_what_is_there_and_then_does_not_wait(self, engine, pair):
        descriptor, far = pair
        far.send(b"x")
        descriptor.reading.ends_when_draining = True
        descriptor.reading.drain()
        assert receive(descriptor)[0] == b"x"
        with pytest.raises(BlockingIOError):
            receive(descriptor)


def test_a_flood_keeps_no_other_task_of_the_hub_waiting(hub, pair):
    descriptor, far = pair
    turns = []

    def count():
        while not descriptor.closed:
            turns.append(1)
            sleep(0)

    other = spawn(count)
    for _ in range(4 * MAX_IN_A_ROW):
        far.send(b"flood")
        receive(descriptor)
    assert len(turns) >= 2
    descriptor.close()
    joined(other)


def test_descriptors_that_a_unix_peer_passes_are_not_opened(engine):
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    descriptor = DatagramDescriptor(near, control_bytes=100)
    with far:
        before = set(os.listdir("/proc/self/fd"))
        socket.send_fds(far, [b"take these"], [0, 1, 2])
        with descriptor.reading:
            data, control, is_cut, _ = descriptor.receive_message(100)
        assert (data, control, is_cut) == (b"take these", [], False)
        assert len(os.listdir("/proc/self/fd")) <= len(before)
        descriptor.close()


class TestSending:
    def test_to_an_address_and_to_the_one_it_is_connected_to(self, engine, pair):
        descriptor, far = pair
        with descriptor.writing:
            descriptor.send_message(b"to an address", far.getsockname())
        assert far.recv(100) == b"to an address"
        descriptor.connect_now(far.getsockname())
        with descriptor.writing:
            descriptor.send_message(b"connected")
        assert far.recv(100) == b"connected"

    def test_with_a_control_message(self, engine, pair):
        descriptor, far = pair
        pktinfo = b"\0" * 4 + socket.inet_aton("127.0.0.1") + b"\0" * 4
        control = [(socket.IPPROTO_IP, 8, pktinfo)]  # IP_PKTINFO
        with descriptor.writing:
            descriptor.send_message(b"from there", far.getsockname(), control)
        assert far.recv(100) == b"from there"

    def test_no_room_is_waited_for(self, engine):
        """Only a Unix socket has a queue that is seen to be full."""
        near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        descriptor = DatagramDescriptor(near)
        far.setblocking(False)

        def send_all():
            for number in range(500):
                with descriptor.writing:
                    descriptor.send_message(b"%d" % number)

        with far:
            writer = asleep(send_all)
            found = []

            def all_came():
                while True:
                    try:
                        found.append(int(far.recv(100)))
                    except BlockingIOError:
                        return len(found) == 500

            until(all_came)
            joined(writer)
            assert found == list(range(500))
            descriptor.close()

    def test_a_close_ends_a_send_that_waits_for_room(self, engine):
        near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        descriptor = DatagramDescriptor(near)

        def send_for_ever():
            while True:
                with descriptor.writing:
                    descriptor.send_message(b"x")

        with far:
            writer = asleep(send_for_ever)
            descriptor.close()
            with pytest.raises(ClosedError):
                joined(writer)

    def test_icmp_is_told_once_to_a_connected_one(self, engine, pair):
        descriptor, far = pair
        descriptor.connect_now(far.getsockname())
        far.close()
        with descriptor.writing:
            descriptor.send_message(b"anybody?")
        with pytest.raises(ConnectionRefusedError):
            receive(descriptor)
        with descriptor.writing:
            descriptor.send_message(b"it goes on")


class TestWhoseItIs:
    def test_a_receive_that_does_not_wait_is_as_bound_as_one_that_does(self, pair):
        descriptor, far = pair
        far.send(b"x")
        far.send(b"y")
        Hub().run(lambda: receive(descriptor))
        for wait in (True, False):
            with descriptor.reading:
                with pytest.raises(RuntimeError, match="belongs to"):
                    descriptor.receive_from(100, wait=wait)

    def test_the_first_receive_decides_also_when_it_does_not_wait(self, pair):
        descriptor, far = pair
        far.send(b"x")

        def take():
            with descriptor.reading:
                descriptor.receive_from(100, wait=False)

        Hub().run(take)
        with pytest.raises(RuntimeError, match="belongs to"):
            receive(descriptor)

    def test_it_may_be_closed_from_another_thread(self, hub, pair):
        descriptor, _ = pair
        reader = asleep(receive, descriptor)
        offload(descriptor.close)
        with pytest.raises(ClosedError):
            joined(reader)

    def test_a_child_abandons_its_copy_alone(self, pair):
        descriptor, far = pair

        def child():
            number = descriptor.number
            descriptor.abandon()
            with pytest.raises(OSError, match="Bad file"):
                os.fstat(number)

        assert in_child(child) == 0
        far.send(b"still here")
        assert receive(descriptor)[0] == b"still here"


class TestTraces:
    def test_each_call_is_told(self, engine, pair):
        descriptor, far = pair
        host, port = far.getsockname()
        place = f"{host}:{port}"

        def talk():
            far.send(b"1")
            far.send(b"22")
            receive(descriptor)
            with descriptor.reading:
                descriptor.receive_message(1)
            with descriptor.writing:
                descriptor.send_message(b"333", far.getsockname())
            descriptor.connect_now(far.getsockname())
            with descriptor.writing:
                descriptor.send_message(b"4444")

        assert traced(talk) == [
            ("recvfrom", descriptor.number, "", f"1 bytes from {place}"),
            ("recvmsg", descriptor.number, "", f"1 bytes from {place}, cut off"),
            ("sendto", descriptor.number, f"3 bytes to {place}", "ok"),
            ("connect", descriptor.number, place, "ok"),
            ("send", descriptor.number, "4 bytes", "ok"),
        ]

    def test_a_mapped_address_never_shows(self, engine):
        sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        sock.bind(("::", 0))
        descriptor = DatagramDescriptor(sock)
        me = ("::ffff:127.0.0.1", sock.getsockname()[1])

        def talk():
            with descriptor.writing:
                descriptor.send_message(b"1", me)
                descriptor.send_message(b"2", me)
            receive(descriptor)
            with descriptor.reading:
                descriptor.receive_message(100)
            descriptor.connect_now(me)

        calls = traced(talk)
        descriptor.close()
        assert len(calls) == 5
        assert all(f"127.0.0.1:{me[1]}" in str(call) for call in calls)
        assert "ffff" not in str(calls)
