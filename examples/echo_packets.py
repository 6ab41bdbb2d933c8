"""Send each packet back to who sent it. Models: serial fork thread nonblocking hybrid.

portside serve examples/echo_packets.py:echo=udp://127.0.0.1:7007
printf 'hello\\n' | portside dial -u 127.0.0.1:7007
"""

from portside import packet_handler, serve
from portside.net import Packet


@packet_handler
def echo(packet: Packet) -> None:
    """Answer from the address that was asked."""
    packet.reply(packet.data)


if __name__ == "__main__":
    serve(echo, "udp://127.0.0.1:7007", model="nonblocking")
