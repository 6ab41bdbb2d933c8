"""The pairs of conns that the contract is tried on."""

import contextlib
from collections.abc import Callable, Iterator

import pytest

from portside import net
from portside.net import Conn
from portside.testing.contract import MakePair


@contextlib.contextmanager
def tcp_pair() -> Iterator[tuple[Conn, Conn]]:
    with net.listen("tcp", "127.0.0.1:0") as listener:
        near = net.dial(listener.address)
        far = listener.accept()
    with near, far:
        yield near, far


@contextlib.contextmanager
def pipe_pair() -> Iterator[tuple[Conn, Conn]]:
    near, far = net.pipe()
    with near, far:
        yield near, far


TRANSPORTS: dict[
    str, Callable[[], contextlib.AbstractContextManager[tuple[Conn, Conn]]]
]
TRANSPORTS = {"tcp": tcp_pair, "pipe": pipe_pair}


@pytest.fixture(params=TRANSPORTS)
def make_pair(request: pytest.FixtureRequest) -> MakePair:
    return TRANSPORTS[request.param]
