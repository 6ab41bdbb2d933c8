"""Dialing: which address, how often, until when, and what is told of failures."""

import errno
import os
import pickle
import socket
import sys

import pytest

from portside import net
from portside.engine import now, sleep, timeout
from portside.errors import (
    AddressError,
    DeadlineError,
    Error,
    InUseError,
    RefusedError,
    ResolveError,
)
from portside.names import Endpoint, IPAddress

dialing = sys.modules["portside.net.dial"]  # the package has a function of that name


def has_ipv6():
    with socket.socket(socket.AF_INET6) as sock:
        try:
            sock.bind(("::1", 0))
        except OSError:
            return False
    return True


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="no IPv6 on this machine")


def answers(*texts):
    return lambda host, network: texts


@pytest.fixture
def refusing():
    """A port that is taken, and that nobody listens to."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield IPAddress("tcp", *sock.getsockname())


@pytest.fixture
def free():
    """A port that nobody has, and that the kernel gives to nobody else just now."""
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("127.0.0.1", 0))
        yield IPAddress("tcp", *sock.getsockname())


@pytest.fixture
def silent():
    """A listener whose queue is full: it answers no further client."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen(0)
        clients = []
        for _ in range(4):
            client = socket.socket()
            client.setblocking(False)
            client.connect_ex(sock.getsockname())
            clients.append(client)
        yield IPAddress("tcp", *sock.getsockname())
        for client in clients:
            client.close()


# -- where


def test_all_ways_to_say_where_reach_it(listener):
    address = listener.address
    for target in (
        (address,),
        (f"tcp://{address}",),
        (f"tcp4://{address}",),
        ("tcp", str(address)),
        (Endpoint("tcp", "127.0.0.1", address.port),),
        ("tcp", f":{address.port}"),
        ("tcp4", f"localhost:{address.port}"),
        ("tcp", f"0.0.0.0:{address.port}"),
    ):
        with net.dial(*target) as near, listener.accept() as far:
            assert str(near.remote_address) == str(far.local_address) == str(address)


def test_an_address_of_the_other_family_is_an_error():
    with pytest.raises(AddressError):
        net.dial("tcp6", "127.0.0.1:80")


@pytest.mark.parametrize(
    "target", ["udp://127.0.0.1:0", "unixgram:@", "unix:@", "fd:3"]
)
def test_what_cannot_be_dialled_is_told(target):
    with pytest.raises(AddressError):
        net.dial(target)


def test_the_families_of_a_name_take_turns():
    asked = []

    def control(network, address, sock):
        asked.append(address.ip)
        raise OSError(errno.EHOSTUNREACH, "no route to host")

    resolver = answers("::1", "fd00::7", "127.0.0.1", "127.0.0.2")
    with pytest.raises(Error):
        net.dial("tcp", "name:9", control=control, resolver=resolver)
    assert asked == ["::1", "127.0.0.1", "fd00::7", "127.0.0.2"]


def test_a_name_without_address_is_an_error():
    with pytest.raises(ResolveError, match=r"^dial tcp no-such\.invalid:80: "):
        net.dial("tcp", "no-such.invalid:80")


def test_a_dialed_conn_says_what_it_is(listener):
    with net.dial(listener.address) as near, listener.accept() as far:
        assert near.network == "tcp"
        assert near.remote_address == listener.address
        assert near.local_address == far.remote_address


# -- refused


def test_a_refusal_has_the_text_that_go_has(refusing):
    with pytest.raises(RefusedError) as caught:
        net.dial(refusing)
    assert str(caught.value) == f"dial tcp {refusing}: connection refused"


def test_a_refusal_is_that_of_python(refusing):
    with pytest.raises(ConnectionRefusedError) as caught:
        net.dial(refusing)
    assert caught.value.errno == errno.ECONNREFUSED


def test_a_single_failure_is_its_own_attempt(refusing):
    with pytest.raises(RefusedError) as caught:
        net.dial(refusing)
    assert caught.value.attempts == (caught.value,)


def test_the_next_address_is_tried_when_one_refuses(listener):
    port = listener.address.port
    resolver = answers("127.0.0.2", "127.0.0.1")
    with net.dial("tcp", f"name:{port}", resolver=resolver) as near:
        assert near.remote_address == listener.address


def test_the_first_address_that_answers_wins(listener):
    port = listener.address.port
    asked = []

    def control(network, address, sock):
        asked.append(address.ip)

    resolver = answers("127.0.0.1", "127.0.0.2")
    net.dial("tcp", f"name:{port}", resolver=resolver, control=control).close()
    assert asked == ["127.0.0.1"]


def test_a_refusal_of_all_addresses_tells_of_each(refusing):
    resolver = answers("127.0.0.1", "127.0.0.2")
    with pytest.raises(RefusedError) as caught:
        net.dial("tcp", f"name:{refusing.port}", resolver=resolver)
    error = caught.value
    where = f"dial tcp name:{refusing.port}"
    assert str(error) == f"{where}: connection refused (2 attempts)"
    assert [str(each.remote) for each in error.attempts] == [
        f"127.0.0.1:{refusing.port}",
        f"127.0.0.2:{refusing.port}",
    ]
    assert isinstance(error.__cause__, ExceptionGroup)
    assert error.__cause__.exceptions == error.attempts
    assert error.errno == errno.ECONNREFUSED


def test_a_refusal_with_its_attempts_can_be_pickled(refusing):
    resolver = answers("127.0.0.1", "127.0.0.2")
    with pytest.raises(RefusedError) as caught:
        net.dial("tcp", f"name:{refusing.port}", resolver=resolver)
    copy = pickle.loads(pickle.dumps(caught.value))
    assert str(copy) == str(caught.value)
    assert [str(each) for each in copy.attempts] == [
        str(each) for each in caught.value.attempts
    ]


def test_the_class_is_that_of_the_first_failure(refusing):
    def control(network, address, sock):
        if address.ip == "127.0.0.1":
            raise OSError(errno.EHOSTUNREACH, "no route to host")

    port = refusing.port
    with pytest.raises(Error, match=r"no route to host \(2 attempts") as caught:
        net.dial(
            "tcp",
            f"name:{port}",
            resolver=answers("127.0.0.1", "127.0.0.2"),
            control=control,
        )
    assert type(caught.value) is Error
    assert [type(each) for each in caught.value.attempts] == [Error, RefusedError]


def test_a_socket_that_connects_to_itself_is_refused(refusing):
    def take_the_same_port(network, address, sock):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address.sockaddr)

    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("127.0.0.1", 0))
        address = IPAddress("tcp", *sock.getsockname())
        with pytest.raises(RefusedError):
            net.dial(address, control=take_the_same_port)


# -- from where

LOCALS = {
    "an address": ("tcp", "127.0.0.1", "127.0.0.2", "127.0.0.2"),
    "with the port 0": ("tcp", "127.0.0.1", "127.0.0.2:0", "127.0.0.2"),
    "tcp4": ("tcp4", "127.0.0.1", "127.0.0.2", "127.0.0.2"),
    "ipv4 in ipv6": ("tcp", "127.0.0.1", "::ffff:127.0.0.2", "127.0.0.2"),
    "a value": ("tcp", "127.0.0.1", IPAddress("tcp", "127.0.0.2", 0), "127.0.0.2"),
    "a tcp4 value": (
        "tcp",
        "127.0.0.1",
        IPAddress("tcp4", "127.0.0.2", 0),
        "127.0.0.2",
    ),
    "no host": ("tcp", "127.0.0.1", ":0", "127.0.0.1"),
    "no host, tcp4": ("tcp4", "127.0.0.1", ":0", "127.0.0.1"),
    "any": ("tcp", "127.0.0.1", "0.0.0.0", "127.0.0.1"),
    "any of ipv6": ("tcp", "127.0.0.1", "[::]:0", "127.0.0.1"),
    "to this host": ("tcp", "", "127.0.0.2", "127.0.0.2"),
    "to a name": ("tcp", "name", "127.0.0.2", "127.0.0.2"),
    "to a name, tcp4": ("tcp4", "name", "127.0.0.2", "127.0.0.2"),
}

LOCALS_OF_IPV6 = {
    "an address": ("tcp", "[::1]", "::1", "::1"),
    "in brackets": ("tcp", "[::1]", "[::1]", "::1"),
    "with the port 0": ("tcp", "[::1]", "[::1]:0", "::1"),
    "tcp6": ("tcp6", "[::1]", "::1", "::1"),
    "no host": ("tcp", "[::1]", ":0", "::1"),
    "no host, tcp6": ("tcp6", "[::1]", ":0", "::1"),
    "any": ("tcp", "[::1]", "::", "::1"),
    "any of ipv4": ("tcp", "[::1]", "0.0.0.0:0", "::1"),
    "to this host": ("tcp", "", "::1", "::1"),
    "to this host, tcp6": ("tcp6", "", "::1", "::1"),
    "to a name": ("tcp", "name", "::1", "::1"),
    "to a name, tcp6": ("tcp6", "name", "::1", "::1"),
}


def is_called_from(host, network, to, local, wanted):
    with net.listen("tcp", f"{host}:0") as listener:
        port = listener.address.port
        resolver = answers("::1", "127.0.0.1") if host != "[::1]" else answers("::1")
        with net.dial(network, f"{to}:{port}", local=local, resolver=resolver) as near:
            with listener.accept() as far:
                assert str(near.local_address) == str(far.remote_address)
                assert isinstance(near.local_address, IPAddress)
                assert near.local_address.ip == wanted


@pytest.mark.parametrize(
    ("network", "to", "local", "wanted"), LOCALS.values(), ids=LOCALS
)
def test_a_local_address_is_where_the_call_comes_from(network, to, local, wanted):
    is_called_from("127.0.0.1", network, to, local, wanted)


@needs_ipv6
@pytest.mark.parametrize(
    ("network", "to", "local", "wanted"), LOCALS_OF_IPV6.values(), ids=LOCALS_OF_IPV6
)
def test_a_local_address_of_ipv6_is_as_good(network, to, local, wanted):
    is_called_from("[::1]", network, to, local, wanted)


@pytest.mark.parametrize("local", ["127.0.0.2", pytest.param("::1", marks=needs_ipv6)])
def test_what_listens_everywhere_is_called_from_any_address(local):
    with net.listen("tcp", ":0") as listener:
        with net.dial(listener.address, local=local) as near:
            with listener.accept() as far:
                assert near.local_address == far.remote_address
                assert str(near.local_address).startswith((local, f"[{local}]"))


NO_LOCALS = {
    "ipv6 to ipv4": ("tcp", "127.0.0.1", "::1", "no IPv6 address .* only 127.0.0.1"),
    "ipv4 to ipv6": ("tcp", "[::1]", "127.0.0.1", "no IPv4 address .* only ::1"),
    "ipv6 to a name": ("tcp", "name", "::1", "no IPv6 address to be called from ::1"),
    "ipv6 by tcp4": ("tcp4", "127.0.0.1", "::1", "an IPv6 address, and tcp4 is"),
    "any ipv6 by tcp4": ("tcp4", "127.0.0.1", "::", "an IPv6 address, and tcp4 is"),
    "ipv4 by tcp6": ("tcp6", "[::1]", "127.0.0.1", "an IPv4 address, and tcp6 is"),
    "udp": ("tcp", "127.0.0.1", IPAddress("udp", "127.0.0.2", 0), "of network udp"),
    "a name": ("tcp", "127.0.0.1", "localhost", "'localhost' is not an IP address"),
    "a name and port": ("tcp", "127.0.0.1", "localhost:0", "is not an IP address"),
    "some numbers": ("tcp", "127.0.0.1", "127.1", "is not an IP address"),
    "nothing": ("tcp", "127.0.0.1", "", "is empty"),
    "no service": ("tcp", "127.0.0.1", "127.0.0.2:nope", "port 'nope'"),
    "no port": ("tcp", "127.0.0.1", "127.0.0.2:65536", "port '65536'"),
    "half a bracket": ("tcp", "127.0.0.1", "[::1:0", "missing ']'"),
}


@pytest.mark.parametrize(
    ("network", "to", "local", "told"), NO_LOCALS.values(), ids=NO_LOCALS
)
def test_a_local_address_that_cannot_be_is_told(network, to, local, told):
    with pytest.raises(AddressError, match=told):
        net.dial(network, f"{to}:9", local=local, resolver=answers("127.0.0.1"))


def test_a_local_port_is_where_the_call_comes_from(listener, free):
    for local in (free, str(free), f":{free.port}"):
        with net.dial(listener.address, local=local) as near:
            with listener.accept() as far:
                assert near.local_address == far.remote_address == free
                near.abort()  # or its TIME-WAIT would have both ends


def test_a_local_port_that_is_taken_is_in_use(listener, refusing):
    with pytest.raises(InUseError) as caught:
        net.dial(listener.address, local=refusing)
    where = f"dial tcp {refusing}->{listener.address}"
    assert str(caught.value) == f"{where}: address already in use"


def test_a_failure_of_all_tells_the_local_address(refusing):
    with pytest.raises(RefusedError) as caught:
        net.dial(
            "tcp",
            f"name:{refusing.port}",
            local="127.0.0.3",
            resolver=answers("127.0.0.1", "127.0.0.2"),
        )
    where = f"dial tcp 127.0.0.3:0->name:{refusing.port}"
    assert str(caught.value) == f"{where}: connection refused (2 attempts)"


# -- again


def test_attempts_wait_for_a_listener_that_comes_later():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        address = IPAddress("tcp", *server.getsockname())
        tries = []

        def listen_at_the_third(network, address, sock):
            tries.append(address)
            if len(tries) == 3:
                server.listen()

        with net.dial(address, attempts=5, control=listen_at_the_third) as near:
            assert near.remote_address == address
    assert len(tries) == 3


def test_attempts_end_and_tell_of_each(refusing):
    with pytest.raises(
        RefusedError, match=r"connection refused \(3 attempts\)"
    ) as caught:
        net.dial(refusing, attempts=3)
    assert len(caught.value.attempts) == 3


def test_attempts_try_each_address_each_time(refusing):
    asked = []

    def control(network, address, sock):
        asked.append(address.ip)

    with pytest.raises(RefusedError):
        net.dial(
            "tcp",
            f"name:{refusing.port}",
            attempts=2,
            control=control,
            resolver=answers("127.0.0.1", "127.0.0.2"),
        )
    assert asked == ["127.0.0.1", "127.0.0.2"] * 2


def test_attempts_end_at_the_timeout(refusing):
    began = now()
    with pytest.raises(RefusedError) as caught:
        net.dial(refusing, attempts=1000, timeout=0.3)
    assert 0.25 < now() - began < 5
    assert 1 < len(caught.value.attempts) < 10


def test_one_address_that_was_refused_is_reason_enough_to_try_again(refusing):
    asked = []

    def control(network, address, sock):
        asked.append(address.ip)
        if address.ip == "127.0.0.2":
            raise OSError(errno.ENETUNREACH, "network is unreachable")

    with pytest.raises(RefusedError):
        net.dial(
            "tcp",
            f"name:{refusing.port}",
            attempts=2,
            control=control,
            resolver=answers("127.0.0.1", "127.0.0.2"),
        )
    assert asked == ["127.0.0.1", "127.0.0.2"] * 2


def test_what_another_attempt_would_not_change_is_not_tried_again():
    tries = []

    def control(network, address, sock):
        tries.append(address)
        raise OSError(errno.EHOSTUNREACH, "no route to host")

    with pytest.raises(Error, match="no route to host"):
        net.dial("tcp", "127.0.0.1:9", attempts=5, control=control)
    assert len(tries) == 1


@pytest.mark.parametrize("attempts", [0, -1])
def test_less_than_one_attempt_is_an_error(attempts):
    with pytest.raises(ValueError, match="attempts must be at least 1"):
        net.dial("tcp", "127.0.0.1:9", attempts=attempts)


# -- until when


def test_a_timeout_bounds_a_connect_that_nobody_answers(silent):
    began = now()
    with pytest.raises(DeadlineError) as caught:
        net.dial(silent, timeout=0.05)
    assert 0.05 <= now() - began < 5
    assert str(caught.value) == f"dial tcp {silent}: deadline exceeded"


def test_a_block_bounds_a_connect_as_well(silent):
    with timeout(0.05), pytest.raises(DeadlineError) as caught:
        net.dial(silent)
    assert caught.value.op == "dial"


@pytest.mark.parametrize("seconds", [0, -1])
def test_a_timeout_that_is_over_dials_nobody(listener, seconds):
    with pytest.raises(DeadlineError, match=rf"^dial tcp {listener.address}: deadline"):
        net.dial(listener.address, timeout=seconds)
    with timeout(0.02), pytest.raises(DeadlineError):
        listener.accept()


def test_a_timeout_of_a_dial_does_not_bound_the_conn(listener):
    with net.dial(listener.address, timeout=0.3) as near, listener.accept() as far:
        sleep(0.35)
        far.write(b"x")
        assert near.read() == b"x"
        near.write(b"y")


def test_the_largest_timeout_is_a_timeout(listener):
    net.dial(listener.address, timeout=float("inf")).close()
    net.dial(listener.address, timeout=1e300).close()


def test_a_timeout_bounds_a_resolver_that_waits():
    def resolver(host, network):
        sleep(60)
        return ["127.0.0.1"]

    with pytest.raises(DeadlineError, match=r"^dial tcp name:9: deadline exceeded$"):
        net.dial("tcp", "name:9", timeout=0.02, resolver=resolver)


def test_an_address_that_never_answers_costs_a_quarter_of_a_second(silent):
    began = now()
    with socket.socket() as other:
        other.bind(("127.0.0.2", silent.port))
        other.listen()
        resolver = answers("127.0.0.1", "127.0.0.2")
        with net.dial("tcp", f"name:{silent.port}", resolver=resolver) as near:
            assert 0.25 <= now() - began < 0.75
            assert str(near.remote_address) == f"127.0.0.2:{silent.port}"


def test_a_short_timeout_leaves_time_for_the_last_address(silent):
    with socket.socket() as other:
        other.bind(("127.0.0.4", silent.port))
        other.listen()
        with net.dial(
            "tcp4",
            f"name:{silent.port}",
            timeout=0.6,  # less than three times a quarter of a second
            resolver=answers("127.0.0.1", "127.0.0.1", "127.0.0.3", "127.0.0.4"),
        ) as near:
            assert str(near.remote_address) == f"127.0.0.4:{silent.port}"


def test_a_timeout_tells_of_those_that_had_not_answered(silent):
    with pytest.raises(DeadlineError) as caught:
        net.dial(
            "tcp",
            f"name:{silent.port}",
            timeout=0.3,
            resolver=answers("127.0.0.1", "127.0.0.2"),
        )
    where = f"dial tcp name:{silent.port}"
    assert str(caught.value) == f"{where}: deadline exceeded (2 attempts)"
    assert [str(each) for each in caught.value.attempts] == [
        f"dial tcp 127.0.0.1:{silent.port}: deadline exceeded",
        f"dial tcp 127.0.0.2:{silent.port}: connection refused",
    ]


def test_an_attempt_that_nobody_answers_leaves_time_for_the_next(silent, monkeypatch):
    monkeypatch.setattr(dialing, "MIN_ATTEMPT_SECONDS", 0.01)
    with pytest.raises(DeadlineError) as caught:
        net.dial(silent, timeout=0.5, attempts=2)
    assert len(caught.value.attempts) == 2


# As Go's TestPartialDeadline has it: seconds left, attempts left, seconds for one.
SHARES = {
    "the only one": (12, 1, 12),
    "one of two": (12, 2, 6),
    "one of three": (12, 3, 4),
    "the least": (12, 999, 2),
    "less than the least": (1.9, 2, 1.9),
    "over": (-1, 2, -1),
}


@pytest.mark.parametrize(("left", "parts", "wanted"), SHARES.values(), ids=SHARES)
def test_the_time_is_shared_out(left, parts, wanted):
    began = now()
    share = dialing._share(began + left, parts, 2.0)
    assert share == pytest.approx(began + wanted, abs=0.5)


def test_no_bound_is_not_shared_out():
    assert dialing._share(None, 3, 2.0) is None


# -- sockets


@pytest.mark.parametrize(
    ("host", "network"), [("127.0.0.1", "tcp4"), ("[::1]", "tcp6")]
)
def test_a_control_is_called_before_the_connect(host, network):
    seen = []

    def control(network, address, sock):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        seen.append((network, address))

    with (
        net.listen("tcp", f"{host}:0") as listener,
        net.dial(listener.address, control=control) as near,
        socket.socket(fileno=os.dup(near.fileno())) as sock,
    ):
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) == 8192
        assert seen == [(network, listener.address)]


def test_a_control_that_fails_ends_the_dial(listener):
    def control(network, address, sock):
        raise KeyError("no")

    with pytest.raises(KeyError):
        net.dial(listener.address, control=control)


def test_dials_that_fail_leave_no_descriptor(refusing, silent):
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        with pytest.raises(RefusedError):
            net.dial(refusing)
        with pytest.raises(DeadlineError):
            net.dial(silent, timeout=0.001)
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_dial_to_a_listener_that_closes_gives_a_conn_or_an_error(listener):
    address = listener.address
    conns = [net.dial(address) for _ in range(5)]
    listener.close()
    for conn in conns:
        with conn, pytest.raises(ConnectionError):
            conn.read()
    with pytest.raises(RefusedError):
        net.dial(address)
