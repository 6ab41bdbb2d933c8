import functools

import pytest

from portside.errors import Error, HandlerError
from portside.net import Conn
from portside.server import Server
from portside.server.handlers import check_callable


async def coroutine(conn: Conn) -> None: ...


async def asynchronous_generator(conn: Conn):
    yield


def of_a_request(request): ...


def of_a_packet(packet): ...


def generator(conn: Conn):
    yield


def without_conn() -> None: ...


def with_two(conn: Conn, more: int) -> None: ...


class Asynchronous:
    async def __call__(self, conn: Conn) -> None: ...


REFUSED = [
    (coroutine, "handler coroutine: is an async def"),
    (asynchronous_generator, "is an async def"),
    (Asynchronous(), "is an async def"),
    (functools.partial(coroutine), "is an async def"),
    (generator, "handler generator: is a generator"),
    (
        of_a_request,
        r"is a function of a request, .* serve http.handler\(of_a_request\), or give",
    ),
    (
        of_a_packet,
        r"of_a_packet\(packet\): is a function of a packet: mark it with @packet_handl",
    ),
    (without_conn, r"handler without_conn\(\).*: must take one argument, the conn"),
    (with_two, "must take one argument, the conn"),
    ("echo", "handler 'echo': of type str, not a function"),
    (None, "of type NoneType, not a function"),
]


def odd(request: Conn) -> None: ...


@functools.wraps(of_a_request)
def around(conn: Conn) -> None: ...


class Taker:
    def __call__(self, conn: Conn) -> None: ...

    def method(self, conn: Conn) -> None: ...


TAKEN = [
    odd,
    around,
    lambda conn: None,
    print,
    Taker(),
    Taker().method,
    functools.partial(with_two, more=1),
    lambda *everything: None,
    lambda conn, size=5: None,
]


@pytest.mark.parametrize(("handler", "said"), REFUSED)
def test_what_cannot_serve_is_refused_in_a_sentence(handler: object, said: str) -> None:
    with pytest.raises(HandlerError, match=said):
        check_callable(handler, "the conn")


@pytest.mark.parametrize("handler", TAKEN)
def test_whatever_takes_a_conn_can_serve(handler: object) -> None:
    check_callable(handler, "the conn")


def test_a_server_refuses_it_before_it_listens() -> None:
    with pytest.raises(TypeError) as caught:
        Server(coroutine, "tcp://127.0.0.1:0")
    assert isinstance(caught.value, Error)
