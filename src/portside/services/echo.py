"""Echo: send back what comes. RFC 862, port 7."""

from portside.net import Conn, Packet

__all__ = ["echo", "echo_packet"]


def echo(conn: Conn) -> None:
    """Send each byte back until the peer stops sending."""
    for chunk in conn:
        conn.write(chunk)


def echo_packet(packet: Packet) -> None:
    """Send the packet back as it is."""
    packet.reply(packet.data)
