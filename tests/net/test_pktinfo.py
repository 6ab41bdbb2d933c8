"""Where a datagram was sent to, and an answer from there."""

import contextlib
import socket
import struct

import pytest

from portside import net
from portside.engine import timeout
from portside.names import IPAddress
from portside.net import listen_packet
from portside.net.pktinfo import (
    CONTROL_BYTES,
    ask_for_destinations,
    destination_of,
    may_be_others,
)
from tests.engine.waiting import LONG

IP_PKTINFO = 8


def with_ipv6(ip):
    if ":" in ip:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind((ip, 0))
            except OSError:
                pytest.skip("no IPv6 here")


@pytest.mark.parametrize(
    ("network", "ip"),
    [
        ("udp", "127.0.0.1"),
        ("udp", "127.0.0.2"),
        ("udp", "::1"),
        ("udp4", "127.0.0.2"),
        ("udp6", "::1"),
    ],
)
def test_an_answer_comes_from_the_address_that_was_asked(network, ip):
    with_ipv6(ip)
    with listen_packet(network, ":0") as server:
        asked = IPAddress("udp", ip, server.local_address.port)
        with net.dial("udp", str(asked)) as client, timeout(LONG):
            client.send(b"who are you?")  # what comes from elsewhere is not for it
            packet = server.receive()
            assert packet.local_address == IPAddress(network, ip, asked.port)
            assert str(packet.address) == str(client.local_address)
            assert "ffff" not in f"{packet.address} {packet.local_address} {packet!r}"
            assert not packet.was_to_all
            packet.reply(b"who was asked")
            answer = client.receive()
            assert (answer.data, answer.address) == (b"who was asked", asked)


def test_of_one_address_nothing_more_is_asked():
    with listen_packet("udp", "127.0.0.1:0") as server:
        sock = server._descriptor.socket
        assert sock.getsockopt(socket.IPPROTO_IP, IP_PKTINFO) == 0


@pytest.mark.parametrize(
    ("place", "sent_to"),
    [("0.0.0.0", "127.255.255.255"), ("127.255.255.255", "127.255.255.255")],
    ids=["at every address", "at the broadcast address"],
)
def test_what_is_sent_to_everybody_is_told_and_answered_from_one(place, sent_to):
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(listen_packet("udp4", f"{place}:0"))
        client = stack.enter_context(listen_packet("udp4", "127.0.0.1:0"))
        stack.enter_context(timeout(LONG))
        client.set_broadcast(True)
        client.send(b"all", f"{sent_to}:{server.local_address.port}")
        packet = server.receive()
        assert packet.was_to_all
        assert packet.local_address.ip == sent_to
        packet.reply(b"I am one")
        answer = client.receive()
        assert answer.address.ip == "127.0.0.1"  # and not everybody's


@pytest.mark.parametrize(
    ("ip", "may"),
    [
        ("0.0.0.0", True),
        ("::", True),
        ("239.1.2.3", True),
        ("ff02::1", True),
        ("255.255.255.255", True),
        ("192.0.2.255", True),
        ("192.0.2.7", True),  # of a network of eight
        ("192.0.2.3", True),  # of a network of four
        ("127.0.0.1", False),
        ("192.0.2.6", False),
        ("192.0.2.1", False),
        ("::1", False),
        ("2001:db8::ff", False),
    ],
)
def test_which_addresses_may_be_those_of_many(ip, may):
    assert may_be_others(ip) is may


def told_by(control):
    found = destination_of(control)
    assert found is not None
    return found


def ipv6_message(ip, interface):
    raw = socket.inet_pton(socket.AF_INET6, ip) + struct.pack("@I", interface)
    return socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, raw


def ipv4_message(ours, asked, interface=3):
    raw = (
        struct.pack("@i", interface) + socket.inet_aton(ours) + socket.inet_aton(asked)
    )
    return socket.IPPROTO_IP, IP_PKTINFO, raw


def test_of_ipv6_the_interface_counts_on_one_link_alone():
    link = told_by([ipv6_message("fe80::1", 7)])
    assert (link.ip, link.zone, link.is_ours) == ("fe80::1", "7", True)
    assert link.answer == (ipv6_message("fe80::1", 7),)
    wide = told_by([ipv6_message("2001:db8::1", 7)])
    assert (wide.ip, wide.zone) == ("2001:db8::1", "")
    assert wide.answer == (ipv6_message("2001:db8::1", 0),)


def test_what_was_sent_to_a_group_is_not_answered_from_there():
    group = told_by([ipv6_message("ff02::1", 7)])
    assert (group.is_ours, group.answer) == (False, ())
    group = told_by([ipv4_message("192.0.2.1", "224.0.0.1")])
    assert (group.ip, group.is_ours) == ("224.0.0.1", False)
    assert group.answer == (ipv4_message("192.0.2.1", "0.0.0.0", 0),)


def test_told_in_both_ways_that_of_ipv4_counts_in_either_order():
    both = [ipv6_message("::ffff:192.0.2.1", 1), ipv4_message("192.0.2.1", "192.0.2.1")]
    for control in (both, both[::-1]):
        assert told_by(control).ip == "192.0.2.1"


def test_what_the_kernel_did_not_tell_is_none():
    assert destination_of([]) is None
    assert destination_of([(socket.SOL_SOCKET, 1, b"1234")]) is None


def test_both_of_a_dual_stack_socket_fit_into_the_room():
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        sock.bind(("::", 0))
        ask_for_destinations(sock)
        sock.sendto(b"x", ("::ffff:127.0.0.1", sock.getsockname()[1]))
        _, control, flags, _ = sock.recvmsg(100, CONTROL_BYTES)
    assert len(control) == 2
    assert not flags & socket.MSG_CTRUNC
    assert told_by(control).ip == "127.0.0.1"
