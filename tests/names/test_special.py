"""What an IP address is for: every block of the registries, and its edges."""

from ipaddress import ip_address, ip_network

import pytest

from portside.errors import AddressError
from portside.names import special
from portside.names.special import (
    classify,
    is_link_local,
    is_loopback,
    is_multicast,
    is_private,
    is_unspecified,
)

KINDS = {
    "0.0.0.0": "unspecified",
    "0.0.0.1": "this network",
    "1.1.1.1": "global unicast",
    "10.255.255.255": "private use",
    "100.64.0.1": "shared address space",
    "100.128.0.0": "global unicast",
    "127.255.255.255": "loopback",
    "128.0.0.0": "global unicast",
    "169.254.169.254": "link-local",
    "172.15.255.255": "global unicast",
    "172.16.0.0": "private use",
    "172.31.255.255": "private use",
    "172.32.0.0": "global unicast",
    "192.0.0.1": "IPv4 service continuity",
    "192.0.0.8": "IPv4 dummy address",
    "192.0.0.9": "PCP anycast",
    "192.0.0.11": "protocol assignments",
    "192.0.0.171": "NAT64/DNS64 discovery",
    "192.88.99.1": "6to4 relay anycast (deprecated)",
    "192.88.99.2": "6a44 relay anycast",
    "198.19.255.255": "benchmarking",
    "203.0.113.7": "documentation (TEST-NET-3)",
    "239.255.255.255": "multicast",
    "240.0.0.0": "reserved",
    "255.255.255.254": "reserved",
    "255.255.255.255": "limited broadcast",
    "::": "unspecified",
    "::1": "loopback",
    "::2": "global unicast",
    "::ffff:127.0.0.1": "IPv4-mapped",
    "64:ff9b::8.8.8.8": "IPv4-IPv6 translation",
    "64:ff9b:1::1": "IPv4-IPv6 translation (local)",
    "100::1": "discard-only",
    "100:0:0:1::1": "IPv6 dummy prefix",
    "100:0:0:2::": "global unicast",
    "2001::1": "Teredo",
    "2001:1::1": "PCP anycast",
    "2001:1::4": "protocol assignments",
    "2001:20::1": "ORCHIDv2",
    "2001:200::": "global unicast",
    "2001:db8::1": "documentation",
    "2606:4700:4700::1111": "global unicast",
    "3fff:fff::": "documentation",
    "3fff:1000::": "global unicast",
    "5f00::1": "segment routing (SRv6) SIDs",
    "fd00::1": "unique local",
    "fe80::1": "link-local",
    "fe80::1%eth0": "link-local",
    "fec0::1": "global unicast",
    "ff02::1": "multicast",
}


@pytest.mark.parametrize(("ip", "name"), KINDS.items(), ids=KINDS)
def test_the_most_specific_block_names_the_kind(ip, name):
    assert classify(ip).name == name


@pytest.mark.parametrize("prefix", [row[0] for row in special._BLOCKS])
def test_each_block_begins_and_ends_where_it_says(prefix):
    """The first and last address lie in it, or in a block inside it."""
    network = ip_network(prefix)
    for ip in (network[0], network[-1]):
        found = ip_network(classify(str(ip)).prefix)
        assert ip in found
        assert found.prefixlen >= network.prefixlen


def test_no_block_is_listed_twice_and_all_are_in_order():
    prefixes = [ip_network(row[0]) for row in special._BLOCKS]
    assert prefixes == sorted(prefixes, key=lambda p: (p.version, p))
    assert len(prefixes) == len(set(prefixes))


def test_a_kind_answers_what_the_registry_answers():
    shared = classify("100.64.0.1")
    assert (shared.rfc, shared.prefix, shared.allocated) == (
        "RFC 6598",
        "100.64.0.0/10",
        "2012-04",
    )
    assert (shared.source, shared.destination, shared.forwardable) == (True, True, True)
    assert (shared.globally_reachable, shared.reserved) == (False, False)


def test_where_the_registry_gives_no_answer_there_is_none():
    assert classify("2002::1").globally_reachable is None
    assert classify("192.88.99.1").forwardable is None


@pytest.mark.parametrize("ip", ["192.0.0.9", "2001:3::1", "8.8.8.8", "2a00::1"])
def test_what_may_be_met_on_the_internet_is_globally_reachable(ip):
    assert classify(ip).globally_reachable is True


QUESTIONS = {
    is_unspecified: ({"0.0.0.0", "::"}, {"0.0.0.1", "::1"}),
    is_loopback: ({"127.0.0.1", "127.4.2.42", "::1"}, {"128.0.0.1", "::", "0.0.0.0"}),
    is_link_local: ({"169.254.0.1", "fe80::1", "fe80::1%2"}, {"169.253.0.1", "fec0::"}),
    is_multicast: ({"224.0.0.1", "239.1.2.3", "ff02::1"}, {"223.0.0.1", "240.0.0.1"}),
    is_private: (
        {"10.1.2.3", "172.31.0.1", "192.168.0.1", "fd00::1"},
        {"127.0.0.1", "100.64.0.1", "172.32.0.1", "192.0.2.1", "fe80::1"},
    ),
}


@pytest.mark.parametrize(
    ("asks", "yes", "no"),
    [(asks, yes, no) for asks, (yes, no) in QUESTIONS.items()],
    ids=[asks.__name__ for asks in QUESTIONS],
)
def test_a_question_has_the_same_answer_in_both_versions_of_ip(asks, yes, no):
    assert {ip for ip in yes | no if asks(ip)} == yes


@pytest.mark.parametrize(
    ("asks", "yes"),
    [(asks, yes) for asks, (yes, _) in QUESTIONS.items()],
    ids=[asks.__name__ for asks in QUESTIONS],
)
def test_a_question_looks_through_ipv4_in_ipv6(asks, yes):
    mapped = [f"::ffff:{ip}" for ip in yes if ip_address(ip.split("%")[0]).version == 4]
    assert mapped
    assert all(asks(ip) for ip in mapped)


@pytest.mark.parametrize(
    "text", ["", "localhost", "1.2.3", "01.2.3.4", "::1]", "1.2.3.4%a"]
)
def test_what_is_no_ip_has_no_kind(text):
    with pytest.raises(AddressError) as caught:
        classify(text)
    assert str(caught.value) == f"address {text!r}: not an IP address"
