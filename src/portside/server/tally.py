"""What the workers of a server tell each other, and their supervisor.

In       each worker: the connections it has, and how those ended that it had at the
         stop; the supervisor: when what still runs is cut
Out      the sums
Source   mmap(2): memory that forked children share; eventfd(2)
Holds    a row for each worker, which only that worker writes; the supervisor zeroes the
         row of one that has died, and its places are free again
Fails    OSError: no memory, no descriptors

There is no lock, which a worker that is killed could take with it. Two workers may both
see the last free place and both take it: so there may be more connections than
`max_connections`, by one less than there are workers.

A worker that found no place sleeps until its bell rings. Who gives a place back writes
its row first, then reads the sum, and rings if it was near the bound just now: so
either who looks for a place sees the new row, or its bell rings after that.
"""

import mmap
import os

from portside.engine import Bell
from portside.server.ip_table import IPTable, table_bytes
from portside.server.live import Report

__all__ = ["Tally", "WorkerCounts"]

_WORD = 8
_COLUMNS = 5  # connections, finished, cut, abandoned, has begun


class Tally:
    """The counts of all workers, in memory that they share.

    Args:
        workers: how many there are.
        max_connections: of all of them.
        most_addresses: how many addresses a worker may have to count; 0 for none.
    """

    def __init__(self, workers: int, max_connections: int, most_addresses: int) -> None:
        self.max_connections = max_connections
        self.bells = [Bell() for _ in range(workers)]
        memory = memoryview(mmap.mmap(-1, _WORD * (1 + _COLUMNS * workers)))
        self._cut_at = memory[:_WORD].cast("d")
        columns = memory[_WORD:].cast("q")
        (
            self.connections,
            self._finished,
            self._cut,
            self._abandoned,
            self._has_begun,
        ) = (columns[n * workers : (n + 1) * workers] for n in range(_COLUMNS))
        self._tables: list[memoryview] = []
        if most_addresses:
            size = table_bytes(most_addresses)
            self._tables = [memoryview(mmap.mmap(-1, size)) for _ in self.bells]
        seed = int.from_bytes(os.urandom(8))
        self.by_address = [IPTable(each, seed) for each in self._tables]

    def close(self) -> None:
        """Give the descriptors of the bells back: no worker is left."""
        self.bells.clear()

    # -- the stop

    @property
    def cut_at(self) -> float | None:
        """When what still runs is cut, if the supervisor has said so."""
        return self._cut_at[0] or None

    def begin_stop(self, cut_at: float) -> None:
        """Say when what still runs is to be cut."""
        self._cut_at[0] = cut_at

    # -- what a worker says

    def begin(self, number: int) -> None:
        """Say that this worker accepts clients."""
        self._has_begun[number] = 1

    def end(self, number: int, report: Report) -> None:
        """Say how those ended that the worker had at its stop."""
        self._finished[number] = report.finished
        self._cut[number] = report.cut
        self._abandoned[number] = report.abandoned
        self.connections[number] = 0

    # -- what the supervisor asks

    def has_begun(self, number: int) -> bool:
        """Whether the worker of this row has come so far as to accept."""
        return bool(self._has_begun[number])

    def take_out(self, number: int) -> tuple[Report, int]:
        """Zero the row of a worker that has died.

        Returns:
            Its report, and how many connections it had when it died.
        """
        report = Report(
            self._finished[number], self._cut[number], self._abandoned[number]
        )
        lost = self.connections[number]
        for column in (self._finished, self._cut, self._abandoned, self._has_begun):
            column[number] = 0
        if self._tables:
            self._tables[number][:] = bytes(len(self._tables[number]))
        self.connections[number] = 0
        for bell in self.bells:
            bell.ring()
        return report, lost


class WorkerCounts:
    """The connections, as one worker counts them.

    Args:
        tally: where.
        number: which of the workers this is.
    """

    def __init__(self, tally: Tally, number: int) -> None:
        self._tally = tally
        self._number = number

    @property
    def all(self) -> int:
        """How many there are."""
        return sum(self._tally.connections)

    @property
    def own(self) -> int:
        """How many of them this worker has."""
        return self._tally.connections[self._number]

    def of(self, key: int) -> int:
        """How many there are of one address."""
        return sum(table[key] for table in self._tally.by_address)

    def add(self, key: int) -> None:
        """Count one more in this worker."""
        self._tally.connections[self._number] += 1
        if key:
            self._tally.by_address[self._number].add(key)

    def remove(self, key: int) -> None:
        """Count one less, and tell the others if somebody may have waited for it."""
        tally = self._tally
        if key:
            tally.by_address[self._number].remove(key)
        tally.connections[self._number] -= 1
        if self.all + len(tally.bells) > tally.max_connections:
            for number, bell in enumerate(tally.bells):
                if number != self._number:
                    bell.ring()
