"""The load generator: it finds out a server that does not echo."""

import contextlib
import shutil
import socket
import sys
import time

import pytest

from bench.building import compile_load
from bench.clock import cpu_seconds
from bench.load import holding_idle, put_load
from bench.process import ProgramError, Server

pytestmark = pytest.mark.skipif(shutil.which("gcc") is None, reason="no gcc here")

SERVER = """
import socketserver, threading

class Answer(socketserver.BaseRequestHandler):
    def handle(self):
        while data := self.request.recv(65536):
            if ANSWER(data) is None:
                return
            self.request.sendall(ANSWER(data))

class Many(socketserver.ThreadingTCPServer):
    daemon_threads = True

server = Many(("127.0.0.1", 0), Answer)
print("port", server.server_address[1], flush=True)
server.serve_forever()
"""

PACKET_SERVER = """
import socket

sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.bind(("127.0.0.1", 0))
print("port", sock.getsockname()[1], flush=True)
number = 0
while True:
    data, client = sock.recvfrom(65536)
    number += 1
    for answer in ANSWER(data, number):
        sock.sendto(answer, client)
"""

PACKET_ANSWERS = {
    "[data.replace(data[-1:], b'!')]": "not what was sent",
    "[data + b'!']": "not what was sent",
    "[data[:-1]]": "not what was sent",
    "[b'']": "not what was sent",
    "[data, data]": "not what was sent|more came back than was sent",
}

ANSWERS = {
    "lambda data: data.replace(data[-1:], b'!')": "not what was sent",
    "lambda data: data + b'!'": "more came back than was sent",
    "lambda data: None": "closed a connection",
}


@contextlib.contextmanager
def serving(answer="lambda data: data"):
    compile_load()
    code = SERVER.replace("ANSWER", f"({answer})")
    with Server("told", [sys.executable, "-c", code]) as server:
        yield server


@contextlib.contextmanager
def answering(answer="[data]"):
    """Answer datagrams, with what is made of the data and its number."""
    compile_load()
    code = PACKET_SERVER.replace("ANSWER", f"(lambda data, number: {answer})")
    with Server("told", [sys.executable, "-c", code]) as server:
        yield server


def load(server, mode, connections=3, rate=None):
    return put_load(
        server,
        mode,
        connections,
        warm_seconds=0.01,
        seconds=0.1,
        words=[512] if rate is None else [512, rate],
    )


@pytest.mark.parametrize("mode", ["closed", "connect"])
def test_an_echo_is_counted(mode):
    with serving() as server:
        figures = load(server, mode)
    assert figures["messages"] >= 3
    assert 0 < figures["p50_us"] <= figures["p99_us"] <= figures["p999_us"]
    assert figures["cpu_us"] > 0


def test_an_echo_of_a_datagram_is_counted():
    with answering() as server:
        figures = load(server, "packets")
    assert figures["messages"] >= 3
    assert figures["offered"] == figures["messages"]
    assert 0 < figures["p50_us"] <= figures["p99_us"] <= figures["p999_us"]
    assert figures["cpu_us"] > 0


def test_a_lost_datagram_is_sent_again_and_counted():
    with answering("[data] if number % 3 else []") as server:
        figures = load(server, "packets", connections=3)
    assert figures["offered"] > figures["messages"] >= 3
    assert figures["p999_us"] >= 1e6


def test_the_echoes_of_what_was_only_late_are_let_pass():
    with answering("[data, data] if number % 2 == 0 else []") as server:
        figures = load(server, "packets", connections=1)
    assert figures["offered"] - figures["messages"] == 1


def test_no_more_of_them_than_were_sent():
    with answering("[data] * 3 if number % 2 == 0 else []") as server:
        with pytest.raises(ProgramError, match="not what was sent"):
            load(server, "packets", connections=1)


@pytest.mark.parametrize(("answer", "told"), PACKET_ANSWERS.items())
def test_a_server_that_does_not_echo_datagrams_is_found_out(answer, told):
    with answering(answer) as server, pytest.raises(ProgramError, match=told):
        load(server, "packets")


def test_an_open_loop_offers_what_it_is_told():
    with serving() as server:
        figures = load(server, "open", rate=500)
    assert figures["offered"] == 50


@pytest.mark.parametrize("mode", ["closed", "connect"])
@pytest.mark.parametrize(("answer", "told"), ANSWERS.items())
def test_a_server_that_does_not_echo_is_found_out(mode, answer, told):
    with serving(answer) as server, pytest.raises(ProgramError, match=told):
        load(server, mode)


@pytest.mark.parametrize(
    ("mode", "kind"),
    [("closed", socket.SOCK_STREAM), ("packets", socket.SOCK_DGRAM)],
)
def test_a_port_where_nobody_listens_is_told(mode, kind):
    with serving() as server:
        with socket.socket(socket.AF_INET, kind) as nobody:
            nobody.bind(("127.0.0.1", 0))
            server.port = nobody.getsockname()[1]
        with pytest.raises(ProgramError, match="refused"):
            load(server, mode)


def test_idle_connections_are_open_while_the_block_runs():
    with serving() as server, holding_idle(server, 20):
        assert load(server, "closed")["messages"] >= 3


def test_an_idle_connection_that_does_not_stay_open_is_told():
    with serving() as server, pytest.raises(ProgramError, match="stay open"):
        with holding_idle(server, 2):
            server.terminate()


def test_the_time_of_children_is_counted_alive_and_after():
    code = (
        "import os\nif not os.fork():\n while os.times().user < 0.2: pass\n os._exit(0)"
    )
    wait = "\nprint('port 1', flush=True)\nos.wait()\nimport time; time.sleep(60)"
    with Server("parent", [sys.executable, "-c", code + wait]) as server:
        end = time.monotonic() + 20
        while cpu_seconds(server.pid) < 0.2:
            assert time.monotonic() < end, "the child's time was never counted"
            time.sleep(0.01)
        time.sleep(0.1)  # the child has ended meanwhile, or ends now
        assert cpu_seconds(server.pid) >= 0.18
