"""Listening: where, how often, until when, and what comes in."""

import errno
import os
import socket
import struct

import pytest

from portside import net
from portside.engine import Descriptor, Event, TaskGroup, now, sleep, timeout
from portside.errors import (
    AddressError,
    ClosedError,
    DeadlineError,
    Error,
    InUseError,
    ResetError,
    ResolveError,
    WouldBlockError,
)
from portside.names import IPAddress

LONG_AGO = now() - 5

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

# What accept may say of a connection that broke in the queue: accept(2).
BROKEN_IN_THE_QUEUE = ["ECONNABORTED", "EPROTO", "EPERM", "ENETDOWN", "EHOSTUNREACH"]


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


# -- accepting


def test_clients_are_accepted_in_the_order_in_which_they_came(listener):
    clients = [net.dial(listener.address) for _ in range(5)]
    conns = [listener.accept() for _ in clients]
    assert [each.remote_address for each in conns] == [
        each.local_address for each in clients
    ]
    for conn in clients + conns:
        conn.close()


def test_accepting_without_a_client_waits_or_says_so(listener):
    with pytest.raises(WouldBlockError, match=r"^accept tcp 127\.0\.0\.1:"):
        listener.accept_nowait()
    with TaskGroup() as group:
        accepting = group.start_soon(listener.accept)
        near = net.dial(listener.address)
        with near, accepting.result() as far:
            assert far.remote_address == near.local_address


def test_ten_tasks_may_accept(listener):
    accepted = []

    def accept() -> None:
        while True:
            with listener.accept() as conn:
                accepted.append(conn.remote_address)

    with TaskGroup() as group:
        for _ in range(10):
            group.start_soon(pytest.raises, ClosedError, accept)
        dialed = []
        for _ in range(100):
            with net.dial(listener.address) as near:
                dialed.append(near.local_address)
                assert near.read() == b""
        listener.close()
    assert sorted(accepted, key=str) == sorted(dialed, key=str)


class Faulty(Descriptor):
    """A listening socket whose kernel has something to say first."""

    faults: list[int]

    def accept_nowait(self):
        if self.faults:
            number = self.faults.pop(0)
            raise OSError(number, os.strerror(number))
        return super().accept_nowait()


@pytest.fixture
def faulty():
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    sock.listen()
    descriptor = Faulty(sock)
    with net.Listener("tcp", [descriptor]) as listener:
        yield listener, descriptor


@pytest.mark.parametrize("name", BROKEN_IN_THE_QUEUE)
def test_a_connection_that_broke_in_the_queue_is_passed_over(faulty, name):
    listener, descriptor = faulty
    descriptor.faults = [getattr(errno, name)] * 3
    with net.dial(listener.address) as near, listener.accept() as far:
        assert far.remote_address == near.local_address


def test_a_lack_of_descriptors_is_told_and_the_client_still_waits(faulty):
    listener, descriptor = faulty
    descriptor.faults = [errno.EMFILE]
    with net.dial(listener.address) as near:
        with pytest.raises(
            Error, match=r"^accept tcp .*: too many open files"
        ) as caught:
            listener.accept()
        assert caught.value.errno == errno.EMFILE
        with listener.accept() as far:
            assert far.remote_address == near.local_address


def test_a_client_that_leaves_the_queue_disturbs_nobody(listener):
    gone = net.dial(listener.address)
    gone.abort()
    with net.dial(listener.address) as near:
        far = listener.accept()
        if far.remote_address != near.local_address:  # the kernel still counts it
            with pytest.raises(ResetError):
                far.read()
            far.close()
            far = listener.accept()
        with far:
            assert far.remote_address == near.local_address


# -- until when


def test_a_passed_deadline_wins_over_a_client_that_waits(listener):
    with net.dial(listener.address) as near:
        listener.set_deadline(LONG_AGO)
        for _ in range(2):
            with pytest.raises(
                DeadlineError, match=r"^accept tcp .*: deadline exceeded"
            ):
                listener.accept()
        listener.set_deadline(None)
        with listener.accept() as far:
            assert far.remote_address == near.local_address


def test_a_deadline_ends_a_busy_accept_loop(listener):
    def accept() -> None:
        while True:
            net.dial(listener.address).close()
            listener.accept().close()

    at = now() + 0.05
    listener.set_deadline(at)
    with pytest.raises(DeadlineError):
        accept()
    assert now() >= at
    with pytest.raises(DeadlineError):
        listener.accept()


def test_a_deadline_ends_an_accept_that_waits(listener):
    at = now() + 0.02
    listener.set_deadline(at)
    with pytest.raises(DeadlineError):
        listener.accept()
    assert at <= now() < at + 5


def test_moving_the_deadline_ends_an_accept_that_waits(listener):
    with TaskGroup() as group:
        group.start_soon(pytest.raises, DeadlineError, listener.accept)
        sleep(0.02)
        listener.set_deadline(LONG_AGO)


def test_a_cleared_deadline_binds_no_more(listener):
    listener.set_deadline(LONG_AGO)
    listener.set_deadline(None)
    with TaskGroup() as group:
        accepting = group.start_soon(pytest.raises, ClosedError, listener.accept)
        sleep(0.1)
        assert not accepting.done
        listener.close()


def test_a_timeout_bounds_an_accept(listener):
    with timeout(0.02), pytest.raises(DeadlineError):
        listener.accept()


# -- closing


def test_a_closed_listener_accepts_nobody(listener):
    with net.dial(listener.address):
        assert not listener.closed
        listener.close()
        assert listener.closed
        with pytest.raises(ClosedError) as caught:
            listener.accept()
    assert caught.value.op == "accept"
    assert caught.value.local == listener.address


def test_closing_twice_is_silent(listener):
    listener.close()
    listener.close()


def test_a_close_wakes_those_who_accept(listener):
    with TaskGroup() as group:
        for _ in range(3):
            group.start_soon(pytest.raises, ClosedError, listener.accept)
        sleep(0.02)
        began = now()
        listener.close()
    assert now() - began < 5


def test_after_a_close_the_address_is_free(listener):
    address = listener.address
    listener.close()
    for _ in range(10):
        net.listen(address).close()


def test_after_a_close_under_an_accept_the_address_is_free(listener):
    address = listener.address
    for _ in range(10):
        waiting = Event()

        def accept(listener=listener, waiting=waiting):
            waiting.set()
            with pytest.raises(ClosedError):
                listener.accept()

        with TaskGroup() as group:
            group.start_soon(accept)
            waiting.wait()
            listener.close()
            listener = net.listen(address)
    listener.close()


def test_after_a_close_the_address_is_free_though_conns_live_on(listener):
    address = listener.address
    with net.dial(address) as near, listener.accept() as far:
        listener.close()
        net.listen(address).close()
        near.write(b"x")
        assert far.read() == b"x"


def test_a_close_resets_the_clients_that_wait(listener):
    with net.dial(listener.address) as near:
        listener.close()
        with pytest.raises(ResetError):
            near.read()


def test_a_block_closes_its_listener():
    with net.listen("tcp", "127.0.0.1:0") as listener:
        pass
    assert listener.closed


def test_a_listener_does_not_survive_exec(listener):
    assert not os.get_inheritable(listener.filenos()[0])
