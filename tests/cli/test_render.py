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
            while b"second cuts" not in shown:
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
