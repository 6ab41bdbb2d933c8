"""To whom a packet goes: by address, by text, by name, by what the socket can reach."""

import socket

import pytest

from portside.engine import timeout
from portside.errors import AddressError, ResolveError, UnknownNetworkError
from portside.names import IPAddress, UnixAddress
from portside.net import listen_packet
from portside.net.receiver import receiver_of
from tests.engine.waiting import LONG


@pytest.fixture
def ipv4():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        yield sock


@pytest.fixture
def ipv6():
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        yield sock


@pytest.fixture
def dual():
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        yield sock


def test_an_address_and_its_text_are_the_same(ipv4, ipv6):
    here = IPAddress("udp", "192.0.2.1", 7)
    assert receiver_of(here, "udp", ipv4) == ("192.0.2.1", 7)
    assert receiver_of("192.0.2.1:7", "udp", ipv4) == ("192.0.2.1", 7)
    assert receiver_of("192.0.2.1:echo", "udp", ipv4) == ("192.0.2.1", 7)
    assert receiver_of("[2001:db8::1]:7", "udp", ipv6) == ("2001:db8::1", 7, 0, 0)


def test_a_dual_stack_socket_reaches_both_families(dual):
    assert receiver_of("192.0.2.1:7", "udp", dual) == ("::ffff:192.0.2.1", 7)
    assert receiver_of("[::ffff:192.0.2.1]:7", "udp", dual) == ("::ffff:192.0.2.1", 7)
    assert receiver_of("[2001:db8::1]:7", "udp", dual) == ("2001:db8::1", 7, 0, 0)


def test_a_zone_becomes_the_number_of_its_interface(dual):
    lo = socket.if_nametoindex("lo")
    assert receiver_of("[fe80::1%lo]:7", "udp", dual) == ("fe80::1", 7, 0, lo)
    with pytest.raises(AddressError, match="no interface"):
        receiver_of("[fe80::1%no-such-0]:7", "udp", dual)


def test_a_family_that_the_socket_cannot_reach_is_refused(ipv4, ipv6):
    with pytest.raises(AddressError, match=r"'\[::1\]:7': this socket of udp cannot"):
        receiver_of("[::1]:7", "udp", ipv4)
    with pytest.raises(AddressError, match="this socket of udp6 cannot send there"):
        receiver_of(IPAddress("udp", "127.0.0.1", 7), "udp6", ipv6)


def test_of_a_name_an_address_that_the_socket_reaches_is_taken(ipv4, ipv6):
    """Whichever of the two the system names first."""
    assert receiver_of("localhost:7", "udp", ipv4)[0].startswith("127.")
    found = {each[4][0] for each in socket.getaddrinfo("localhost", 7)}
    if "::1" not in found:
        pytest.skip("localhost has no IPv6 address here")
    assert receiver_of("localhost:7", "udp", ipv6)[0] == "::1"


def test_nobody_is_at_port_0(ipv4, dual):
    for sock in (ipv4, dual):
        with pytest.raises(AddressError, match="nobody is at port 0"):
            receiver_of("127.0.0.1:0", "udp", sock)


def test_a_name_that_nobody_knows_says_so(ipv4):
    with pytest.raises(ResolveError, match="no-such-name"), timeout(LONG):
        receiver_of("no-such-name.invalid:7", "udp", ipv4)


@pytest.mark.parametrize("text", ["", "127.0.0.1", "127.0.0.1:70000", "::1:7", "a:b:c"])
def test_what_is_no_address_is_refused(text, ipv4):
    with pytest.raises(AddressError):
        receiver_of(text, "udp", ipv4)


def test_another_network_is_refused(ipv4):
    with pytest.raises(AddressError, match="cannot send there"):
        receiver_of(UnixAddress("unixgram", "/tmp/x"), "udp", ipv4)
    with pytest.raises(AddressError):
        receiver_of("tcp://127.0.0.1:7", "udp", ipv4)
    with pytest.raises(UnknownNetworkError):
        receiver_of("nothing://127.0.0.1:7", "udp", ipv4)


def test_a_unix_socket_takes_a_path_and_no_ip_address():
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        assert receiver_of("/tmp/x", "unixgram", sock) == "/tmp/x"
        assert receiver_of("@x", "unixgram", sock) == b"\0x"
        place = UnixAddress("unixgram", "/tmp/y")
        assert receiver_of(place, "unixgram", sock) == "/tmp/y"
        with pytest.raises(AddressError, match="cannot send there"):
            receiver_of(IPAddress("udp", "127.0.0.1", 7), "unixgram", sock)


def test_a_mapped_address_never_shows_in_an_error():
    with listen_packet("udp", ":0") as packets:
        with pytest.raises(ValueError, match="too long") as caught:
            packets.send(bytes(65508), "[::ffff:127.0.0.1]:9")
        assert "127.0.0.1:9" in str(caught.value)
        assert "ffff" not in str(caught.value)
