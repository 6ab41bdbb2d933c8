"""Why a server could not start: the holder of the port, the missing right, the host."""

import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import pytest

from tests.cli.running import LONG, PORTSIDE, environment, serving
from tests.lonely import LONELY

NOBODY = 65534
ANSWER = f"{Path(__file__).with_name('handlers.py')}:answer"
FIRST_FREE_PORT = int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text())


def error_of(
    *args: str, command: Sequence[str] = PORTSIDE, stdin: IO[str] | None = None
) -> str:
    done = subprocess.run(
        [*command, "serve", *args],
        stdin=stdin,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=LONG,
        check=False,
    )
    assert (done.returncode, done.stdout) == (3, ""), done.stderr
    assert done.stderr.count("\n") == 1
    return done.stderr.removeprefix("portside: ").rstrip("\n")


@pytest.fixture
def nobody():
    """The command, run by a user without rights."""
    if os.geteuid() != 0:
        return PORTSIDE
    # Imported before: another user may not be able to read this Python.
    code = (
        "import difflib, locale, os, portside.cli.main, portside.observe\n"
        f"os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})\n"
        "portside.cli.main.main()\n"
    )
    return (sys.executable, "-c", code)


@pytest.mark.parametrize(
    ("host", "wanted"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("::1", "[::1]"),
        ("127.0.0.1", ""),
        ("0.0.0.0", "127.0.0.1"),
    ],
)
def test_a_port_in_use_is_told_with_its_holder(host, wanted):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as taken:
        place = f"{wanted}:{taken.getsockname()[1]}"
        error = error_of(f"echo={place}")
    name = Path("/proc/self/comm").read_text().strip()
    listening = f"[::]{place}" if place.startswith(":") else place
    assert error == (
        f"tcp {listening} is in use by {name} (pid {os.getpid()}): "
        f"stop it, or choose another port"
    )


def test_of_udp_the_process_that_has_the_port_of_udp_is_told():
    """And not the one that has the port of TCP with the same number."""
    with serving(f"discard=udp://{LONELY}:0", "--model", "serial") as holder:
        host, port = holder.address()
        with socket.create_server((host, port)):  # this process has it, over TCP
            error = error_of(f"echo=udp://{host}:{port}")
        assert f"udp {host}:{port} is in use by " in error
        assert f"(pid {holder.process.pid})" in error
        holder.stop()


def test_another_server_of_ours_is_named_too(model):
    with serving("echo=127.0.0.1:0", "--model", model) as server:
        error = error_of(f"discard={server.endpoint()}", "--model", model)
        assert f"(pid {server.process.pid})" in error
        server.stop()


def test_a_holder_of_another_user_is_told_by_its_user(nobody):
    if nobody is PORTSIDE:
        pytest.skip("needs root, to have another user")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        error = error_of(f"echo=127.0.0.1:{taken.getsockname()[1]}", command=nobody)
    assert (
        "is in use by a process of user root, which cannot be seen from here" in error
    )


def test_a_holder_that_is_in_no_table_is_said_to_be_unknown():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # without SO_REUSEADDR, and not listening
        error = error_of(f"echo=127.0.0.1:{taken.getsockname()[1]}")
    assert "is in use, by whom cannot be seen: choose another port" in error


def test_no_right_to_a_low_port_is_told_with_three_ways_out(nobody):
    if FIRST_FREE_PORT <= 7:
        pytest.skip("this system gives everybody every port")
    error = error_of("echo=127.0.0.1:7", command=nobody)
    assert error.startswith("no right to listen at tcp 127.0.0.1:7: ")
    assert f"use a port from {FIRST_FREE_PORT} up" in error
    assert "setcap" in error
    assert "net.ipv4.ip_unprivileged_port_start to 7" in error


@pytest.mark.parametrize("flags", [(), ("--udp",)], ids=str)
def test_no_right_to_call_from_a_low_port_is_told_with_three_ways_out(nobody, flags):
    if FIRST_FREE_PORT <= 7:
        pytest.skip("this system gives everybody every port")
    done = subprocess.run(
        [*nobody, "dial", "127.0.0.1:9", "--local", "127.0.0.1:7", *flags],
        stdin=subprocess.DEVNULL,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=LONG,
        check=False,
    )
    network = "udp" if flags else "tcp"
    assert done.returncode == 7
    assert done.stderr.startswith(
        f"portside: no right to call from {network} 127.0.0.1:7: use a port from "
        f"{FIRST_FREE_PORT} up, "
    )
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("network", ["unix", "unixgram"])
def test_a_directory_that_is_not_there_is_named(network, tmp_path):
    what = "echo" if network == "unix" else f"{ANSWER}"
    assert error_of(f"{what}={network}:{tmp_path}/no/x") == (
        f"listen {network} {tmp_path}/no/x: no such file or directory: there is no "
        f"directory {tmp_path}/no: make it, or choose another path"
    )


def test_a_file_where_a_directory_should_be_is_named(tmp_path):
    (tmp_path / "file").touch()
    error = error_of(f"echo=unix:{tmp_path}/file/x")
    assert error.endswith(f"{tmp_path}/file is no directory: choose another path")


def test_a_directory_without_the_right_to_make_files_in_it_is_named(nobody):
    if nobody is PORTSIDE and os.access("/usr", os.W_OK):
        pytest.skip("needs a directory that nobody may write to")
    error = error_of("echo=unix:/usr/x.sock", command=nobody)
    assert error.startswith("listen unix /usr/x.sock: permission denied: this user may")


def test_a_host_without_address_cannot_be_listened_to():
    error = error_of("echo=nowhere.invalid:7007")
    assert error.startswith("listen tcp nowhere.invalid:7007: ")
    assert error.endswith(": check the host's name")


def test_an_address_of_another_host_cannot_be_listened_to():
    error = error_of("echo=192.0.2.1:7007")
    assert error.endswith(
        "cannot assign requested address: this host has no such address"
    )


def test_nothing_is_left_listening_when_one_of_several_is_in_use():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        error = error_of("echo=127.0.0.1:0", f"echo=127.0.0.1:{taken.getsockname()[1]}")
    assert "is in use" in error


def test_a_path_in_use_is_told_with_its_holder(tmp_path):
    place = f"unix:{tmp_path}/x"
    with serving(f"echo={place}", "--model", "serial") as server:
        assert error_of(f"echo={place}") == (
            f"listen unix {tmp_path}/x: address already in use: process "
            f"{server.process.pid} listens there"
        )
        server.stop()


def test_a_file_in_the_way_is_told(tmp_path):
    (tmp_path / "x").write_text("precious")
    assert "a file that is no socket is there" in error_of(f"echo=unix:{tmp_path}/x")


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("fd:99", "descriptor 99 is not open: nobody passed it to this process"),
        ("fd:0", "descriptor 0 is no socket"),
        ("systemd:web", "systemd passed no socket to this process"),
    ],
)
def test_a_socket_that_was_not_passed_is_told(what, told):
    with open(os.devnull) as stdin:
        assert told in error_of(f"echo={what}", stdin=stdin)
