"""portside dial: connecting, and curl's exit statuses."""

import contextlib
import socket
import subprocess

import pytest

from portside.cli.failure import (
    CANNOT_CONNECT,
    CANNOT_RESOLVE,
    RESET,
    TIMED_OUT,
    USAGE,
)
from tests.cli.running import LONG, PORTSIDE, environment, portside, serving


@pytest.fixture
def free_port():
    """A port that nobody listens at, and nobody else gets."""
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]


@pytest.fixture
def full_queue():
    """A listener that answers no more handshakes: its queue is full."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


def failed(*args: object, status: int) -> str:
    done = portside("dial", *args)
    assert (done.returncode, done.stdout) == (status, b""), done.stderr
    error = done.stderr.decode()
    assert error.startswith("portside: dial tcp")
    assert error.count("\n") == 1
    return error


def test_a_name_without_address_is_6():
    assert "nowhere.invalid:7" in failed("nowhere.invalid:7", status=CANNOT_RESOLVE)
    failed("nowhere.invalid:7", "--timeout", "10s", status=CANNOT_RESOLVE)


def test_refused_is_7(free_port):
    error = failed(f"127.0.0.1:{free_port}", status=CANNOT_CONNECT)
    assert "connection refused: nobody listens there (yet? --retry)" in error


def test_unreachable_is_7():
    failed("255.255.255.255:7", status=CANNOT_CONNECT)


def test_timed_out_is_28(full_queue):
    error = failed(f"127.0.0.1:{full_queue}", "--timeout", "300ms", status=TIMED_OUT)
    assert "(--timeout 300ms)" in error


def test_the_timeout_bounds_the_retries_too(free_port):
    options = ("--retry", 1000, "--timeout", "500ms")
    done = portside("dial", f"127.0.0.1:{free_port}", *options)
    # The time is up, or what is left is too short for another attempt.
    assert done.returncode in (TIMED_OUT, CANNOT_CONNECT)
    assert done.stderr.count(b"\n") == 1


def test_the_timeout_does_not_bound_the_conversation():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        endpoint = "{}:{}".format(*listener.getsockname())
        with subprocess.Popen(
            [*PORTSIDE, "dial", endpoint, "--timeout", "100ms"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment(),
        ) as process:
            try:
                conn, _ = listener.accept()
                with conn:
                    with pytest.raises(subprocess.TimeoutExpired):
                        process.wait(0.4)  # four times the timeout
                    conn.sendall(b"late")
                assert process.stdout is not None
                assert process.stdout.read() == b"late"
                assert process.wait(LONG) == 0
            finally:
                process.kill()


def test_a_retry_gets_through_once_somebody_listens():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        endpoint = "{}:{}".format(*listener.getsockname())
        with subprocess.Popen(
            [*PORTSIDE, "dial", endpoint, "--retry", "50", "--trace-calls"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(),
        ) as process:
            try:
                assert process.stderr is not None
                assert process.stdout is not None
                while "= connection refused" not in (line := process.stderr.readline()):
                    assert line, "it did not try"
                listener.listen()
                conn, _ = listener.accept()
                with conn:
                    conn.sendall(b"welcome")
                assert process.stdout.read() == "welcome"
                process.stderr.read()
                assert process.wait(LONG) == 0
            finally:
                process.kill()


def test_a_reset_is_56_and_what_had_come_is_shown():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        endpoint = "{}:{}".format(*listener.getsockname())
        with subprocess.Popen(
            [*PORTSIDE, "dial", endpoint],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(),
        ) as process:
            try:
                assert process.stdin is not None
                process.stdin.write(b"ask")
                process.stdin.flush()
                conn, _ = listener.accept()
                assert conn.recv(16) == b"ask"  # so it talks by now
                conn.sendall(b"half of it")
                conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1" + b"\0" * 7)
                conn.close()
                assert process.stdout is not None
                assert process.stderr is not None
                assert process.stdout.read() == b"half of it"
                error = process.stderr.read().decode()
                assert process.wait(LONG) == RESET
            finally:
                process.kill()
    assert error.startswith("portside: ")
    assert "connection reset by peer" in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("network", ["tcp", "tcp4"])
def test_the_network_may_be_said(network):
    with serving("echo=127.0.0.1:0") as server:
        done = portside("dial", f"{network}://{server.endpoint()}", stdin=b"hello")
        assert (done.returncode, done.stdout) == (0, b"hello")
        server.stop()


def test_an_ipv6_peer_is_dialled():
    with serving("echo=[::1]:0") as server:
        done = portside("dial", server.endpoint(), stdin=b"hello")
        assert (done.returncode, done.stdout) == (0, b"hello")
        server.stop()


@pytest.mark.parametrize("local", ["127.0.0.2", "127.0.0.2:0"])
def test_a_call_comes_from_the_local_address(local):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        endpoint = "{}:{}".format(*listener.getsockname())
        with subprocess.Popen(
            [*PORTSIDE, "dial", endpoint, "--local", local],
            stdin=subprocess.DEVNULL,
            env=environment(),
        ) as process:
            try:
                conn, peer = listener.accept()
                conn.close()
                assert peer[0] == "127.0.0.2"
                assert process.wait(LONG) == 0
            finally:
                process.kill()


def test_a_local_port_in_use_is_7(free_port):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        taken = "{}:{}".format(*listener.getsockname())
        options = ("--local", taken)
        error = failed(f"127.0.0.1:{free_port}", *options, status=CANNOT_CONNECT)
    assert f"dial tcp {taken}->127.0.0.1:{free_port}: address already in use (" in error


@pytest.mark.parametrize(
    ("local", "told"),
    [
        ("localhost", "is not an IP address"),
        ("", "is empty (write HOST or HOST:PORT)"),
        ("127.0.0.1:http_", "not in 0-65535"),
        ("::1", "no IPv6 address to be called from ::1, only 127.0.0.1"),
    ],
)
def test_a_local_address_that_could_never_work_is_2(free_port, local, told):
    done = portside("dial", f"127.0.0.1:{free_port}", "--local", local)
    assert done.returncode == USAGE
    error = done.stderr.decode()
    assert told in error
    assert error.count("\n") == 1


def test_options_come_from_the_environment(free_port):
    env = {"PORTSIDE_DIAL_TRACE_CALLS": "1", "PORTSIDE_DIAL_RETRY": "2"}
    done = portside("dial", f"127.0.0.1:{free_port}", env=env)
    assert done.stderr.count(b"= connection refused") == 3
    assert b"(3 attempts)" in done.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("-u", "tcp://127.0.0.1:7"), "--udp: tcp://127.0.0.1:7 says tcp"),
        (("-u", "unix:/x"), "--udp: unix:/x says unix"),
        (("--unix", "tcp://127.0.0.1:7"), "--unix: tcp://127.0.0.1:7 says tcp"),
        (("127.0.0.1:7", "--quiet-time", "2s"), "--quiet-time: is for packets"),
        (("unix:/x", "--quiet-time", "2s"), "--quiet-time: is for packets"),
        (("-u", "127.0.0.1:7", "--retry", "2"), "--retry: a packet to udp is sent"),
        (("unixgram:/x", "--retry", "2"), "--retry: a packet to unixgram is sent"),
    ],
    ids=str,
)
def test_flags_that_mean_nothing_at_the_endpoint_are_2(words, told):
    done = portside("dial", *words)
    assert done.returncode == USAGE
    assert done.stderr.decode().startswith(f"portside: {told}")
    assert done.stderr.count(b"\n") == 1


def test_a_variable_that_means_nothing_at_the_endpoint_waits_for_one_that_it_fits(
    free_port,
):
    env = {"PORTSIDE_DIAL_UDP": "1", "PORTSIDE_DIAL_QUIET_TIME": "2s"}
    done = portside("dial", f"tcp://127.0.0.1:{free_port}", env=env)
    assert done.returncode == CANNOT_CONNECT


def test_no_file_and_nobody_behind_one_are_7(tmp_path):
    path = str(tmp_path / "x")
    assert_told(path, "no such file or directory")
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(path)
    assert_told(path, "connection refused")


def assert_told(path: str, reason: str) -> None:
    done = portside("dial", f"unix:{path}")
    assert (done.returncode, done.stderr.decode()) == (
        7,
        f"portside: dial unix {path}: {reason}: nobody listens there (yet? --retry)\n",
    )


def test_a_path_is_dialled_once_somebody_listens(tmp_path):
    path = str(tmp_path / "x")
    with subprocess.Popen(
        [*PORTSIDE, "dial", f"unix:{path}", "--retry", "100"], stdout=subprocess.PIPE
    ) as process:
        with socket.socket(socket.AF_UNIX) as sock:
            sock.bind(path)
            sock.listen()
            client, _ = sock.accept()
            with client:
                client.sendall(b"hello")
        told, _ = process.communicate(timeout=LONG)
    assert (told, process.returncode) == (b"hello", 0)
