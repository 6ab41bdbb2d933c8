"""What a signal does to a server, in a process of its own."""

import os
import signal
import socket
import threading
import time
from pathlib import Path

import pytest

from portside import Server, net, timeout
from portside.services import echo
from tests.cli.running import LONG, Serving, is_refused, serving, until

STOPPING = [signal.SIGTERM, signal.SIGINT]

HANDLERS = """\
import threading, time

def compute(conn):
    conn.write(b"a")
    while True:
        sum(range(1000))

def hold(conn):
    conn.write(b"a")
    threading.Event().wait(60)

def swallow(conn):
    conn.write(b"a")
    while True:
        try:
            sum(range(1000))
        except BaseException:
            pass

def wait(conn):
    conn.write(b"a")
    while conn.read():
        pass
"""


@pytest.fixture
def handlers(tmp_path: Path) -> Path:
    file = tmp_path / "handlers.py"
    file.write_text(HANDLERS)
    return file


def begun(server: Serving) -> socket.socket:
    """Return a client whose conversation was accepted and has begun."""
    client = server.connect()
    client.settimeout(LONG)
    client.sendall(b"a")
    assert client.recv(1) == b"a"
    return client


class TestTheFirstSignal:
    @pytest.mark.parametrize("number", STOPPING)
    def test_lets_conversations_go_on_and_exits_zero(
        self, model: str, number: int
    ) -> None:
        with serving(
            "echo=tcp://127.0.0.1:0", "--model", model, "--grace", "20s"
        ) as server:
            clients = [begun(server) for _ in range(1 if model == "serial" else 10)]
            server.process.send_signal(number)
            until(lambda: is_refused(server.address()))
            for client in clients:
                client.sendall(b"still here")
                assert client.recv(20) == b"still here"
                client.close()
            report = server.report()
        # Who only asked whether it had stopped yet may have been accepted too.
        assert report["finished"] >= len(clients)
        assert (report["cut"], report["abandoned"]) == (0, 0)

    def test_reaches_a_server_under_load(self, model: str) -> None:
        """Whoever was accepted gets every byte back, whoever was not is refused."""
        with serving(
            "echo=tcp://127.0.0.1:0", "--model", model, "--grace", "20s"
        ) as server:
            broken: list[str] = []
            rounds = [0]

            def load() -> None:
                while True:
                    try:
                        client = socket.create_connection(server.address(), LONG)
                    except OSError:
                        return
                    with client:
                        client.settimeout(LONG)
                        try:
                            client.sendall(b"x" * 1000)
                            got = client.recv(1000)  # accepted, once anything came
                        except ConnectionResetError:
                            return  # it was in the queue
                        if not got:
                            return
                        while len(got) < 1000:
                            part = client.recv(1000)
                            if not part:
                                broken.append("cut in the middle")
                                return
                            got += part
                        rounds[0] += 1

            threads = [threading.Thread(target=load) for _ in range(8)]
            for thread in threads:
                thread.start()
            until(lambda: rounds[0] > 50)
            report = server.stop()
            for thread in threads:
                thread.join(LONG)
        assert broken == []
        assert (report["cut"], report["abandoned"]) == (0, 0)

    def test_cuts_what_is_over_the_grace(self, model: str, handlers: Path) -> None:
        what = f"{handlers}:wait=127.0.0.1:0"
        with serving(what, "--model", model, "--grace", "100ms") as server:
            client = begun(server)
            report = server.stop()
            client.close()
        assert report["cut"] == 1

    @pytest.mark.parametrize("model", ["serial", "fork"])
    def test_cuts_a_handler_that_computes(self, model: str, handlers: Path) -> None:
        what = f"{handlers}:compute=127.0.0.1:0"
        with serving(what, "--model", model, "--grace", "100ms") as server:
            client = begun(server)
            report = server.stop()
            client.close()
        assert report["cut"] == 1

    @pytest.mark.parametrize("name", ["compute", "hold"])
    def test_abandons_a_thread_that_never_waits_and_says_so(
        self, handlers: Path, name: str
    ) -> None:
        what = f"{handlers}:{name}=127.0.0.1:0"
        with serving(what, "--model", "thread", "--grace", "100ms") as server:
            client = begun(server)
            report = server.stop()
            client.close()
        assert report["abandoned"] == 1


class TestTheSecondSignal:
    @pytest.mark.parametrize("number", STOPPING)
    @pytest.mark.parametrize("name", ["wait", "compute"])
    def test_exits_at_once(
        self, model: str, number: int, name: str, handlers: Path
    ) -> None:
        what = f"{handlers}:{name}=127.0.0.1:0"
        with serving(what, "--model", model, "--grace", "1m") as server:
            client = begun(server)
            children = children_of(server)
            server.process.send_signal(number)
            is_inline = model in ("serial", "nonblocking", "hybrid")
            if not (is_inline and name == "compute"):  # it is heard at a wait
                until(lambda: is_refused(server.address()))
            else:
                time.sleep(0.2)
            # Again and again: one that comes with the first is taken for the same.
            until(lambda: server.process.poll() is not None or again(server, number))
            assert server.process.wait(LONG) == 128 + number
            client.close()
        until(lambda: not any(is_alive(pid) for pid in children))


def again(server: Serving, number: int) -> bool:
    server.process.send_signal(number)
    return False


def test_signals_that_come_together_are_one() -> None:
    with serving("echo=tcp://127.0.0.1:0", "--grace", "20s") as server:
        client = begun(server)
        server.process.send_signal(signal.SIGINT)
        server.process.send_signal(signal.SIGTERM)
        until(lambda: is_refused(server.address()))
        client.close()
        assert server.report()["cut"] == 0
        assert server.process.wait(LONG) == 0


def test_a_signal_to_the_whole_group_lets_forked_conversations_go_on() -> None:
    """As systemd and timeout(1) stop a service."""
    with serving(
        "echo=tcp://127.0.0.1:0",
        "--model",
        "fork",
        "--grace",
        "20s",
        start_new_session=True,
    ) as server:
        with begun(server) as client:
            os.killpg(server.process.pid, signal.SIGTERM)
            until(lambda: is_refused(server.address()))
            client.sendall(b"still here")
            assert client.recv(20) == b"still here"
        report = server.report()
    assert report["finished"] >= 1
    assert report["cut"] == 0


def test_a_child_that_computes_ends_after_its_killed_supervisor(handlers: Path) -> None:
    what = f"{handlers}:compute=127.0.0.1:0"
    with serving(what, "--model", "fork", "--grace", "100ms") as server:
        with begun(server):
            (child,) = children_of(server)
            server.process.kill()
            server.process.wait(LONG)
            until(lambda: not is_alive(child))


def test_a_serial_handler_that_swallows_the_cut_is_abandoned(handlers: Path) -> None:
    what = f"{handlers}:swallow=127.0.0.1:0"
    with serving(what, "--model", "serial", "--grace", "100ms") as server:
        with begun(server):
            server.process.terminate()
            assert server.process.wait(LONG) == 0
        assert "a handler does not end" in server.errors()


def test_a_killed_supervisor_of_fork_leaves_children_that_drain() -> None:
    with serving(
        "echo=tcp://127.0.0.1:0", "--model", "fork", "--grace", "20s"
    ) as server:
        with begun(server) as client:
            (child,) = children_of(server)
            server.process.kill()
            server.process.wait(LONG)
            until(lambda: is_refused(server.address()))
            client.sendall(b"still here")
            assert client.recv(20) == b"still here"
        until(lambda: not is_alive(child))


def test_handlers_of_signals_that_were_there_are_put_back() -> None:
    before = {number: signal.getsignal(number) for number in STOPPING}
    server = Server(echo, "tcp://127.0.0.1:0", model="serial")
    server.listen()

    def talk_and_stop() -> None:
        with net.dial(server.address, timeout=5) as conn, timeout(10):
            conn.write(b"a")
            assert conn.read() == b"a"
        os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=talk_and_stop)
    thread.start()
    report = server.run()
    thread.join(LONG)
    assert (report.cut, report.abandoned) == (0, 0)
    assert {number: signal.getsignal(number) for number in STOPPING} == before
    assert signal.set_wakeup_fd(-1) == -1


def children_of(server: Serving) -> list[int]:
    text = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children")
    return [int(each) for each in text.read_text().split()]


def is_alive(pid: int) -> bool:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return text.rpartition(")")[2].split()[0] != "Z"


@pytest.mark.parametrize("model", ["serial", "thread", "nonblocking"])
def test_a_process_that_leaves_at_once_resets_what_its_handlers_have(
    model: str, handlers: Path
) -> None:
    """Half a reply must not look whole; who was answered has it all the same."""
    what = f"{handlers}:compute=127.0.0.1:0"
    with serving(what, "--model", model, "--grace", "1m") as server:
        with begun(server) as client:
            server.process.send_signal(signal.SIGINT)
            time.sleep(0.2)
            until(
                lambda: (
                    server.process.poll() is not None or again(server, signal.SIGINT)
                )
            )
            with pytest.raises(ConnectionResetError):
                client.recv(1)
