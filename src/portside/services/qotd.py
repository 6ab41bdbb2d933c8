"""Quote of the day: say a sentence. RFC 865, port 17.

The RFC asks for less than 512 characters that can be printed, in lines. Ours are about
networks, and each request gets one of them. Over UDP it is one that the guard lets
through: who asks from afar with an empty packet may have 56 bytes and no more.
"""

from random import Random, SystemRandom

from portside.net import Conn, Packet

__all__ = ["QUOTES", "qotd", "qotd_packet", "quote"]

QUOTES = tuple(
    text.encode() + b"\r\n"
    for text in (
        "A packet on its way owes nobody an arrival.",
        "TCP keeps the order. It never said that of time.",
        "The port is open. Whether anybody is home shows later.",
        "Every timeout is a guess that somebody once wrote down.",
        "Loopback has no distance, and so it teaches none.",
        "A reset is an answer too.",
        "One write is not one read: the stream has no seams but those that you sew.",
        "The name was right, the address was right, and the route had other plans.",
        "Half of closing a connection is waiting to see what the other half says.",
        "It worked between two processes; then the cable wanted a say in it.",
        "Who answers everybody at any length will be asked on behalf of somebody else.",
        "A buffer only moves the moment at which you learn that the other end is slow.",
        "Big end first, said the network, and has not changed its mind since.",
        "The backlog is where clients stand who believe that they are connected.",
    )
)
"""Each with its end of line; several fit in an answer to an empty packet."""

_RANDOM = SystemRandom()  # for every process its own: forks would share a seeded one


def quote(max_bytes: int | None = None, random: Random = _RANDOM) -> bytes:
    """Return a sentence with its end of line; nothing if none is so short.

    Args:
        max_bytes: how long it may be; None for any.
        random: what chooses.
    """
    short = [each for each in QUOTES if max_bytes is None or len(each) <= max_bytes]
    return random.choice(short) if short else b""


def qotd(conn: Conn) -> None:
    """Write a sentence and end; what the peer sent is thrown away."""
    conn.write(quote())


def qotd_packet(packet: Packet) -> None:
    """Answer with a sentence, whatever was sent."""
    if said := quote(packet.max_reply_bytes):
        packet.reply(said)
