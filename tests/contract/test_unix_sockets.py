"""Serving at the path of a Unix socket, under every model."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from portside import Server, TaskGroup, net, timeout
from portside.errors import InUseError, NotFoundError
from portside.net import Conn
from portside.services import echo

NETWORKS = pytest.mark.parametrize("network", ["unix", "unixpacket"])


def ask(server: Server, data: bytes = b"hello") -> bytes:
    """Say something, end, and return all that comes back."""
    with net.dial(server.address, timeout=10) as conn, timeout(10):
        conn.write(data)
        conn.close_write()
        return conn.read_all()


@NETWORKS
def test_clients_are_served(model: str, network: str, tmp_path: Path) -> None:
    with Server(echo, f"{network}:{tmp_path}/x", model=model) as server:
        with TaskGroup() as group:
            replies = [group.start_soon(ask, server, b"x" * 9999) for _ in range(10)]
        assert [reply.result() for reply in replies] == [b"x" * 9999] * 10


def test_an_abstract_name_is_served(model: str) -> None:
    with Server(echo, "unix:@", model=model) as server:
        assert ask(server) == b"hello"


def test_one_server_has_a_path_and_a_port(model: str, tmp_path: Path) -> None:
    places = f"unix:{tmp_path}/x", "tcp://127.0.0.1:0"
    with Server(echo, *places, model=model) as server:
        for address in server.addresses:
            with net.dial(address, timeout=10) as conn, timeout(10):
                conn.write(b"hello")
                assert conn.read_exactly(5) == b"hello"


@NETWORKS
def test_the_file_is_there_while_it_serves_and_then_gone(
    model: str, network: str, tmp_path: Path
) -> None:
    with Server(echo, f"{network}:{tmp_path}/x", model=model) as server:
        for _ in range(3):  # the end of a child, or of a conversation, is no end
            assert ask(server) == b"hello"
        assert stat.S_ISSOCK((tmp_path / "x").stat().st_mode)
    assert list(tmp_path.iterdir()) == []


def test_the_path_of_a_live_server_is_in_use(model: str, tmp_path: Path) -> None:
    with Server(echo, f"unix:{tmp_path}/x", model=model) as server:
        with pytest.raises(InUseError):
            Server(echo, f"unix:{tmp_path}/x", model=model).listen()
        assert ask(server) == b"hello"


def test_what_came_after_the_stop_stays(model: str, tmp_path: Path) -> None:
    server = Server(echo, f"unix:{tmp_path}/x", model=model)
    with server:
        pass
    with net.listen(f"unix:{tmp_path}/x"):
        server.stop()
        assert (tmp_path / "x").exists()


def test_no_client_has_an_address_to_be_counted_by(model: str, tmp_path: Path) -> None:
    place = f"unix:{tmp_path}/x"
    if model == "serial":
        pytest.skip("it has one connection at a time")
    with Server(echo, place, model=model, max_connections_per_ip=1) as server:
        with net.dial(server.address) as one, net.dial(server.address) as other:
            for conn in (one, other):
                with timeout(10):
                    conn.write(b"x")
                    assert conn.read() == b"x"


def test_the_handler_knows_the_process_of_its_client(
    model: str, tmp_path: Path
) -> None:
    def tell(conn: Conn) -> None:
        conn.write("{} {}".format(*conn.peer_credentials()[:2]).encode())

    with Server(tell, f"unix:{tmp_path}/x", model=model) as server:
        assert ask(server, b"") == f"{os.getpid()} {os.getuid()}".encode()


def test_a_handler_takes_descriptors_and_gives_them(model: str, tmp_path: Path) -> None:
    def answer(conn: Conn) -> None:
        data, descriptors = conn.receive_descriptors()
        conn.send_descriptors(data, descriptors)
        for each in descriptors:
            os.close(each)

    reading, writing = os.pipe()
    with Server(answer, f"unix:{tmp_path}/x", model=model) as server:
        with net.dial(server.address, timeout=10) as conn, timeout(10):
            conn.send_descriptors(b"x", [writing])
            os.close(writing)
            _, (again,) = conn.receive_descriptors()
    os.write(again, b"the same pipe")
    os.close(again)
    assert os.read(reading, 100) == b"the same pipe"
    os.close(reading)


def test_the_file_of_a_killed_server_is_replaced(model: str, tmp_path: Path) -> None:
    place = f"unix:{tmp_path}/x"
    program = f"from portside import net; x = net.listen({place!r}); print(); input()"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as killed:
        assert killed.stdout is not None
        assert killed.stdout.readline()
        killed.kill()
    assert (tmp_path / "x").exists()
    with Server(echo, place, model=model) as server:
        assert ask(server) == b"hello"


def test_after_the_stop_nobody_listens(model: str, tmp_path: Path) -> None:
    with Server(echo, f"unix:{tmp_path}/x", model=model) as server:
        address = server.address
    with pytest.raises(NotFoundError):
        net.dial(address)
    assert str(tmp_path) not in Path("/proc/net/unix").read_text()
