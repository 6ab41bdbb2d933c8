from portside import Server, net, timeout
from portside.net import Packet
from portside.server import Service
from portside.services import discard, discard_packet


def test_it_takes_everything_and_answers_nothing(model: str) -> None:
    with Server(discard, "tcp://127.0.0.1:0", model=model) as server:
        with net.dial(server.address, timeout=5) as conn, timeout(20):
            conn.write(bytes(5_000_000))
            conn.close_write()
            assert conn.read_all() == b""


def test_it_answers_no_packet(model: str) -> None:
    def answer(packet: Packet) -> None:
        discard_packet(packet)
        if packet.data == b"and now?":
            packet.reply(b"nothing before this")

    service = Service(packet=answer)
    with Server(service, "udp://127.0.0.1:0", model=model) as server:
        with net.dial("udp", str(server.address)) as packets, timeout(10):
            packets.send(b"one")
            packets.send(b"two")
            packets.send(b"and now?")
            assert packets.receive().data == b"nothing before this"
