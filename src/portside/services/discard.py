"""Discard: throw away what comes. RFC 863, port 9."""

from portside.net import Conn

__all__ = ["discard"]


def discard(conn: Conn) -> None:
    """Read until the peer stops sending, and answer nothing."""
    buffer = bytearray(65536)
    while conn.readinto(buffer):
        pass
