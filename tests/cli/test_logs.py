"""What the library logs, as lines on stderr."""

import socket
import subprocess
import sys
from pathlib import Path

from tests.cli.running import serving, until

FAILING = f"{Path(__file__).with_name('handlers.py')}:failing=127.0.0.1:0"

ECHO = "tcp://127.0.0.1:0"


def test_a_failing_handler_is_told_with_its_traceback(model):
    with serving(FAILING, "--model", model) as server:
        with server.connect() as client:
            client.sendall(b"x")
            assert client.makefile("rb").read() == b""
        until(lambda: "no such luck" in server.errors())
        server.stop()
        lines = server.errors().splitlines()
    assert lines[0].startswith("portside: tcp 127.0.0.1:")
    assert "handler failing failed" in lines[0]
    assert lines[1].startswith("  Traceback")
    assert lines[-1] == "  LookupError: no such luck"


def test_what_an_error_quotes_forges_no_line_and_speaks_to_no_terminal():
    said = 'nobody\n203.0.113.9 - - "GET /" 200\r\n\x1b[31m\x9b31mportside: red\n'
    with serving(FAILING.replace(":failing=", ":quoting=")) as server:
        with server.connect() as client:
            client.sendall(said.encode())
            client.shutdown(socket.SHUT_WR)
            assert client.makefile("rb").read() == b""
        until(lambda: "red" in server.errors())
        server.stop()
        lines = server.errors().split("\n")
    assert [line[:2] for line in lines[1:-1]] == ["  "] * len(lines[1:-1])
    assert '  203.0.113.9 - - "GET /" 200\\x0d' in lines
    assert r"  \x1b[31m\x9b31mportside: red" in lines


def test_a_peer_that_goes_away_is_told_only_when_asked():
    for flags, is_told in (((), False), (("-vv",), True)):
        with serving(FAILING, *flags) as server:
            with server.connect() as client:
                client.setsockopt(1, 13, b"\1\0\0\0\0\0\0\0")  # SO_LINGER 0: a reset
            if is_told:
                until(lambda: "connection reset" in server.errors())
            server.stop()
            assert ("portside: " in server.errors()) is is_told


def test_what_ended_a_group_of_tasks_is_told_with_its_first_error():
    """And not only that there was one: who reads the log has no traceback here."""
    what = FAILING.replace(":failing=", ":reading_in_a_group=")
    with serving(what, "-vv") as server:
        with server.connect() as client:
            client.setsockopt(1, 13, b"\1\0\0\0\0\0\0\0")  # SO_LINGER 0: a reset
        until(lambda: "handler reading_in_a_group ended" in server.errors())
        server.stop()
        line = next(each for each in server.errors().splitlines() if " ended: " in each)
    assert "tasks of a group failed (1 sub-exception): read tcp 127.0.0.1:" in line
    assert line.endswith(": connection reset by peer")


def test_starts_and_stops_are_told_when_asked(model):
    with serving(f"echo={ECHO}", "--model", model, "-v", "--grace", "3s") as server:
        with server.connect() as client:
            client.sendall(b"x")
            assert client.recv(1) == b"x"
        server.stop()
        lines = server.errors().splitlines()
    place = f"tcp://{server.endpoint()}"
    assert lines[0] == f"portside: listening at {place} under model {model}"
    assert (
        "portside: draining: no new clients, and 3 s for those that are here" in lines
    )
    assert not any(" begins" in line or " over" in line for line in lines)


def test_each_conversation_is_told_when_everything_is_asked_for(model):
    with serving(f"echo={ECHO}", "--model", model, "-vv") as server:
        with server.connect() as client:
            host, port = client.getsockname()
            client.sendall(b"x")
            assert client.recv(1) == b"x"
        who = f"portside: tcp {server.endpoint()}->{host}:{port}: "
        until(lambda: f"{who}over\n" in server.errors())
        server.stop()
        assert server.errors().count(f"{who}handler echo begins\n") == 1
        assert server.errors().count(f"{who}over\n") == 1


def test_a_line_of_an_access_log_is_written_once_and_as_it_is():
    """Though it is asked for again, as by a command that runs another."""
    code = (
        "import logging; from portside.cli.logs import show_logs\n"
        "show_logs(0); show_logs(0)\n"
        "logging.getLogger('portside.http.access').info('a line')\n"
        "logging.getLogger('portside.http').info('not asked for')\n"
        "logging.getLogger('portside.http').warning('a warning')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, timeout=20, check=True
    )
    assert done.stderr == b"a line\nportside: a warning\n"
