"""A socket that listens, for servers that take one over."""

import socket

__all__ = ["listening"]


def listening() -> socket.socket:
    """Listen at a port that the system chooses, and say which."""
    listener = socket.socket()
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # inherited
    listener.bind(("127.0.0.1", 0))
    listener.listen(4096)
    print(f"port {listener.getsockname()[1]}", flush=True)
    return listener
