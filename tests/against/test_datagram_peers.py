"""Clients of datagrams that others wrote, against a packet server of each model."""

import contextlib
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from portside import Server, net, packet_handler, timeout
from portside.engine import now
from portside.net import Packet
from tests.lonely import LONELY

HERE = Path(__file__).parent

LONG = 40.0
"""Seconds that no test ever waits for."""

COMPILE_SECONDS = 180.0
"""Go compiles its library first, where it has not yet."""

PLACES = {"udp://127.0.0.1:0": "127.0.0.1", "udp://:0": "127.0.0.2"}
"""Where it is served, and where it is asked."""


@packet_handler
def echo(packet: Packet) -> None:
    packet.reply(packet.data)


@pytest.fixture(params=PLACES, ids=["one address", "every address"])
def place(request: pytest.FixtureRequest, model: str) -> Iterator[tuple[str, int]]:
    """Return a host and a port that are served."""
    with Server(echo, request.param, model=model) as server:
        yield PLACES[request.param], server.address.port


def compiled(command: list[str], source: Path, folder: Path) -> Path:
    if shutil.which(command[0]) is None:
        pytest.skip(f"no {command[0]} here")
    binary = folder / source.stem
    made = [*command, "-o", str(binary), str(source)]
    subprocess.run(made, check=True, timeout=COMPILE_SECONDS)
    return binary


@pytest.fixture(scope="module")
def c_client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compiled(
        ["gcc", "-Wall", "-Wextra", "-Werror", "-O2"],
        HERE / "packet_client.c",
        tmp_path_factory.mktemp("c"),
    )


@pytest.fixture(scope="module")
def go_client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compiled(
        ["go", "build"], HERE / "packet_client.go", tmp_path_factory.mktemp("go")
    )


@pytest.mark.parametrize("connected", ["1", "0"], ids=["connected", "not"])
def test_clients_in_c_get_every_length_back(
    c_client: Path, place: tuple[str, int], connected: str
) -> None:
    host, port = place
    clients = [
        subprocess.Popen([c_client, host, str(port), connected]) for _ in range(5)
    ]
    assert [client.wait(LONG) for client in clients] == [0] * 5


@pytest.mark.timeout(COMPILE_SECONDS + 60)
def test_clients_in_go_get_every_length_back(
    go_client: Path, place: tuple[str, int]
) -> None:
    host, port = place
    clients = [subprocess.Popen([go_client, f"{host}:{port}"]) for _ in range(3)]
    assert [client.wait(LONG) for client in clients] == [0] * 3


COMMANDS = {
    "ncat": ["ncat", "-u", "{host}", "{port}"],
    "nc": ["nc", "-u", "{host}", "{port}"],
    "socat": ["socat", "-", "UDP:{host}:{port}"],
}


@contextlib.contextmanager
def running(command: list[str], **words: object) -> "Iterator[subprocess.Popen[bytes]]":
    if shutil.which(command[0]) is None:
        pytest.skip(f"no {command[0]} here")
    filled = [word.format(**words) for word in command]
    with subprocess.Popen(
        filled, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_a_command_that_people_have_gets_its_lines_back(
    command: list[str], place: tuple[str, int]
) -> None:
    host, port = place
    with running(command, host=host, port=port) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for number in range(10):
            process.stdin.write(b"line %d\n" % number)
            process.stdin.flush()
            assert process.stdout.readline() == b"line %d\n" % number


def test_a_server_that_another_wrote_answers_us() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((LONELY, 0))
        port = probe.getsockname()[1]
    listening = ["socat", "UDP-LISTEN:{port},bind={at}", "PIPE"]
    with running(listening, port=port, at=LONELY):
        with net.dial("udp", f"{LONELY}:{port}") as packets:
            answer = ask_until_it_listens(packets, b"hello")
            assert answer.data == b"hello"
            assert answer.address == packets.remote_address


def ask_until_it_listens(packets: net.PacketConn, data: bytes) -> Packet:
    until = now() + LONG
    while True:
        try:
            packets.send(data)
            with timeout(0.2):
                return packets.receive()
        except (ConnectionRefusedError, TimeoutError):
            assert now() < until, "it never listened"
