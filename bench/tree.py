"""A process and its children, and theirs.

In       a process id
Out      the ids of all that descend from it and still are in the kernel's table
Source   proc(5): /proc/PID/task/TID/children
Fails    never: a process that has gone has no children
"""

from pathlib import Path

__all__ = ["process_tree"]


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
