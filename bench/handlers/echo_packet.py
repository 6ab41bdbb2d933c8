"""Echo over packets, as a user writes it."""

from portside import packet_handler
from portside.net import Packet

__all__ = ["echo"]


@packet_handler
def echo(packet: Packet) -> None:
    """Send back what came, to whom it came from."""
    packet.reply(packet.data)
