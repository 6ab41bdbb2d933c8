"""Host order, network order.

In       integers of 16 and 32 bits
Out      the same integers, their bytes in the other order where the two orders differ
Source   RFC 1700 ("network order" is big endian); byteorder(3)
Fails    ValueError: the number does not fit

Worry about byte order in two places only: when a number is put on the wire and when it
is taken off. In between it is a number. Text has no byte order; ``write_uint16`` and
its family do the work when a conn is at hand, and these four are for bytes that were
packed by hand, as a C program does it.

>>> struct.pack("=H", htons(7))
b'\\x00\\x07'
"""

import sys

__all__ = ["htonl", "htons", "ntohl", "ntohs"]


def _swap(value: int, bits: int) -> int:
    if not 0 <= value < 1 << bits:
        raise ValueError(f"{value} does not fit in {bits} bits")
    if sys.byteorder == "big":
        return value
    return int.from_bytes(value.to_bytes(bits // 8, "little"), "big")


def htons(value: int) -> int:
    """Turn 16 bits from host order to network order."""
    return _swap(value, 16)


def htonl(value: int) -> int:
    """Turn 32 bits from host order to network order."""
    return _swap(value, 32)


def ntohs(value: int) -> int:
    """Turn 16 bits from network order to host order."""
    return _swap(value, 16)


def ntohl(value: int) -> int:
    """Turn 32 bits from network order to host order."""
    return _swap(value, 32)
