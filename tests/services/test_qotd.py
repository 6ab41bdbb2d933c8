from random import Random

from portside import Server, net, timeout
from portside.net import Packet
from portside.server import Service
from portside.services import SERVICES, qotd_packet
from portside.services.qotd import QUOTES, quote

OF_AN_EMPTY_PACKET = 3 * 28 - 28  # what the guard lets through: design 5.10


def test_each_is_a_line_under_512_that_can_be_printed() -> None:
    for each in QUOTES:
        assert len(each) < 512
        assert each.endswith(b"\r\n")
        assert all(0x20 <= byte < 0x7F for byte in each[:-2])


def test_all_of_them_are_said() -> None:
    random = Random(1)
    assert {quote(random=random) for _ in range(1000)} == set(QUOTES)


def test_a_bound_leaves_those_that_fit_and_none_says_nothing() -> None:
    random = Random(1)
    said = {quote(OF_AN_EMPTY_PACKET, random) for _ in range(1000)}
    assert said == {each for each in QUOTES if len(each) <= OF_AN_EMPTY_PACKET}
    assert len(said) > 1
    assert quote(5, random) == b""


def test_a_stream_gets_one_and_the_end(model: str) -> None:
    with Server(SERVICES["qotd"], "tcp://127.0.0.1:0", model=model) as server:
        with net.dial(server.address, timeout=5) as conn, timeout(10):
            assert conn.read_all() in QUOTES


def test_a_packet_gets_one_no_longer_than_its_guard_allows(model: str) -> None:
    def as_from_afar(packet: Packet) -> None:
        packet.max_reply_bytes = OF_AN_EMPTY_PACKET
        qotd_packet(packet)

    service = Service(packet=as_from_afar)
    with Server(service, "udp://127.0.0.1:0", model=model) as server:
        with net.dial("udp", str(server.address)) as packets, timeout(10):
            for _ in range(20):
                packets.send(b"")
                said = packets.receive().data
                assert said in QUOTES
                assert len(said) <= OF_AN_EMPTY_PACKET
