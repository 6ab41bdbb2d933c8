"""Which packets a service that answers whoever asks does not answer."""

import os
import socket
import struct
import sys
import threading
import time

import pytest

from portside import Server, Service, net, timeout
from portside.errors import LimitError
from portside.names import IPAddress
from portside.net import Packet, listen_packet
from portside.net.packet import HEADER_BYTES
from portside.server.guard import (
    AMPLIFICATION,
    BURST_REPLIES,
    MAX_NETWORKS,
    REPLIES_PER_SECOND,
    Guard,
)
from tests.engine.waiting import LONG, until

OURS = 4007


@pytest.fixture
def source():
    with listen_packet("udp", ":0") as packets:
        yield packets


@pytest.fixture
def guard():
    return Guard(frozenset({OURS}), on_loopback=False)


@pytest.fixture
def local_guard():
    return Guard(frozenset({OURS}), on_loopback=True)


def packet_from(source, ip, port=50000, data=b"?"):
    """Return a packet as it would come from there: whoever sends may write that."""
    return Packet(data, (ip, port), source)


def admitted(guard, source, ips):
    """Return how many packets were admitted, and how many the time alone allows."""
    begun = time.monotonic()
    count = sum(guard.admits(packet_from(source, ip)) for ip in ips)
    return count, (time.monotonic() - begun) * REPLIES_PER_SECOND + 1


# -- loops


@pytest.mark.parametrize("port", [0, 1, 7, 19, 37, 1023])
@pytest.mark.parametrize("on_loopback", [True, False])
def test_no_service_is_answered(source, port, on_loopback):
    guard = Guard(frozenset(), on_loopback=on_loopback)
    assert not guard.admits(packet_from(source, "127.0.0.1", port))
    assert guard.admits(packet_from(source, "127.0.0.1", 1024))


def test_no_port_of_this_server_is_answered(source, guard, local_guard):
    for each in (guard, local_guard):
        assert not each.admits(packet_from(source, "127.0.0.1", OURS))
        assert each.admits(packet_from(source, "127.0.0.1", OURS + 1))


@pytest.mark.parametrize(
    "ip", ["0.0.0.0", "255.255.255.255", "224.0.0.1", "239.1.1.1", "::", "ff02::1"]
)
def test_what_is_nobodys_address_is_not_answered(source, guard, local_guard, ip):
    for each in (guard, local_guard):
        assert not each.admits(packet_from(source, ip))


# -- amplification


@pytest.mark.parametrize("size", [0, 1, 100, 1472])
def test_a_reply_may_be_three_times_the_question_with_its_headers(source, guard, size):
    packet = packet_from(source, "192.0.2.1", data=bytes(size))
    assert guard.admits(packet)
    assert packet.max_reply_bytes == 3 * (size + 28) - 28
    assert (AMPLIFICATION, HEADER_BYTES) == (3, 28)


def test_all_replies_together_stay_below_the_limit(guard):
    with listen_packet("udp", "127.0.0.1:0") as source, timeout(LONG):
        with net.dial("udp", str(source.local_address)) as client:
            client.send(b"?")
            packet = source.receive()
            assert guard.admits(packet)
            sent = 0
            with pytest.raises(LimitError):
                while True:
                    packet.reply(b"12345")
                    sent += HEADER_BYTES + 5
            assert 0 < sent <= 3 * (HEADER_BYTES + 1)


def test_bound_to_loopback_nothing_but_loops_is_stopped(source, local_guard):
    ips = ["127.0.0.1"] * int(3 * BURST_REPLIES)
    assert admitted(local_guard, source, ips)[0] == len(ips)
    packet = packet_from(source, "127.0.0.1")
    assert local_guard.admits(packet)
    assert packet.max_reply_bytes is None


# -- rate


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("192.0.2.1", "192.0.2.254"),
        ("2001:db8:1:ff00::1", "2001:db8:1:ffff:9:9:9:9"),
        ("2001:0:0:af00:1:1:1:1", "2001:0:0:afff:2:2:2:2"),
    ],
)
def test_one_network_has_one_rate(source, guard, first, second):
    ips = [first, second] * int(BURST_REPLIES)
    count, more = admitted(guard, source, ips)
    assert BURST_REPLIES <= count <= BURST_REPLIES + more


def test_workers_share_the_rate(source):
    guard = Guard(frozenset(), on_loopback=False, processes=4)
    count, more = admitted(guard, source, ["192.0.2.1"] * int(BURST_REPLIES))
    assert BURST_REPLIES / 4 <= count <= BURST_REPLIES / 4 + more


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("192.0.2.1", "192.0.3.1"),
        ("2001:db8:1:100::1", "2001:db8:1:200::1"),
        ("2001:db8:1::1", "2001:db8:2::1"),
        # The zeros that are left out stand before the /56 ends.
        ("2001:0:0:af00:1:1:1:1", "2001:0:0:100:1:1:1:1"),
        ("192.0.2.1", "2001:db8::1"),
    ],
)
def test_another_network_has_a_rate_of_its_own(source, guard, first, second):
    ips = [first] * int(2 * BURST_REPLIES)
    admitted(guard, source, ips)
    count, more = admitted(guard, source, [second] * int(2 * BURST_REPLIES))
    assert BURST_REPLIES <= count <= BURST_REPLIES + more


def test_a_network_that_has_had_enough_gets_more_later(source, guard):
    admitted(guard, source, ["192.0.2.1"] * int(2 * BURST_REPLIES))
    until(lambda: guard.admits(packet_from(source, "192.0.2.1")))


def test_threads_that_answer_at_once_do_not_loosen_the_rate(source, guard):
    lines, counts = 4, []
    ready = threading.Barrier(lines)

    def answer():
        ready.wait()
        counts.append(sum(guard.admits(each) for each in packets))

    packets = [packet_from(source, "192.0.2.1") for _ in range(1000)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    begun = time.monotonic()
    try:
        threads = [threading.Thread(target=answer) for _ in range(lines)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    more = (time.monotonic() - begun) * REPLIES_PER_SECOND + 1
    assert BURST_REPLIES <= sum(counts) <= BURST_REPLIES + more


def test_as_many_networks_as_there_are_cost_no_memory(source, guard):
    for number in range(MAX_NETWORKS + 500):
        ip = socket.inet_ntoa(struct.pack(">I", 0x0A000001 + (number << 8)))
        assert guard.admits(packet_from(source, ip))
    assert len(guard._left) == MAX_NETWORKS


def test_who_asked_longest_ago_is_forgotten_and_nobody_else(source, guard):
    """Else whoever forges many sources has an old one forgotten, and answered."""
    begun = time.monotonic()
    admitted(guard, source, ["192.0.2.1"] * int(BURST_REPLIES))
    for number in range(MAX_NETWORKS + 500):
        ip = socket.inet_ntoa(struct.pack(">I", 0x0A000001 + (number << 8)))
        guard.admits(packet_from(source, ip))
        if number % 100 == 0:
            guard.admits(packet_from(source, "192.0.2.1"))
    again, _ = admitted(guard, source, ["192.0.2.1"] * int(BURST_REPLIES))
    assert again <= (time.monotonic() - begun) * REPLIES_PER_SECOND + 1


def test_who_comes_when_the_table_is_full_has_its_rate_too(source, guard):
    for number in range(MAX_NETWORKS):
        ip = socket.inet_ntoa(struct.pack(">I", 0x0A000001 + (number << 8)))
        guard.admits(packet_from(source, ip))
    ips = ["192.0.2.1"] * int(2 * BURST_REPLIES)
    count, more = admitted(guard, source, ips)
    assert BURST_REPLIES <= count <= BURST_REPLIES + more


def test_silence_saves_up_no_more_than_a_burst(source, guard):
    assert guard.admits(packet_from(source, "192.0.2.1"))
    begun = time.monotonic()
    until(lambda: (time.monotonic() - begun) * REPLIES_PER_SECOND > 20)
    ips = ["192.0.2.1"] * int(2 * BURST_REPLIES)
    count, more = admitted(guard, source, ips)
    assert BURST_REPLIES <= count <= BURST_REPLIES + more


# -- in a server


class Counted:
    """Handlers that count what they were asked."""

    def __init__(self):
        self.asked = 0
        self.errors = []

    def echo(self, packet):
        self.asked += 1
        packet.reply(packet.data)

    def talk(self, packet):
        self.asked += 1
        try:
            packet.reply(b"x" * 512)
        except LimitError as error:
            self.errors.append(error)


def guarded(handler):
    return Service(packet=handler, is_guarded=True)


def send_forged(source, target):
    """Send a packet that seems to come from another socket of this host."""
    try:
        raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    except PermissionError:
        pytest.skip("only root may forge")
    with raw:
        udp = struct.pack(">4H", source.port, target.port, 8 + 1, 0) + b"?"
        ip = struct.pack(
            ">BBHHHBBH4s4s",
            *(0x45, 0, 20 + len(udp), 0, 0, 64, socket.IPPROTO_UDP, 0),
            *(socket.inet_aton(source.ip), socket.inet_aton(target.ip)),
        )
        raw.sendto(ip + udp, (target.ip, 0))


IN_MEMORY = pytest.mark.parametrize("model", ["serial", "thread", "nonblocking"])


@IN_MEMORY
def test_a_forged_packet_does_not_set_two_services_upon_each_other(model):
    echo, talk = Counted(), Counted()
    server = Server(model=model, grace=1.0)
    server.add(guarded(echo.echo), "udp://127.0.0.1:0")
    server.add(guarded(talk.talk), "udp://127.0.0.1:0")
    with server, listen_packet("udp", "127.0.0.1:0") as client, timeout(LONG):
        places = server.addresses
        send_forged(places[0], places[1])  # chargen seems to be asked by echo
        send_forged(places[1], places[0])
        send_forged(places[0], places[0])  # and echo by itself
        for place in places:
            client.send(b"and I?", place)
            assert client.receive().address == place
    assert (echo.asked, talk.asked) == (1, 1)


@IN_MEMORY
def test_without_the_guard_one_forged_packet_goes_back_and_forth_for_ever(model):
    """What the guard is for; and a stop ends it."""
    echo = Counted()
    server = Server(model=model, grace=5.0, unguarded=True)
    server.add(guarded(echo.echo), "udp://127.0.0.1:0")
    server.add(guarded(echo.echo), "udp://127.0.0.1:0")
    with server:
        places = server.addresses
        send_forged(places[0], places[1])
        until(lambda: echo.asked > 100)
        begun = time.monotonic()
        server.stop()
        assert time.monotonic() - begun < 4.0


def test_a_client_at_a_port_of_a_service_gets_no_answer():
    echo = Counted()
    with Server(guarded(echo.echo), "udp://127.0.0.1:0") as server, timeout(LONG):
        for port in range(1023, 900, -1):
            try:
                service = listen_packet("udp", f"127.0.0.1:{port}")
                break
            except PermissionError:
                pytest.skip("only root has such a port")
            except OSError:
                continue
        with service, listen_packet("udp", "127.0.0.1:0") as client:
            service.send(b"a service", server.address)
            client.send(b"a client", server.address)
            assert client.receive().data == b"a client"
    assert echo.asked == 1


def test_a_question_to_everybody_gets_no_answer():
    echo = Counted()
    with Server(guarded(echo.echo), "udp4://:0") as server, timeout(LONG):
        with listen_packet("udp4", "127.0.0.1:0") as client:
            client.set_broadcast(True)
            client.send(b"all", f"127.255.255.255:{server.address.port}")
            client.send(b"one", f"127.0.0.1:{server.address.port}")
            assert client.receive().data == b"one"
    assert echo.asked == 1


@pytest.mark.parametrize("ip", ["127.255.255.255", "239.7.7.2"])
def test_bound_to_an_address_of_many_it_answers_nobody(ip):
    echo = Counted()
    server = Server(guarded(echo.echo), f"udp://{ip}:0")
    server.add(guarded(echo.echo), "udp4://:0")
    with server, listen_packet("udp4", "127.0.0.1:0") as client, timeout(LONG):
        to_all, to_one = server.addresses
        client.set_broadcast(True)
        if ip.startswith("239"):
            try:
                server.doors.packets[0].packets.join(ip, "lo")
                client.set_multicast(interface="lo")
                client.send(b"all", to_all)
            except OSError as error:
                pytest.skip(f"lo carries no groups here: {error}")
        else:
            client.send(b"all", to_all)
        client.send(b"one", IPAddress("udp", "127.0.0.1", to_one.port))
        assert client.receive().data == b"one"
    assert echo.asked == 1


@pytest.mark.parametrize("ip", ["127.0.0.1", "::1"])
def test_at_every_address_a_long_answer_is_an_error_for_its_handler(ip):
    talk = Counted()
    with Server(guarded(talk.talk), "udp://:0", model="thread") as server:
        with net.dial("udp", str(IPAddress("udp", ip, server.address.port))) as client:
            with timeout(LONG):
                client.send(b"x" * 200)  # 3 * 228 - 28 is enough
                assert len(client.receive().data) == 512
                client.send(b"?")
                until(lambda: talk.errors)
    assert talk.errors[0].limit == 3 * (1 + 28) - 28


def test_one_network_gets_no_more_than_its_rate():
    echo = Counted()
    with Server(guarded(echo.echo), "udp://:0") as server:
        place = IPAddress("udp", "127.0.0.1", server.address.port)
        with net.dial("udp", str(place)) as client, timeout(LONG):
            begun = time.monotonic()
            for number in range(int(2 * BURST_REPLIES)):
                client.send(b"%d" % number)
                if number < BURST_REPLIES:
                    assert client.receive().data == b"%d" % number
            until(lambda: echo.asked >= BURST_REPLIES)
            most = BURST_REPLIES + 1
            most += (time.monotonic() - begun) * REPLIES_PER_SECOND
            assert echo.asked <= most


def test_packets_of_a_unix_socket_are_answered_whoever_sent_them(tmp_path):
    echo = Counted()
    place = f"unixgram:{tmp_path / 'echo'}"
    with Server(guarded(echo.echo), place) as server, timeout(LONG):
        with net.dial("unixgram", str(server.address)) as client:
            for number in range(int(2 * BURST_REPLIES)):
                client.send(b"%d" % number)
                assert client.receive().data == b"%d" % number
    assert not os.path.exists(tmp_path / "echo")
