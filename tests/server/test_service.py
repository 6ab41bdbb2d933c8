"""What can be served, and where: decided before the first client comes."""

import functools

import pytest

from portside.errors import Error, HandlerError
from portside.server.service import Service, packet_handler, service_of


def of_conn(conn):
    pass


@packet_handler
def of_packet(packet):
    pass


def test_a_service_needs_a_handler():
    with pytest.raises(HandlerError, match="needs a handler"):
        Service()
    with pytest.raises(HandlerError, match="needs a handler"):
        Service(port=7, is_guarded=True)


async def waits(it):
    pass


def yields(it):
    yield it


class Called:
    def __call__(self, it):
        pass


WRONG = {
    "no function": ("echo", "not a function"),
    "async": (waits, "async def"),
    "partial of async": (functools.partial(waits), "async def"),
    "generator": (yields, "has a yield"),
    "nothing to take": (lambda: None, "must take one argument, the (conn|packet)"),
    "two to take": (lambda a, b: None, "must take one argument, the (conn|packet)"),
}


@pytest.mark.parametrize(("handler", "why"), WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("kind", ["stream", "packet"])
def test_what_is_no_function_of_one_argument_is_refused(kind, handler, why):
    with pytest.raises(HandlerError, match=why) as caught:
        Service(**{kind: handler})
    assert isinstance(caught.value, TypeError)
    if "argument" in why:
        assert f"the {'conn' if kind == 'stream' else 'packet'}" in str(caught.value)


@pytest.mark.parametrize(("handler", "why"), WRONG.values(), ids=WRONG)
def test_what_is_no_function_of_one_argument_is_not_marked(handler, why):
    with pytest.raises(HandlerError, match=why):
        packet_handler(handler)


def test_where_it_is_served_is_by_what_it_has():
    assert Service(stream=of_conn).transports == ("tcp",)
    assert Service(packet=of_packet).transports == ("udp",)
    assert Service(packet=of_packet, stream=of_conn).transports == ("tcp", "udp")


@pytest.mark.parametrize("network", ["udp", "udp4", "udp6", "unixgram"])
def test_a_handler_of_conns_is_refused_where_packets_are(network):
    service = Service(stream=of_conn)
    match = f"of_conn: is a function of a conn, and {network} carries packets"
    with pytest.raises(HandlerError, match=match):
        service.check_network(network)
    Service(stream=of_conn, packet=of_packet).check_network(network)


@pytest.mark.parametrize("network", ["tcp", "tcp4", "tcp6", "unix", "unixpacket"])
def test_a_handler_of_packets_is_refused_where_conns_are(network):
    service = Service(packet=of_packet)
    match = f"of_packet: is a function of a packet, and {network} carries conns"
    with pytest.raises(HandlerError, match=match):
        service.check_network(network)
    Service(stream=of_conn, packet=of_packet).check_network(network)


def test_a_function_is_served_as_what_it_is_marked():
    assert service_of(of_conn) == Service(stream=of_conn)
    assert service_of(of_packet) == Service(packet=of_packet)
    both = Service(stream=of_conn, packet=of_packet, port=7)
    assert service_of(both) is both


def test_the_mark_leaves_the_function_as_it_was():
    def answer(packet):
        return packet

    assert packet_handler(answer) is answer
    assert answer(3) == 3


def test_an_object_that_can_be_called_is_marked_too():
    handler = packet_handler(Called())
    assert service_of(handler) == Service(packet=handler)
    partial = packet_handler(functools.partial(lambda a, packet: None, 1))
    assert service_of(partial).packet is partial


def test_what_cannot_be_marked_says_what_to_do():
    with pytest.raises(HandlerError, match="write a def around it"):
        packet_handler(print)
    with pytest.raises(HandlerError, match="write a def around it"):
        packet_handler(Called().__call__)


def test_what_is_neither_is_refused():
    for wrong in (None, "echo", 7, [of_conn]):
        with pytest.raises(Error, match="not a function"):
            service_of(wrong)


def test_it_is_a_value():
    assert Service(stream=of_conn, port=7) == Service(stream=of_conn, port=7)
    with pytest.raises(AttributeError):
        setattr(Service(stream=of_conn), "port", 8)  # noqa: B010
