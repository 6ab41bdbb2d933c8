"""Daytime: say what time it is, for people. RFC 867, port 13.

The RFC leaves the format open, so we take one that nobody can misread: year, month,
day, 24 hours, and a time zone that is the same on each host.
"""

from datetime import UTC, datetime

from portside.net import Conn, Packet

__all__ = ["daytime", "daytime_packet", "written"]


def written(at: datetime) -> bytes:
    r"""Return a moment as this service writes it: one line, in UTC.

    >>> written(datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC))
    b'2026-02-03 04:05:06 UTC\r\n'
    """
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC\r\n".encode()


def daytime(conn: Conn) -> None:
    """Write the time and end; what the peer sent is thrown away."""
    conn.write(written(datetime.now(UTC)))


def daytime_packet(packet: Packet) -> None:
    """Answer with the time, whatever was sent."""
    packet.reply(written(datetime.now(UTC)))
