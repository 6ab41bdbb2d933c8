from collections.abc import Callable

import pytest

from portside import Server, net, timeout
from portside.services import echo

Serve = Callable[..., Server]


def test_the_fixture_serves_a_handler_on_a_port_of_its_own(
    portside_serve: Serve, model: str
) -> None:
    server = portside_serve(echo, model=model)
    with net.dial(server.address, timeout=5) as conn, timeout(10):
        conn.write(b"hello")
        assert conn.read_exactly(5) == b"hello"


def test_it_can_serve_several(portside_serve: Serve) -> None:
    first, second = portside_serve(echo), portside_serve(echo)
    assert first.address != second.address


def test_pytest_knows_the_fixture_without_being_told(
    pytestconfig: pytest.Config,
) -> None:
    assert pytestconfig.pluginmanager.has_plugin("portside")
