"""A conn: its ends, its options, and how a server ends it."""

import contextlib
import os
import pickle
import socket
from collections.abc import Iterator

import pytest

from portside import net
from portside.engine import Event, TaskGroup, now, sleep, timeout
from portside.errors import ClosedError, DeadlineError, Error, ResetError
from portside.names import IPAddress
from tests.descriptors import is_open


@contextlib.contextmanager
def socket_of(conn: net.Conn) -> Iterator[socket.socket]:
    with socket.socket(fileno=os.dup(conn.fileno())) as sock:
        yield sock


# -- the two ends


def test_the_ends_of_one_are_those_of_the_other_turned_round(pair):
    near, far = pair
    assert near.local_address == far.remote_address
    assert near.remote_address == far.local_address
    assert isinstance(near.local_address, IPAddress)


def test_a_five_tuple_names_the_traffic(pair):
    near, _ = pair
    told = f"tcp {near.local_address} -> {near.remote_address}"
    assert str(near.five_tuple) == told


def test_a_five_tuple_without_family_is_plain_tcp():
    with (
        net.listen("tcp4", "127.0.0.1:0") as listener,
        net.dial(listener.address) as near,
        listener.accept() as far,
    ):
        assert near.network == far.network == "tcp4"
        assert near.five_tuple.protocol == "tcp"


def test_a_conn_shows_its_ends_and_its_state(pair):
    near, _ = pair
    ends = f"{near.local_address}->{near.remote_address}"
    assert repr(near) == f"<Conn tcp {ends} open>"
    near.close()
    assert repr(near) == f"<Conn tcp {ends} closed>"


def test_a_closed_conn_keeps_its_addresses(pair):
    near, _ = pair
    ends = near.local_address, near.remote_address
    near.close()
    assert (near.local_address, near.remote_address) == ends


def test_a_closed_conn_has_no_number(pair):
    near, _ = pair
    assert is_open(near.fileno())
    near.close()
    with pytest.raises(ClosedError):
        near.fileno()


def test_only_a_unix_peer_is_known(pair):
    near, _ = pair
    with pytest.raises(Error, match="only the peer of a Unix socket"):
        near.peer_credentials()


# -- options


def test_a_conn_sends_at_once_and_probes_a_silent_peer(pair):
    for conn in pair:
        with socket_of(conn) as sock:
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 15


def test_a_conn_does_not_survive_exec(pair):
    for conn in pair:
        assert not os.get_inheritable(conn.fileno())


def test_no_delay_can_be_taken_off(pair):
    near, _ = pair
    with socket_of(near) as sock:
        near.set_no_delay(False)
        assert not sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        near.set_no_delay(True)
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_keep_alive_takes_seconds_and_rounds_them_up(pair):
    near, _ = pair
    near.set_keep_alive(idle=1.5, interval=0.1, count=3)
    names = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
    with socket_of(near) as sock:
        values = [sock.getsockopt(socket.IPPROTO_TCP, name) for name in names]
    assert values == [2, 1, 3]


def test_keep_alive_can_be_taken_off(pair):
    near, _ = pair
    near.set_keep_alive(False)
    with socket_of(near) as sock:
        assert not sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)


def test_a_linger_of_zero_makes_a_close_an_abort(pair):
    near, far = pair
    near.set_linger(0)
    near.close()
    with pytest.raises(ResetError):
        far.read()


def test_a_linger_of_none_is_the_kernels(pair):
    near, far = pair
    near.set_linger(0)
    near.set_linger(None)
    near.close()
    assert far.read() == b""


def test_buffer_sizes_are_set_one_by_one(pair):
    near, _ = pair
    with socket_of(near) as sock:
        before = sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        near.set_buffer_sizes(send=20000)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) == 40000
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) == before
        near.set_buffer_sizes(receive=10000)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) == 20000


def test_options_of_a_closed_conn_are_errors(pair):
    near, _ = pair
    near.close()
    for call in (
        near.set_keep_alive,
        lambda: near.set_no_delay(True),
        lambda: near.set_linger(0),
        lambda: near.set_buffer_sizes(send=1),
    ):
        with pytest.raises(
            ClosedError, match=r"^set tcp .*: use of closed connection$"
        ):
            call()


# -- the end


def test_a_close_while_another_task_reads_keeps_the_number_until_it_has_left(pair):
    near, _ = pair
    fd = near.fileno()
    with TaskGroup() as group:
        group.start_soon(pytest.raises, ClosedError, near.read)
        sleep(0.02)
        near.close()
    assert not is_open(fd)


def test_a_detached_conn_is_still_open(pair):
    near, far = pair
    assert not near.detached
    assert near.detach() is near
    assert near.detached
    near.write(b"x")
    assert far.read() == b"x"


def test_a_close_need_not_linger_before_anything_was_written(pair):
    near, _ = pair
    assert not near.must_linger
    began = now()
    near.close(linger=60)
    assert now() - began < 30


def test_a_close_need_not_linger_after_the_peers_end(pair):
    near, far = pair
    near.write(b"reply")
    assert near.must_linger
    far.close_write()
    assert near.read() == b""
    assert not near.must_linger


def test_a_plain_close_over_unread_bytes_resets(pair):
    near, far = pair
    far.write(b"unread")
    near.peek()
    far.write(b"in the kernel")
    with socket_of(near) as sock:
        sock.setblocking(True)
        sock.recv(1, socket.MSG_PEEK)
    near.close()
    with pytest.raises(ResetError):
        far.read()


def test_a_lingering_close_ends_though_the_peer_talks_on(pair):
    near, far = pair
    near.write(b"reply")
    with TaskGroup() as group:
        group.start_soon(pytest.raises, Error, far.write, bytes(1 << 30))
        began = now()
        near.close(linger=0.1)
    assert now() - began < 30


def test_who_serves_a_conn_is_told_once_that_it_closed(pair):
    near, _ = pair
    told: list[str] = []
    near.serve_as(Event(), lambda: told.append("closed"))
    near.close()
    near.close()
    near.abort()
    assert told == ["closed"]


# -- a server that stops


def test_a_conn_that_nobody_serves_is_not_draining(pair):
    near, _ = pair
    assert not near.draining
    assert near.draining is near.draining


def test_a_conn_shares_its_servers_draining(pair):
    near, _ = pair
    draining = Event()
    near.serve_as(draining, lambda: None)
    assert near.draining is draining


@pytest.fixture(params=["pair", "pipe"])
def ends(request):
    return request.getfixturevalue(request.param)


def test_what_writes_have_waited_for_the_peer_is_counted_and_nothing_else(ends):
    near, far = ends
    near.write(b"it keeps up")
    far.read()
    assert near.write_waited == 0.0
    near.set_write_deadline(now() + 0.05)
    with pytest.raises(DeadlineError):
        while True:
            near.write(bytes(100_000))
    waited = near.write_waited
    assert waited > 0.0
    sleep(0.05)
    assert near.write_waited == waited


def test_a_read_that_was_declared_idle_sees_the_end_when_the_server_drains(ends):
    near, _ = ends
    begun = Event()

    def serve():
        with near.idle():
            begun.set()
            return near.read()

    with TaskGroup() as group:
        serving = group.start_soon(serve)
        begun.wait()
        near.drain()
        assert serving.result() == b""


def test_a_read_that_was_not_declared_idle_goes_on(ends):
    near, far = ends
    near.drain()
    with timeout(0.02), pytest.raises(DeadlineError):
        near.read()
    far.write(b"x")
    assert near.read() == b"x"


@pytest.mark.parametrize("fails", [False, True])
def test_a_read_behind_an_idle_block_is_not_idle_any_more(ends, fails):
    """However the block was left: the peer is owed an answer from then on."""
    near, far = ends
    near.drain()
    with contextlib.suppress(LookupError), near.idle():
        if fails:
            raise LookupError
        assert near.read() == b""
    with timeout(0.02), pytest.raises(DeadlineError):
        near.read()
    far.write(b"x")
    assert near.read() == b"x"


def test_an_idle_read_still_gets_what_has_come(ends):
    near, far = ends
    far.write(b"last request\nleft over")
    near.peek(22)
    near.drain()
    with near.idle():
        assert near.read_line() == b"last request\n"
        assert near.read() == b"left over"
        assert near.read() == b""


def test_idle_lines_end_when_the_server_drains(ends):
    near, far = ends
    lines = []

    def serve() -> None:
        for line in near.lines(idle=True):
            lines.append(line)
            near.write(line)

    with TaskGroup() as group:
        group.start_soon(serve)
        far.write(b"one\n")
        assert far.read() == b"one"
        near.drain()
    assert lines == [b"one"]


def test_an_error_of_a_conn_can_be_pickled(pair):
    near, _ = pair
    near.set_deadline(now())
    with pytest.raises(DeadlineError) as caught:
        near.write(b"x")
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (copy.local, copy.remote) == (near.local_address, near.remote_address)
