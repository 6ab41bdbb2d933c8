"""Binding to an endpoint: which addresses, which family, one port, all or nothing."""

import errno
import os
import socket

import pytest

from portside.engine import Descriptor
from portside.errors import Error, InUseError, ResolveError
from portside.names import Endpoint, IPAddress
from portside.net.bind import SAME_PORT_TRIES, bind_at, bind_everywhere


def answers(*texts):
    return lambda host, network: texts


class Opener:
    """Opens and binds sockets, and notes what it was asked for."""

    def __init__(self, control=None):
        self.asked = []
        self.opened = []
        self._control = control

    def __call__(self, at, is_dual):
        self.asked.append((at.ip, at.port, is_dual))
        family = socket.AF_INET6 if at.is_ipv6 else socket.AF_INET
        descriptor = Descriptor(socket.socket(family, socket.SOCK_DGRAM))
        self.opened.append(descriptor)
        try:
            bind_at(descriptor, at, self._control, is_dual=is_dual)
        except BaseException:
            descriptor.close()
            raise
        return descriptor

    def close(self):
        for descriptor in self.opened:
            descriptor.close()


@pytest.fixture
def opener():
    opener = Opener()
    yield opener
    opener.close()


@pytest.mark.parametrize(
    ("network", "host", "bound", "is_dual"),
    [
        ("udp", "", "::", True),
        ("udp", "0.0.0.0", "::", True),
        ("udp", "::", "::", True),
        ("udp", "::ffff:0.0.0.0", "::", True),
        ("udp4", "", "0.0.0.0", False),
        ("udp6", "", "::", False),
        ("udp", "127.0.0.1", "127.0.0.1", False),
        ("udp", "::1", "::1", False),
    ],
)
def test_a_host_is_bound_in_the_family_that_its_network_says(
    opener, network, host, bound, is_dual
):
    [descriptor] = bind_everywhere(Endpoint(network, host, 0), None, opener)
    assert opener.asked == [(bound, 0, is_dual)]
    sock = descriptor.socket
    assert sock.getsockname()[0] == bound
    if ":" in bound:
        only_ipv6 = sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)
        assert bool(only_ipv6) != is_dual


def test_a_name_is_bound_at_each_address_on_one_port(opener):
    resolver = answers("127.0.0.1", "127.0.0.2", "::1")
    found = bind_everywhere(Endpoint("udp", "many", 0), resolver, opener)
    names = [each.socket.getsockname() for each in found]
    assert [name[0] for name in names] == ["127.0.0.1", "127.0.0.2", "::1"]
    assert len({name[1] for name in names}) == 1


def test_of_a_name_the_first_alone_can_be_asked_for(opener):
    resolver = answers("127.0.0.1", "127.0.0.2")
    found = bind_everywhere(Endpoint("udp", "two", 0), resolver, opener, at_most=1)
    assert [each.socket.getsockname()[0] for each in found] == ["127.0.0.1"]
    assert len(opener.asked) == 1


def test_a_port_that_is_free_at_the_first_address_alone_is_tried_again_elsewhere():
    taken: list[int] = []

    class Unlucky(Opener):
        def __call__(self, at, is_dual):
            if at.ip == "127.0.0.2" and len(taken) < 3:
                taken.append(at.port)
                raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
            return super().__call__(at, is_dual)

    opener = Unlucky()
    resolver = answers("127.0.0.1", "127.0.0.2")
    found = bind_everywhere(Endpoint("udp", "two", 0), resolver, opener)
    assert len({each.socket.getsockname()[1] for each in found}) == 1
    assert len(taken) == 3
    # Those of the tries before are closed.
    assert sum(not each.closed for each in opener.opened) == 2
    opener.close()


@pytest.mark.parametrize(("port", "tries"), [(0, SAME_PORT_TRIES), (-1, 1)])
def test_a_port_that_is_never_free_is_an_error_and_nothing_stays_open(port, tries):
    class Hopeless(Opener):
        def __call__(self, at, is_dual):
            if at.ip == "127.0.0.2":
                self.asked.append(at)
                raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
            return super().__call__(at, is_dual)

    if port < 0:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
    opener = Hopeless()
    resolver = answers("127.0.0.1", "127.0.0.2")
    with pytest.raises(InUseError) as caught:
        bind_everywhere(Endpoint("udp", "two", port), resolver, opener)
    assert caught.value.op == "listen"
    assert "127.0.0.2:" in str(caught.value.local)
    assert len(opener.opened) == tries
    assert all(each.closed for each in opener.opened)


def test_a_kernel_without_ipv6_gives_a_socket_for_ipv4():
    class Ancient(Opener):
        def __call__(self, at, is_dual):
            if at.is_ipv6:
                raise OSError(errno.EAFNOSUPPORT, os.strerror(errno.EAFNOSUPPORT))
            return super().__call__(at, is_dual)

    opener = Ancient()
    [found] = bind_everywhere(Endpoint("udp", "", 0), None, opener)
    assert found.socket.getsockname()[0] == "0.0.0.0"
    opener.close()
    with pytest.raises(Error, match="listen udp6"):
        bind_everywhere(Endpoint("udp6", "", 0), None, opener)


def test_a_name_without_an_address_says_what_was_wanted(opener):
    with pytest.raises(ResolveError, match="listen udp nowhere:7: ") as caught:
        bind_everywhere(Endpoint("udp", "nowhere", 7), answers(), opener)
    assert (caught.value.local, caught.value.remote) == ("nowhere:7", None)
    assert opener.opened == []


@pytest.mark.parametrize(
    ("network", "host", "told"),
    [
        ("udp", "127.0.0.1", "udp4"),
        ("udp4", "127.0.0.1", "udp4"),
        ("udp", "::1", "udp6"),
        ("udp6", "", "udp6"),
        ("udp", "", "udp6"),
        ("tcp", "127.0.0.1", "tcp4"),
    ],
)
def test_control_is_told_the_concrete_network_before_the_bind(network, host, told):
    seen = []

    def control(concrete, at, sock):
        seen.append((concrete, at.network, sock.getsockname()[1]))

    opener = Opener(control)
    bind_everywhere(Endpoint(network, host, 0), None, opener)
    opener.close()
    assert seen == [(told, network, 0)]


def test_what_control_raises_reaches_the_caller_and_nothing_stays_open():
    def control(network, at, sock):
        raise KeyError("planned")

    opener = Opener(control)
    with pytest.raises(KeyError, match="planned"):
        bind_everywhere(Endpoint("udp", "127.0.0.1", 0), None, opener)
    assert all(each.closed for each in opener.opened)


def test_an_address_of_another_host_is_told_with_the_address(opener):
    with pytest.raises(Error, match=r"listen udp 192\.0\.2\.1:7: cannot assign"):
        bind_everywhere(Endpoint("udp", "192.0.2.1", 7), None, opener)


def test_a_zone_is_bound_to_its_interface(opener):
    descriptor = opener(IPAddress("udp", "::1", 0, "lo"), False)
    assert descriptor.socket.getsockname()[0] == "::1"
