"""The three ways to say where: two texts, one text, an address."""

import socket

import pytest

from portside.errors import AddressError, UnknownNetworkError
from portside.names import (
    Endpoint,
    InheritedEndpoint,
    IPAddress,
    PipeAddress,
    UnixAddress,
)
from portside.net.target import (
    address_of,
    endpoint_of,
    sockaddr_of,
    stream_endpoint_of,
)

TARGETS = {
    "network and place": (("tcp", "localhost:7"), ("tcp", "localhost", 7)),
    "a service's name": (("tcp", "localhost:echo"), ("tcp", "localhost", 7)),
    "no host": (("tcp", ":80"), ("tcp", "", 80)),
    "brackets": (("tcp6", "[::1]:80"), ("tcp6", "::1", 80)),
    "one text": (("tcp4://localhost:7", None), ("tcp4", "localhost", 7)),
    "endpoint": ((Endpoint("tcp", "h", 1), None), ("tcp", "h", 1)),
    "address": ((IPAddress("tcp", "::1", 1), None), ("tcp", "::1", 1)),
    "address with a zone": (
        (IPAddress("tcp", "fe80::1", 1, "eth0"), None),
        ("tcp", "fe80::1%eth0", 1),
    ),
}

BESIDE_IP = {
    "network and path": (("unix", "/run/x"), UnixAddress("unix", "/run/x")),
    "abstract": (("unixpacket", "@x"), UnixAddress("unixpacket", "@x")),
    "one text": (("unix:/run/x", None), UnixAddress("unix", "/run/x")),
    "path with marks": (("unix", "a://b"), UnixAddress("unix", "a://b")),
    "address": ((UnixAddress("unix", "x"), None), UnixAddress("unix", "x")),
    "descriptor": (("fd:3", None), InheritedEndpoint("fd", "3")),
    "systemd": (("systemd:web", None), InheritedEndpoint("systemd", "web")),
    "inherited": (
        (InheritedEndpoint("fd", "3"), None),
        InheritedEndpoint("fd", "3"),
    ),
}

REFUSED = {
    "two networks of paths": ("unix", "unix:/run/x", "'unix' is given already"),
    "a path on tcp": ("tcp", "unix:/run/x", "'tcp' is given already"),
    "no path": ("unix", "", "is empty"),
    "path that is too long": (UnixAddress("unix", "a" * 108), None, "over the 107"),
    "place without network": ("localhost:7", None, "has no network"),
    "network without place": ("tcp", None, "has no network"),
    "two networks": ("tcp", "tcp://localhost:7", "'tcp' is given already"),
    "no port": ("tcp", "localhost", "missing port"),
    "port that is none": ("tcp", "localhost:123456789", "123456789"),
    "negative port": ("tcp", "localhost:-1", "-1"),
    "service that is none": ("tcp", "localhost:\u263a", "\u263a"),
    "a path as service": ("tcp", "mh/astro/r70:http", "has a path"),
    "empty": ("tcp", "", "is empty"),
}


@pytest.mark.parametrize(("given", "wanted"), TARGETS.values(), ids=TARGETS)
def test_a_target_is_an_endpoint(given, wanted):
    assert endpoint_of(*given) == Endpoint(*wanted)


@pytest.mark.parametrize(("given", "wanted"), BESIDE_IP.values(), ids=BESIDE_IP)
def test_what_needs_no_lookup_is_its_own_endpoint(given, wanted):
    assert endpoint_of(*given) == wanted
    assert stream_endpoint_of(*given) == wanted


@pytest.mark.parametrize("text", ["udp://:7", "udp4://:7", "udp6://:7", "unixgram:/x"])
def test_a_network_of_packets_has_no_conns(text):
    with pytest.raises(UnknownNetworkError, match="use listen_packet"):
        stream_endpoint_of(text, None)


def test_an_endpoint_without_network_has_no_conns():
    with pytest.raises(UnknownNetworkError):
        stream_endpoint_of(Endpoint("", "localhost", 7), None)


def test_a_socket_modules_address_is_read_by_the_network():
    assert address_of("tcp", ("::1", 7, 0, 0)) == IPAddress("tcp", "::1", 7)
    assert address_of("unix", b"\0x") == UnixAddress("unix", "@x")


@pytest.mark.parametrize(("target", "address", "told"), REFUSED.values(), ids=REFUSED)
def test_a_target_that_cannot_be_says_why(target, address, told):
    with pytest.raises(AddressError, match=told):
        endpoint_of(target, address)


def test_a_network_that_is_none_is_refused_with_a_list():
    with pytest.raises(UnknownNetworkError, match="known: tcp, tcp4, tcp6"):
        endpoint_of("tpc", "localhost:7")


def test_the_address_of_a_pipe_is_no_target():
    with pytest.raises(UnknownNetworkError):
        endpoint_of(PipeAddress(), None)


def test_a_zone_by_name_becomes_its_number():
    number, name = socket.if_nameindex()[0]
    address = IPAddress("tcp", "fe80::1", 7, name)
    assert sockaddr_of(address) == ("fe80::1", 7, 0, number)


def test_a_zone_by_number_stays_one():
    assert sockaddr_of(IPAddress("tcp", "fe80::1", 7, "9")) == ("fe80::1", 7, 0, 9)


def test_an_interface_that_is_none_is_told():
    with pytest.raises(AddressError, match="no interface 'no-such-if'"):
        sockaddr_of(IPAddress("tcp", "fe80::1", 7, "no-such-if"))
