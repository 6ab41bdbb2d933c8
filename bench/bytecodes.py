"""``python -m bench.bytecodes``: where the work of a page goes, in bytecodes.

In       how many pages
Out      for each part of Portside how many bytecodes a page takes there
Source   sys.settrace, which calls back before each
Holds    nothing
Fails    AssertionError: an answer is not the one that was asked for

The pages are those of `http50`, asked for one after the other over one connection, so
each has the rounds of the hub for itself. Bytecodes are no time: one may add two
numbers, or match a pattern. But they are what one can take away, and do not depend on
the machine's mood, but for those of the hub, which differ from run to run.
"""

import argparse
import socket
import sys
import threading
from collections import Counter
from itertools import cycle, islice
from types import FrameType
from typing import Any

from bench.handlers.web import mux
from bench.routes import asked
from portside import net
from portside.engine.hub import Hub

__all__ = ["PARTS", "bytecodes", "main"]

FIELDS = "Host: 127.0.0.1\r\n" + "".join(
    f"X-Field-{number}: what a browser says of itself\r\n" for number in range(9)
)

PATIENCE = 60.0
"""Seconds that an answer may take: a guess, for a busy machine."""

PARTS = {
    "the hub: its rounds, timers, who waits for what": (
        "engine/hub", "engine/descriptor_waits", "engine/timers", "engine/waist",
    ),
    "the conn: turns, deadlines, reading, writing": (
        "engine/gate", "engine/fd", "net/",
    ),
    "the answer: head, length, date, one write": (
        "http/outgoing", "http/message/response", "http/message/headers",
        "http/message/dates", "http/wire/reply",
    ),
    "which handler": ("http/mux", "http/routes"),
    "the loop around a handler": ("http/connection",),
    "the head of the request": ("http/wire/head", "http/incoming"),
    "the request as an object": ("http/message/request",),
}  # fmt: skip
"""The parts of Portside, by how the paths of their files begin."""


def bytecodes(pages: int) -> dict[str, float]:
    """Return how many bytecodes a page takes, for each part of `PARTS`."""
    twice, once = _counted(2 * pages), _counted(pages)  # the rest is paid once
    twice.subtract(once)
    return {
        part: sum(n for path, n in twice.items() if path.startswith(files)) / pages
        for part, files in PARTS.items()
    }


def _counted(pages: int) -> Counter[str]:
    counts: Counter[str] = Counter()

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        frame.f_trace_opcodes = True
        if event == "opcode":
            counts[frame.f_code.co_filename.rpartition("/portside/")[2]] += 1
        return trace

    def serve() -> None:
        sys.settrace(trace)  # each greenlet has its own
        with listener.accept() as conn:
            mux(conn)

    with net.listen("tcp", "127.0.0.1:0") as listener:
        client = threading.Thread(target=_ask, args=(listener.address.port, pages))
        client.start()
        before = sys.gettrace()
        sys.settrace(trace)  # the loop's
        try:
            Hub().run(serve)
        finally:
            sys.settrace(before)
        client.join()
    return counts


def _ask(port: int, pages: int) -> None:
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as client:
        for page in islice(cycle(asked()), pages):
            path, _, name = page.replace("*", "ada").partition("=")
            client.sendall(f"GET {path} HTTP/1.1\r\n{FIELDS}\r\n".encode())
            answer = client.recv(65536)
            assert answer.endswith(f"Hello, {name}!".encode()), answer


def main(words: list[str]) -> int:
    """Count, and print a row for each part; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m bench.bytecodes")
    parser.add_argument("--pages", type=int, default=200, help="so many (200)")
    counted = bytecodes(parser.parse_args(words).pages)
    for part, count in counted.items():
        print(f"| {part} | {count:.0f} |")
    print(f"in all: {sum(counted.values()):.0f}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
