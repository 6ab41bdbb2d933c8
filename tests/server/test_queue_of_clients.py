"""More clients than the queue holds: all of them can come back and be served."""

import contextlib
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from portside import TaskGroup, net
from portside.engine import Event, Slots
from portside.errors import TimedOutError
from tests.cli.running import PORTSIDE, Serving, serving


def test_some_of_twenty_connect_while_nobody_accepts_and_the_others_time_out() -> None:
    outcomes: list[str] = []
    leave = Event()
    undecided = Slots(0)

    def knock() -> None:
        try:
            with net.dial(listener.address, timeout=2):
                outcomes.append("connected")
                undecided.give_back()
                leave.wait()
        except TimedOutError:
            outcomes.append("timed out")
            undecided.give_back()

    with net.listen("tcp", "127.0.0.1:0", backlog=1) as listener, TaskGroup() as group:
        for _ in range(20):
            group.start_soon(knock)
        for _ in range(20):
            undecided.take()
        leave.set()
    # Linux lets one more wait than the backlog says, listen(2); a third may believe
    # that it is connected when its last packet was dropped.
    assert 1 <= outcomes.count("connected") <= 4
    assert outcomes.count("timed out") == 20 - outcomes.count("connected")


def test_with_retries_all_twenty_get_through_once_accepting_starts(
    model: str, tmp_path: Path
) -> None:
    said = tmp_path / "said"
    said.write_bytes(b"hello")
    with serving(
        "echo=tcp://127.0.0.1:0", "--model", model, "--backlog", "1"
    ) as server:
        server.process.send_signal(signal.SIGSTOP)  # nobody accepts
        with fill_the_queue(server), contextlib.ExitStack() as stack:
            clients = []
            for _ in range(20):
                stdin = stack.enter_context(said.open("rb"))
                clients.append(stack.enter_context(start_client(server, stdin)))
                stack.callback(clients[-1].kill)
            server.process.send_signal(signal.SIGCONT)
            replies = [client.stdout.read() for client in clients if client.stdout]
    assert replies == [b"hello"] * 20


@contextlib.contextmanager
def fill_the_queue(server: Serving) -> Iterator[None]:
    """Hold the places of the queue, so that no client can succeed at once."""
    with contextlib.ExitStack() as stack:
        while True:
            plug = stack.enter_context(socket.socket())
            plug.settimeout(0.5)
            try:
                plug.connect(server.address())
            except TimeoutError:
                break
        stack.close()  # they leave, but the server cannot see it before it goes on
        yield


def start_client(server: Serving, stdin: IO[bytes]) -> "subprocess.Popen[bytes]":
    patient = ("--retry", "50", "--timeout", "60s")
    command = [*PORTSIDE, "dial", server.endpoint(), *patient]
    return subprocess.Popen(command, stdin=stdin, stdout=subprocess.PIPE)
