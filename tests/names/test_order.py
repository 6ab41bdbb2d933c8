"""The order of addresses: RFC 6724, by its own examples."""

import itertools
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portside.errors import AddressError
from portside.names.order import (
    GLIBC,
    RFC_6724,
    Candidate,
    decide,
    in_order,
    read_gai_conf,
    scope_name,
)

# RFC 6724 section 10.2, but for the two examples that need to know whether a source is
# a home address or deprecated: what goes first with its source, what second, by which
# rule.
Example = tuple[tuple[str, str | None], tuple[str, str | None], int]

EXAMPLES: dict[str, Example] = {
    "prefer matching scope": (
        *(("2001:db8:1::1", "2001:db8:1::2"), ("198.51.100.121", "169.254.13.78")),
        2,
    ),
    "prefer matching scope, IPv4": (
        *(("198.51.100.121", "198.51.100.117"), ("2001:db8:1::1", "fe80::1")),
        2,
    ),
    "prefer higher precedence": (
        *(("2001:db8:1::1", "2001:db8:1::2"), ("10.1.2.3", "10.1.2.4")),
        6,
    ),
    "prefer smaller scope": (
        *(("fe80::1", "fe80::2"), ("2001:db8:1::1", "2001:db8:1::2")),
        8,
    ),
    "use longest matching prefix": (
        ("2001:db8:1::1", "2001:db8:1::2"),
        ("2001:db8:3ffe::1", "2001:db8:3f44::2"),
        9,
    ),
    "prefer matching label": (
        ("2002:c633:6401::1", "2002:c633:6401::2"),
        ("2001:db8:1::1", "2002:c633:6401::2"),
        5,
    ),
    "prefer higher precedence, 6to4": (
        ("2001:db8:1::1", "2001:db8:1::2"),
        ("2002:c633:6401::1", "2002:c633:6401::2"),
        6,
    ),
}

# What the examples leave out.
MORE: dict[str, Example] = {
    "no route": (("192.0.2.1", "192.0.2.9"), ("2001:db8::1", None), 1),
    "loopback": (("::1", "::1"), ("127.0.0.1", "127.0.0.1"), 6),
    "IPv4 before unique local": (
        *(("192.0.2.1", "192.0.2.9"), ("fd00::1", "fd00::2")),
        6,
    ),
    "private IPv4 is global": (("10.0.0.1", "10.0.0.2"), ("fd00::1", "fd00::2"), 6),
    "Teredo last": (("192.0.2.1", "192.0.2.9"), ("2001::1", "2001::2"), 6),
    "multicast by its own scope": (("ff02::1", "fe80::2"), ("ff05::1", "fe80::2"), 2),
    "a zone is overlooked": (
        *(("fe80::1%eth0", "fe80::2%eth0"), ("2001:db8::1", "2001:db8::2")),
        8,
    ),
    "both without route": (("::1", None), ("192.0.2.1", None), 6),
}


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize(
    ("first", "second", "rule"), (EXAMPLES | MORE).values(), ids=EXAMPLES | MORE
)
def test_the_better_one_goes_first(first, second, rule, swapped):
    pair = [Candidate(*first), Candidate(*second)]
    came = pair[::-1] if swapped else pair
    assert in_order(came) == pair
    decision = decide(came[0], came[1])
    assert (decision.rule, decision.keeps) == (rule, not swapped)
    assert (
        decision.because == decide(pair[0], pair[1]).because
    )  # said of the one that goes first


# Each reason once, as a person reads it.
REASONS = {
    "no route": "it has a route, the next has none",
    "prefer matching scope": (
        "its source is global like itself, the next is global "
        "from a source that is link-local"
    ),
    "prefer matching label": (
        "its source has the same label (2), the next's has another"
    ),
    "loopback": "precedence 50, the next has 35",
    "prefer smaller scope": "its scope is smaller: link-local, the next is global",
    "use longest matching prefix": (
        "64 leading bits as in its source, the next has 40"
    ),
}


@pytest.mark.parametrize(("name", "because"), REASONS.items(), ids=REASONS)
def test_a_reason_says_what_the_rule_found(name, because):
    first, second, _ = (EXAMPLES | MORE)[name]
    assert decide(Candidate(*first), Candidate(*second)).because == because


ALIKE = {
    "IPv4, whatever bits are shared": (
        *(("192.0.2.200", "192.0.2.1"), ("192.0.2.2", "192.0.2.1")),
    ),
    "IPv6, in the bits of the interface": (
        *(("2001:db8::f000:1", "2001:db8::2"), ("2001:db8::3", "2001:db8::2")),
    ),
}


@pytest.mark.parametrize(("first", "second"), ALIKE.values(), ids=ALIKE)
def test_what_no_rule_tells_apart_stays_as_it_came(first, second):
    pair = [Candidate(*first), Candidate(*second)]
    for came in (pair, pair[::-1]):
        assert in_order(came) == came
        assert decide(came[0], came[1]).rule == 10
        assert decide(came[0], came[1]).keeps


addresses = st.one_of(
    st.integers(0, 2**32 - 1).map(IPv4Address).map(str),
    st.integers(0, 2**128 - 1).map(IPv6Address).map(str),
    st.sampled_from(["::1", "fe80::1", "fd00::1", "2002::1", "2001::1", "127.0.0.1"]),
)
candidates = st.builds(Candidate, addresses, st.none() | addresses)


@given(st.lists(candidates, max_size=6))
def test_none_is_lost_and_no_neighbours_disagree(came):
    order = in_order(came)
    assert sorted(order, key=repr) == sorted(came, key=repr)
    assert all(
        decide(pair[0], pair[1]).keeps for pair in itertools.combinations(order, 2)
    )


def test_the_table_of_glibc_has_sites_before_ipv4():
    site = Candidate("fd00::1", "fd00::2")
    ipv4 = Candidate("192.0.2.1", "192.0.2.9")
    assert in_order([site, ipv4], RFC_6724) == [ipv4, site]
    assert in_order([site, ipv4], GLIBC) == [site, ipv4]


def test_an_administrator_who_prefers_ipv4_is_obeyed():
    policy = read_gai_conf("# IPv4 first\nprecedence ::ffff:0:0/96  100 # yes\n")
    ipv6 = Candidate("2001:db8::1", "2001:db8::2")
    ipv4 = Candidate("192.0.2.1", "192.0.2.9")
    assert in_order([ipv6, ipv4], policy) == [ipv4, ipv6]
    assert decide(ipv4, ipv6, policy).because == "precedence 100, the next has 40"
    assert (policy.name, policy.labels) == ("gai.conf", GLIBC.labels)


def test_a_file_that_sets_nothing_leaves_the_table():
    text = "#label ::1/128 0\nreload yes\nlabel x 1\nlabel ::1 -1\nscopev4 ::/96 2\n"
    assert read_gai_conf(text) == GLIBC
    assert read_gai_conf("", RFC_6724) == RFC_6724


def test_labels_of_a_file_replace_the_labels():
    policy = read_gai_conf("label 2001:db8:1::/48 7\nlabel ::/0 3")
    assert policy.labels == (("2001:db8:1::/48", 7), ("::/0", 3))
    assert policy.precedences == GLIBC.precedences


SCOPES = {
    "127.0.0.1": "link-local",
    "169.254.1.1": "link-local",
    "192.168.1.1": "global",
    "::1": "link-local",
    "fec0::1": "site-local",
    "fd00::1": "global",
    "ff01::1": "interface-local",
    "ff0e::1": "global",
    "ff03::1": "scope 3",
}


@pytest.mark.parametrize(("ip", "name"), SCOPES.items(), ids=SCOPES)
def test_an_address_is_known_as_far_as_its_scope(ip, name):
    assert scope_name(ip) == name


def test_what_is_no_address_has_no_place():
    with pytest.raises(AddressError, match="'localhost': not an IP address"):
        in_order([Candidate("localhost", None)])
