"""Ports and the services that live there."""

import pytest

from portside.errors import AddressError
from portside.names import services
from portside.names.services import (
    port_kind,
    service_aliases,
    service_name,
    service_port,
)

# The services of the lesson, of Portside itself, and of every day.
PORTS = {
    "echo": 7,
    "discard": 9,
    "daytime": 13,
    "qotd": 17,
    "chargen": 19,
    "ftp": 21,
    "ssh": 22,
    "smtp": 25,
    "time": 37,
    "domain": 53,
    "http": 80,
    "imap": 143,
    "https": 443,
}


@pytest.mark.parametrize(("name", "port"), PORTS.items(), ids=PORTS)
def test_a_service_has_its_port_and_a_port_its_service(name, port):
    assert service_port(name, "tcp") == port
    assert service_name(port, "tcp") == name


@pytest.mark.parametrize("name", ["www", "WWW", "Http"])
def test_a_service_is_found_by_an_alias_and_in_any_case(name):
    assert service_port(name, "tcp") == 80


def test_a_port_without_a_service_has_no_name():
    assert service_name(4242, "tcp") is None
    assert service_name(123, "tcp") is None


def test_a_port_has_the_other_names_of_its_service():
    assert service_aliases(9, "udp") == ("sink", "null")
    assert service_aliases(443, "tcp") == service_aliases(4242, "tcp") == ()


def test_an_unknown_service_is_named_with_the_closest():
    with pytest.raises(AddressError) as caught:
        service_port("ecoh", "udp")
    assert str(caught.value) == "no udp service is called 'ecoh'; did you mean 'echo'?"


def test_a_service_of_the_other_protocol_is_pointed_out():
    with pytest.raises(AddressError) as caught:
        service_port("ntp", "tcp")
    assert str(caught.value) == "no tcp service is called 'ntp'; udp has one"


@pytest.mark.parametrize("protocol", ["tcp4", "sctp", ""])
def test_only_tcp_and_udp_have_ports(protocol):
    with pytest.raises(AddressError, match="has no ports here"):
        service_port("echo", protocol)
    with pytest.raises(AddressError, match="has no ports here"):
        service_name(7, protocol)


def test_the_table_gives_no_name_and_no_port_twice():
    ports = [
        (port, protocol)
        for _, port, protocols, _ in services._SERVICES
        for protocol in protocols.split()
    ]
    names = [
        name
        for first, _, _, aliases in services._SERVICES
        for name in (first, *aliases.split())
    ]
    assert len(ports) == len(set(ports))
    assert len(names) == len(set(names))
    assert ports == sorted(ports, key=lambda pair: pair[0])


@pytest.mark.parametrize(
    ("port", "kind"),
    [
        (0, "well-known"),
        (1023, "well-known"),
        (1024, "registered"),
        (49151, "registered"),
        (49152, "ephemeral"),
        (65535, "ephemeral"),
    ],
)
def test_ports_have_three_ranges(port, kind):
    assert port_kind(port) == kind


@pytest.mark.parametrize("port", [-1, 65536])
def test_a_port_outside_sixteen_bits_has_no_range(port):
    with pytest.raises(AddressError, match=f"port {port}: not in 0-65535"):
        port_kind(port)
