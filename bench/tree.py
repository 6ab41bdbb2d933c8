"""A process and its children, and theirs.

In       a process id
Out      the ids of all that descend from it and still are in the kernel's table;
         whether they all sleep
Source   proc(5): /proc/PID/task/TID/children and stat
Fails    never: a process that has gone has no children
"""

from pathlib import Path

__all__ = ["is_asleep", "process_tree"]


def process_tree(pid: int) -> list[int]:
    """Return the process and all its descendants, parents before their children."""
    found = [pid]
    for parent in found:
        try:
            tasks = list(Path(f"/proc/{parent}/task").iterdir())
        except OSError:
            continue  # the process has gone
        for task in tasks:
            try:
                children = (task / "children").read_text()
            except OSError:
                continue  # the thread has ended
            found += [int(child) for child in children.split()]
    return found


def is_asleep(family: list[int]) -> bool:
    """Whether no thread of these processes runs, or is held by who traces it."""
    for pid in family:
        for stat in Path(f"/proc/{pid}/task").glob("*/stat"):
            try:
                state = stat.read_text().rpartition(")")[2].split()[0]
            except OSError:
                continue  # the thread has ended
            if state != "S":
                return False
    return True
