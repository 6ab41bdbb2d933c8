"""The end of a program whose server runs in the background."""

import subprocess
import sys

import pytest

from portside import Server
from portside.engine.hubs import hubs
from portside.services import echo
from tests.cli.running import LONG, environment

NEVER_STOPPED = """
import threading, time
from portside import Server, net
from portside.services import echo

server = Server(echo, "tcp://127.0.0.1:0", model={model!r}).start()
has_begun = threading.Semaphore(0)

def talk():
    with net.dial(server.address) as conn:
        while True:
            conn.write(bytes(100))
            conn.read()
            has_begun.release()

for _ in range(4):
    threading.Thread(target=talk, daemon=True).start()
for _ in range(400):
    has_begun.acquire()
"""


@pytest.mark.parametrize("model", ["nonblocking", "thread"])
def test_a_program_may_end_while_its_server_has_much_to_do(model: str) -> None:
    script = NEVER_STOPPED.format(model=model)
    programs = [
        subprocess.Popen([sys.executable, "-c", script], env=environment())
        for _ in range(8)
    ]
    try:
        assert [each.wait(LONG) for each in programs] == [0] * len(programs)
    finally:
        for each in programs:
            each.kill()


def test_a_hub_has_ended_when_the_stop_of_its_server_returns() -> None:
    for _ in range(50):
        with Server(echo, "tcp://127.0.0.1:0", model="nonblocking"):
            pass
        assert not hubs
