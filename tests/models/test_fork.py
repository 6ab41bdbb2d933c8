"""What only a process per connection has: isolation, and the hygiene of forks."""

import os
import shutil
import signal
import socket
import subprocess
import threading
from pathlib import Path

import pytest

from portside import Server, net, timeout
from portside.models.children import check_one_thread
from portside.net import Conn
from tests.cli.running import LONG, PORTSIDE, serving, until
from tests.lonely import LONELY

ANY_PORT = "tcp://127.0.0.1:0"


def ask(server: Server, question: bytes = b"") -> bytes:
    with net.dial(server.address, timeout=5) as conn, timeout(10):
        conn.write(question)
        conn.close_write()
        return conn.read_all()


def test_what_a_handler_changes_stays_inside(tmp_path: Path) -> None:
    kept: list[int] = []

    def change(conn: Conn) -> None:
        kept.append(1)
        os.chdir(tmp_path)
        os.environ["CHANGED"] = "yes"
        conn.write(f"{len(kept)} {os.getpid()}".encode())

    before = os.getcwd()
    with Server(change, ANY_PORT, model="fork") as server:
        first, second = ask(server).split(), ask(server).split()
    assert first[0] == second[0] == b"1"
    assert first[1] != second[1]
    assert os.getcwd() == before
    assert "CHANGED" not in os.environ


def test_a_child_of_a_handlers_library_is_not_reaped_behind_its_back() -> None:
    def run_something(conn: Conn) -> None:
        done = subprocess.run(["true"], check=False)
        conn.write(str(done.returncode).encode())

    with Server(run_something, ANY_PORT, model="fork") as server:
        assert [ask(server) for _ in range(5)] == [b"0"] * 5


def test_the_finally_blocks_of_the_parent_do_not_run_in_a_child(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    trace = tmp_path / "trace"
    script.write_text(
        "import atexit, os, sys\n"
        "from portside import serve\n"
        "def note(what): open(sys.argv[2], 'a').write(f'{what} {os.getpid()}\\n')\n"
        "atexit.register(note, 'exit')\n"
        "try:\n"
        "    serve(lambda conn: conn.write(b'x'), f'tcp://{sys.argv[1]}',\n"
        "          model='fork')\n"
        "finally:\n"
        "    note('finally')\n"
    )
    with socket.create_server((LONELY, 0)) as probe:
        place = f"{LONELY}:{probe.getsockname()[1]}"
    python = PORTSIDE[0]
    with subprocess.Popen([python, script, place, trace]) as process:
        for _ in range(3):
            with net.dial("tcp", place, timeout=20, attempts=100) as conn:
                with timeout(10):
                    assert conn.read_all() == b"x"
        process.send_signal(signal.SIGTERM)
        assert process.wait(LONG) == 0
    assert trace.read_text() == f"finally {process.pid}\nexit {process.pid}\n"


def test_a_fork_that_the_system_refuses_turns_one_client_away() -> None:
    if shutil.which("strace") is None:
        pytest.skip("no strace here")
    strace = ("strace", "-qq", "-e", "trace=clone", "-o", "/dev/null")
    if subprocess.run([*strace, "true"], capture_output=True, check=False).returncode:
        pytest.skip("strace may not trace here")
    inject = ("-e", "inject=clone:error=EAGAIN:when=1")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.cli.running.PORTSIDE", (*strace, *inject, *PORTSIDE))
        with serving("echo=tcp://127.0.0.1:0", "--model", "fork") as server:
            with server.connect() as first:
                first.settimeout(LONG)
                with pytest.raises(ConnectionResetError):
                    first.recv(1)
            with server.connect() as second:
                second.settimeout(LONG)
                second.sendall(b"x")
                assert second.recv(1) == b"x"
            assert "not served: Resource temporarily unavailable" in server.errors()


def test_what_was_printed_before_is_printed_once(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "from portside import Server\n"
        "server = Server(lambda conn: conn.write(b'x'), 'tcp://127.0.0.1:0',\n"
        "                model='fork')\n"
        "server.listen()\n"
        "print(server.address, flush=True)\n"
        "print('held back', end='')\n"
        "server.run()\n"
    )
    with subprocess.Popen(
        [PORTSIDE[0], script], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        for _ in range(3):
            with net.dial("tcp", address, timeout=5) as conn, timeout(10):
                assert conn.read_all() == b"x"
        process.send_signal(signal.SIGTERM)
        assert process.stdout.read() == "held back"
        assert process.wait(LONG) == 0


def test_a_child_that_dies_of_a_real_time_signal_hurts_nobody() -> None:
    def die(conn: Conn) -> None:
        if conn.read() == b"!":
            os.kill(os.getpid(), signal.SIGRTMIN + 5)
        conn.write(b"well")

    with Server(die, ANY_PORT, model="fork") as server:
        assert ask(server, b"!") == b""
        assert ask(server, b"?") == b"well"


def test_no_zombie_stays() -> None:
    with serving("echo=tcp://127.0.0.1:0", "--model", "fork") as server:
        for _ in range(20):
            with server.connect() as client:
                client.sendall(b"x")
                client.recv(1)
        children = Path(
            f"/proc/{server.process.pid}/task/{server.process.pid}/children"
        )
        until(lambda: children.read_text() == "")


def test_a_process_with_a_second_thread_is_refused_with_its_name() -> None:
    let_go = threading.Event()
    thread = threading.Thread(target=let_go.wait, name="reaper")
    thread.start()
    try:
        with pytest.raises(RuntimeError, match="reaper"):
            check_one_thread("fork")
    finally:
        let_go.set()
        thread.join()
