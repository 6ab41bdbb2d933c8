"""How much memory a server has, with its children.

In       the process id of the server
Out      KiB: resident, and proportional (a page that n processes share counts 1/n)
Source   proc(5): smaps_rollup
Fails    never: what has gone counts nothing

The kernel's own memory (sockets, their buffers) is in neither figure.
"""

from dataclasses import dataclass
from pathlib import Path

from bench.tree import process_tree

__all__ = ["Memory", "memory_of"]


@dataclass(frozen=True)
class Memory:
    """KiB of a process and its children."""

    rss: int
    pss: int


def memory_of(pid: int) -> Memory:
    """Return what the process and its children have now."""
    rss = pss = 0
    for each in process_tree(pid):
        try:
            lines = Path(f"/proc/{each}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        for line in lines:
            word, _, rest = line.partition(":")
            if word == "Rss":
                rss += int(rest.split()[0])
            elif word == "Pss":
                pss += int(rest.split()[0])
    return Memory(rss, pss)
