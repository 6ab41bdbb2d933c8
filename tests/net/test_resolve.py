"""From a host to the addresses to try, with resolvers of our own."""

import socket
import threading

import pytest

from portside import net
from portside.engine import sleep, timeout
from portside.errors import AddressError, DeadlineError, Error, ResolveError
from portside.names import IPAddress
from portside.net.resolve import ask, reverse


def answers(*texts):
    return lambda host, network: texts


def unasked(host, network):
    raise AssertionError("nobody was to be asked")


@pytest.mark.parametrize("ip", ["127.0.0.1", "::1", "fe80::1%2"])
def test_an_address_is_its_own_answer(ip):
    found = net.resolve("tcp", ip, 80, unasked)
    assert [str(each.host) for each in found] == [ip]


def test_the_resolver_is_told_host_and_network():
    asked = []

    def resolver(host, network):
        asked.append((host, network))
        return ["192.0.2.1"]

    net.resolve("tcp4", "example", 80, resolver)
    assert asked == [("example", "tcp4")]


def test_the_order_of_the_answers_is_kept():
    found = net.resolve(
        "tcp", "x", 80, answers("192.0.2.9", "2001:db8::1", "192.0.2.1")
    )
    assert [each.ip for each in found] == ["192.0.2.9", "2001:db8::1", "192.0.2.1"]


def test_each_address_has_the_port_and_the_network():
    found = net.resolve("tcp6", "x", 80, answers("2001:db8::1"))
    assert found == [IPAddress("tcp6", "2001:db8::1", 80)]


def test_an_address_that_is_answered_twice_is_tried_once():
    found = net.resolve("tcp", "x", 80, answers("192.0.2.1", "::ffff:192.0.2.1"))
    assert found == [IPAddress("tcp", "192.0.2.1", 80)]


@pytest.mark.parametrize(
    ("network", "ip"), [("tcp4", "192.0.2.1"), ("tcp6", "2001:db8::1")]
)
def test_a_network_with_a_number_takes_its_addresses_only(network, ip):
    found = net.resolve(network, "x", 80, answers("192.0.2.1", "2001:db8::1"))
    assert [each.ip for each in found] == [ip]


@pytest.mark.parametrize(
    ("network", "ip"), [("tcp", "127.0.0.1"), ("tcp4", "127.0.0.1"), ("tcp6", "::1")]
)
def test_no_host_is_this_host(network, ip):
    assert net.resolve(network, "", 80, unasked) == [IPAddress(network, ip, 80)]


def test_no_address_of_the_network_is_an_error():
    with pytest.raises(ResolveError, match="'x' has no address for network tcp6"):
        net.resolve("tcp6", "x", 80, answers("192.0.2.1"))


def test_an_answer_that_is_no_address_is_an_error():
    with pytest.raises(AddressError, match="gave 'nonsense', which is no address"):
        net.resolve("tcp", "x", 80, answers("nonsense"))


def test_a_resolver_may_fail_as_getaddrinfo_does():
    def resolver(host, network):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with pytest.raises(ResolveError) as caught:
        net.resolve("tcp", "x", 80, resolver)
    assert str(caught.value) == "resolve tcp x: name or service not known"
    assert caught.value.errno == socket.EAI_NONAME
    assert isinstance(caught.value, socket.gaierror)


def test_a_resolver_that_fails_otherwise_is_not_hidden():
    def resolver(host, network):
        raise KeyError(host)

    with pytest.raises(KeyError):
        net.resolve("tcp", "x", 80, resolver)


def test_the_system_knows_this_host():
    found = net.resolve("tcp", "localhost", 80)
    assert {each.ip for each in found} <= {"127.0.0.1", "::1"}
    assert found


def test_the_system_is_asked_in_a_thread_when_there_is_a_timeout():
    with timeout(10):
        found = net.resolve("tcp4", "localhost", 80)
    assert found == [IPAddress("tcp4", "127.0.0.1", 80)]


def test_a_timeout_that_is_over_asks_nobody():
    with timeout(0), pytest.raises(DeadlineError) as caught:
        net.resolve("tcp", "localhost", 80)
    assert caught.value.op == "resolve"


def test_a_timeout_bounds_a_resolver_that_waits():
    def resolver(host, network):
        sleep(60)
        return ["192.0.2.1"]

    with timeout(0.02), pytest.raises(DeadlineError):
        net.resolve("tcp", "x", 80, resolver)


def test_a_name_without_address_is_an_error_of_ours():
    with pytest.raises(Error) as caught:
        net.resolve("tcp", "no-such-host.invalid", 80)
    assert isinstance(caught.value, ResolveError)


@pytest.mark.parametrize(
    ("network", "ip"), [("udp4", "192.0.2.1"), ("udp6", "2001:db8::1")]
)
def test_a_network_of_packets_takes_its_addresses_only(network, ip):
    found = net.resolve(network, "x", 80, answers("192.0.2.1", "2001:db8::1"))
    assert found == [IPAddress(network, ip, 80)]
    assert len(net.resolve(network, "", 80)) == 1


def test_an_address_of_this_host_has_a_name():
    assert reverse("127.0.0.1") == socket.getnameinfo(("127.0.0.1", 0), 0)[0]
    with timeout(10):
        assert reverse("::ffff:127.0.0.1") == reverse("127.0.0.1")


def test_an_address_without_a_name_is_an_error_that_names_it():
    with timeout(10), pytest.raises(Error) as caught:
        reverse("fe80::1:2:3:4%1")
    assert isinstance(caught.value, ResolveError | DeadlineError)
    assert "fe80::1:2:3:4%1" in str(caught.value)


def test_what_is_no_address_has_no_name():
    with pytest.raises(AddressError):
        reverse("localhost")


def test_a_question_is_asked_right_here_where_nothing_bounds_it():
    assert ask(threading.get_ident) == threading.get_ident()


def test_a_question_is_asked_aside_where_there_is_a_timeout():
    with timeout(10):
        assert ask(threading.get_ident) != threading.get_ident()
