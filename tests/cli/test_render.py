"""What is shown: tables on a terminal, and nothing that others break into."""

import os
import pty
import re
import signal
import subprocess

import pytest

from tests.cli.running import LONG, PORTSIDE, environment, until


@pytest.mark.parametrize("no_color", ["", "1"])
def test_a_terminal_gets_a_ruled_table(no_color):
    ours, theirs = pty.openpty()
    env = environment(TERM="xterm-256color", COLUMNS="90", NO_COLOR=no_color)
    with subprocess.Popen(
        [*PORTSIDE, "serve", "echo=127.0.0.1:0"],
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        env=env,
    ) as process:
        try:
            os.close(theirs)
            shown = b""
            while b"second does not" not in shown:
                shown += os.read(ours, 4096)
            process.send_signal(signal.SIGTERM)
            while b"abandoned" not in shown:
                shown += os.read(ours, 4096)
            assert process.wait(LONG) == 0
        finally:
            process.kill()
            os.close(ours)
    text = shown.decode()
    assert "───" in text
    assert re.search(
        r"echo +tcp://127\.0\.0\.1:\d+ +hybrid \(\d+ workers?\) +\d+", text
    )
    assert "stopped: 0 finished, 0 cut, 0 abandoned" in text
    if no_color:
        assert not re.search("\x1b\\[[0-9;]*3[0-9]", text)


@pytest.mark.parametrize(("columns", "is_ruled"), [(80, True), (60, True), (40, False)])
def test_an_endpoint_is_in_one_line_however_narrow_the_terminal(columns, is_ruled):
    """Or nobody could copy it. Where no table fits, the terminal breaks the lines."""
    shown = shown_by(
        *("serve", "discard=tcp://127.0.0.1:0"),
        *("--model", "thread", "--max-connections", "1000"),
        COLUMNS=str(columns),
    )
    assert re.search(r"discard +tcp://127\.0\.0\.1:\d{4,5} +thread +1000", shown)
    assert ("───" in shown) is is_ruled


def test_the_addresses_of_a_name_are_in_one_line_however_narrow_the_terminal():
    shown = shown_by("lookup", "127.0.0.1", "--as", "name", COLUMNS="24")
    assert re.search(r"127\.0\.0\.1 +loopback +127\.0\.0\.1", shown)


def shown_by(*args: str, **env: str) -> str:
    """Return what a command shows on a terminal; a server is told to stop."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*PORTSIDE, *args],
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        env=environment(TERM="xterm", **env),
    ) as process:
        os.close(theirs)
        shown = b""
        try:
            while some := os.read(ours, 4096):
                shown += some
                if b"Ctrl-C" in shown:
                    process.send_signal(signal.SIGTERM)
        except OSError:
            pass  # that is how the end of a terminal reads
        finally:
            process.kill()
            os.close(ours)
    return re.sub("\x1b\\[[0-9;]*m", "", shown.decode())


def test_a_reader_that_has_gone_does_not_end_the_server():
    reader, writer = os.pipe()
    with subprocess.Popen(
        [*PORTSIDE, "serve", "echo=127.0.0.1:0", "--trace-calls"],
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    ) as process:
        try:
            os.close(writer)
            os.close(reader)
            assert process.stderr is not None
            until(lambda: "listen(" in process.stderr.readline())  # type: ignore[union-attr]
            # It writes its table next, to nobody; a signal before that would kill it.
            status = os.path.join("/proc", str(process.pid), "status")
            until(lambda: _catches(status, signal.SIGTERM))
            process.send_signal(signal.SIGTERM)
            assert "Traceback" not in process.stderr.read()
            assert process.wait(LONG) == 0
        finally:
            process.kill()


def _catches(status: str, number: int) -> bool:
    with open(status) as file:
        found = re.search(r"^SigCgt:\s*([0-9a-f]+)$", file.read(), re.MULTILINE)
    assert found is not None
    return bool(int(found[1], 16) >> (number - 1) & 1)
