"""Who has a port, as the kernel's tables tell."""

import os
import pwd
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from portside.names import IPAddress
from portside.observe import Holder, find_holder
from portside.observe.holder import _ip


def me(others: int = 0) -> Holder:
    name = Path("/proc/self/comm").read_text().strip()
    return Holder(pwd.getpwuid(os.geteuid()).pw_name, os.getpid(), name, others)


def listener(host: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server(
        (host, 0), family=family, dualstack_ipv6=host == "::" and socket.has_ipv6
    )


IN_THE_WAY = [
    ("127.0.0.1", "127.0.0.1"),
    ("127.0.0.1", "0.0.0.0"),
    ("127.0.0.1", "::"),
    ("0.0.0.0", "127.0.0.1"),
    ("::1", "::1"),
    ("::1", "::"),
    ("::", "::1"),
    ("::", "127.0.0.1"),
]


@pytest.mark.parametrize(("held", "wanted"), IN_THE_WAY)
def test_who_is_in_the_way_is_found(held, wanted):
    with listener(held) as taken:
        port = taken.getsockname()[1]
        assert find_holder(IPAddress("tcp", wanted, port)) == me()


@pytest.mark.parametrize("wanted", ["127.0.0.2", "::1"])
def test_who_is_elsewhere_is_not_in_the_way(wanted):
    with listener("127.0.0.1") as taken:
        port = taken.getsockname()[1]
        assert find_holder(IPAddress("tcp", wanted, port)) is None


def test_a_port_that_nobody_has():
    with listener("127.0.0.1") as taken:
        port = taken.getsockname()[1]
    assert find_holder(IPAddress("tcp", "127.0.0.1", port)) is None


def test_processes_that_share_a_socket_are_counted():
    with listener("127.0.0.1") as taken:
        taken.set_inheritable(True)
        address = IPAddress("tcp", "127.0.0.1", taken.getsockname()[1])
        command = ["sh", "-c", "echo; read end"]
        with subprocess.Popen(
            command, close_fds=False, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            process.stdout.readline()
            found = find_holder(address)
            process.communicate(b"\n")
    assert found is not None
    assert found.others == 1
    assert found.pid == min(os.getpid(), process.pid)


def test_a_client_in_a_conversation_can_be_in_the_way():
    with listener("127.0.0.1") as server, socket.socket() as client:
        client.connect(server.getsockname())
        port = client.getsockname()[1]
        assert find_holder(IPAddress("tcp", "127.0.0.1", port)) == me()


def test_a_listener_is_named_before_a_conversation_of_its():
    with listener("127.0.0.1") as taken:
        address = taken.getsockname()
        with socket.create_connection(address):
            conn, _ = taken.accept()
            with conn:
                assert find_holder(IPAddress("tcp", *address)) == me()


def test_addresses_are_read_as_the_table_writes_them():
    assert _ip("0100007F") == "127.0.0.1"
    assert _ip("00000000000000000000000001000000") == "::1"
    assert _ip("0000000000000000FFFF00000100007F") == "127.0.0.1"
    assert _ip("B80D0120000000000000000001000000") == "2001:db8::1"


def test_a_listener_of_ipv4_is_not_in_the_way_of_tcp6_alone():
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
        assert find_holder(IPAddress("tcp6", "::", port)) is None
        assert find_holder(IPAddress("tcp", "::", port)) == me()


def test_udp_is_looked_up_among_the_sockets_of_udp():
    """A server of TCP at the same port is not in its way."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        port = udp.getsockname()[1]
        assert find_holder(IPAddress("udp", "127.0.0.1", port)) == me()
        assert find_holder(IPAddress("udp4", "0.0.0.0", port)) == me()
        assert find_holder(IPAddress("udp6", "::", port)) is None


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_who_has_the_port_over_tcp_is_not_blamed_for_udp(host):
    with listener(host) as taken:
        port = taken.getsockname()[1]
        version = "6" if ":" in host else "4"
        assert find_holder(IPAddress(f"udp{version}", host, port)) is None
        assert find_holder(IPAddress("udp", host, port)) is None


def test_who_hears_packets_is_named_before_a_conversation_of_its():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as hears:
        hears.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        hears.bind(("127.0.0.1", 0))
        address = hears.getsockname()
        command = [sys.executable, "-c", CONNECTED, str(address[1])]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            process.stdout.readline()
            found = find_holder(IPAddress("udp", *address))
            process.communicate(b"\n")
    assert found == me()


CONNECTED = """
import socket, sys
port = int(sys.argv[1])
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as conn:
    conn.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    conn.bind(("127.0.0.1", port))
    conn.connect(("127.0.0.1", 9))
    print(flush=True)
    sys.stdin.readline()
"""
