"""A handler that forks: its child goes no further, and its parent counts right."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from portside import Server, net, timeout
from portside.errors import DeadlineError
from portside.net import Conn
from tests.cli.running import Serving, serving, until

FORKS = """
import os, sys
from portside import packet_handler

def handler(conn):
    answer(conn.read_line(), conn.write)

@packet_handler
def of_packet(packet):
    answer(packet.data, packet.reply)

def answer(asked, write):
    if asked != b"who\\n" and os.fork() == 0:
        with open({path!r}, "a") as file:
            file.write(f"{{os.getpid()}}\\n")
        if asked == b"fail\\n":
            raise LookupError("in the child")
        if asked == b"exit\\n":
            sys.exit(3)
        return
    write(b"%d\\n" % os.getpid())
"""


@pytest.fixture
def children(tmp_path: Path) -> Path:
    """The file in which the children of handlers leave their numbers."""
    return tmp_path / "children"


@pytest.fixture(params=["tcp", "udp"])
def server(
    request: pytest.FixtureRequest, model: str, tmp_path: Path, children: Path
) -> Iterator[Serving]:
    app = tmp_path / "app.py"
    app.write_text(FORKS.format(path=str(children)))
    name = "of_packet" if request.param == "udp" else "handler"
    what = f"{app}:{name}={request.param}://127.0.0.1:0"
    with serving(what, "--model", model) as server:
        yield server


def ask(server: Serving, what: bytes) -> bytes:
    with timeout(10):
        if server.told["listening"][0]["endpoint"].startswith("udp"):
            with net.dial("udp", server.endpoint()) as packets:
                packets.send(what)
                return packets.receive().data
        with net.dial("tcp", server.endpoint()) as conn:
            conn.write(what)
            return conn.read_line()


def has_ended(pid: int) -> bool:
    """Whether it is gone, or waits for its parent to be told."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:
            return stat.read().rpartition(b")")[2].split()[0] == b"Z"
    except FileNotFoundError:
        return True


@pytest.mark.parametrize("how", ["return", "fail", "exit"])
def test_the_child_of_a_handler_ends_where_the_handler_ends(
    server: Serving, children: Path, how: str
) -> None:
    """Else it would accept clients too, and outlive the server."""
    assert ask(server, f"{how}\n".encode()) != b""
    until(lambda: children.exists() and children.read_text().endswith("\n"))
    pid = int(children.read_text())
    until(lambda: has_ended(pid))
    for _ in range(5):
        assert ask(server, b"who\n") not in (b"", b"%d\n" % pid)
    server.stop()


@pytest.mark.parametrize("worker_model", ["nonblocking", "thread"])
@pytest.mark.parametrize("most_of_one", [None, 50])
def test_a_child_of_a_workers_handler_gives_no_place_back(
    worker_model: str, most_of_one: int | None
) -> None:
    def handler(conn: Conn) -> None:
        if conn.read_line() == b"fork\n":
            if os.fork() == 0:
                return
            conn.write(b"forked\n")
        else:
            conn.write(b"in\n")
            conn.read()

    with Server(
        handler,
        "tcp://127.0.0.1:0",
        model="hybrid",
        workers=1,
        worker_model=worker_model,
        max_connections=2,
        max_connections_per_ip=most_of_one,
    ) as server:
        for _ in range(3):
            with net.dial(server.address, timeout=10) as conn, timeout(10):
                conn.write(b"fork\n")
                assert conn.read_all() == b"forked\n"
        conns = [net.dial(server.address, timeout=10) for _ in range(3)]
        for conn in conns:
            conn.write(b"stay\n")
        for conn in conns[:2]:
            with timeout(10):
                assert conn.read_line() == b"in\n"
        with pytest.raises(DeadlineError), timeout(0.2):
            conns[2].read_line()
        conns[0].close()
        with timeout(10):
            assert conns[2].read_line() == b"in\n"
        for conn in conns:
            conn.close()
