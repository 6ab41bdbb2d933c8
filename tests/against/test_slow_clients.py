"""Clients that are slow on purpose: others are answered, and nothing is left of them.

The server has small timeouts, so that what takes half a minute takes a second or two.
How much later others are answered is measured by ``python -m bench.dribblers``; here it
is enough that they are.
"""

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.dribblers import cut_off, dribbling, wait_for_all
from bench.tree import process_tree
from tests.against.complaints import complaints
from tests.cli.running import Serving, serving, until

SITE = Path(__file__).parent.parent.parent / "bench" / "handlers" / "slow.py"

SLOWNESS = float(os.environ.get("PORTSIDE_TEST_SLOWNESS", "1"))
"""By how much this machine is slower than others: where time itself is the subject."""

LIMIT = 1.0
"""Seconds that a slow client gets for whatever it does."""

LATE = 4.0 * SLOWNESS
"""Seconds that a busy machine may take beyond it."""

ONCE_EACH = {"hybrid": 8}
"""What processes make for their first client, and keep: few, however many dribble."""

DESCRIPTORS_EACH = {"fork": 9, "thread": 2, "nonblocking": 1, "hybrid": 1}
"""What one connection costs: with its child, with the bell of its thread, itself."""


def limits(seconds: float) -> list[str]:
    """Return the flags that let a slow client have so many seconds for each thing."""
    names = ("header", "body", "write", "keep-alive")
    return [word for name in names for word in (f"--{name}-timeout", f"{seconds:g}s")]


@contextlib.contextmanager
def slow_site(model: str, *args: object, limit: float = LIMIT) -> Iterator[Serving]:
    """Serve while the block runs; behind it nothing is left open, or complained of."""
    site = f"{SITE}:mux=tcp://127.0.0.1:0"
    with serving(site, "--model", model, *limits(limit), *args) as server:
        ask(server)  # what is made for the first client stays: bells, loops
        ask(server)
        idle = descriptors(server)
        yield server
        # Of a worker that began late the first client may come later, too.
        until(lambda: descriptors(server) <= idle + ONCE_EACH.get(model, 0))
        assert complaints(server) == []
        assert server.stop()["cut"] == 0


def descriptors(server: Serving) -> int:
    """Return how many the server and its children have open."""
    count = 0
    for pid in process_tree(server.process.pid):
        with contextlib.suppress(OSError):  # a child that has ended
            count += len(os.listdir(f"/proc/{pid}/fd"))
    return count


def ask(server: Serving) -> None:
    """Be a good client: connect, ask, get the right answer."""
    with server.connect() as client:
        client.sendall(
            b"GET /hello/Ada HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        )
        with client.makefile("rb") as answer:
            told = answer.read()
    assert told.startswith(b"HTTP/1.1 200 OK\r\n")
    assert told.endswith(b"\r\n\r\nHello, Ada!")


def ask_while(
    server: Serving, running: "subprocess.Popen[bytes]", seconds: float
) -> None:
    """Be a good client as long as another runs, which it does for so many seconds."""
    end = time.monotonic() + seconds + 30 * SLOWNESS
    while running.poll() is None:
        assert time.monotonic() < end, "it does not end"
        ask(server)
        time.sleep(0.02)


# -- slowhttptest


MODES = {
    "heads": "-H -i 1 -u {site}/hello/x",
    "bodies": "-B -i 1 -s 8192 -u {site}/upload",
    "ranges": "-R -t GET -u {files}/big.bin",
    "reading": "-X -n 1 -w 512 -y 1024 -z 32 -u {site}/long",
}


def attack(model: str, mode: str, count: int, seconds: int, folder: Path) -> None:
    """Have slowhttptest attack a server, while a good client asks."""
    if shutil.which("slowhttptest") is None:
        pytest.skip("no slowhttptest here")
    (folder / "big.bin").write_bytes(bytes(1_000_000))
    with slow_site(model, f"{folder}=tcp://127.0.0.1:0") as server:
        words = MODES[mode].format(
            site=f"http://{server.endpoint(0)}", files=f"http://{server.endpoint(1)}"
        )
        wanted = f"-c {count} -r {count} -l {seconds} -x 10 -p 3"
        command = ["slowhttptest", *words.split(), *wanted.split()]
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
        ) as attacking:
            try:
                ask_while(server, attacking, seconds)
                assert attacking.stdout is not None
                told = attacking.stdout.read().decode(errors="replace")
            finally:
                attacking.kill()
        assert attacking.returncode == 0, told
        # Its own judgement, of connections that it makes beside the slow ones.
        assert "NO" not in seen_as_available(told)
        assert "YES" in seen_as_available(told)


def seen_as_available(told: str) -> set[str]:
    lines = [line for line in told.splitlines() if "service available" in line]
    return {word for line in lines for word in ("YES", "NO") if word in line}


def test_slow_heads_keep_nobody_waiting(tmp_path: Path) -> None:
    attack("nonblocking", "heads", 100, 4, tmp_path)


@pytest.mark.stress
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("model", ["thread", "nonblocking", "hybrid"])
def test_nothing_that_slowhttptest_does_keeps_others_waiting(
    model: str, mode: str, tmp_path: Path
) -> None:
    attack(model, mode, 300, 10, tmp_path)


# -- dribblers


def dribble(
    model: str, count: int, seconds: float, *, limit: float = LIMIT, late: float = LATE
) -> None:
    """Have so many dribble for so long, while a good client asks."""
    with slow_site(model, limit=limit) as server:
        idle = descriptors(server)
        # One that was cut off may have connected again before it is closed here; and
        # there is the good client, who may be two as well.
        most = 2 * (count + 1) * DESCRIPTORS_EACH[model]
        with dribbling(server.address()[1], count) as program:
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                ask(server)
                assert descriptors(server) <= idle + most
                time.sleep(0.02)
            wait_for_all(program, count)
            cut = cut_off(program)
            program.finish()
    for each in cut.values():
        assert each["count"] >= 1
        # A little early for who sent a byte before the server looked at the clock.
        assert each["youngest"] >= limit - 0.1
    assert cut["head"]["oldest"] <= limit + late
    assert cut["body"]["oldest"] <= limit + late
    # What the kernel takes for a reader counts as read, and it takes some twice: at
    # once, and when it has seen that there is more.
    assert cut["read"]["oldest"] <= 3 * (limit + limit / 16) + late


@pytest.mark.parametrize("model", ["fork", "thread", "nonblocking", "hybrid"])
def test_who_dribbles_is_cut_off_at_its_deadline(model: str) -> None:
    dribble(model, 30, 7)  # longer than anybody may go on


@pytest.mark.stress
@pytest.mark.parametrize(
    ("model", "count"),
    [("fork", 300), ("thread", 1000), ("nonblocking", 2000), ("hybrid", 2000)],
)
def test_two_thousand_that_dribble_are_cut_off_and_nothing_is_left(
    model: str, count: int
) -> None:
    """The limit is longer, or most of the load would be those that come again."""
    dribble(model, count, 25, limit=4, late=10 * SLOWNESS)


def test_who_never_says_anything_is_let_go_in_silence() -> None:
    with slow_site("nonblocking") as server:
        silent = [server.connect() for _ in range(20)]
        for each in silent:
            each.settimeout(LIMIT + LATE)
            assert each.recv(1) == b""
            each.close()


def test_a_descriptor_of_who_has_gone_without_a_word_is_given_back() -> None:
    """Half of them in the head, half in the body: the end is seen before a deadline."""
    patience = ("--header-timeout", "60s", "--body-timeout", "60s")
    with slow_site("nonblocking", *patience) as server:
        gone: list[socket.socket] = []
        for number in range(50):
            client = server.connect()
            client.sendall(b"POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n")
            client.sendall(b"\r\n" if number % 2 else b"X-")
            gone.append(client)
        for client in gone:
            client.close()
