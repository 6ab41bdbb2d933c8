"""What the door does when the system has nothing to give."""

import os
import resource
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.running import LONG, PORTSIDE, Serving, serving, until

LIMITED = """\
import resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
sys.argv = ["portside", *sys.argv[1:]]
from portside.cli.main import main
main()
"""


def cpu_seconds(server: Serving) -> float:
    text = Path(f"/proc/{server.process.pid}/stat").read_text()
    fields = text.rpartition(")")[2].split()
    return sum(int(each) for each in fields[11:15]) / os.sysconf("SC_CLK_TCK")


def is_served(server: Serving) -> bool:
    try:
        with socket.create_connection(server.address(), 1) as client:
            client.settimeout(1)
            client.sendall(b"hello")
            return client.recv(10) == b"hello"
    except OSError:
        return False


@pytest.mark.parametrize(
    "most", [(), ("--max-connections", "1000")], ids=["ours", "all"]
)
def test_full_it_costs_no_time_and_serves_again_when_they_leave(
    model: str, most: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With ours, clients over the limit wait; with 1000 it meets EMFILE for real."""
    limited = tmp_path / "limited.py"
    limited.write_text(LIMITED)
    monkeypatch.setattr("tests.cli.running.PORTSIDE", (sys.executable, str(limited)))
    with serving(
        "echo=tcp://127.0.0.1:0", "--model", model, "--grace", "0s", *most
    ) as server:
        clients = []
        for _ in range(200):
            client = socket.socket()
            client.setblocking(False)
            client.connect_ex(server.address())
            clients.append(client)
        clients[0].setblocking(True)
        clients[0].settimeout(LONG)
        clients[0].sendall(b"x")
        assert clients[0].recv(1) == b"x"
        before = cpu_seconds(server)
        # The one wait for time here: a loop that spins would burn half a second of it.
        with pytest.raises(subprocess.TimeoutExpired):
            server.process.wait(0.5)
        assert cpu_seconds(server) - before < 0.25
        for client in clients:
            client.close()
        until(lambda: is_served(server))
        server.process.terminate()
        assert server.process.wait(LONG) == 0


@pytest.mark.parametrize(
    "fault",
    [
        "ECONNABORTED", "EPROTO", "EPERM", "ENETDOWN", "EHOSTUNREACH", "ENONET",
        "EOPNOTSUPP", "ENOBUFS", "ENOMEM", "ENFILE", "EMFILE",
    ],
)  # fmt: skip
def test_a_fault_of_accept_is_survived(
    fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if shutil.which("strace") is None:
        pytest.skip("no strace here")
    trace = ("strace", "-f", "-qq", "-e", "trace=accept4", "-o", "/dev/null")
    inject = ("-e", f"inject=accept4:error={fault}:when=1..3")
    if subprocess.run([*trace, "true"], capture_output=True, check=False).returncode:
        pytest.skip("strace may not trace here")
    monkeypatch.setattr("tests.cli.running.PORTSIDE", (*trace, *inject, *PORTSIDE))
    with serving("echo=tcp://127.0.0.1:0") as server:
        until(lambda: is_served(server))


def test_the_limit_is_raised_to_the_hard_one(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 512:
        pytest.skip("the hard limit is too low here")
    with serving(
        "echo=tcp://127.0.0.1:0",
        "--model",
        "serial",
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (128, hard)),
    ) as server:
        assert server.told["max_connections"] > 128
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == soft
