"""Listening: where, how often, and what is refused."""

import errno
import os
import socket
import struct

import pytest

from portside import net
from portside.errors import (
    AddressError,
    Error,
    InUseError,
    ResolveError,
)
from portside.names import IPAddress

WILDCARDS = {
    "no host": ("tcp", ":0"),
    "0.0.0.0": ("tcp", "0.0.0.0:0"),
    "::": ("tcp", "[::]:0"),
    "::ffff:0.0.0.0": ("tcp", "[::ffff:0.0.0.0]:0"),
}

# Which listener is there, and which other spellings of its place are taken then.
TAKEN = {
    "same address": ("tcp", "127.0.0.1", "tcp", "127.0.0.1"),
    "same ipv6 address": ("tcp", "[::1]", "tcp", "[::1]"),
    "any and any": ("tcp", "", "tcp", ""),
    "any and 0.0.0.0": ("tcp", "", "tcp", "0.0.0.0"),
    "0.0.0.0 and ::": ("tcp", "0.0.0.0", "tcp", "[::]"),
    "any and any ipv4": ("tcp", "", "tcp4", ""),
    "any and any ipv6": ("tcp", "", "tcp6", ""),
    "any ipv4 and any": ("tcp4", "", "tcp", ""),
    "any and one ipv4": ("tcp", "", "tcp", "127.0.0.1"),
    "any and one ipv6": ("tcp", "", "tcp", "[::1]"),
    "one ipv4 and any": ("tcp", "127.0.0.1", "tcp", ""),
}

SIDE_BY_SIDE = {
    "loopbacks": ("tcp", "127.0.0.1", "tcp", "[::1]"),
    "two of ipv4": ("tcp", "127.0.0.1", "tcp", "127.0.0.2"),
    "any of each family": ("tcp4", "", "tcp6", ""),
}


def answers(*texts):
    return lambda host, network: texts


def queue_length(fd: int) -> int:
    with socket.socket(fileno=os.dup(fd)) as sock:
        told = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 32)
    return int(
        struct.unpack_from("I", told, 28)[0]
    )  # tcpi_sacked: backlog of a listener


# -- where


@pytest.mark.parametrize(("network", "place"), WILDCARDS.values(), ids=WILDCARDS)
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_wildcard_is_reached_by_both_families(network, place, host):
    with net.listen(network, place) as listener:
        near = net.dial(IPAddress("tcp", host, listener.address.port))
        with near, listener.accept() as far:
            near.write(b"x")
            assert far.read() == b"x"


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_the_ends_of_a_conn_through_a_wildcard_are_plain_addresses(host):
    with net.listen("tcp", ":0") as listener:
        near = net.dial(IPAddress("tcp", host, listener.address.port))
        with near, listener.accept() as far:
            assert far.remote_address == near.local_address
            assert far.local_address == near.remote_address
            assert isinstance(far.local_address, IPAddress)
            assert far.local_address.ip == host


@pytest.mark.parametrize(
    ("network", "ip", "other"),
    [("tcp4", "0.0.0.0", "::1"), ("tcp6", "::", "127.0.0.1")],
)
def test_a_wildcard_of_one_family_keeps_to_it(network, ip, other):
    with net.listen(network, ":0") as listener:
        assert listener.address.ip == ip
        with pytest.raises(ConnectionRefusedError):
            net.dial(IPAddress("tcp", other, listener.address.port))


def test_an_empty_host_dials_what_an_empty_host_listens_to():
    with net.listen("tcp", ":0") as listener:
        net.dial("tcp", f":{listener.address.port}").close()
        net.dial(listener.address).close()


def test_port_0_is_a_port_that_the_kernel_chose(listener):
    assert listener.address.port > 0
    assert str(listener.address.port) in repr(listener)


def test_a_host_name_is_listened_to_at_all_its_addresses_on_one_port():
    resolver = answers("127.0.0.1", "::1", "127.0.0.2")
    with net.listen("tcp", "name:0", resolver=resolver) as listener:
        assert [each.ip for each in listener.addresses] == [
            "127.0.0.1",
            "::1",
            "127.0.0.2",
        ]
        assert len({each.port for each in listener.addresses}) == 1
        for address in listener.addresses:
            with net.dial(address) as near, listener.accept() as far:
                assert far.local_address == near.remote_address == address


def test_a_listener_with_several_addresses_has_no_single_one():
    resolver = answers("127.0.0.1", "::1")
    with (
        net.listen("tcp", "name:0", resolver=resolver) as listener,
        pytest.raises(Error, match="several addresses, see addresses: 127"),
    ):
        _ = listener.address


def test_a_chosen_port_that_is_taken_at_another_address_is_chosen_anew():
    taken: list[socket.socket] = []

    def take_it_first(network, address, sock):
        if address.ip == "127.0.0.2" and not taken:
            other = socket.socket()
            other.bind((address.ip, address.port))
            taken.append(other)

    resolver = answers("127.0.0.1", "127.0.0.2")
    with net.listen(
        "tcp", "name:0", resolver=resolver, control=take_it_first
    ) as listener:
        first, second = listener.addresses
        assert first.port == second.port != taken[0].getsockname()[1]
    taken[0].close()


def test_a_port_that_is_taken_at_one_address_is_an_error_and_frees_the_others():
    with net.listen("tcp", "127.0.0.2:0") as holder:
        port = holder.address.port
        resolver = answers("127.0.0.1", "127.0.0.2")
        with pytest.raises(
            InUseError, match=f"listen tcp 127.0.0.2:{port}: address al"
        ):
            net.listen("tcp", f"name:{port}", resolver=resolver)
        net.listen("tcp", f"127.0.0.1:{port}").close()


@pytest.mark.parametrize(
    ("network", "host", "other_network", "other_host"), TAKEN.values(), ids=TAKEN
)
def test_a_place_that_is_taken_is_an_error(network, host, other_network, other_host):
    with net.listen(network, f"{host}:0") as listener:
        port = listener.address.port
        with pytest.raises(InUseError) as caught:
            net.listen(other_network, f"{other_host}:{port}")
    assert caught.value.op == "listen"
    assert caught.value.network == other_network
    assert isinstance(caught.value.local, IPAddress)
    assert str(caught.value).endswith(": address already in use")


@pytest.mark.parametrize(
    ("network", "host", "other_network", "other_host"),
    SIDE_BY_SIDE.values(),
    ids=SIDE_BY_SIDE,
)
def test_different_places_share_a_port(network, host, other_network, other_host):
    with net.listen(network, f"{host}:0") as listener:
        net.listen(other_network, f"{other_host}:{listener.address.port}").close()


def test_an_address_of_another_host_is_an_error():
    with pytest.raises(Error, match=r"^listen tcp 192\.0\.2\.1:0: cannot assign"):
        net.listen("tcp", "192.0.2.1:0")


def test_a_name_without_address_is_an_error():
    with pytest.raises(ResolveError, match=r"^listen tcp no-such\.invalid:80: "):
        net.listen("tcp", "no-such.invalid:80")


def test_an_address_of_the_other_family_is_an_error():
    with pytest.raises(AddressError):
        net.listen("tcp6", "127.0.0.1:0")


def test_a_control_is_called_with_what_will_be_bound():
    seen = []

    def control(network, address, sock):
        seen.append((network, address.ip, sock.getsockname()[1]))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)

    resolver = answers("127.0.0.1", "::1")
    with net.listen("tcp", "name:0", resolver=resolver, control=control) as listener:
        fds = listener.filenos()
        with socket.socket(fileno=os.dup(fds[0])) as sock:
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) == 8192
    assert seen == [("tcp4", "127.0.0.1", 0), ("tcp6", "::1", 0)]


@pytest.mark.parametrize(
    "error", [ValueError("no"), PermissionError(errno.EPERM, "no")]
)
def test_a_control_that_fails_ends_the_listening(error):
    def control(network, address, sock):
        raise error

    with pytest.raises(type(error), match="no"):
        net.listen("tcp", "127.0.0.1:0", control=control)


def test_a_backlog_is_the_kernels_most_or_what_was_asked(listener):
    with open("/proc/sys/net/core/somaxconn") as file:
        most = int(file.read())
    assert queue_length(listener.filenos()[0]) == most
    with net.listen("tcp", "127.0.0.1:0", backlog=5) as short:
        assert queue_length(short.filenos()[0]) == 5
