"""Count by number, in a piece of memory that other processes read.

In       keys: numbers of 64 bits, but zero
Out      how often each was added and not removed again
Source   open addressing with linear probing; Knuth, The Art of Computer Programming,
         volume 3, section 6.4, algorithm R (deletion that leaves no holes)
Holds    nothing: the memory is the caller's
Fails    MemoryError when every slot is taken

One process writes, any may read, and there is no lock. Who reads while an entry is
being moved may miss it: a count too small for that moment.
"""

from struct import calcsize

__all__ = ["IPTable", "table_bytes"]

_KEY, _COUNT, _WORDS = 0, 1, 2

_SPREAD = 0x9E3779B97F4A7C15  # 2^64 over the golden ratio: neighbours lie far apart
_WORD_BITS = 64


def table_bytes(most_keys: int) -> int:
    """Return how much memory a table needs that is never more than half full."""
    slots = 1 << max(3, (2 * most_keys - 1).bit_length())
    return slots * _WORDS * calcsize("Q")


class IPTable:
    """A table of counts.

    Args:
        memory: `table_bytes` of it, all zero for an empty table.
        seed: makes the places of keys unforeseeable; the same for all who share it.
    """

    def __init__(self, memory: memoryview, seed: int) -> None:
        self._words = memory.cast("B").cast("Q")
        self._slots = len(self._words) // _WORDS
        self._shift = _WORD_BITS - (self._slots.bit_length() - 1)
        self._seed = seed

    def __getitem__(self, key: int) -> int:
        """Return the count of a key."""
        at = self._find(key)
        return self._words[at + _COUNT] if self._words[at + _KEY] == key else 0

    def add(self, key: int) -> None:
        """Count one more."""
        at = self._find(key)
        if self._words[at + _KEY] != key:
            if self._words[at + _KEY]:
                raise MemoryError("every slot of the table is taken")
            self._words[at + _COUNT] = 0
            self._words[at + _KEY] = key
        self._words[at + _COUNT] += 1

    def remove(self, key: int) -> None:
        """Count one less; the key must have been added."""
        at = self._find(key)
        if self._words[at + _KEY] != key:
            raise KeyError(key)
        self._words[at + _COUNT] -= 1
        if not self._words[at + _COUNT]:
            self._delete(at // _WORDS)

    def _find(self, key: int) -> int:
        """Return where key is, or could be put; any other place when all is full."""
        slot = self._home(key)
        for _ in range(self._slots):
            if self._words[slot * _WORDS + _KEY] in (key, 0):
                break
            slot = (slot + 1) % self._slots
        return slot * _WORDS

    def _home(self, key: int) -> int:
        return ((key ^ self._seed) * _SPREAD & (1 << _WORD_BITS) - 1) >> self._shift

    def _delete(self, hole: int) -> None:
        words, slots = self._words, self._slots
        slot = hole
        while True:
            slot = (slot + 1) % slots
            key = words[slot * _WORDS + _KEY]
            if not key:
                break
            # It may move up to the hole, unless its home lies between the two.
            if (slot - self._home(key)) % slots >= (slot - hole) % slots:
                words[hole * _WORDS + _COUNT] = words[slot * _WORDS + _COUNT]
                words[hole * _WORDS + _KEY] = key
                hole = slot
        words[hole * _WORDS + _KEY] = 0
        words[hole * _WORDS + _COUNT] = 0
