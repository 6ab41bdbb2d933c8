"""Where the work of a page goes."""

from bench.bytecodes import PARTS, bytecodes


def test_every_part_takes_some_of_a_page():
    counted = bytecodes(20)
    assert list(counted) == list(PARTS)
    assert all(10 < count < 2000 for count in counted.values())
