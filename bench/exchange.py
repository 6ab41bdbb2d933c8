"""One client that sends messages and awaits each one's answer, so many and no more.

In       a server, or its port; a number of messages
Out      nothing; a server of streams has seen the end of this one when it returns
Fails    AssertionError: an answer is not what it must be; OSError
"""

import socket
import time

from bench.process import Server
from bench.scenarios import BYTES
from bench.tree import is_asleep, process_tree

__all__ = ["exchange", "exchange_packets", "exchange_pages"]

ECHO_SECONDS = 60.0
"""How long one answer may take: a guess, for valgrind on a busy machine."""

REQUEST = (
    b"GET /users/%d/orders HTTP/1.1\r\n"
    b"Host: 127.0.0.1\r\n"
    b"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101\r\n"
    b"Accept: text/html,*/*;q=0.8\r\n\r\n"
)


def exchange(port: int, messages: int) -> None:
    """Have so many messages echoed by who listens there, over one connection."""
    with socket.create_connection(("127.0.0.1", port), ECHO_SECONDS) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for number in range(messages):
            message = _message(number)
            client.sendall(message)
            echoed = b""
            while len(echoed) < BYTES:
                more = client.recv(BYTES - len(echoed))
                assert more, "the server closed the connection"
                echoed += more
            assert echoed == message, "what came back is not what was sent"
        client.shutdown(socket.SHUT_WR)
        assert client.recv(1) == b"", "more came back than was sent"


def exchange_packets(server: Server, messages: int) -> None:
    """Have so many datagrams echoed, each by a server that sleeps when it comes.

    A server looks whether there is one more before it sleeps. Was it faster or slower
    than we are would be luck, and so would be the calls that it makes.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(ECHO_SECONDS)  # none is lost where one is on its way
        client.connect(("127.0.0.1", server.port))
        for number in range(messages):
            _wait_for_sleep(server)
            message = _message(number)
            client.send(message)
            echoed = client.recv(BYTES + 1)
            assert echoed == message, "what came back is not what was sent"


def exchange_pages(port: int, requests: int) -> None:
    """Ask for so many pages, each a path of its own, over one connection."""
    with socket.create_connection(("127.0.0.1", port), ECHO_SECONDS) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for number in range(requests):
            client.sendall(REQUEST % number)
            answer = b""
            while not answer.endswith(b"!"):
                more = client.recv(65536)
                assert more, "the server closed the connection"
                answer += more
            assert answer.startswith(b"HTTP/1.1 200 "), "an answer is no 200"
            expected = b"\r\n\r\nHello, %d!" % number
            assert answer.endswith(expected), "what came back is not what was asked for"
        client.shutdown(socket.SHUT_WR)
        assert client.recv(1) == b"", "more came back than was asked for"


def _wait_for_sleep(server: Server) -> None:
    end = time.monotonic() + ECHO_SECONDS
    while not is_asleep(process_tree(server.pid)):
        assert time.monotonic() < end, "the server does not come to rest"


def _message(number: int) -> bytes:
    return number.to_bytes(4, "big") * (BYTES // 4)
