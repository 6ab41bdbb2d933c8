"""Clients written in C, against what the command line serves under each model."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cli.running import LONG, Serving, serving, until

HERE = Path(__file__).parent
ECHO_OF_A_USER = HERE.parent.parent / "examples" / "echo.py"


@pytest.fixture(scope="module")
def echo_client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("gcc") is None:
        pytest.skip("no gcc here")
    binary = tmp_path_factory.mktemp("c") / "echo_client"
    source = HERE / "echo_client.c"
    subprocess.run(
        ["gcc", "-Wall", "-Wextra", "-Werror", "-O2", "-o", binary, source], check=True
    )
    return binary


STAYS = {
    "nonblocking": (2, 0),  # the watchdog
    "hybrid": (1, len(os.sched_getaffinity(0))),  # the workers
}
"""Threads and children of a server that has nothing to do, but the one thread."""


@pytest.mark.parametrize(
    "what", ["echo", f"{ECHO_OF_A_USER}:echo"], ids=["service", "file"]
)
def test_every_byte_of_fifty_c_clients_comes_back_and_nothing_is_left_behind(
    model: str, what: str, echo_client: Path
) -> None:
    with serving(f"{what}=tcp://127.0.0.1:0", "--model", model) as server:
        # The first client makes what stays: the bell of the thread that accepts.
        talk_to(server, echo_client, together=1)
        until(lambda: resources(server)[1:] == STAYS.get(model, (1, 0)))
        idle = resources(server)
        # Serial serves them one after another; the others all at once.
        for together in [1] * 50 if model == "serial" else [50]:
            talk_to(server, echo_client, together)
        # The first one's conn may have been on its way out when they were counted.
        until(lambda: resources(server)[1:] == idle[1:])
        until(lambda: resources(server)[0] <= idle[0])
        server.stop()


def talk_to(server: Serving, client: Path, together: int) -> None:
    host, port = server.address()
    clients = [
        subprocess.Popen([client, host, str(port), "40"]) for _ in range(together)
    ]
    assert [each.wait(LONG) for each in clients] == [0] * together


def resources(server: Serving) -> tuple[int, int, int]:
    """Return how many descriptors, threads and children the server has.

    The descriptors are those of its children too.
    """
    pid = server.process.pid
    tasks = os.listdir(f"/proc/{pid}/task")
    children: list[str] = []
    for task in tasks:
        try:
            children += Path(f"/proc/{pid}/task/{task}/children").read_text().split()
        except FileNotFoundError:
            continue  # the thread ended just now
    descriptors = 0
    for each in (pid, *children):
        try:
            descriptors += len(os.listdir(f"/proc/{each}/fd"))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return descriptors, len(tasks), len(children)
