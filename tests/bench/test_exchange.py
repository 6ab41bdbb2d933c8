"""The one client of what is counted exactly."""

import sys

import pytest

from bench.exchange import exchange_packets
from bench.process import Server

SERVER = """
import socket

sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.bind(("127.0.0.1", 0))
print("port", sock.getsockname()[1], flush=True)
polls = number = 0
while True:
    try:
        data, client = sock.recvfrom(65536, socket.MSG_DONTWAIT)
    except BlockingIOError:
        polls += 1
        data, client = sock.recvfrom(65536)
    number += 1
    if polls != number:
        data = b"it was sent before I slept"
    sock.sendto(data ANSWER, client)
"""


def test_each_datagram_finds_the_server_asleep():
    code = SERVER.replace("ANSWER", "")
    with Server("told", [sys.executable, "-c", code]) as server:
        exchange_packets(server, 200)


def test_an_echo_that_is_none_is_told():
    code = SERVER.replace("ANSWER", "+ b'!'")
    with Server("told", [sys.executable, "-c", code]) as server:
        with pytest.raises(AssertionError, match="not what was sent"):
            exchange_packets(server, 1)
