"""What every model promises of packets, asked of each with the same handlers."""

import logging
import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from portside import Server, Service, TaskGroup, net, packet_handler, sleep, timeout
from portside.errors import DeadlineError, Error
from portside.net import Packet, PacketConn
from tests.contract.test_model import unless_it_cannot

ANY_PORT = "udp://127.0.0.1:0"
SECONDS = 20.0


@packet_handler
def echo(packet: Packet) -> None:
    packet.reply(packet.data)


@packet_handler
def obey(packet: Packet) -> None:
    """Do what the packet says, then send it back."""
    if packet.data == b"fail":
        raise RuntimeError("planned")
    if packet.data == b"wait":
        sleep(2.0)
    if packet.data == b"die":
        os._exit(3)
    packet.reply(packet.data)


@pytest.fixture
def client() -> Iterator[PacketConn]:
    with net.listen_packet("udp", "127.0.0.1:0") as packets:
        yield packets


def exchange(packets: PacketConn, data: bytes, server: Server) -> bytes:
    """Send a packet and return what comes back."""
    with timeout(SECONDS):
        packets.send(data, server.address)
        return packets.receive().data


def ask_until_answered(packets: PacketConn, data: bytes, server: Server) -> bytes:
    """Ask again and again, as clients of packets must."""
    until = time.monotonic() + SECONDS
    while True:
        packets.send(data, server.address)
        try:
            with timeout(0.1):
                return packets.receive().data
        except DeadlineError:
            assert time.monotonic() < until, "never answered"


class TestPackets:
    @pytest.mark.parametrize("size", [0, 1, 1472, 9000, 65507])
    def test_a_packet_of_any_length_comes_back_whole(
        self, model: str, client: PacketConn, size: int
    ) -> None:
        data = os.urandom(size)
        with Server(echo, ANY_PORT, model=model) as server:
            assert exchange(client, data, server) == data

    def test_with_one_packet_of_each_client_on_its_way_none_is_lost(
        self, model: str
    ) -> None:
        def ask_often(number: int) -> None:
            with net.dial("udp", str(server.address)) as packets, timeout(SECONDS):
                for index in range(50):
                    packets.send(b"%d %d" % (number, index))
                    assert packets.receive().data == b"%d %d" % (number, index)

        with Server(echo, ANY_PORT, model=model) as server, TaskGroup() as group:
            for number in range(20):
                group.start_soon(ask_often, number)

    @pytest.mark.parametrize("ip", ["127.0.0.2", "::1"])
    def test_an_answer_comes_from_the_address_that_was_asked(
        self, model: str, ip: str
    ) -> None:
        with Server(echo, "udp://:0", model=model) as server:
            place = net_place(ip, server.address.port)
            with net.dial("udp", place) as packets, timeout(SECONDS):
                packets.send(b"from you")  # what comes from elsewhere is not for it
                assert packets.receive().data == b"from you"

    def test_a_handler_that_fails_is_told_and_the_next_packet_is_answered(
        self, model: str, client: PacketConn, caplog: pytest.LogCaptureFixture
    ) -> None:
        with Server(obey, ANY_PORT, model=model) as server:
            client.send(b"fail", server.address)
            assert exchange(client, b"next", server) == b"next"
        if model not in ("fork", "hybrid"):  # theirs is another process's log
            errors = [each for each in caplog.records if each.levelno == logging.ERROR]
            assert "handler obey: failed: RuntimeError" in errors[0].getMessage()
            assert str(client.local_address) in errors[0].getMessage()

    def test_a_handler_that_waits_keeps_no_other_packet_waiting(
        self, model: str, client: PacketConn
    ) -> None:
        unless_it_cannot(model, "answer packets meanwhile")
        with Server(obey, ANY_PORT, model=model) as server:
            client.send(b"wait", server.address)
            assert exchange(client, b"quick", server) == b"quick"
            with timeout(SECONDS):
                assert client.receive().data == b"wait"

    def test_a_conn_that_is_served_keeps_no_packet_waiting(
        self, model: str, client: PacketConn
    ) -> None:
        unless_it_cannot(model, "serve others meanwhile")
        both = Service(stream=stream_echo, packet=echo)
        with Server(both, "127.0.0.1:0", model=model) as server:
            stream, packet = server.addresses
            with net.dial(stream, timeout=5) as conn, timeout(SECONDS):
                conn.write(b"I am served")
                assert conn.read_exactly(11) == b"I am served"
                client.send(b"and I", packet)
                assert client.receive().data == b"and I"

    def test_conns_and_packets_are_served_at_one_port(
        self, model: str, client: PacketConn
    ) -> None:
        both = Service(stream=stream_echo, packet=echo)
        with Server(both, "127.0.0.1:0", model=model) as server:
            stream, packet = server.addresses
            assert (stream.network, packet.network) == ("tcp", "udp")
            assert stream.port == packet.port
            with timeout(SECONDS):
                client.send(b"a packet", packet)
                assert client.receive().data == b"a packet"
                with net.dial(stream) as conn:
                    conn.write(b"a conn")
                    conn.close_write()
                    assert conn.read_all() == b"a conn"

    def test_a_client_that_has_gone_ends_nothing(
        self, model: str, client: PacketConn
    ) -> None:
        """The answer meets nobody, and ICMP says so: not to us, and it is no error."""
        with Server(echo, ANY_PORT, model=model) as server:
            for _ in range(20):
                with net.dial("udp", str(server.address)) as gone:
                    gone.send(b"and away")
            assert ask_until_answered(client, b"still there?", server)

    def test_a_crash_ends_one_packet_and_somebody_answers_the_next(
        self, model: str, client: PacketConn
    ) -> None:
        unless_it_cannot(model, "outlive a crash")
        with Server(obey, ANY_PORT, model=model) as server:
            client.send(b"die", server.address)
            assert ask_until_answered(client, b"alive", server) == b"alive"

    def test_one_who_does_not_read_its_answers_keeps_nobody_waiting(
        self, model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Of a Unix socket: its queue is full, and a sender would wait for room."""
        monkeypatch.chdir(tmp_path)
        with Server(echo, "unixgram:here", model=model):
            with net.dial("unixgram", "here") as deaf, timeout(SECONDS):
                for _ in range(100):
                    deaf.send(b"and I do not listen")
                with net.dial("unixgram", "here") as other:
                    other.send(b"but I do")
                    assert other.receive().data == b"but I do"

    def test_a_stop_lets_the_handler_at_work_answer(
        self, model: str, client: PacketConn
    ) -> None:
        with Server(obey, ANY_PORT, model=model) as server:
            client.send(b"wait", server.address)
            until = time.monotonic() + 0.5  # it is received by then, or was queued
            while time.monotonic() < until:
                sleep(0.05)
            report = server.stop(grace=10.0)
            with timeout(SECONDS):
                assert client.receive().data == b"wait"
        assert (report.cut, report.abandoned) == (0, 0)

    def test_a_flood_that_goes_on_does_not_hold_up_a_stop(self, model: str) -> None:
        with Server(echo, ANY_PORT, model=model) as server:
            flood = os.fork()
            if flood == 0:
                send_for_ever(server.address.port)
            try:
                sleep(0.2)
                begun = time.monotonic()
                server.stop(grace=15.0)
                assert time.monotonic() - begun < 10.0
            finally:
                os.kill(flood, signal.SIGKILL)
                os.waitpid(flood, 0)

    def test_a_port_is_free_once_the_server_has_stopped(self, model: str) -> None:
        with Server(echo, ANY_PORT, model=model) as server:
            address = server.address
        net.listen_packet(address).close()


def net_place(ip: str, port: int) -> str:
    if ":" in ip:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind((ip, 0))
            except OSError:
                pytest.skip("no IPv6 here")
        return f"[{ip}]:{port}"
    return f"{ip}:{port}"


def send_for_ever(port: int) -> None:
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            while True:
                try:
                    sock.sendto(b"x" * 100, ("127.0.0.1", port))
                except OSError:
                    pass
    finally:
        os._exit(0)


def test_a_packet_handler_under_a_conns_network_is_refused_at_the_start(
    model: str,
) -> None:
    with pytest.raises(Error, match="is a function of a packet, and tcp carries conns"):
        Server(echo, "tcp://127.0.0.1:0", model=model)
    with pytest.raises(Error, match="is a function of a conn, and udp carries packets"):
        Server(stream_echo, "udp://127.0.0.1:0", model=model)


def stream_echo(conn: net.Conn) -> None:
    for chunk in conn:
        conn.write(chunk)
