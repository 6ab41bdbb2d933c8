"""Worker processes: who looks after them, and what is left when one dies."""

import contextlib
import functools
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from portside import Server, TaskGroup, net, timeout
from portside.net import Conn
from tests.cli.running import (
    LONG,
    PORTSIDE,
    Serving,
    environment,
    is_refused,
    serving,
    until,
)
from tests.server.test_signals import children_of, is_alive

ANY_PORT = "tcp://127.0.0.1:0"

HANDLERS = """\
import os, threading

def pid(conn):
    conn.write(b"%d\\n" % os.getpid())
    for chunk in conn:
        conn.write(chunk)

def compute_or_pid(conn):
    if conn.peek(1) == b"!":
        conn.write(b"%d\\n" % os.getpid())
        while True:
            sum(range(1000))
    pid(conn)

def block(conn):
    conn.write(b"%d\\n" % os.getpid())
    threading.Event().wait(60)
"""


@pytest.fixture
def handlers(tmp_path: Path) -> Path:
    file = tmp_path / "handlers.py"
    file.write_text(HANDLERS)
    return file


def hybrid(
    what: object, *options: str, workers: int = 2, **popen: Any
) -> contextlib.AbstractContextManager[Serving]:
    return serving(
        what, "--model", "hybrid", "--workers", str(workers), *options, **popen
    )


def worker_of(client: socket.socket) -> int:
    """Return the process that serves this client."""
    return int(client.makefile("rb").readline())


def ask_pid(server: Serving) -> int:
    with server.connect() as client:
        client.settimeout(LONG)
        client.sendall(b"?")
        return worker_of(client)


def tell_pid(conn: Conn) -> None:
    conn.write(str(os.getpid()).encode())


class TestTheSpread:
    """Between 40 and 60 percent for each of two workers."""

    @staticmethod
    def ask(server: Server) -> bytes:
        with net.dial(server.address, timeout=10) as conn, timeout(10):
            return conn.read_all()

    @staticmethod
    def check(pids: Counter[bytes]) -> None:
        assert len(pids) == 2
        assert min(pids.values()) >= 0.4 * pids.total()

    def test_of_paced_arrivals(self) -> None:
        with Server(tell_pid, ANY_PORT, model="hybrid", workers=2) as server:
            self.check(Counter(self.ask(server) for _ in range(300)))

    def test_of_a_burst(self) -> None:
        with Server(tell_pid, ANY_PORT, model="hybrid", workers=2) as server:
            while len({self.ask(server) for _ in range(10)}) < 2:
                pass  # until both workers are there
            pids: Counter[bytes] = Counter()
            for _ in range(6):
                with TaskGroup() as group:
                    asked = [group.start_soon(self.ask, server) for _ in range(50)]
                pids.update(each.result() for each in asked)
        self.check(pids)


class TestAWorkerThatDies:
    def test_the_others_go_on_it_is_replaced_and_its_places_come_back(
        self, handlers: Path
    ) -> None:
        what = f"{handlers}:pid=127.0.0.1:0"
        with hybrid(what, "--max-connections", "4") as server:
            until(lambda: len(children_of(server)) == 2)
            clients = [server.connect() for _ in range(4)]
            pids = [worker_of(client) for client in clients]
            os.kill(pids[0], signal.SIGKILL)
            for client, pid in zip(clients, pids, strict=True):
                client.settimeout(LONG)
                if pid != pids[0]:
                    client.sendall(b"still here")
                    assert client.recv(20) == b"still here"
            lost = pids.count(pids[0])
            others = [server.connect() for _ in range(lost)]
            assert all(worker_of(other) for other in others)
            until(lambda: len(set(children_of(server)) - {pids[0]}) == 2)
            had = "1 connection;" if lost == 1 else f"{lost} connections;"
            told = rf"process {pids[0]}\) died of signal 9 .* with {had}"
            assert re.search(told, server.errors())
            for client in clients + others:
                client.close()
            server.stop()

    def test_under_load_only_its_own_conversations_are_lost(
        self, handlers: Path
    ) -> None:
        with hybrid(f"{handlers}:pid=127.0.0.1:0", "--grace", "20s") as server:
            until(lambda: len(children_of(server)) == 2)
            killed: set[int] = set()
            wrong: list[str] = []
            served = [0]

            def load() -> None:
                while served[0] < 500 and not wrong:
                    try:
                        with server.connect() as client:
                            client.settimeout(LONG)
                            pid = worker_of(client)
                            client.sendall(b"x" * 1000)
                            left = 1000
                            while left and (part := client.recv(left)):
                                left -= len(part)
                            if left and pid not in killed:
                                wrong.append(f"{pid} lost a conversation")
                            served[0] += 1
                    except (ConnectionResetError, ValueError):
                        pass  # accepted by the one that was killed

            threads = [threading.Thread(target=load) for _ in range(8)]
            for thread in threads:
                thread.start()
            for goal in (50, 150, 250):
                until(functools.partial(lambda goal: served[0] > goal, goal))
                victim = children_of(server)[0]
                killed.add(victim)
                os.kill(victim, signal.SIGKILL)
            for thread in threads:
                thread.join(LONG)
            assert wrong == []
            assert served[0] >= 500
            until(lambda: len(children_of(server)) == 2)
            server.stop()

    def test_one_that_is_told_to_stop_drains_and_another_takes_its_place(
        self, handlers: Path
    ) -> None:
        with hybrid(f"{handlers}:pid=127.0.0.1:0", workers=1) as server:
            with server.connect() as client:
                client.settimeout(LONG)
                pid = worker_of(client)
                os.kill(pid, signal.SIGTERM)
                os.kill(pid, signal.SIGTERM)
                client.sendall(b"still here")
                assert client.recv(20) == b"still here"
            assert ask_pid(server) != pid
            server.stop()

    def test_one_that_dies_at_its_start_is_slowed_and_the_server_gives_up(
        self, tmp_path: Path
    ) -> None:
        file = tmp_path / "broken.py"
        file.write_text(
            "import os\n"
            "os.register_at_fork(after_in_child=lambda: os._exit(7))\n"
            "def echo(conn): pass\n"
        )
        with subprocess.Popen(
            [*PORTSIDE, "serve", f"{file}:echo=127.0.0.1:0", "--model", "hybrid"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            _, errors = process.communicate(timeout=LONG)
        assert process.returncode == 1
        assert "ended with status 7" in errors
        assert "5 times in a row soon after the start" in errors
        last = errors.splitlines()[-1]
        assert last.startswith("portside: no worker comes as far as to accept")
        workers = len(os.sched_getaffinity(0))
        assert errors.count("ended with status 7") == 5 * workers


class TestTheSupervisor:
    def test_has_one_thread_and_none_of_its_clients(self, handlers: Path) -> None:
        with hybrid(f"{handlers}:pid=127.0.0.1:0") as server:
            workers: set[int] = set()
            while len(workers) < 2:  # the second may begin later, on a busy machine
                workers.add(ask_pid(server))
            pid = server.process.pid
            assert server.process.pid not in {ask_pid(server) for _ in range(5)}
            assert len(os.listdir(f"/proc/{pid}/task")) == 1
            server.stop()

    def test_that_is_killed_leaves_workers_that_drain_and_no_orphan(
        self, handlers: Path
    ) -> None:
        what = f"{handlers}:pid=127.0.0.1:0"
        with hybrid(what, "--grace", "20s") as server, server.connect() as client:
            client.settimeout(LONG)
            worker_of(client)
            workers = children_of(server)
            server.process.kill()
            server.process.wait(LONG)
            until(lambda: is_refused(server.address()))
            client.sendall(b"still here")
            assert client.recv(20) == b"still here"
            client.close()
            until(lambda: not any(is_alive(pid) for pid in workers))

    def test_that_is_killed_leaves_no_worker_that_computes(
        self, handlers: Path
    ) -> None:
        what = f"{handlers}:compute_or_pid=127.0.0.1:0"
        with hybrid(what, "--grace", "100ms") as server, server.connect() as client:
            client.settimeout(LONG)
            client.sendall(b"!")
            worker_of(client)
            workers = children_of(server)
            server.process.kill()
            server.process.wait(LONG)
            until(lambda: not any(is_alive(pid) for pid in workers))

    def test_lets_conversations_go_on_when_the_whole_group_is_told_to_stop(
        self, handlers: Path
    ) -> None:
        """As systemd and timeout(1) stop a service."""
        what = f"{handlers}:pid=127.0.0.1:0"
        with hybrid(what, "--grace", "20s", start_new_session=True) as server:
            with begun_at_a_worker(server) as client:
                for _ in range(3):
                    os.killpg(server.process.pid, signal.SIGTERM)
                until(lambda: is_refused(server.address()))
                client.sendall(b"still here")
                assert client.recv(20) == b"still here"
            report = server.report()
        assert report["finished"] >= 1
        assert report["cut"] == 0


def begun_at_a_worker(server: Serving) -> socket.socket:
    client = server.connect()
    client.settimeout(LONG)
    worker_of(client)
    return client


class TestAHandlerThatComputes:
    def test_holds_up_its_own_worker_alone_which_says_so(self, handlers: Path) -> None:
        what = f"{handlers}:compute_or_pid=127.0.0.1:0"
        with hybrid(what, "--grace", "100ms") as server:
            while len({ask_pid(server) for _ in range(10)}) < 2:
                pass
            with server.connect() as busy:
                busy.settimeout(LONG)
                busy.sendall(b"!")
                pid = worker_of(busy)
                until(lambda: "has held up its hub" in server.errors())
                assert {ask_pid(server) for _ in range(10)} == (
                    set(children_of(server)) - {pid}
                )
                assert "compute_or_pid" in server.errors()
                report = server.stop()
        assert report["cut"] == 1

    def test_in_a_thread_holds_up_nobody(self, handlers: Path) -> None:
        what = f"{handlers}:block=127.0.0.1:0"
        options = ("--worker-model", "thread", "--grace", "100ms")
        with hybrid(what, *options, workers=1) as server:
            clients = [begun_at_a_worker(server) for _ in range(3)]
            report = server.stop()
            for client in clients:
                client.close()
        assert report["abandoned"] == 3


def test_the_reports_of_all_workers_are_one_sum(handlers: Path) -> None:
    with hybrid(f"{handlers}:pid=127.0.0.1:0", "--grace", "100ms") as server:
        clients = [begun_at_a_worker(server) for _ in range(20)]
        report = server.stop()
        for client in clients:
            client.close()
    assert report["cut"] == 20


def test_the_share_of_an_address_holds_over_all_workers(handlers: Path) -> None:
    what = f"{handlers}:pid=127.0.0.1:0"
    with hybrid(what, "--max-connections-per-ip", "3") as server:
        clients = [begun_at_a_worker(server) for _ in range(3)]
        # Two workers may both see the last place, so one more may be let in.
        more = [server.connect() for _ in range(2)]
        turned_away = 0
        for client in more:
            client.settimeout(LONG)
            turned_away += client.recv(1) == b""
        assert turned_away >= 1
        for client in clients + more:
            client.close()
        server.stop()


@pytest.mark.parametrize("model", ["hybrid", "nonblocking", "thread", "serial", "fork"])
class TestCtrlC:
    """On a terminal, where it reaches every process of the foreground."""

    def test_once_drains_and_twice_cuts(self, model: str, handlers: Path) -> None:
        for times, status in ((1, 0), (2, 130)):
            assert self.leave(model, handlers, times) == status

    @staticmethod
    def leave(model: str, handlers: Path, times: int) -> int:
        pid, terminal = pty.fork()
        if pid == 0:
            what = f"{handlers}:pid=127.0.0.1:0"
            os.execve(
                sys.executable,
                [*PORTSIDE, "serve", what, "--model", model, "--grace", "20s"],
                environment(COLUMNS="200"),
            )
        try:
            shown = ""
            while (found := re.search(r"tcp://127\.0\.0\.1:(\d+) ", shown)) is None:
                shown += os.read(terminal, 4096).decode()
            address = ("127.0.0.1", int(found[1]))
            with socket.create_connection(address, LONG) as client:
                client.settimeout(LONG)
                worker_of(client)
                os.write(terminal, b"\x03")
                until(lambda: is_refused(address))
                client.sendall(b"still here")
                assert client.recv(20) == b"still here"
                # Again and again: one that comes with the first is taken for the same.
                until(lambda: times == 1 or has_ended(pid) or again(terminal))
            until(lambda: has_ended(pid))
        finally:
            os.close(terminal)
            _, ended = os.waitpid(pid, 0)
        return os.waitstatus_to_exitcode(ended)


def has_ended(pid: int) -> bool:
    how = os.WEXITED | os.WNOHANG | os.WNOWAIT
    return os.waitid(os.P_PID, pid, how) is not None


def again(terminal: int) -> bool:
    os.write(terminal, b"\x03")
    return False
