"""portside dial with packets: what is one, and when it is over."""

import signal
import socket
import subprocess

import pytest

from portside.cli.failure import CANNOT_CONNECT, FAILED, USAGE
from tests.cli.running import LONG, PORTSIDE, environment, portside, serving

QUIET = ("--quiet-time", "300ms")


@pytest.fixture
def peer():
    """A datagram socket of somebody else."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(LONG)
        yield sock


def port_of(peer):
    return peer.getsockname()[1]


@pytest.mark.parametrize("place", ["-u {}", "udp://{}", "udp4://{}"])
def test_a_packet_goes_and_its_answer_is_shown(place):
    with serving("echo=udp://127.0.0.1:0") as server:
        words = place.format(server.endpoint()).split()
        done = portside("dial", *words, *QUIET, stdin=b"hello\n")
        assert (done.returncode, done.stdout, done.stderr) == (0, b"hello\n", b"")


def test_a_service_is_dialled_by_both_transports_at_one_port():
    with serving("echo=127.0.0.1:0") as server:
        assert [each["endpoint"][:3] for each in server.told["listening"]] == [
            "tcp",
            "udp",
        ]
        assert server.endpoint(0) == server.endpoint(1)
        for words in ((), ("-u", *QUIET)):
            done = portside("dial", server.endpoint(), *words, stdin=b"hello\n")
            assert done.stdout == b"hello\n"


def test_a_read_of_stdin_is_a_packet_that_no_frame_takes_apart(peer):
    portside("dial", "-u", f"127.0.0.1:{port_of(peer)}", *QUIET, stdin=bytes(2000))
    assert [len(peer.recv(65535)) for _ in range(2)] == [1472, 528]


def test_each_line_of_a_slow_stdin_goes_at_once(peer):
    command = [*PORTSIDE, "dial", "-u", f"127.0.0.1:{port_of(peer)}", *QUIET]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment(),
        bufsize=0,
    ) as dialer:
        assert dialer.stdin is not None
        assert dialer.stdout is not None
        for line in (b"one\n", b"two\n"):
            dialer.stdin.write(line)
            data, sender = peer.recvfrom(100)
            assert data == line
            peer.sendto(data.upper(), sender)
            assert dialer.stdout.read(4) == line.upper()
        dialer.stdin.close()
        assert dialer.wait(LONG) == 0


def test_it_is_over_when_stdin_has_ended_and_nothing_comes(peer):
    done = portside("dial", "-u", f"127.0.0.1:{port_of(peer)}", *QUIET)
    assert (done.returncode, done.stdout) == (0, b"")


def test_nobody_there_is_7():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        port = port_of(sock)
    done = portside("dial", "-u", f"127.0.0.1:{port}", stdin=b"anybody?")
    assert done.returncode == CANNOT_CONNECT
    assert b"connection refused" in done.stderr
    assert done.stderr.count(b"\n") == 1


def test_ctrl_c_is_130_and_quiet(peer):
    with subprocess.Popen(
        [*PORTSIDE, "dial", "-u", f"127.0.0.1:{port_of(peer)}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
        bufsize=0,
    ) as dialer:
        assert dialer.stdin is not None
        dialer.stdin.write(b"here I am")
        peer.recv(100)
        dialer.send_signal(signal.SIGINT)
        out, err = dialer.communicate(timeout=LONG)
    assert (dialer.returncode, out, err) == (130, b"", b"")


def test_a_full_disk_is_a_failure():
    with serving("echo=udp://127.0.0.1:0") as server, open("/dev/full", "wb") as full:
        done = subprocess.run(
            [*PORTSIDE, "dial", "-u", server.endpoint()],
            input=b"hello",
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=LONG,
            env=environment(),
            check=False,
        )
    assert done.returncode == FAILED
    assert b"no space left" in done.stderr.lower()


def test_a_path_of_packets_is_dialled(tmp_path):
    path = str(tmp_path / "echo")
    with serving(f"echo=unixgram:{path}"):
        done = portside("dial", f"unixgram:{path}", *QUIET, stdin=b"hello")
        assert done.stdout == b"hello"


def test_a_path_may_be_said_with_a_flag(tmp_path):
    path = str(tmp_path / "echo")
    with serving(f"echo=unix:{path}"):
        assert portside("dial", "--unix", path, stdin=b"hello").stdout == b"hello"
    done = portside("dial", "--unix", "-u", path)
    assert done.returncode == USAGE
