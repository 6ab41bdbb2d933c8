"""How many system calls Portside makes for one message or request.

In       a model's name, and the service: an echo over conns or packets, or pages
Out      calls a message, by the name of the call
Source   strace(1): -f follows threads and children, -c counts
Fails    ProgramError: strace or the server failed

The server runs twice, for so many messages and for twice as many, and the difference is
what the messages took: starting, accepting and stopping cancel out.
"""

import os
import signal
from collections import Counter

from bench.exchange import exchange, exchange_packets, exchange_pages
from bench.paths import BUILD
from bench.process import Server
from bench.roster import PEERS, Service
from bench.tree import process_tree

__all__ = ["counts_of_summary", "system_calls"]

MESSAGES = 1000


def system_calls(model: str, service: Service) -> dict[str, float]:
    """Return the calls that a message takes under a model."""
    once, twice = (
        _counted(model, service, messages) for messages in (MESSAGES, 2 * MESSAGES)
    )
    found = {
        name: (twice[name] - once[name]) / MESSAGES for name in sorted(twice | once)
    }
    return {name: each for name, each in found.items() if each != 0}


def counts_of_summary(summary: str) -> Counter[str]:
    """Return how often each call was made, from what ``strace -c`` writes.

    >>> counts_of_summary("  1.2  0.01  3  1000  7 recvfrom")
    Counter({'recvfrom': 1000})
    """
    counts: Counter[str] = Counter()
    for line in summary.splitlines():
        fields = line.split()
        # share, seconds, microseconds a call, calls, errors (may be missing), name
        if len(fields) in (5, 6) and fields[3].isdecimal() and fields[-1] != "total":
            counts[fields[-1]] += int(fields[3])
    return counts


def _counted(model: str, service: Service, messages: int) -> Counter[str]:
    BUILD.mkdir(exist_ok=True)
    file = BUILD / "strace.txt"
    peer = PEERS[f"portside-{model}"]
    start = peer.at(service)
    assert start is not None, "every model has a program for each service"
    command = ["strace", "-f", "-c", "-o", str(file), *start()]
    with Server(f"strace of {peer.name}", command) as server:
        if service == "echo":
            exchange(server.port, messages)
        elif service == "web":
            exchange_pages(server.port, messages)
        else:
            exchange_packets(server, messages)
        traced = process_tree(server.pid)[1]  # strace would not wait for it to end
        os.kill(traced, signal.SIGTERM)
        server.finish()
    return counts_of_summary(file.read_text())
