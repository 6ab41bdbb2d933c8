"""A forking server beside a test: its process, and what it must not inherit."""

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from portside import Server, TaskGroup, net, sleep, timeout
from portside.engine.hub import Hub
from portside.net import Conn
from portside.services import echo

ANY_PORT = "tcp://127.0.0.1:0"


def test_a_conn_that_was_open_before_is_not_kept_open_by_the_process() -> None:
    with net.listen("tcp", "127.0.0.1:0") as listener:
        near = net.dial(listener.address, timeout=5)
        far = listener.accept()
        with Server(echo, ANY_PORT, model="fork"), far, timeout(10):
            near.close()
            assert far.read() == b""


def test_a_listener_that_was_open_before_is_free_once_it_is_closed_here() -> None:
    listener = net.listen("tcp", "127.0.0.1:0")
    with Server(echo, ANY_PORT, model="fork"):
        listener.close()
        net.listen(listener.address).close()


def test_a_process_that_died_is_told_and_the_stop_returns(
    caplog: pytest.LogCaptureFixture,
) -> None:
    server = Server(echo, ANY_PORT, model="fork").start()
    (pid,) = children()
    os.kill(pid, signal.SIGKILL)
    assert str(server.stop()) == "0 finished, 0 cut, 0 abandoned"
    assert f"process {pid} died of signal 9 (killed)" in caplog.text


def test_the_child_holds_its_conversation_and_nothing_of_its_siblings() -> None:
    def tell(conn: Conn) -> None:
        sockets = 0
        for number in os.listdir("/proc/self/fd"):
            try:
                kind = os.readlink(f"/proc/self/fd/{number}")
            except FileNotFoundError:
                continue
            sockets += kind.startswith("socket:")
        conn.write(f"{sockets}\n".encode())
        conn.read()

    with Server(tell, ANY_PORT, model="fork") as server, timeout(10):
        conns = [net.dial(server.address, timeout=5) for _ in range(3)]
        told = [int(conn.read_line()) for conn in conns]
        for conn in conns:
            conn.close()
    # Its own conn, and the server's line to the process that started it.
    assert len(set(told)) == 1


@pytest.mark.usefixtures("_ignored_children")
def test_a_process_whose_end_nobody_can_ask_for_stops_all_the_same() -> None:
    with Server(echo, ANY_PORT, model="fork") as server, timeout(10):
        with net.dial(server.address, timeout=5) as conn:
            conn.write(b"x")
            assert conn.read() == b"x"
        assert server.stop().abandoned == 0


@pytest.fixture
def _ignored_children() -> Iterator[None]:
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGCHLD, before)


def test_in_a_hub_the_number_of_its_line_can_be_that_of_a_conn_afterwards() -> None:
    def use() -> None:
        Server(echo, ANY_PORT, model="fork").start().stop()
        with net.listen("tcp", "127.0.0.1:0") as listener, TaskGroup() as group:
            for _ in range(4):  # one of them has the number
                near = socket.create_connection(("127.0.0.1", listener.address.port))
                kept.append(near)
                kept.append(far := listener.accept())
                task = group.start_soon(far.read)
                sleep(0.001)  # it waits
                near.send(b"x")
                with timeout(10):
                    assert task.result() == b"x"
            for each in kept:
                each.close()

    kept: list[socket.socket | Conn] = []
    Hub().run(use)


def children() -> list[int]:
    text = Path(f"/proc/self/task/{os.getpid()}/children").read_text()
    return [int(pid) for pid in text.split()]
