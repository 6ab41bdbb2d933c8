from random import Random

import pytest

from portside import Server, TaskGroup, net, timeout
from portside.errors import DeadlineError
from portside.net import Conn, Packet
from portside.server import Service
from portside.services import SERVICES, chargen, chargen_packet
from portside.services.chargen import PATTERN, some_of_it


def test_the_pattern_is_95_lines_of_72_each_turned_by_one() -> None:
    lines = PATTERN.split(b"\r\n")
    assert lines.pop() == b""
    assert len(lines) == 95
    assert {len(line) for line in lines} == {72}
    assert lines[0].startswith(b" !\"#$%&'()*+,-./0123456789:;<=>?@ABC")
    for line, following in zip(lines, [*lines[1:], lines[0]], strict=True):
        assert line[1:] == following[:-1]


def test_a_stream_gets_it_again_and_again(model: str) -> None:
    with Server(SERVICES["chargen"], "tcp://127.0.0.1:0", model=model) as server:
        with net.dial(server.address, timeout=5) as conn, timeout(20):
            assert conn.read_exactly(len(PATTERN) * 20) == PATTERN * 20


def test_what_its_peer_sends_is_thrown_away_meanwhile(model: str) -> None:
    def read_all_of(conn: Conn) -> None:
        while True:
            conn.read()

    with Server(SERVICES["chargen"], "tcp://127.0.0.1:0", model=model) as server:
        with net.dial(server.address, timeout=5) as conn, timeout(20):
            with TaskGroup() as group:
                reading = group.start_soon(read_all_of, conn)
                conn.write(bytes(30_000_000))  # more than the kernel takes by itself
                reading.cancel()
            conn.abort()


def test_it_waits_for_a_peer_that_does_not_read() -> None:
    near, far = net.pipe()
    with near, far:
        with pytest.raises(DeadlineError), timeout(0.2):
            chargen(far)
        far.close()
        assert 0 < len(near.read_all()) <= 65_536  # what a pipe holds


def test_it_ends_when_its_peer_goes(model: str) -> None:
    server = Server(SERVICES["chargen"], "tcp://127.0.0.1:0", model=model, grace=10)
    with server:
        with net.dial(server.address, timeout=5) as conn, timeout(20):
            conn.read_exactly(1)
        report = server.stop()
    assert (report.cut, report.abandoned) == (0, 0)


def test_a_packet_gets_0_to_512_of_it() -> None:
    random = Random(1)
    lengths = {len(some_of_it(random=random)) for _ in range(20_000)}
    assert lengths == set(range(513))
    assert {len(some_of_it(3, random)) for _ in range(100)} == {0, 1, 2, 3}
    assert all(PATTERN.startswith(some_of_it(random=random)) for _ in range(100))


def test_a_packet_gets_no_more_than_its_guard_allows(model: str) -> None:
    def as_from_afar(packet: Packet) -> None:
        packet.max_reply_bytes = 3
        chargen_packet(packet)

    service = Service(packet=as_from_afar)
    with Server(service, "udp://127.0.0.1:0", model=model) as server:
        with net.dial("udp", str(server.address)) as packets, timeout(10):
            for _ in range(20):
                packets.send(b"?")
                assert PATTERN[:3].startswith(packets.receive().data)
