"""What the tests of this room wait with, and whom they forward to."""

import contextlib
from collections.abc import Callable, Iterator

from portside import Server, sleep, timeout
from portside.net import Packet
from portside.server import Service

ANY_PORT = "tcp://127.0.0.1:0"
ANY_UDP_PORT = "udp://127.0.0.1:0"


def wait_until(condition: Callable[[], bool]) -> None:
    with timeout(10):
        while not condition():
            sleep(0.005)


@contextlib.contextmanager
def whoami() -> Iterator[str]:
    """Serve what tells each packet's sender its address; yields where."""

    def tell(packet: Packet) -> None:
        packet.reply(f"{packet.address} said ".encode() + packet.data)

    with Server(Service(packet=tell), ANY_UDP_PORT, model="thread") as server:
        yield f"udp://{server.address}"
