"""Groups on an interface: be a member, send, and what is refused."""

import contextlib
import os
import socket
import sys

import pytest

from portside.engine import timeout
from portside.errors import AddressError, Error, WouldBlockError
from portside.names import IPAddress
from portside.net import listen_packet
from portside.testing.link import why_no_link
from portside.testing.namespace import DEVICE, make_namespace
from tests.engine.waiting import LONG, until

GROUP, GROUP6 = "239.7.7.1", "ff15::7:7:1"


KINDS = [("udp", GROUP), ("udp4", GROUP), ("udp", GROUP6), ("udp6", GROUP6)]
each_kind = pytest.mark.parametrize(("network", "group"), KINDS)


@pytest.fixture(params=["lo", DEVICE])
def interface(request, group):
    """Return an interface: the loopback one of this host, or one of a namespace."""
    if request.param == "lo":
        if (error := trouble_with("lo", group)) is not None:
            pytest.skip(f"lo carries no {group} here: {error}")
        yield "lo"
        return
    if (why := why_no_link()) is not None:
        pytest.skip(why)
    namespace = make_namespace()
    number = namespace.open_tun()
    namespace.set_addresses("10.99.0.1", "2001:db8:99::1", peer="10.99.0.2")
    with namespace:
        # The kernel makes its addresses and its routes a little later.
        until(lambda: trouble_with(DEVICE, group) is None)
        yield DEVICE
    os.close(number)
    namespace.close()


def trouble_with(interface, ip):
    """Return what a packet to a group meets there; None if it comes back."""
    family = socket.AF_INET6 if ":" in ip else socket.AF_INET
    index = socket.if_nametoindex(interface)
    number = index.to_bytes(4, sys.byteorder)
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.bind(("", 0))
            if family == socket.AF_INET6:
                joined = socket.inet_pton(family, ip) + number
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, joined)
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
            else:
                joined, by = socket.inet_aton(ip) + bytes(4) + number, bytes(8) + number
                probe.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, joined)
                probe.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, by)
            probe.sendto(b"x", (ip, probe.getsockname()[1]))
            probe.recv(1)
        except OSError as error:
            return error
    return None


@contextlib.contextmanager
def member(network, group, interface="lo"):
    """Return one that hears the group and sends there."""
    with listen_packet(network, ":0") as packets:
        packets.set_multicast(interface=interface)
        packets.join(group, interface)
        yield packets


def comes(packets):
    with timeout(LONG):
        return packets.receive()


@each_kind
def test_a_member_hears_the_group_until_it_leaves(network, group, interface):
    with (
        member(network, group, interface) as packets,
        listen_packet("udp", ":0") as near,
    ):
        near.set_multicast(interface=interface)
        place = IPAddress("udp", group, packets.local_address.port)
        near.send(b"to all", place)
        packet = comes(packets)
        assert packet.data == b"to all"
        assert packet.was_to_all
        assert packet.local_address.ip == group
        packets.leave(group, interface)
        near.send(b"not heard", place)
        own = "127.0.0.1" if network != "udp6" else "::1"
        near.send(b"heard", IPAddress("udp", own, place.port))
        assert comes(packets).data == b"heard"


@each_kind
def test_an_answer_to_a_group_comes_from_one_of_its_members(network, group, interface):
    with (
        member(network, group, interface) as packets,
        listen_packet("udp", ":0") as near,
    ):
        near.set_multicast(interface=interface)
        near.send(b"who?", IPAddress("udp", group, packets.local_address.port))
        comes(packets).reply(b"me")
        answer = comes(near)
        assert answer.data == b"me"
        assert answer.address.ip != group
        assert answer.address.port == packets.local_address.port


@each_kind
@pytest.mark.parametrize("interface", [DEVICE], indirect=True)
def test_what_is_not_for_members_on_this_host_is_not_heard(network, group, interface):
    """On lo all that is sent comes back in any case."""
    with member(network, group, interface) as packets:
        me = IPAddress("udp", group, packets.local_address.port)
        packets.set_multicast(hear_own=False)
        packets.send(b"not heard", me)
        packets.set_multicast(hear_own=True)
        packets.send(b"heard", me)
        assert comes(packets).data == b"heard"


OPTIONS = {
    GROUP: (socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, socket.IP_MULTICAST_LOOP),
    GROUP6: (
        socket.IPPROTO_IPV6,
        socket.IPV6_MULTICAST_HOPS,
        socket.IPV6_MULTICAST_LOOP,
    ),
}


@pytest.mark.parametrize(("network", "group"), KINDS)
def test_hear_own_says_whether_members_on_this_host_get_it(network, group):
    level, _, option = OPTIONS[group]
    with listen_packet(network, ":0") as packets:
        sock = packets._descriptor.socket
        for wanted in (False, True, False):
            packets.set_multicast(hear_own=wanted)
            assert sock.getsockopt(level, option) == wanted
            packets.set_multicast(hear_own=None)
            assert sock.getsockopt(level, option) == wanted


@pytest.mark.parametrize(("network", "group"), KINDS)
def test_max_hops_is_what_packets_to_a_group_leave_with(network, group):
    level, option, _ = OPTIONS[group]
    with listen_packet(network, ":0") as packets:
        packets.set_multicast(max_hops=7)
        assert packets._descriptor.socket.getsockopt(level, option) == 7
        for wrong in (-1, 256):
            with pytest.raises(ValueError, match="0-255"):
                packets.set_multicast(max_hops=wrong)


@pytest.mark.parametrize("group", [GROUP, GROUP6])
def test_two_share_a_groups_port_and_hear_that_group_alone(group, interface):
    host = f"[{group}]" if ":" in group else group
    with listen_packet("udp", f"{host}:0") as first:
        port = first.local_address.port
        with listen_packet("udp", f"{host}:{port}") as second:
            with listen_packet("udp", ":0") as near:
                for each in (first, second):
                    each.join(group, interface)
                near.set_multicast(interface=interface)
                near.send(b"both", IPAddress("udp", group, port))
                for each in (first, second):
                    packet = comes(each)
                    assert packet.data == b"both"
                    assert packet.was_to_all  # known by where they are bound
                own = "::1" if ":" in group else "127.0.0.1"
                near.send(b"not the group", IPAddress("udp", own, port))
                for each in (first, second):
                    with pytest.raises(WouldBlockError):
                        each.receive_nowait()


@pytest.mark.parametrize("text", ["10.0.0.1", "::1", "", "no group", "255.255.255.255"])
def test_what_is_no_group_is_refused(text):
    with listen_packet("udp", ":0") as packets:
        for act in (packets.join, packets.leave):
            with pytest.raises(AddressError, match="not a multicast address") as caught:
                act(text, "lo")
            assert caught.value.op == "set"
            assert caught.value.local == packets.local_address


def test_an_interface_that_is_none_of_this_host_is_refused():
    interface = "no-such-0"
    with listen_packet("udp", ":0") as packets:
        for act in (
            lambda: packets.join(GROUP, interface),
            lambda: packets.leave(GROUP, interface),
            lambda: packets.set_multicast(interface=interface),
        ):
            with pytest.raises(AddressError, match=f"'{interface}': none of this host"):
                act()


@pytest.mark.parametrize(
    ("network", "place", "group", "families"),
    [
        ("udp4", ":0", GROUP6, "is of IPv6, and this socket of IPv4"),
        ("udp", "127.0.0.1:0", GROUP6, "is of IPv6, and this socket of IPv4"),
        ("udp6", ":0", GROUP, "is of IPv4, and this socket of IPv6"),
    ],
)
def test_a_group_of_the_other_family_is_refused(network, place, group, families):
    with listen_packet(network, place) as packets:
        with pytest.raises(AddressError, match=families):
            packets.join(group, "lo")


@pytest.mark.parametrize(("network", "group"), KINDS)
def test_to_join_twice_and_to_leave_what_was_not_joined_says_that(network, group):
    with member(network, group) as packets:
        with pytest.raises(Error, match="joined already, on this interface"):
            packets.join(group, "lo")
        packets.leave(group, "lo")
        with pytest.raises(Error, match="not joined, on this interface"):
            packets.leave(group, "lo")


def test_a_zone_is_an_interface_too():
    with listen_packet("udp6", ":0") as packets:
        packets.join(f"{GROUP6}%lo")
        packets.leave(GROUP6, "lo")
