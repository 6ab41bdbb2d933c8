"""Streams over networks that lose, delay, double and reorder: the kernel's own TCP."""

import contextlib
import random
import socket
import time
from collections.abc import Iterator

import pytest

from portside import Server, TaskGroup, net, now, timeout
from portside.errors import DeadlineError, TimedOutError
from portside.models import MODELS
from portside.net import Conn
from portside.testing import BadLink, LinkEnd, why_no_link

pytestmark = pytest.mark.skipif(why_no_link() is not None, reason=str(why_no_link()))

LONG = 50.0

KIB = 1024

TCP_USER_TIMEOUT = 18  # tcp(7); the socket module has it on Linux, mypy's does not

in_models = pytest.mark.parametrize("model", ["thread", "nonblocking", "hybrid"])


def echo(conn: Conn) -> None:
    for chunk in conn:
        conn.write(chunk)


@contextlib.contextmanager
def echo_at(end: LinkEnd, model: str = "thread") -> Iterator[Server]:
    server = Server(echo, "tcp://:0", model=model, grace=0.5)
    with end:
        server.start()
    try:
        yield server
    finally:
        server.stop()


def dialed(link: BadLink, server: Server, host: str | None = None) -> Conn:
    with link.near:
        host = host or link.far.address
        return net.dial("tcp", net_place(host, server.address.port), timeout=LONG)


def net_place(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def check_echo(conn: Conn, n: int) -> None:
    """Claim that n bytes come back as they went, while both directions are in use."""
    data = random.Random(n).randbytes(n)
    with timeout(LONG), TaskGroup() as group:
        group.start_soon(send_all, conn, data)
        came = conn.read_all(2 * n)
    assert came == data


def send_all(conn: Conn, data: bytes) -> None:
    conn.write(data)
    conn.close_write()


@in_models
@pytest.mark.parametrize("version", [4, 6])
def test_a_stream_arrives_whole_both_ways_over_a_bad_link(
    model: str, version: int
) -> None:
    """5 percent lost, 200 ms for a round trip, with jitter, copies and overtaking."""
    bad = BadLink(
        delay=0.1, jitter=0.02, loss=0.05, duplicate=0.01, reorder=0.05, seed=version
    )
    with bad as link, echo_at(link.far, model) as server:
        host = link.far.address if version == 4 else link.far.address6
        with dialed(link, server, host) as conn:
            check_echo(conn, 128 * KIB)
        counts = link.counts
    assert counts.dropped > 0
    assert counts.reordered > 0


@in_models
def test_a_megabyte_arrives_whole_both_ways_over_a_short_bad_link(model: str) -> None:
    bad = BadLink(
        delay=0.005, loss=0.01, duplicate=0.02, reorder=0.02, cut=0.01, seed=11
    )
    with bad as link, echo_at(link.far, model) as server:
        with dialed(link, server) as conn:
            check_echo(conn, 1024 * KIB)
        counts = link.counts
    for each in (counts.dropped, counts.duplicated, counts.reordered, counts.cut):
        assert each > 0


def test_many_streams_share_a_bad_link() -> None:
    def talk() -> None:
        with dialed(link, server) as conn:
            check_echo(conn, 32 * KIB)

    with BadLink(delay=0.02, loss=0.03, seed=4) as link:
        with echo_at(link.far, "nonblocking") as server, TaskGroup() as group:
            for _ in range(10):
                group.start_soon(talk)


def test_a_server_that_is_far_behind_a_slow_link_gets_all_at_its_rate() -> None:
    n = 256 * KIB
    with BadLink(rate=200_000, delay=0.01) as link, echo_at(link.far) as server:
        began = time.monotonic()
        with dialed(link, server) as conn:
            check_echo(conn, n)
        took = time.monotonic() - began
    assert took > n / 200_000


@in_models
def test_a_stream_arrives_whole_when_the_link_is_down_for_a_while(model: str) -> None:
    with BadLink(delay=0.01, seed=5) as link, echo_at(link.far, model) as server:
        with dialed(link, server) as conn:
            check_whole_over_an_outage(link, [conn], down=2.0)


@pytest.mark.stress
@pytest.mark.timeout(200)
def test_streams_arrive_whole_when_the_link_is_down_for_30_s() -> None:
    """Under every model at once: it takes TCP a minute to notice that it is up."""
    with (
        BadLink(delay=0.01, loss=0.01, seed=6) as link,
        contextlib.ExitStack() as stack,
    ):
        conns = []
        for model in MODELS:
            server = stack.enter_context(echo_at(link.far, model))
            conns.append(stack.enter_context(dialed(link, server)))
        check_whole_over_an_outage(link, conns, down=30.0)


def check_whole_over_an_outage(link: BadLink, conns: list[Conn], down: float) -> None:
    data = random.Random(1).randbytes(256 * KIB)
    # What TCP waits between tries doubles: it may find the link up as late as that.
    with timeout(3 * down + LONG / 2), TaskGroup() as group:
        for conn in conns:
            conn.write(data[: 64 * KIB])
        came = {conn: conn.read_exactly(32 * KIB) for conn in conns}  # it flows
        link.down()
        up_at = now() + down
        for conn in conns:
            group.start_soon(send_all, conn, data[64 * KIB :])
        for conn in conns:
            came[conn] += read_until_deadline(conn, up_at)
            assert len(came[conn]) < len(data)
        link.up()
        for conn in conns:
            came[conn] += conn.read_all(2 * len(data))
            assert came[conn] == data
    assert link.counts.unplugged > 0


def read_until_deadline(conn: Conn, at: float) -> bytes:
    """Return what is read until a deadline ends it."""
    came = b""
    conn.set_read_deadline(at)
    with contextlib.suppress(DeadlineError):
        while True:
            came += conn.read()
    conn.set_read_deadline(None)
    return came


@in_models
def test_a_read_over_a_dead_link_ends_at_its_deadline(model: str) -> None:
    with BadLink(delay=0.01) as link, echo_at(link.far, model) as server:
        with dialed(link, server) as conn:
            conn.write(b"hello")
            with timeout(LONG):
                assert conn.read_exactly(5) == b"hello"
            link.down()
            conn.write(b"is anybody there?")
            began = now()
            conn.set_read_deadline(began + 0.3)
            with pytest.raises(
                DeadlineError, match=r"^read tcp 192\.0\.2\.1:.*->192\.0\.2\.2"
            ):
                conn.read()
            assert 0.3 <= now() - began < 5
            conn.abort()


def test_a_dial_over_a_dead_link_ends_at_its_timeout() -> None:
    with BadLink() as link, echo_at(link.far) as server:
        link.down()
        began = now()
        with pytest.raises(DeadlineError, match=r"^dial tcp 192\.0\.2\.2:"), link.near:
            net.dial(
                "tcp", net_place(link.far.address, server.address.port), timeout=0.3
            )
        assert 0.3 <= now() - began < 5


def test_a_handler_learns_of_a_dead_link_by_its_own_timeout() -> None:
    with BadLink() as link, timeout(LONG):
        with link.far, net.listen("tcp", ":0") as listener:
            with link.near:
                near = net.dial("tcp", f"{link.far.address}:{listener.address.port}")
            far = listener.accept()
        link.down()
        near.write(b"this is lost")
        with pytest.raises(DeadlineError), timeout(0.2):
            far.read()
        near.abort()
        far.abort()


def test_the_kernel_gives_a_dead_link_up_when_probes_stay_unanswered() -> None:
    with BadLink() as link, echo_at(link.far) as server:
        with dialed(link, server) as conn, timeout(LONG):
            conn.set_keep_alive(idle=1, interval=1, count=1)
            link.down()
            with pytest.raises(TimedOutError) as caught:
                conn.read()
    assert not isinstance(caught.value, DeadlineError)


def test_the_kernel_gives_a_dead_link_up_when_what_was_sent_stays_unanswered() -> None:
    def give_up_soon(network: str, address: object, sock: socket.socket) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, TCP_USER_TIMEOUT, 500)  # milliseconds

    with BadLink() as link, echo_at(link.far) as server:
        with link.near:
            place = net_place(link.far.address, server.address.port)
            conn = net.dial("tcp", place, timeout=LONG, control=give_up_soon)
        with conn, timeout(LONG):
            link.down()
            conn.write(b"is anybody there?")
            with pytest.raises(TimedOutError) as caught:
                conn.read()
    assert not isinstance(caught.value, DeadlineError)
