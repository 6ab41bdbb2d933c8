"""One client that sends messages and awaits each one's echo, so many and no more.

In       a port, a number of messages
Out      nothing; the server has seen the end of the stream when it returns
Fails    AssertionError: an echo is not what was sent; OSError
"""

import socket

from bench.scenarios import BYTES

__all__ = ["exchange"]

ECHO_SECONDS = 60.0
"""How long one echo may take: a guess, for valgrind on a busy machine."""


def exchange(port: int, messages: int) -> None:
    """Have so many messages echoed, one after the other, over one connection."""
    with socket.create_connection(("127.0.0.1", port), ECHO_SECONDS) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for number in range(messages):
            message = number.to_bytes(4, "big") * (BYTES // 4)
            client.sendall(message)
            echoed = b""
            while len(echoed) < BYTES:
                more = client.recv(BYTES - len(echoed))
                assert more, "the server closed the connection"
                echoed += more
            assert echoed == message, "what came back is not what was sent"
        client.shutdown(socket.SHUT_WR)
        assert client.recv(1) == b"", "more came back than was sent"
