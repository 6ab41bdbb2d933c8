"""Time: say what time it is, for programs. RFC 868, port 37.

The answer is 32 bits, unsigned, in network byte order: the seconds since 1900 began in
UTC, leap seconds not counted. They are full on 7 February 2036 at 06:28:16 UTC, and
begin again at 0, as those of NTP do (RFC 5905 section 6 calls it the next era). Who
reads them then must know by itself that it is no longer 1900.
"""

from datetime import UTC, datetime, timedelta

from portside.net import Conn, Packet

__all__ = ["seconds_since_1900", "time", "time_packet"]

_BEGIN = datetime(1900, 1, 1, tzinfo=UTC)


def seconds_since_1900(at: datetime) -> int:
    """Return a moment as this service tells it: an unsigned number of 32 bits.

    >>> seconds_since_1900(datetime(1970, 1, 1, tzinfo=UTC))
    2208988800
    """
    return (at - _BEGIN) // timedelta(seconds=1) % 2**32


def time(conn: Conn) -> None:
    """Write the time and end; what the peer sent is thrown away."""
    conn.write_uint32(seconds_since_1900(datetime.now(UTC)))


def time_packet(packet: Packet) -> None:
    """Answer with the time, whatever was sent."""
    packet.reply(seconds_since_1900(datetime.now(UTC)).to_bytes(4, "big"))
