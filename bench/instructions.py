"""How many instructions Portside executes in user mode for one message or request.

In       a model's name, and the service: an echo over conns, or pages
Out      instructions a message, the interpreter's own included
Source   valgrind --tool=callgrind: "Collected", for all threads together
Fails    ProgramError: valgrind or the server failed

Twice, as for the system calls. The hash seed is fixed and no bytecode is written, so
that both runs do the same before the first message and after the last.
"""

import os
import re
import signal

from bench.exchange import exchange, exchange_pages
from bench.process import Server
from bench.roster import PEERS, Service

__all__ = ["instructions", "instructions_of_summary"]

MESSAGES = 500

_COLLECTED = re.compile(r"Collected : (\d+)")


def instructions(model: str, service: Service) -> float:
    """Return the instructions that a message takes under a model."""
    once, twice = (
        _collected(model, service, messages) for messages in (MESSAGES, 2 * MESSAGES)
    )
    return (twice - once) / MESSAGES


def instructions_of_summary(summary: str) -> int | None:
    """Return what callgrind says at its end, or None where it says nothing."""
    found = _COLLECTED.search(summary)
    return int(found[1]) if found else None


def _collected(model: str, service: Service, messages: int) -> int:
    peer = PEERS[f"portside-{model}"]
    start = peer.at(service)
    assert start is not None, "every model has a program for each service"
    command = [
        *("env", "PYTHONHASHSEED=0", "PYTHONDONTWRITEBYTECODE=1"),
        *("valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"),
        *start(),
    ]
    with Server(f"valgrind of {peer.name}", command) as server:
        speak = exchange_pages if service == "web" else exchange
        speak(server.port, messages)
        os.kill(server.pid, signal.SIGTERM)
        server.finish()
        collected = instructions_of_summary(server.errors())
        if collected is None:
            raise server.failed("valgrind told no count")
    return collected
