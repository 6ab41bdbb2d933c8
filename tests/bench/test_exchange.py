"""The one client of what is counted exactly."""

import sys

import pytest

from bench.exchange import exchange_packets, exchange_pages
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


PAGES = """
import socketserver

class Answer(socketserver.StreamRequestHandler):
    def handle(self):
        while line := self.rfile.readline():
            while self.rfile.readline() != b"\\r\\n":
                pass
            name = line.split(b"/")[2]
            self.wfile.write(b"HTTP/1.1 200 OK\\r\\n\\r\\nHello, " + name + b"ANSWER!")

server = socketserver.TCPServer(("127.0.0.1", 0), Answer)
print("port", server.server_address[1], flush=True)
server.serve_forever()
"""


def test_each_page_is_asked_for_by_a_name_of_its_own():
    with Server("told", [sys.executable, "-c", PAGES.replace("ANSWER", "")]) as server:
        exchange_pages(server.port, 50)


def test_a_page_that_is_another_is_told():
    with Server("told", [sys.executable, "-c", PAGES.replace("ANSWER", "7")]) as server:
        with pytest.raises(AssertionError, match="not what was asked for"):
            exchange_pages(server.port, 1)
