"""DNS records, asked of a server of our own."""

import pickle
import socket
import subprocess
import sys
import time

import pytest

from portside.engine import timeout
from portside.errors import AddressError, DeadlineError, Error, ResolveError
from portside.names import IPAddress
from portside.net.records import RECORD_TYPES, Record, records, reverse_name
from portside.server import Server
from tests.net.dns_server import TTL, dns_server


@pytest.fixture
def dns():
    with dns_server() as server:
        yield server


def values(name, kind, dns):
    with timeout(10):
        return [each.value for each in records(name, kind, server=dns.address)]


def test_mail_servers_come_by_preference(dns):
    assert records("example.test", "MX", server=dns.address) == [
        Record("MX", "example.test", TTL, "first.example.test", 10),
        Record("MX", "example.test", TTL, "second.example.test", 20),
    ]


def test_services_come_by_priority_and_then_by_weight(dns):
    found = records("_echo._tcp.example.test", "SRV", server=dns.address)
    assert [(e.priority, e.weight, e.port, e.value) for e in found] == [
        (10, 9, 9, "a.test"),
        (10, 1, 8, "b.example.test"),
        (20, 0, 7, "c.example.test"),
    ]


def test_the_strings_of_a_text_are_one_and_bytes_that_are_none_are_shown(dns):
    found = values("example.test", "TXT", dns)
    assert found == ["a\x1b[31mred\\xff", "v=spf1 -all"]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("A", ["192.0.2.1", "192.0.2.2"]),
        ("AAAA", ["2001:db8::1"]),
        ("NS", ["ns1.example.test", "ns2.example.test"]),
    ],
)
def test_the_other_types_are_hosts_and_addresses(dns, kind, expected):
    assert values("example.test", kind, dns) == expected


def test_an_alias_is_followed_and_its_end_is_named(dns):
    found = records("www.example.test", "MX", server=dns.address)
    assert {each.name for each in found} == {"example.test"}
    assert values("www.example.test", "CNAME", dns) == ["example.test"]


@pytest.mark.parametrize("kind", ["MX", "SRV"])
def test_a_plain_no_is_a_dot(dns, kind):
    assert values("nothing.test", kind, dns) == ["."]


def test_an_address_has_its_names_under_its_reverse_name(dns):
    assert values(reverse_name("192.0.2.1"), "PTR", dns) == [
        "one.example.test",
        "uno.example.test",
    ]
    assert reverse_name("fe80::1%eth0").endswith(".0.8.e.f.ip6.arpa")
    with pytest.raises(AddressError, match="not an IP address"):
        reverse_name("localhost")


def test_what_is_too_large_for_udp_is_asked_again_over_tcp(dns):
    assert len(values("big.test", "TXT", dns)) == 8
    assert dns.asked == [("udp", "big.test", "TXT"), ("tcp", "big.test", "TXT")]


def test_a_server_that_was_given_is_asked_for_the_very_name(dns):
    for name in ("single", "example.test", "example.test."):
        with pytest.raises(ResolveError):
            records(name, "SRV", server=dns.address)
    assert [name for _, name, _ in dns.asked] == ["single"] + ["example.test"] * 2


FAILURES = {
    "no-such.test": (socket.EAI_NONAME, "no such name"),
    "local.test": (socket.EAI_NODATA, "the name has no MX record"),
    "broken.test": (socket.EAI_AGAIN, "no server would say (127.0.0.1: SERVFAIL)"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_no_answer_says_why(dns, name):
    number, reason = FAILURES[name]
    with timeout(10), pytest.raises(ResolveError) as caught:
        records(name, "MX", server=dns.address)
    assert str(caught.value) == f"resolve dns {name} MX: {reason}"
    assert caught.value.errno == number
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_a_timeout_bounds_a_server_that_is_silent(dns):
    began = time.monotonic()
    with timeout(0.1), pytest.raises(DeadlineError) as caught:
        records("silent.test", "MX", server=dns.address)
    assert time.monotonic() - began < 4  # less than dnspython's own 5 seconds
    assert str(caught.value).startswith("resolve dns silent.test MX: ")


def test_a_timeout_that_is_over_asks_nobody(dns):
    with timeout(0), pytest.raises(DeadlineError):
        records("example.test", "MX", server=dns.address)
    assert dns.asked == []


@pytest.mark.parametrize("name", ["a..b", "x" * 64])
def test_a_name_that_nobody_can_have_is_refused(dns, name):
    with pytest.raises(AddressError, match=f"name {name!r}: "):
        records(name, "MX", server=dns.address)
    assert dns.asked == []


def test_a_type_that_is_not_known_is_refused():
    with pytest.raises(AddressError, match="type 'SOA': not one of A, AAAA, CNAME"):
        records("example.test", "SOA")
    assert len(RECORD_TYPES) == len(set(RECORD_TYPES))


@pytest.mark.parametrize("model", ["thread", "nonblocking"])
def test_a_handler_may_ask_under_a_model(dns, model):
    def tell(conn):
        found = records("example.test", "MX", server=dns.address)
        conn.write(found[0].value.encode())

    with Server(tell, "tcp://127.0.0.1:0", model=model) as server:
        with socket.create_connection((server.address.ip, server.address.port)) as sock:
            sock.settimeout(10)
            with sock.makefile("rb") as stream:
                assert stream.read() == b"first.example.test"


def test_a_closed_port_is_asked_until_the_time_is_up():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as held:
        held.bind(("127.0.0.1", 0))
        address = IPAddress("udp", *held.getsockname())
    with timeout(0.2), pytest.raises(Error) as caught:
        records("example.test", "MX", server=address)
    assert isinstance(caught.value, DeadlineError | ResolveError)


def test_a_missing_extra_says_which_to_install():
    script = (
        "import sys\n"
        "sys.modules['dns'] = None\n"
        "from portside.errors import Error\n"
        "from portside.net.records import records\n"
        "try:\n"
        "    records('example.test', 'MX')\n"
        "except Error as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == (
        "resolve dns example.test MX: DNS records need dnspython: "
        "pip install 'portside[dns]'\n"
    )


def test_the_front_of_it_costs_no_dnspython():
    script = "import sys, portside.net.records; print('dns' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"
