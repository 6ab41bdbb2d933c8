"""Two conns that are each other's peer, over TCP and in memory."""

from collections.abc import Iterator

import pytest

from portside import net
from portside.net import Conn, Listener


@pytest.fixture
def listener() -> Iterator[Listener]:
    with net.listen("tcp", "127.0.0.1:0") as listener:
        yield listener


@pytest.fixture
def pair(listener: Listener) -> Iterator[tuple[Conn, Conn]]:
    near = net.dial(listener.address)
    far = listener.accept()
    with near, far:
        yield near, far


@pytest.fixture
def pipe() -> Iterator[tuple[Conn, Conn]]:
    near, far = net.pipe()
    with near, far:
        yield near, far
