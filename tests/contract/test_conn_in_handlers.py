"""Every kind of conn meets the contract inside a handler too, under every model."""

import traceback
from collections.abc import Iterator

import pytest

from portside import Server, net, timeout
from portside.models import MODELS
from portside.net import Conn
from portside.testing.contract import CHECKS, check_conn
from tests.contract.conftest import CANNOT, TRANSPORTS


def run_check(conn: Conn) -> None:
    if not (line := conn.read_line()):
        return
    transport, name = line.decode().split()
    try:
        check_conn(TRANSPORTS[transport], only=name)
    except Exception:
        conn.write(traceback.format_exc().encode())


@pytest.fixture(scope="module", params=MODELS)
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with Server(run_check, "tcp://127.0.0.1:0", model=request.param) as server:
        with net.dial(server.address, timeout=5) as conn, timeout(50):
            conn.close_write()
            conn.read_all()  # after one client, all its threads have begun
        yield server


@pytest.mark.parametrize(
    ("transport", "check"),
    [
        (transport, check)
        for transport in TRANSPORTS
        if transport != "unixpacket"  # as unix, and its records are not the model's
        for check in CHECKS
        if check not in CANNOT.get(transport, {})
    ],
)
def test_conn_in_a_handler(server: Server, transport: str, check: str) -> None:
    with net.dial(server.address, timeout=5) as conn, timeout(50):
        conn.write(f"{transport} {check}\n".encode())
        conn.close_write()
        assert conn.read_all().decode() == ""
