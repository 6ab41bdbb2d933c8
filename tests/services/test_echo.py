import os

import pytest

from portside import Server, TaskGroup, net, timeout
from portside.services import SERVICES, echo


@pytest.mark.parametrize("n_bytes", [0, 1, 65_536, 2_000_000])
def test_it_sends_back_what_comes_and_ends_with_its_peer(
    model: str, n_bytes: int
) -> None:
    data = os.urandom(n_bytes)
    with Server(echo, "tcp://127.0.0.1:0", model=model) as server:
        with net.dial(server.address, timeout=5) as conn, timeout(20):
            with TaskGroup() as group:
                reply = group.start_soon(conn.read_all, 3_000_000)
                conn.write(data)
                conn.close_write()
            assert reply.result() == data


@pytest.mark.parametrize("n_bytes", [0, 1, 65_507])
def test_it_sends_a_packet_back_as_it_is(model: str, n_bytes: int) -> None:
    data = os.urandom(n_bytes)
    with Server(SERVICES["echo"], "udp://127.0.0.1:0", model=model) as server:
        with net.dial("udp", str(server.address)) as packets, timeout(10):
            packets.send(data)
            assert packets.receive().data == data
