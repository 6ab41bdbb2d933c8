"""How much CPU time a server has used, with its children.

In       the process id of the server
Out      seconds, from the kernel's own accounts
Source   clock_getcpuclockid(3): the clock of a process is ~pid << 3 | 2; proc(5)
Holds    nothing
Fails    ProcessLookupError: the server has gone

A process that lives has a clock in nanoseconds. One that has ended and was waited for
is only in its parent's account (cutime and cstime), which is exact in the kernel and
rounded to ticks of 10 ms where we read it: two percent of a second's round at most, and
only for the servers that fork for each connection.
"""

import os
import time
from pathlib import Path

from bench.tree import process_tree

__all__ = ["cpu_seconds", "settled_cpu_seconds"]

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")

SETTLE_SECONDS = 1.0
"""How long a server may take to come to rest after its last message."""


def cpu_seconds(pid: int) -> float:
    """Return what the process and its children, also the ended ones, have used."""
    for _ in range(50):
        family = process_tree(pid)
        try:
            used = sum(_clock(each) + _ended_children(each) for each in family)
        except (OSError, IndexError):
            continue  # one of them went just now
        if process_tree(pid) == family:
            return used
    raise ProcessLookupError(f"the processes of {pid} do not come to rest")


def settled_cpu_seconds(pid: int) -> float:
    """Return what they have used, when they do nothing any more (or 1 s has passed)."""
    end = time.monotonic() + SETTLE_SECONDS
    before = cpu_seconds(pid)
    while time.monotonic() < end:
        time.sleep(0.02)
        used = cpu_seconds(pid)
        if used - before < 50e-6:  # a timer of its own may tick
            return used
        before = used
    return before


def _clock(pid: int) -> float:
    return time.clock_gettime_ns((~pid << 3) | 2) / 1e9


def _ended_children(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    user, system = fields[13], fields[14]  # cutime and cstime; the state is field 0
    return (int(user) + int(system)) / TICKS_PER_SECOND
