"""Portside: network clients and servers, one handler under any model of concurrency.

>>> from portside import Server, net
>>> def echo(conn):
...     for chunk in conn:
...         conn.write(chunk)
>>> with Server(echo, "tcp://127.0.0.1:0") as server:
...     with net.dial(server.address) as conn:
...         conn.write(b"hello")
...         conn.close_write()
...         conn.read_all()
b'hello'
"""

from portside import net
from portside.engine import (
    Event,
    Lock,
    Queue,
    TaskGroup,
    deadline,
    now,
    offload,
    sleep,
    timeout,
)
from portside.errors import Cancelled, Error
from portside.server import Report, Server, Service, packet_handler, serve

__all__ = [
    "Cancelled",
    "Error",
    "Event",
    "Lock",
    "Queue",
    "Report",
    "Server",
    "Service",
    "TaskGroup",
    "deadline",
    "net",
    "now",
    "offload",
    "packet_handler",
    "serve",
    "sleep",
    "timeout",
]

__version__ = "0.1.0"
