"""portside serve: what it serves, what it says, and how it ends."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from portside.models import MODELS
from tests.cli.running import (
    LONG,
    PORTSIDE,
    environment,
    is_refused,
    portside,
    serving,
    until,
)
from tests.lonely import LONELY

HANDLERS = Path(__file__).with_name("handlers.py")
GREET = f"{HANDLERS}:greet=127.0.0.1:0"
STUCK = f"{HANDLERS}:stuck=127.0.0.1:0"
ECHO = "echo=tcp://127.0.0.1:0"
SIGNALS = pytest.mark.parametrize(
    "number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name
)


def test_a_service_is_served(model):
    with serving(ECHO, "--model", model) as server:
        for _ in range(3):
            assert portside("dial", server.endpoint(), stdin=b"hello\n").stdout == (
                b"hello\n"
            )
        assert server.stop()["event"] == "stopped"
        assert server.errors() == ""


def test_a_handler_of_a_file_is_served(model):
    with serving(GREET, "--model", model) as server:
        done = portside("dial", server.endpoint(), stdin=b"to you too\n")
        assert done.stdout == b"hello\nto you too\n"
        server.stop()


def test_a_handler_of_a_module_is_served():
    what = "handlers:Shop.sell=127.0.0.1:0"
    with serving(what, cwd=HANDLERS.parent) as server:
        assert portside("dial", server.endpoint()).stdout == b"sold\n"
        server.stop()


def test_several_are_served_by_one_server(model):
    with serving(ECHO, GREET, "discard=tcp://[::1]:0", "--model", model) as server:
        names = [each["service"] for each in server.told["listening"]]
        assert names == ["echo", f"{HANDLERS}:greet", "discard"]
        answers = [
            portside("dial", server.endpoint(index), stdin=b"hello\n").stdout
            for index in range(3)
        ]
        assert answers == [b"hello\n", b"hello\nhello\n", b""]
        server.stop()


def test_what_is_told_as_json_is_how_it_was_started():
    options = ("--model", "thread", "--max-connections", 7)
    with serving("echo=tcp4://127.0.0.1:0", *options) as server:
        told = server.told
        assert told["event"] == "listening"
        assert told["pid"] == server.process.pid
        assert (told["model"], told["max_connections"]) == ("thread", 7)
        (place,) = told["listening"]
        assert place["port"] > 0
        assert place["endpoint"] == f"tcp4://127.0.0.1:{place['port']}"
        report = server.stop()
    assert report == {"event": "stopped", "finished": 0, "cut": 0, "abandoned": 0}


def test_a_failure_is_told_as_json_too():
    done = portside("serve", "ehco", "--json")
    told = json.loads(done.stdout)
    assert told["event"] == "failed"
    assert told["status"] == done.returncode == 2
    assert done.stderr.decode() == f"portside: {told['error']}\n"


def test_options_come_from_the_environment():
    env = {
        "PORTSIDE_SERVE_MODEL": "fork",
        "PORTSIDE_SERVE_MAX_CONNECTIONS": "5",
        "PORTSIDE_SERVE_GRACE": "200ms",
    }
    with serving(ECHO, env=env) as server:
        assert (server.told["model"], server.told["max_connections"]) == ("fork", 5)
        server.stop()
    with serving(ECHO, "--model", "serial", env=env) as server:
        assert server.told["model"] == "serial"
        server.stop()


def test_plain_text_is_for_people_who_pipe():
    with subprocess.Popen(
        [*PORTSIDE, "serve", ECHO, "discard=tcp://:0", "--model", "serial"],
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
    ) as process:
        try:
            assert process.stdout is not None
            lines = [process.stdout.readline().rstrip("\n") for _ in range(6)]
            process.send_signal(signal.SIGTERM)
            rest = process.stdout.read()
            assert process.wait(LONG) == 0
        finally:
            process.kill()
    heads, echo, discard, empty, advice, stop = lines
    assert heads.split("  ")[0] == "SERVICE"
    port = re.search(r"127\.0\.0\.1:(\d+)", echo)
    assert port is not None
    assert re.fullmatch(r"echo +tcp://127\.0\.0\.1:\d+ +serial +\d+", echo)
    assert re.fullmatch(r"discard +tcp://(\[::\]|0\.0\.0\.0):\d+ +serial +\d+", discard)
    assert len({line.find("serial") for line in (echo, discard)}) == 1, "aligned"
    assert empty == ""
    assert advice == f"try it:  printf 'hello\\n' | portside dial {port[0]}"
    assert stop == (
        "Ctrl-C stops: the first waits for conversations to end, a second does not"
    )
    assert rest == "stopped: 0 finished, 0 cut, 0 abandoned\n"


def test_the_advice_is_something_that_can_be_dialled():
    for what, host in (("echo=tcp://:0", "localhost"), ("echo=tcp6://:0", r"\[::1\]")):
        with subprocess.Popen(
            [*PORTSIDE, "serve", what],
            stdout=subprocess.PIPE,
            text=True,
            env=environment(),
        ) as process:
            try:
                assert process.stdout is not None
                advice = [process.stdout.readline() for _ in range(4)][-1]
                found = re.search(rf"dial ({host}:\d+)$", advice)
                assert found is not None, advice
                assert portside("dial", found[1], stdin=b"hello\n").stdout == b"hello\n"
            finally:
                process.kill()


@SIGNALS
def test_a_signal_lets_the_open_conversation_finish(model, number):
    with serving(GREET, "--model", model, "--grace", "20s") as server:
        with server.connect() as client:
            replies = client.makefile("rb")
            assert replies.readline() == b"hello\n"
            server.process.send_signal(number)
            until(lambda: is_refused(server.address()))
            client.sendall(b"bye\n")
            assert replies.read() == b"bye\n"
            replies.close()
        assert server.process.stdout is not None
        report = json.loads(server.process.stdout.read())
        assert server.process.wait(LONG) == 0
    # One, or more: the test knocked at the door until it was closed.
    assert report["finished"] >= 1
    assert (report["cut"], report["abandoned"]) == (0, 0)


@SIGNALS
def test_a_signal_right_after_it_listens_gets_a_report(model, number):
    with serving(ECHO, "--model", model) as server:
        assert server.stop(number)["cut"] == 0


def test_the_end_of_the_grace_cuts(model):
    with (
        serving(GREET, "--model", model, "--grace", "100ms") as server,
        server.connect() as client,
    ):
        assert client.recv(16) == b"hello\n"
        report = server.stop()
    assert report == {"event": "stopped", "finished": 0, "cut": 1, "abandoned": 0}


@SIGNALS
def test_a_second_signal_ends_a_stuck_server_at_once(model, number):
    with (
        serving(STUCK, "--model", model, "--grace", "50s") as server,
        server.connect() as client,
    ):
        assert client.recv(16) == b"stuck\n"
        began = time.monotonic()
        for _ in range(50):  # two that come together are one to the kernel
            server.process.send_signal(number)
            try:
                server.process.wait(0.1)
                break
            except subprocess.TimeoutExpired:
                pass
        assert time.monotonic() - began < LONG
        assert server.process.wait(LONG) == 128 + number
        assert "second signal" in server.errors()
        client.settimeout(LONG)
        try:
            assert client.recv(16) == b""
        except ConnectionResetError:
            pass


def test_over_capacity_is_refused_if_so_wished():
    options = ("--max-connections", 1, "--over-capacity", "refuse")
    with serving(GREET, *options) as server, server.connect() as first:
        assert first.recv(16) == b"hello\n"
        with pytest.raises(ConnectionResetError), server.connect() as second:
            second.recv(16)  # or in connect: the reset may come as soon as that
        first.sendall(b"bye\n")
        assert first.recv(16) == b"bye\n"
        server.stop()


def test_one_address_has_its_bound():
    options = ("--max-connections-per-ip", 1)
    with serving(GREET, *options) as server, server.connect() as first:
        assert first.recv(16) == b"hello\n"
        with server.connect() as second:
            assert second.recv(16) == b""
        server.process.kill()


def test_fork_is_refused_in_a_process_that_has_threads_already(tmp_path):
    (tmp_path / "threads.py").write_text(
        "import threading, time\n"
        "threading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n"
        "def greet(conn): pass\n"
    )
    what = f"{tmp_path}/threads.py:greet=127.0.0.1:0"
    done = portside("serve", what, "--model", "fork")
    assert done.returncode == 3
    assert b"needs a process with one thread" in done.stderr
    assert done.stderr.count(b"\n") == 1


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_it_serves_with_standard_descriptors_closed(closed, tmp_path):
    """Or a listener would be number 1, and be written to."""
    (tmp_path / "app.py").write_text("def tell(conn): conn.write(b'whole\\n')\n")
    with socket.socket() as chooser:  # bound, not listening: serve may share the port
        chooser.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        chooser.bind(("127.0.0.1", 0))
        address = chooser.getsockname()
        what = f"{tmp_path}/app.py:tell=127.0.0.1:{address[1]}"
        command = f'exec "$@" {closed}'
        with subprocess.Popen(
            ["sh", "-c", command, "sh", *PORTSIDE, "serve", what],
            stdout=subprocess.DEVNULL,
            env=environment(),
        ) as process:
            try:
                until(lambda: not is_refused(address))
                with socket.create_connection(address, LONG) as client:
                    assert client.makefile("rb").read() == b"whole\n"
                process.send_signal(signal.SIGTERM)
                assert process.wait(LONG) == 0
            finally:
                process.kill()


PEERS = {
    "nc": ["nc", "-N", "{host}", "{port}"],
    "ncat": ["ncat", "{host}", "{port}"],
    "socat": ["socat", "-t20", "-", "TCP:{host}:{port}"],
    "curl": ["curl", "-sS", "--no-buffer", "-m20", "telnet://{host}:{port}"],
}


@pytest.mark.parametrize("peer", PEERS)
def test_other_programs_are_served(peer, model):
    if shutil.which(peer) is None:
        pytest.skip(f"{peer} is not installed")
    said = b"".join(b"line %d\n" % number for number in range(1000))
    with serving(ECHO, "--model", model) as server:
        host, port = server.address()
        command = [word.format(host=host, port=port) for word in PEERS[peer]]
        if peer == "curl":  # which has no half-close
            with subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
            ) as process:
                assert process.stdin is not None
                assert process.stdout is not None
                process.stdin.write(said)
                process.stdin.flush()
                assert process.stdout.read(len(said)) == said
                process.kill()
        else:
            done = subprocess.run(
                command, input=said, capture_output=True, timeout=LONG, check=False
            )
            assert (done.stdout, done.returncode) == (said, 0), done.stderr
        server.stop()
        assert server.errors() == ""


def test_every_model_is_offered():
    text = portside("serve", "--help").stdout.decode()
    assert f"--model [{'|'.join(MODELS)}]" in text


def test_a_thread_that_a_handler_left_does_not_keep_the_server_from_ending(tmp_path):
    file = tmp_path / "leaving.py"
    file.write_text(
        "import threading, time\n"
        "def leave(conn):\n"
        "    threading.Thread(target=time.sleep, args=(99,), name='left').start()\n"
    )
    with serving(f"{file}:leave=127.0.0.1:0", "--model", "serial") as server:
        with server.connect() as client:
            assert client.recv(1) == b""
        assert server.stop()["abandoned"] == 0
        assert "left behind, as handlers started them: left" in server.errors()


def test_a_path_is_served_and_its_file_goes(model, tmp_path):
    place = f"unix:{tmp_path}/echo.sock"
    with serving(f"echo={place}", "--model", model) as server:
        (told,) = server.told["listening"]
        assert (told["endpoint"], told["path"]) == (place, f"{tmp_path}/echo.sock")
        for _ in range(3):
            assert portside("dial", place, stdin=b"hello").stdout == b"hello"
        assert server.stop()["event"] == "stopped"
        assert server.errors() == ""
    assert os.listdir(tmp_path) == []


def test_a_killed_server_leaves_a_file_that_the_next_one_replaces(tmp_path):
    place = f"unix:{tmp_path}/echo.sock"
    with serving(f"echo={place}", "--model", "serial") as server:
        server.process.kill()
        server.process.wait(LONG)
    assert os.listdir(tmp_path) == ["echo.sock"]
    with serving(f"echo={place}") as server:
        assert portside("dial", place, stdin=b"hello").stdout == b"hello"
        server.stop()


def test_a_path_is_shown_as_one_dials_it(tmp_path):
    place = f"unix:{tmp_path}/my echo"
    with subprocess.Popen(
        [*PORTSIDE, "serve", f"echo={place}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    ) as process:
        assert process.stdout is not None
        told = b""
        while b"Ctrl-C stops" not in told:
            told += process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=LONG)
    assert f"dial '{place}'\n" in told.decode()
    assert f" {place} " in told.decode()


def test_a_socket_that_was_passed_is_served(model):
    with socket.create_server(("127.0.0.1", 0)) as sock:
        number = sock.fileno()
        what = f"echo=fd:{number}"
        with serving(what, "--model", model, pass_fds=[number]) as server:
            assert server.address() == sock.getsockname()
            with socket.create_connection(sock.getsockname(), LONG) as client:
                client.sendall(b"hello")
                assert client.recv(10) == b"hello"
            server.stop()
        # Whoever passed it has it still: who comes now waits for the next server.
        with socket.create_connection(sock.getsockname(), LONG) as client:
            client.sendall(b"waits")
            with serving(what, "--model", model, pass_fds=[number]) as server:
                assert client.recv(10) == b"waits"
                server.stop()


@pytest.mark.skipif(
    shutil.which("systemd-socket-activate") is None,
    reason="needs systemd-socket-activate (Debian: systemd)",
)
@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_a_socket_of_systemd_is_served(kind, free_port, tmp_path):
    place = f"{LONELY}:{free_port}" if kind == "tcp" else f"{tmp_path}/x"
    dialed = f"tcp://{place}" if kind == "tcp" else f"unix:{place}"
    with subprocess.Popen(
        [
            *("systemd-socket-activate", "-l", place, "--fdname=web", *PORTSIDE),
            *("serve", "echo=systemd:web", "--model", "serial", "--json"),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    ) as process:
        try:
            done = portside("dial", dialed, "--retry", 50, stdin=b"hello")
            assert done.stdout == b"hello", done.stderr
        finally:
            process.send_signal(signal.SIGTERM)
            told, _ = process.communicate(timeout=LONG)
    assert json.loads(told.splitlines()[0])["listening"][0]["endpoint"] == dialed


@pytest.fixture
def free_port():
    """A port that nobody has, as somebody had it a moment ago."""
    with socket.create_server((LONELY, 0)) as sock:
        return sock.getsockname()[1]
