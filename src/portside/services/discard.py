"""Discard: throw away what comes. RFC 863, port 9."""

from portside.net import Conn, Packet

__all__ = ["discard", "discard_packet"]


def discard(conn: Conn) -> None:
    """Read until the peer stops sending, and answer nothing."""
    buffer = bytearray(65536)
    while conn.readinto(buffer):
        pass


def discard_packet(packet: Packet) -> None:
    """Answer nothing."""
