"""Chargen: write characters without end. RFC 864, port 19.

In       whatever the peer sends: it is thrown away
Out      over a stream, lines until the peer goes; for a packet, 0 to 512 bytes of them
Source   RFC 864, with the pattern that it shows as an example
Holds    nothing: a peer that does not read makes the write wait
Fails    BrokenError, ResetError: how every such conversation ends

Each line has 72 of the 95 characters that can be printed, and begins with the second
one of the line before.
"""

from random import Random, SystemRandom

from portside.engine import TaskGroup
from portside.net import Conn, Packet
from portside.services.discard import discard

__all__ = ["PATTERN", "chargen", "chargen_packet", "some_of_it"]

LINE_CHARACTERS = 72

MAX_PACKET_BYTES = 512
"""RFC 864: a packet has a random number of characters, 0 to 512."""

_PRINTABLE = bytes(range(0x20, 0x7F))

PATTERN = b"".join(
    (_PRINTABLE * 2)[first : first + LINE_CHARACTERS] + b"\r\n"
    for first in range(len(_PRINTABLE))
)
"""All lines, 95 of 74 bytes; after the last comes the first again."""

_RANDOM = SystemRandom()  # for every process its own: forks would share a seeded one


def some_of_it(max_bytes: int | None = None, random: Random = _RANDOM) -> bytes:
    """Return a random number of bytes from the beginning of the pattern.

    Args:
        max_bytes: how many at the most, if that is less than 512.
        random: what says how many.
    """
    most = MAX_PACKET_BYTES if max_bytes is None else min(max_bytes, MAX_PACKET_BYTES)
    return PATTERN[: random.randint(0, most)]


def chargen(conn: Conn) -> None:
    """Write lines until the peer goes; what it sends is thrown away meanwhile."""
    with TaskGroup() as group:
        group.start_soon(discard, conn)
        while True:
            conn.write(PATTERN)


def chargen_packet(packet: Packet) -> None:
    """Answer with some characters, whatever was sent."""
    packet.reply(some_of_it(packet.max_reply_bytes))
