"""Packet conns: sent and received, bounded, closed, refused, on each engine."""

import errno
import os
import socket
import tracemalloc

import pytest

from portside import net
from portside.engine import now, offload, spawn_on_thread, timeout
from portside.engine.hub import Hub
from portside.errors import (
    AddressError,
    ClosedError,
    DeadlineError,
    DeniedError,
    Error,
    LimitError,
    RefusedError,
    WouldBlockError,
)
from portside.net import listen_packet
from tests.engine.waiting import LONG, MS, asleep, in_child, joined, until
from tests.lonely import LONELY
from tests.net.engines import on_each_engine

ANY = "127.0.0.1:0"

# Since 3.12 a fork beside other threads, as of the tests before, is warned of.
pytestmark = pytest.mark.filterwarnings(
    "ignore:.*multi-threaded, use of fork:DeprecationWarning"
)


def closed_place():
    """Return an address and a port that nobody has."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((LONELY, 0))
        return f"{LONELY}:{sock.getsockname()[1]}"


def to_itself(packets, *sent):
    for data in sent:
        packets.send(data, packets.local_address)


# -- what is sent comes


@on_each_engine
@pytest.mark.parametrize("size", [0, 1, 1472, 65507])
def test_a_packet_comes_whole_and_says_between_whom(size):
    data = os.urandom(size)
    with listen_packet("udp", ANY) as near, listen_packet("udp", ANY) as far:
        with timeout(LONG):
            near.send(data, far.local_address)
            packet = far.receive()
    assert (packet.data, packet.truncated) == (data, False)
    assert packet.address == near.local_address
    assert packet.local_address == far.local_address


@on_each_engine
def test_an_answer_reaches_a_connected_one():
    with listen_packet("udp", ANY) as server:
        with net.dial("udp", str(server.local_address)) as client, timeout(LONG):
            client.send(b"ask")
            asked = server.receive()
            assert asked.address == client.local_address
            asked.reply(b"answer")
            answer = client.receive()
            assert (answer.data, answer.address) == (b"answer", server.local_address)
            answer.reply(b"and once more")
            assert server.receive().data == b"and once more"


@on_each_engine
def test_a_connected_one_hears_nobody_else():
    with listen_packet("udp", ANY) as server, listen_packet("udp", ANY) as other:
        with net.dial("udp", str(server.local_address)) as client, timeout(LONG):
            other.send(b"from a stranger", client.local_address)
            server.send(b"from whom I asked", client.local_address)
            assert client.receive().data == b"from whom I asked"


@on_each_engine
def test_twenty_bytes_into_nineteen_are_told_to_be_truncated():
    with listen_packet("udp", ANY) as packets, timeout(LONG):
        to_itself(packets, b"x" * 20, b"y" * 19, b"z")
        cut, whole, after = (packets.receive(19) for _ in range(3))
    assert (cut.data, cut.truncated) == (b"x" * 19, True)
    assert "truncated" in repr(cut)
    assert (whole.data, whole.truncated) == (b"y" * 19, False)
    assert after.data == b"z"  # the rest of the first is no packet


@on_each_engine
def test_room_for_nothing_takes_a_packet_and_says_so():
    with listen_packet("udp", ANY) as packets, timeout(LONG):
        to_itself(packets, b"lost", b"", b"next")
        lost, empty = packets.receive(0), packets.receive(0)
        assert (lost.data, lost.truncated) == (b"", True)
        assert (empty.data, empty.truncated) == (b"", False)
        assert packets.receive().data == b"next"


def test_a_negative_size_is_refused():
    with listen_packet("udp", ANY) as packets:
        with pytest.raises(ValueError, match="must not be negative"):
            packets.receive(-1)


@on_each_engine
def test_nowait_returns_what_is_there_or_says_that_nothing_is():
    with listen_packet("udp", ANY) as packets:
        with pytest.raises(WouldBlockError, match="receive udp 127"):
            packets.receive_nowait()
        to_itself(packets, b"here")
        assert packets.receive_nowait().data == b"here"


@on_each_engine
def test_iterating_gives_packets_until_a_close():
    with listen_packet("udp", ANY) as packets:
        to_itself(packets, b"1", b"", b"3")
        got: list[bytes] = []
        reader = asleep(lambda: got.extend(packet.data for packet in packets))
        until(lambda: len(got) == 3)
        packets.close()
        joined(reader)
        assert got == [b"1", b"", b"3"]


@on_each_engine
def test_many_are_sent_in_one_turn():
    with listen_packet("udp", ANY) as far, listen_packet("udp", ANY) as near:
        place = far.local_address
        assert near.send_many((b"%d" % number, place) for number in range(50)) == 50
        assert near.send_many([]) == 0
        with timeout(LONG):
            found = [far.receive().data for _ in range(50)]
        assert found == [b"%d" % number for number in range(50)]


@on_each_engine
def test_of_many_the_error_says_how_many_went():
    with listen_packet("udp", ANY) as packets:
        me = packets.local_address
        many = [(b"1", me), (b"2", me), (bytes(65508), me), (b"4", me)]
        with pytest.raises(LimitError) as caught:
            packets.send_many(many)
        assert caught.value.sent == 2
        with timeout(LONG):
            assert [packets.receive().data for _ in range(2)] == [b"1", b"2"]
        with pytest.raises(WouldBlockError):
            packets.receive_nowait()


@on_each_engine
def test_text_is_refused_by_its_type():
    with listen_packet("udp", ANY) as packets:
        with pytest.raises(TypeError, match="encode it"):
            packets.send("text", packets.local_address)  # type: ignore[arg-type]
        to_itself(packets, bytearray(b"a"), memoryview(b"b"))
        with timeout(LONG):
            assert [packets.receive().data for _ in range(2)] == [b"a", b"b"]


# -- errors of sending


@on_each_engine
def test_an_unconnected_one_must_be_told_to_whom():
    with listen_packet("udp", ANY) as packets:
        with pytest.raises(AddressError, match="say to whom") as caught:
            packets.send(b"x")
    assert (caught.value.op, caught.value.network) == ("send", "udp")


@on_each_engine
def test_a_connected_one_takes_no_address():
    with listen_packet("udp", ANY) as server:
        place = str(server.local_address)
        with net.dial("udp", place) as client:
            with pytest.raises(AddressError, match=f"is connected to {place}"):
                client.send(b"x", place)


@on_each_engine
def test_what_is_too_long_is_told_in_words_and_with_both_ends():
    with listen_packet("udp", ANY) as packets:
        me = packets.local_address
        with pytest.raises(LimitError, match="65508 bytes is over the 65507") as caught:
            packets.send(bytes(65508), me)
        assert caught.value.errno == errno.EMSGSIZE
        assert caught.value.limit == 65507
        assert (caught.value.local, caught.value.remote) == (me, me)
        to_itself(packets, b"and it goes on")
        with timeout(LONG):
            assert packets.receive().data == b"and it goes on"


@on_each_engine
@pytest.mark.parametrize("network", ["udp", "udp4"])
def test_a_broadcast_says_what_to_do_first(network):
    with listen_packet(network, ":0") as packets:
        place = f"127.255.255.255:{packets.local_address.port}"
        with pytest.raises(DeniedError, match=r"set_broadcast\(True\)") as caught:
            packets.send(b"all", place)
        assert str(caught.value.remote) == place
        packets.set_broadcast(True)
        packets.send(b"all", place)
        with timeout(LONG):
            packet = packets.receive()
        assert (packet.data, packet.was_to_all) == (b"all", True)
        assert str(packet.local_address) == place
        packets.set_broadcast(False)
        with pytest.raises(DeniedError):
            packets.send(b"all", place)


@on_each_engine
def test_a_name_is_looked_up_before_the_turn_is_taken():
    """A slow name server holds up nobody but who asked."""
    with listen_packet("udp", ANY) as packets:
        with packets._send_turn:  # somebody sends, and it takes its time
            with pytest.raises(Error, match="no-such-name"), timeout(LONG):
                packets.send(b"x", "no-such-name.invalid:9")


# -- ICMP: only a connected one hears that nobody is there


@on_each_engine
def test_of_nobody_there_a_connected_one_is_told_once_and_goes_on():
    place = closed_place()
    with net.dial("udp", place) as client, timeout(LONG):
        client.send(b"anybody?")
        with pytest.raises(RefusedError) as caught:
            client.receive()
        assert str(caught.value).startswith("receive udp 127.0.0.1:")
        assert caught.value.remote == client.remote_address
        with pytest.raises(WouldBlockError):
            client.receive_nowait()
        with listen_packet("udp", place) as server:
            client.send(b"now?")
            server.receive().reply(b"yes")
            assert client.receive().data == b"yes"


@on_each_engine
def test_of_nobody_there_the_next_send_is_told_where_nobody_receives():
    with net.dial("udp", closed_place()) as client:
        client.send(b"1")
        with pytest.raises(RefusedError, match="send udp 127"):
            client.send(b"2")
        client.send(b"3")  # told once


@on_each_engine
def test_an_unconnected_one_never_hears_of_it():
    with listen_packet("udp", ANY) as packets, timeout(LONG):
        for _ in range(5):
            packets.send(b"anybody?", closed_place())
        to_itself(packets, b"nothing happened")
        assert packets.receive().data == b"nothing happened"


# -- deadlines


@on_each_engine
def test_a_past_deadline_wins_over_a_packet_that_is_there():
    with listen_packet("udp", ANY) as packets:
        to_itself(packets, b"waiting")
        packets.set_receive_deadline(now() - 5)
        for _ in range(2):
            with pytest.raises(DeadlineError, match="receive udp 127"):
                packets.receive()
            with pytest.raises(DeadlineError):
                packets.receive_nowait()
        packets.set_receive_deadline(None)
        with timeout(LONG):
            assert packets.receive().data == b"waiting"


@on_each_engine
def test_a_past_send_deadline_sends_nothing():
    with listen_packet("udp", ANY) as packets:
        packets.set_send_deadline(now() - 5)
        for _ in range(2):
            with pytest.raises(DeadlineError, match="send udp 127"):
                packets.send(b"x", packets.local_address)
        with pytest.raises(DeadlineError):
            packets.send_many([(b"x", packets.local_address)])
        with pytest.raises(WouldBlockError):
            packets.receive_nowait()


@on_each_engine
def test_a_send_deadline_that_comes_between_two_of_many_stops_them():
    with listen_packet("udp", ANY) as packets:
        me = packets.local_address

        def pair():
            yield b"1", me
            packets.set_send_deadline(now() - 1)
            yield b"2", me

        with pytest.raises(DeadlineError) as caught:
            packets.send_many(pair())
        assert caught.value.sent == 1


@on_each_engine
def test_an_answer_has_the_send_deadline():
    with listen_packet("udp", ANY) as packets, timeout(LONG):
        to_itself(packets, b"ask")
        asked = packets.receive()
        packets.set_deadline(now() - 1)
        with pytest.raises(DeadlineError, match="send udp"):
            asked.reply(b"late")


@on_each_engine
def test_a_deadline_comes_in_the_middle_of_a_receive_and_not_early():
    with listen_packet("udp", ANY) as packets:
        at = now() + 30 * MS
        packets.set_deadline(at)
        with pytest.raises(DeadlineError):
            packets.receive()
        assert now() >= at
        with pytest.raises(DeadlineError):  # and again
            packets.receive()


@on_each_engine
def test_packets_come_until_the_deadline_and_then_none():
    with listen_packet("udp", ANY) as packets:
        packets.set_receive_deadline(now() + 50 * MS)
        count = 0
        with pytest.raises(DeadlineError):
            while True:
                to_itself(packets, b"x")
                packets.receive()
                count += 1
        assert count > 0


@on_each_engine
def test_a_deadline_that_is_set_while_blocked_ends_the_receive():
    with listen_packet("udp", ANY) as packets:
        reader = asleep(packets.receive)
        packets.set_receive_deadline(now())
        with pytest.raises(DeadlineError):
            joined(reader)


@on_each_engine
def test_a_deadline_that_is_set_in_another_thread_ends_the_receive():
    with listen_packet("udp", ANY) as packets:
        reader = asleep(packets.receive)
        offload(lambda: packets.set_receive_deadline(now()))
        with pytest.raises(DeadlineError):
            joined(reader)


@on_each_engine
def test_a_deadline_that_is_cleared_while_blocked_lets_it_wait_on():
    with listen_packet("udp", ANY) as packets:
        at = now() + 500 * MS  # enough to set it, and to clear it
        packets.set_deadline(at)
        reader = asleep(packets.receive)
        packets.set_receive_deadline(None)
        until(lambda: now() > at + 5 * MS and reader.sleeping)
        to_itself_later = listen_packet("udp", ANY)
        with to_itself_later:
            to_itself_later.send(b"late", packets.local_address)
            assert joined(reader).data == b"late"


# -- the end


@on_each_engine
def test_a_close_ends_a_receive_that_waits_and_gives_the_port_back():
    packets = listen_packet("udp", ANY)
    reader = asleep(packets.receive)
    packets.close()
    packets.close()
    with pytest.raises(ClosedError, match="receive udp 127") as caught:
        joined(reader)
    assert not isinstance(caught.value, TimeoutError)
    listen_packet(packets.local_address).close()


@on_each_engine
def test_a_close_in_another_thread_ends_a_receive_that_waits():
    packets = listen_packet("udp", ANY)
    reader = asleep(packets.receive)
    offload(packets.close)
    with pytest.raises(ClosedError):
        joined(reader)
    listen_packet(packets.local_address).close()


@on_each_engine
def test_a_close_ends_those_who_wait_for_their_turn():
    packets = listen_packet("udp", ANY)
    readers = [asleep(packets.receive) for _ in range(3)]
    packets.close()
    for reader in readers:
        with pytest.raises(ClosedError):
            joined(reader)


USES = {
    "receive": lambda packets: packets.receive(),
    "receive_nowait": lambda packets: packets.receive_nowait(),
    "send": lambda packets: packets.send(b"x", "127.0.0.1:9"),
    "send_many": lambda packets: packets.send_many([(b"x", "127.0.0.1:9")]),
    "set_deadline": lambda packets: packets.set_deadline(None),
    "set_receive_deadline": lambda packets: packets.set_receive_deadline(1.0),
    "set_send_deadline": lambda packets: packets.set_send_deadline(1.0),
    "set_broadcast": lambda packets: packets.set_broadcast(True),
    "set_buffer_sizes": lambda packets: packets.set_buffer_sizes(receive=9000),
    "set_multicast": lambda packets: packets.set_multicast(max_hops=1),
    "join": lambda packets: packets.join("239.0.0.9", "lo"),
    "leave": lambda packets: packets.leave("239.0.0.9", "lo"),
    "dropped": lambda packets: packets.dropped,
}


@pytest.mark.parametrize("network", ["udp", "udp4"])
@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_whatever_is_asked_of_a_closed_one_says_that_it_is_closed(use, network):
    packets = listen_packet(network, ":0")
    packets.close()
    assert packets.closed
    assert packets.fileno() == -1
    with pytest.raises(ClosedError) as caught:
        use(packets)
    assert caught.value.op
    assert caught.value.network == network
    assert caught.value.local == packets.local_address


def test_iterating_over_a_closed_one_gives_nothing():
    packets = listen_packet("udp", ANY)
    packets.close()
    assert list(packets) == []


@on_each_engine
def test_a_reply_after_the_close_says_so():
    with listen_packet("udp", ANY) as packets, timeout(LONG):
        to_itself(packets, b"ask")
        asked = packets.receive()
    with pytest.raises(ClosedError, match="send udp"):
        asked.reply(b"late")


@on_each_engine
def test_a_drain_gives_what_has_come_and_then_the_end():
    with listen_packet("udp", ANY) as packets:
        to_itself(packets, b"1", b"2")
        packets.drain()
        assert [packet.data for packet in packets] == [b"1", b"2"]
        with pytest.raises(ClosedError, match="its server stops"):
            packets.receive()
        to_itself(packets, b"3")  # answers still go
        assert packets.receive().data == b"3"


@on_each_engine
def test_a_drain_ends_a_receive_that_waits():
    with listen_packet("udp", ANY) as packets:
        reader = asleep(packets.receive)
        packets.drain()
        with pytest.raises(ClosedError, match="its server stops"):
            joined(reader)


def test_who_keeps_something_is_told_of_the_end_before_and_after_it():
    told = []
    with listen_packet("udp", ANY) as packets:
        packets.when_over(lambda: told.append("close"))
        assert told == []
    assert told == ["close"]
    packets.when_over(lambda: told.append("late"))
    assert told == ["close", "late"]
    with listen_packet("udp", ANY) as packets:
        packets.when_over(lambda: told.append("drain"))
        packets.drain()
        assert told[-1] == "drain"


# -- whose it is


def test_a_thread_cannot_use_what_belongs_to_a_hub():
    packets = listen_packet("udp", ANY)

    def body():
        to_itself(packets, b"x", b"y")
        with timeout(LONG):
            asked = packets.receive()
        for use in (
            packets.receive,
            packets.receive_nowait,
            lambda: packets.send(b"x", packets.local_address),
            lambda: asked.reply(b"x"),
        ):
            with pytest.raises(RuntimeError, match="belongs to"):
                offload(use)
        assert packets.receive_nowait().data == b"y"
        offload(packets.close)  # this may come from anywhere

    Hub().run(body)
    assert packets.closed


def test_a_hub_cannot_use_what_belongs_to_the_threads():
    with listen_packet("udp", ANY) as packets:
        to_itself(packets, b"x")
        for use in (packets.receive, packets.receive_nowait):
            packets.receive_nowait()
            to_itself(packets, b"x")
            with pytest.raises(RuntimeError, match="belongs to"):
                Hub().run(use)


def test_threads_take_turns_and_each_packet_goes_to_one():
    with listen_packet("udp", ANY) as packets:
        found: list[int] = []

        def take():
            found.extend(int(packet.data) for packet in packets)

        readers = [spawn_on_thread(take, name="reader") for _ in range(4)]
        for number in range(200):
            to_itself(packets, b"%d" % number)
            if number % 50 == 49:  # as many as the buffer surely holds
                until(lambda: len(found) == number + 1)  # noqa: B023  at once
        packets.drain()
        for reader in readers:
            joined(reader)
        assert sorted(found) == list(range(200))


def test_a_childs_copy_is_closed_without_the_parents():
    with listen_packet("udp", ANY) as packets:

        def child():
            packets.abandon()
            assert packets.closed

        assert in_child(child) == 0
        to_itself(packets, b"still here")
        with timeout(LONG):
            assert packets.receive().data == b"still here"


def test_a_child_hears_for_its_parent():
    with listen_packet("udp", ANY) as packets:

        def child():
            with timeout(LONG):
                asked = packets.receive()
            asked.reply(b"by the child")

        with listen_packet("udp", ANY) as client:
            client.send(b"ask", packets.local_address)
            assert in_child(child) == 0
            with timeout(LONG):
                assert client.receive().data == b"by the child"


def test_a_child_that_closes_what_a_hub_has_leaves_the_hubs_alone():
    packets = listen_packet("udp", ANY)

    def body():
        to_itself(packets, b"1")
        with timeout(LONG):
            packets.receive()

        def child():
            packets.close()
            assert packets.closed

        assert in_child(child, alone=False) == 0  # the watchdog
        to_itself(packets, b"2")
        with timeout(LONG):
            assert packets.receive().data == b"2"
        packets.close()

    Hub().run(body)


# -- a flood


def test_a_flood_is_counted_to_the_packet_and_costs_no_memory():
    sent = 5000
    with listen_packet("udp", ANY) as packets, listen_packet("udp", ANY) as near:
        packets.set_buffer_sizes(receive=8192)
        assert packets.dropped == 0
        tracemalloc.start()
        try:
            before, _ = tracemalloc.get_traced_memory()
            near.send_many((bytes(100), packets.local_address) for _ in range(sent))
            received = 0
            with pytest.raises(WouldBlockError):
                while True:
                    packets.receive_nowait()
                    received += 1
            after, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert 0 < received < sent
        assert packets.dropped == sent - received
        assert after - before < 100_000


def test_the_buffer_is_as_large_as_was_asked():
    with listen_packet("udp", ANY) as packets:
        packets.set_buffer_sizes(receive=16384, send=32768)
        sock = packets._descriptor.socket
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) == 2 * 16384
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) == 2 * 32768


# -- names


def test_it_says_what_it_is():
    with listen_packet("udp", ANY) as packets:
        me = packets.local_address
        assert repr(packets) == f"<PacketConn udp {me}>"
        assert packets.remote_address is None
        with net.dial("udp", str(me)) as client:
            assert client.remote_address == me
            assert repr(client) == f"<PacketConn udp {client.local_address}->{me}>"
            assert client.fileno() > 2
