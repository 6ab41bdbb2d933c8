"""Add numbers up: a binary protocol. Models: serial fork thread nonblocking hybrid.

A request is a frame (4 bytes of length, then that much) of 32-bit numbers; the answer
is how many there were in 16 bits and their sum in 64. All in network byte order.
"""

import struct
from collections.abc import Sequence

from portside import serve
from portside.net import Conn


def sums(conn: Conn) -> None:
    for frame in conn.frames(max_bytes=4 * 0xFFFF):
        numbers = [number for (number,) in struct.iter_unpack("!i", frame)]
        conn.write_struct("Hq", len(numbers), sum(numbers))


def ask(conn: Conn, numbers: Sequence[int]) -> tuple[int, int]:
    conn.write_frame(struct.pack(f"!{len(numbers)}i", *numbers))
    n_added, total = conn.read_struct("Hq")
    return n_added, total


if __name__ == "__main__":
    serve(sums, "tcp://127.0.0.1:7008")
