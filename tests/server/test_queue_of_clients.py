"""More clients than the queue holds: all of them can come back and be served."""

import contextlib
import signal
import socket
import subprocess
from collections.abc import Iterator

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


def test_with_retries_all_twenty_get_through_once_accepting_starts(model: str) -> None:
    replies: list[bytes] = []

    def note(client: "subprocess.Popen[bytes]") -> None:
        replies.append(say(client))

    with serving(
        "echo=tcp://127.0.0.1:0", "--model", model, "--backlog", "1"
    ) as server:
        server.process.send_signal(signal.SIGSTOP)  # nobody accepts
        with fill_the_queue(server), contextlib.ExitStack() as stack:
            clients = [stack.enter_context(start_client(server)) for _ in range(20)]
            for client in clients:
                stack.callback(client.kill)
            server.process.send_signal(signal.SIGCONT)
            with TaskGroup() as group:
                for client in clients:
                    group.start_soon(note, client)
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


def start_client(server: Serving) -> "subprocess.Popen[bytes]":
    patient = ("--retry", "50", "--timeout", "60s")
    command = [*PORTSIDE, "dial", server.endpoint(), *patient]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe)


def say(client: "subprocess.Popen[bytes]") -> bytes:
    """Say hello through a client; return what comes back until both are at their end.

    The end is said after the reply: to one that was let in by a SYN cookie, Linux
    answers a FIN that overtakes a dropped segment with a reset.
    """
    assert client.stdin
    assert client.stdout
    client.stdin.write(b"hello")
    client.stdin.flush()
    start = client.stdout.read(5)
    client.stdin.close()
    return start + client.stdout.read()
