"""Counts in a piece of memory, compared with a dict."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portside.server.ip_table import IPTable, table_bytes

MOST = 8

steps = st.lists(st.tuples(st.booleans(), st.integers(1, MOST)), max_size=60)


def table(most: int = MOST, seed: int = 1) -> IPTable:
    return IPTable(memoryview(bytearray(table_bytes(most))), seed)


@given(steps=steps, seed=st.integers(0, 2**64 - 1), high=st.integers(0, 2**64 - 9))
def test_it_counts_as_a_dict_does(
    steps: list[tuple[bool, int]], seed: int, high: int
) -> None:
    counts, expected = table(seed=seed), Counter[int]()
    for is_added, low in steps:
        key = high + low
        if is_added:
            counts.add(key)
            expected[key] += 1
        elif expected[key]:
            counts.remove(key)
            expected[key] -= 1
        for each in range(high + 1, high + MOST + 1):
            assert counts[each] == expected[each]


def test_keys_that_come_and_go_for_ever_leave_room() -> None:
    counts = table()
    for key in range(1, 1000):
        counts.add(key)
        counts.remove(key)
    for key in range(1, MOST + 1):
        counts.add(key)
    assert [counts[key] for key in range(1, MOST + 1)] == [1] * MOST


def test_a_table_that_is_full_says_so() -> None:
    memory = memoryview(bytearray(table_bytes(MOST)))
    counts = IPTable(memory, 1)
    slots = len(memory) // 16
    for key in range(1, slots + 1):
        counts.add(key)
    assert counts[slots + 1] == 0
    with pytest.raises(MemoryError):
        counts.add(slots + 1)


def test_what_was_never_added_cannot_be_removed() -> None:
    with pytest.raises(KeyError):
        table().remove(4242)
