"""A forwarder under every model, between real clients and real servers."""

import logging
import os
import resource
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from portside import Server, TaskGroup, net, now, sleep, timeout
from portside.errors import (
    AddressError,
    BrokenError,
    DeadlineError,
    RefusedError,
    ResetError,
)
from portside.net import Conn
from portside.services import SERVICES, echo, forward
from tests.lonely import LONELY
from tests.services.waiting import ANY_PORT, ANY_UDP_PORT, wait_until, whoami

# model, what it cannot do: why
CANNOT = {
    ("hybrid", "keep a peer's session"): "any worker may take a packet, with its own",
}


def serve_upstream(handler: Callable[[Conn], object]) -> Server:
    """Serve in this process, so that the test sees what it sees."""
    return Server(handler, ANY_PORT, model="thread", grace=0.1)


def at(server: Server) -> str:
    return f"tcp://{server.address}"


def ask(server: Server, data: bytes) -> bytes:
    with net.dial(server.address, timeout=5) as conn, timeout(20):
        with TaskGroup() as group:
            reply = group.start_soon(conn.read_all, 10_000_000)
            conn.write(data)
            conn.close_write()
        return reply.result()


class TestStreams:
    def test_every_byte_goes_there_and_comes_back(self, model: str) -> None:
        data = os.urandom(2_000_000)
        with serve_upstream(echo) as up:
            with Server(forward(at(up)), ANY_PORT, model=model) as server:
                assert ask(server, data) == data

    def test_a_bad_network_loses_nothing_of_a_stream(self, model: str) -> None:
        data = os.urandom(300_000)
        bad = {
            "delay": 0.01,
            "jitter": 0.02,
            "loss": 0.05,
            "rate": 2_000_000,
            "seed": 3,
        }
        with serve_upstream(echo) as up:
            with Server(forward(at(up), **bad), ANY_PORT, model=model) as server:
                assert ask(server, data) == data

    def test_a_half_close_reaches_upstream_and_its_answer_comes_back(
        self, model: str
    ) -> None:
        def count(conn: Conn) -> None:
            conn.write(str(len(conn.read_all())).encode())

        with serve_upstream(count) as up:
            with Server(forward(at(up)), ANY_PORT, model=model) as server:
                assert ask(server, bytes(5000)) == b"5000"

    def test_a_client_whose_upstream_is_down_is_reset(self, model: str) -> None:
        with net.listen("tcp", f"{LONELY}:0") as listener:
            nobody = f"tcp://{listener.address}"
        with Server(forward(nobody), ANY_PORT, model=model) as server:
            for _ in range(3):
                with pytest.raises(ResetError):  # of the dial, if it comes that early
                    with net.dial(server.address, timeout=5) as conn, timeout(10):
                        conn.read()

    def test_that_upstream_resets_in_the_middle_is_seen(self, model: str) -> None:
        def give_up(conn: Conn) -> None:
            conn.write(b"half a re")
            conn.read()
            conn.abort()

        with serve_upstream(give_up) as up:
            with Server(forward(at(up)), ANY_PORT, model=model) as server:
                with net.dial(server.address, timeout=5) as conn, timeout(10):
                    assert conn.read_exactly(9) == b"half a re"
                    conn.write(b"go on")
                    with pytest.raises(ResetError):
                        conn.read()

    @pytest.mark.parametrize("how", ["reset", "close"])
    def test_that_a_client_vanishes_is_seen_by_upstream(
        self, model: str, how: str
    ) -> None:
        seen: list[BaseException] = []

        def talk_on(conn: Conn) -> None:
            try:
                while True:
                    conn.write(bytes(1000))
            except BaseException as error:
                seen.append(error)

        with serve_upstream(talk_on) as up:
            with Server(forward(at(up)), ANY_PORT, model=model) as server:
                conn = net.dial(server.address, timeout=5)
                with timeout(10):
                    conn.read_exactly(1)
                if how == "reset":
                    conn.abort()
                else:
                    conn.close()  # with input unread, so that a reset follows
                wait_until(lambda: bool(seen))
        assert isinstance(seen[0], ResetError | BrokenError)

    @pytest.mark.parametrize("delay", [0, 0.01])
    def test_an_upstream_that_does_not_read_makes_the_client_wait(
        self, model: str, delay: float
    ) -> None:
        let_go = threading.Event()
        before = peak_kib()
        with serve_upstream(lambda conn: let_go.wait(30)) as up:
            service = forward(at(up), delay=delay)
            with Server(service, ANY_PORT, model=model, grace=0.1) as server:
                with net.dial(server.address, timeout=5) as conn:
                    piece = bytes(100_000)
                    sent = 0
                    with pytest.raises(DeadlineError), timeout(1):
                        while True:
                            conn.write(piece)
                            sent += len(piece)
                    conn.abort()
            let_go.set()
        assert 0 < sent < 100_000_000  # what the kernel holds, twice
        assert peak_kib() - before < 30_000

    def test_conversations_go_on_within_the_grace(self, model: str) -> None:
        with serve_upstream(echo) as up:
            server = Server(forward(at(up)), ANY_PORT, model=model, grace=15).start()
            with net.dial(server.address, timeout=5) as conn, timeout(10):
                conn.write(b"a")
                assert conn.read() == b"a"
                with TaskGroup() as group:
                    stopping = group.start_soon(server.stop)
                    wait_until(lambda: not can_connect(server))
                    conn.write(b"b")
                    assert conn.read() == b"b"
                    conn.close_write()
                    assert conn.read() == b""
            assert stopping.result().cut == 0

    def test_what_is_over_the_grace_is_reset_on_both_sides(self, model: str) -> None:
        seen: list[BaseException] = []

        def hear(conn: Conn) -> None:
            try:
                echo(conn)
            except BaseException as error:
                seen.append(error)

        with serve_upstream(hear) as up:
            server = Server(forward(at(up)), ANY_PORT, model=model).start()
            with net.dial(server.address, timeout=5) as conn, timeout(10):
                conn.write(b"a")
                assert conn.read() == b"a"
                assert server.stop(grace=0.1).abandoned == 0
                with pytest.raises(ResetError):
                    conn.read()
                wait_until(lambda: bool(seen))
        assert isinstance(seen[0], ResetError)

    def test_each_connection_is_reset_after_so_long(self, model: str) -> None:
        with serve_upstream(echo) as up:
            service = forward(at(up), reset_after=0.3)
            with Server(service, ANY_PORT, model=model) as server:
                began = now()
                with net.dial(server.address, timeout=5) as conn, timeout(10):
                    with pytest.raises((ResetError, BrokenError)):
                        while True:
                            conn.write(b"x")
                            conn.read_exactly(1)
                            sleep(0.01)
                assert now() - began >= 0.3

    def test_an_idle_one_is_reset(self, model: str) -> None:
        with serve_upstream(echo) as up:
            service = forward(at(up), idle_timeout=0.2)
            with Server(service, ANY_PORT, model=model) as server:
                with net.dial(server.address, timeout=5) as conn, timeout(10):
                    with pytest.raises(ResetError):
                        conn.read()

    def test_unix_sockets_on_both_sides(self, model: str, tmp_path: Path) -> None:
        inner, outer = f"unix:{tmp_path}/inner", f"unix:{tmp_path}/outer"
        with Server(echo, inner, model="thread"):
            with Server(forward(inner), outer, model=model) as server:
                assert ask(server, b"hello") == b"hello"


class TestPackets:
    def test_200_peers_each_get_their_own_answer(self, model: str) -> None:
        with whoami() as up, Server(forward(up), ANY_UDP_PORT, model=model) as server:
            peers = [net.dial("udp", str(server.address)) for _ in range(200)]
            seen = set()
            with timeout(20):
                for number, peer in enumerate(peers):
                    peer.send(b"%d" % number)
                    whom, _, said = peer.receive().data.partition(b" said ")
                    assert said == b"%d" % number
                    seen.add(whom)
                assert len(seen) == 200
                for number, peer in enumerate(peers):
                    peer.send(b"again %d" % number)
                    assert peer.receive().data.endswith(b" said again %d" % number)
            for peer in peers:
                peer.close()

    def test_a_peer_keeps_its_session(self, model: str) -> None:
        if (model, "keep a peer's session") in CANNOT:
            pytest.skip(CANNOT[model, "keep a peer's session"])
        with whoami() as up, Server(forward(up), ANY_UDP_PORT, model=model) as server:
            with net.dial("udp", str(server.address)) as peer, timeout(10):
                seen = set()
                for _ in range(30):
                    peer.send(b"x")
                    seen.add(peer.receive().data)
        assert len(seen) == 1

    def test_nobody_at_upstream_ends_nothing(self, model: str) -> None:
        with net.listen_packet("udp", f"{LONELY}:0") as free:
            place = str(free.local_address)
        service = forward(f"udp://{place}")
        with Server(service, ANY_UDP_PORT, model=model) as server:
            with net.dial("udp", str(server.address)) as peer, timeout(15):
                for _ in range(5):
                    peer.send(b"lost")
                with Server(SERVICES["echo"], f"udp://{place}", model="thread"):
                    ask_until_answered(peer, b"found")

    def test_the_answer_leaves_from_the_address_that_was_asked(
        self, model: str
    ) -> None:
        with whoami() as up, Server(forward(up), "udp4://:0", model=model) as server:
            port = str(server.address).rpartition(":")[2]
            with net.dial("udp", f"127.0.0.2:{port}") as peer, timeout(10):
                peer.send(b"hello")
                assert peer.receive().data.endswith(b"hello")

    def test_the_longest_packet_passes(self, model: str) -> None:
        data = os.urandom(65_507)
        with Server(SERVICES["echo"], ANY_UDP_PORT, model="thread") as up:
            service = forward(f"udp://{up.address}")
            with Server(service, ANY_UDP_PORT, model=model) as server:
                with net.dial("udp", str(server.address)) as peer, timeout(10):
                    for each in (data, b""):
                        peer.send(each)
                        assert peer.receive().data == each

    def test_a_session_expires_and_is_begun_anew(self, model: str) -> None:
        with whoami() as up:
            service = forward(up, session_timeout=0.1)
            with Server(service, ANY_UDP_PORT, model=model) as server:
                with net.dial("udp", str(server.address)) as peer, timeout(15):
                    seen: set[bytes] = set()
                    while len(seen) < 2:
                        peer.send(b"x")
                        seen.add(peer.receive().data)
                        with pytest.raises(DeadlineError), timeout(0.3):
                            peer.receive()

    def test_a_delay_is_taken_both_ways(self, model: str) -> None:
        with whoami() as up:
            service = forward(up, delay=0.1)
            with Server(service, ANY_UDP_PORT, model=model) as server:
                with net.dial("udp", str(server.address)) as peer, timeout(10):
                    began = now()
                    peer.send(b"x")
                    peer.receive()
                    assert now() - began >= 0.2

    def test_a_stop_loses_what_is_on_its_way_and_waits_for_none(
        self, model: str
    ) -> None:
        with whoami() as up:
            service = forward(up, delay=30)
            with Server(service, ANY_UDP_PORT, model=model) as server:
                with net.dial("udp", str(server.address)) as peer, timeout(10):
                    peer.send(b"x")
                    with pytest.raises(DeadlineError), timeout(0.1):
                        peer.receive()
                    began = now()
                    server.stop()
            assert now() - began < 6


def test_one_port_for_both_and_one_upstream_for_both(model: str) -> None:
    with Server(SERVICES["echo"], "127.0.0.1:0", model="thread") as up:
        place = str(up.addresses[0])
        with Server(forward(place), "127.0.0.1:0", model=model) as server:
            place = str(server.addresses[0])
            with net.dial("tcp", place, timeout=5) as conn, timeout(10):
                conn.write(b"stream")
                assert conn.read() == b"stream"
            with net.dial("udp", place) as peer, timeout(10):
                peer.send(b"packet")
                assert peer.receive().data == b"packet"


def test_why_a_client_was_not_forwarded_is_told_once_a_second(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with net.listen("tcp", f"{LONELY}:0") as listener:
        nobody = listener.address
    with Server(forward(f"tcp://{nobody}"), ANY_PORT, model="nonblocking") as server:
        for _ in range(20):
            with pytest.raises(ResetError):
                with net.dial(server.address, timeout=5) as conn, timeout(10):
                    conn.read()
    told = [each for each in caplog.records if each.levelno >= logging.WARNING]
    assert 1 <= len(told) < 20
    assert f"not forwarded: dial tcp {nobody}: connection refused" in caplog.text


def test_an_upstream_that_does_not_answer_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        place = "{}:{}".format(*full.getsockname())
        fillers = fill_queue(place)
        service = forward(f"tcp://{place}", dial_timeout=0.3)
        with Server(service, ANY_PORT, model="thread") as server:
            with net.dial(server.address, timeout=5) as conn, timeout(10):
                with pytest.raises(ResetError):
                    conn.read()
        for filler in fillers:
            filler.close()


def test_a_server_that_is_no_upstream_is_refused_at_once() -> None:
    with pytest.raises(AddressError):
        forward("nowhere")
    with pytest.raises(ValueError, match="loss"):
        forward("127.0.0.1:7", loss=2)


# -- what the tests say with


def fill_queue(place: str) -> list[Conn]:
    conns = []
    try:
        while True:
            conns.append(net.dial("tcp", place, timeout=0.3))
    except DeadlineError:
        return conns


def can_connect(server: Server) -> bool:
    try:
        net.dial(server.address, timeout=5).close()
    except (RefusedError, ResetError):
        return False
    return True


def ask_until_answered(peer: net.PacketConn, data: bytes) -> None:
    answer = b""
    while answer != data:  # what was sent before may be answered late, and not be lost
        peer.send(data)
        try:
            with timeout(0.2):
                answer = peer.receive().data
        except DeadlineError:
            pass


def peak_kib() -> int:
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return max(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, children)


def test_a_forwarder_that_is_its_own_upstream_sends_a_packet_round_once() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{sock.getsockname()[1]}"
        number = sock.detach()
    with Server(forward(f"udp://{place}"), f"fd:{number}", model="nonblocking"):
        with net.dial("udp", place) as client:
            client.send(b"round and round")
            with pytest.raises(DeadlineError), timeout(0.3):
                client.receive()
        before = time.process_time()
        sleep(0.3)  # a loop would burn all of it
        assert time.process_time() - before < 0.2
