"""Both directions at once, whatever stdin and stdout are."""

import contextlib
import fcntl
import os
import pty
import shutil
import signal
import socket
import subprocess
import termios
import threading

import pytest

from tests.cli.running import LONG, PORTSIDE, environment, portside, serving, until

DATA = os.urandom(10_000_000)


@contextlib.contextmanager
def dialling(*args, **popen):
    """Dial a listener of ours; give the process and our end of the connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        endpoint = "{}:{}".format(*listener.getsockname())
        popen = {
            "stdin": subprocess.PIPE,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
        } | popen
        with subprocess.Popen(
            [*PORTSIDE, "dial", endpoint, *args], env=environment(), **popen
        ) as process:
            try:
                listener.settimeout(LONG)
                conn, _ = listener.accept()
                with conn:
                    conn.settimeout(LONG)
                    yield process, conn
            finally:
                process.kill()


def read_all(conn: socket.socket) -> bytes:
    with conn.makefile("rb") as file:
        return file.read()


def test_ten_megabytes_go_both_ways(model):
    with serving("echo=127.0.0.1:0", "--model", model) as server:
        done = portside("dial", server.endpoint(), stdin=DATA)
        assert (done.returncode, done.stderr) == (0, b"")
        assert done.stdout == DATA
        server.stop()


def test_files_go_both_ways(tmp_path):
    (tmp_path / "in").write_bytes(DATA)
    with (
        serving("echo=127.0.0.1:0") as server,
        open(tmp_path / "in", "rb") as stdin,
        open(tmp_path / "out", "wb") as stdout,
    ):
        done = subprocess.run(
            [*PORTSIDE, "dial", server.endpoint()],
            stdin=stdin,
            stdout=stdout,
            timeout=LONG,
            env=environment(),
            check=False,
        )
        assert done.returncode == 0
        server.stop()
    assert (tmp_path / "out").read_bytes() == DATA


def test_the_end_of_stdin_is_a_half_close():
    with dialling() as (process, conn):
        process.stdin.write(b"question")
        process.stdin.close()
        process.stdin = None
        assert read_all(conn) == b"question"
        conn.sendall(b"answer")
        conn.close()
        assert process.stdout.read() == b"answer"
        assert process.wait(LONG) == 0


def test_each_line_goes_at_once():
    with dialling() as (process, conn):
        for line in (b"one\n", b"two\n"):
            process.stdin.write(line)
            process.stdin.flush()
            assert conn.recv(16) == line
            conn.sendall(line)
            assert process.stdout.readline() == line


def test_it_ends_with_the_peer_while_stdin_is_open():
    with dialling() as (process, conn):
        conn.sendall(b"goodbye")
        conn.close()
        assert process.stdout.read() == b"goodbye"
        assert process.wait(LONG) == 0


def test_it_ends_with_the_peer_while_it_is_sending():
    with dialling() as (process, conn):
        writer = threading.Thread(target=_write_much, args=(process.stdin,))
        writer.start()
        until(lambda: conn.recv(65536))
        conn.sendall(b"enough")
        conn.shutdown(socket.SHUT_WR)
        assert process.stdout.read() == b"enough"
        assert process.wait(LONG) == 0
        writer.join(LONG)


def test_a_reset_while_sending_does_not_hide_what_had_come():
    with dialling() as (process, conn):
        writer = threading.Thread(target=_write_much, args=(process.stdin,))
        writer.start()
        assert conn.recv(16)
        conn.sendall(b"too much")
        conn.close()  # with data unread: the kernel resets
        assert process.stdout.read() == b"too much"
        assert b"connection reset by peer" in process.stderr.read()
        assert process.wait(LONG) == 56
        writer.join(LONG)


def _write_much(file):
    try:
        file.write(DATA)
        file.flush()
    except BrokenPipeError:
        pass


STDIN = {"/dev/null": "</dev/null", "closed": "<&-", "a file": "<{file}"}


@pytest.mark.parametrize("given", STDIN)
def test_stdin_may_be(given, tmp_path):
    file = tmp_path / "file"
    file.write_bytes(b"from a file")
    with serving("echo=127.0.0.1:0") as server:
        command = f'exec "$@" {STDIN[given].format(file=file)}'
        done = subprocess.run(
            ["sh", "-c", command, "sh", *PORTSIDE, "dial", server.endpoint()],
            capture_output=True,
            timeout=LONG,
            env=environment(),
            check=False,
        )
        server.stop()
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == (b"from a file" if given == "a file" else b"")


@pytest.mark.parametrize("closed", [">&-", "<&- >&- 2>&-"])
def test_stdout_may_be_closed(closed):
    """And then no socket gets its number, or the answer would be sent back."""
    with serving("echo=127.0.0.1:0") as server:
        command = [*PORTSIDE, "dial", server.endpoint()]
        done = subprocess.run(
            ["sh", "-c", f'exec "$@" {closed}', "sh", *command],
            input=b"hello",
            stderr=subprocess.PIPE,
            timeout=LONG,
            env=environment(),
            check=False,
        )
        server.stop()
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_reader_that_has_seen_enough_ends_it_quietly():
    with dialling() as (process, conn):
        process.stdout.close()
        with contextlib.suppress(ConnectionError):
            conn.sendall(b"nobody reads this")
            assert read_all(conn) == b""
        assert process.stderr.read() == b""
        assert process.wait(LONG) == 0
        process.stdout = None


def test_a_full_disk_is_a_failure():
    with open("/dev/full", "wb") as full, dialling(stdout=full) as (process, conn):
        conn.sendall(b"too much")
        error = process.stderr.read().decode()
        assert process.wait(LONG) == 1
    assert "No space left on device" in error
    assert error.count("\n") == 1


def test_a_stdin_that_cannot_be_read_is_a_failure(tmp_path):
    with (
        open(tmp_path / "file", "wb") as unreadable,
        dialling(stdin=unreadable) as (process, conn),
    ):
        with pytest.raises(ConnectionResetError):
            conn.recv(16)  # half of a question must not look whole
        error = process.stderr.read().decode()
        assert process.wait(LONG) == 1
    assert error == "portside: stdin or stdout: Bad file descriptor\n"


def is_nonblocking(number: int) -> bool:
    return bool(fcntl.fcntl(number, fcntl.F_GETFL) & os.O_NONBLOCK)


def test_pipes_stay_blocking():
    """The flag belongs to the pipe, so a shell that shares it would have it too."""
    with dialling() as (process, conn):
        process.stdin.write(b"ping")
        process.stdin.flush()
        assert conn.recv(16) == b"ping"
        conn.sendall(b"pong")
        assert process.stdout.read(4) == b"pong"
        for number in (0, 1):
            with open(f"/proc/{process.pid}/fdinfo/{number}") as file:
                flags = next(line for line in file if line.startswith("flags:"))
            assert not int(flags.split()[1], 8) & os.O_NONBLOCK
        conn.close()
        assert process.wait(LONG) == 0


def test_a_terminal_stays_as_it_was():
    ours, theirs = pty.openpty()
    try:
        before = termios.tcgetattr(theirs)
        with dialling(stdin=theirs) as (process, conn):
            os.write(ours, b"hello\n")
            assert conn.recv(16) == b"hello\n"
            conn.sendall(b"and you\n")
            assert process.stdout.readline() == b"and you\n"
            assert not is_nonblocking(theirs)
            os.write(ours, b"\x04")  # Ctrl-D
            assert read_all(conn) == b""
            conn.close()
            assert process.wait(LONG) == 0
        assert not is_nonblocking(theirs)
        assert termios.tcgetattr(theirs) == before
    finally:
        os.close(ours)
        os.close(theirs)


def test_descriptors_that_somebody_made_nonblocking_are_served():
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    try:
        with serving("echo=127.0.0.1:0") as server:
            back, out = os.pipe()
            os.set_blocking(out, False)
            with subprocess.Popen(
                [*PORTSIDE, "dial", server.endpoint()],
                stdin=reader,
                stdout=out,
                env=environment(),
            ) as process:
                try:
                    os.close(out)
                    sender = threading.Thread(target=_write_and_close, args=(writer,))
                    sender.start()
                    with open(back, "rb") as file:
                        assert file.read() == DATA
                    sender.join(LONG)
                    assert process.wait(LONG) == 0
                finally:
                    process.kill()
            server.stop()
    finally:
        os.close(reader)


def _write_and_close(number):
    with open(number, "wb") as file:
        file.write(DATA)


@pytest.fixture
def _not_in_the_background():
    """Let SIGINT end what is started: what a shell starts with ``&`` ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_not_in_the_background")
def test_ctrl_c_is_130_and_quiet():
    with dialling() as (process, conn):
        conn.sendall(b"here")
        assert process.stdout.read(4) == b"here"  # so it talks by now
        process.send_signal(signal.SIGINT)
        assert process.wait(LONG) == 130
        assert process.stderr.read() == b""


def test_another_program_answers():
    if shutil.which("socat") is None:
        pytest.skip("socat is not installed")
    command = ["socat", "-d", "-d", "TCP-LISTEN:0,bind=127.0.0.1", "EXEC:rev"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            while "listening on" not in (line := process.stderr.readline()):
                assert line
            endpoint = line.rstrip().rpartition(" ")[2]
            done = portside("dial", endpoint, stdin=b"stressed\n")
            assert (done.returncode, done.stdout) == (0, b"desserts\n")
            process.stderr.read()
            assert process.wait(LONG) == 0
        finally:
            process.kill()
