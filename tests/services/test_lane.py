import pytest

from portside.services.forward_settings import ForwardSettings
from portside.services.lane import MAX_LOSSES, MAX_PIECE_BYTES, Lane


def lane(name: str = "there", **settings: float) -> Lane:
    return Lane(ForwardSettings(**settings), name)  # type: ignore[arg-type]


def test_nothing_is_late_where_nothing_is_bad() -> None:
    good = lane()
    assert [good.due_of_piece(9, at) for at in (1.0, 2.0)] == [1.0, 2.0]
    assert [good.due_of_packet(9, at) for at in (3.0, 4.0)] == [3.0, 4.0]


def test_jitter_never_changes_the_order_of_a_stream() -> None:
    bad = lane(delay=0.1, jitter=0.5)
    dues = [bad.due_of_piece(10, i / 100) for i in range(200)]
    assert dues == sorted(dues)
    assert all(due - i / 100 >= 0.1 for i, due in enumerate(dues))


def test_jitter_lets_packets_pass_each_other() -> None:
    bad = lane(delay=0.1, jitter=0.5)
    dues = [bad.due_of_packet(10, i / 100) for i in range(200)]
    assert None not in dues
    assert dues != sorted(due for due in dues if due is not None)
    assert all(0.1 <= due - i / 100 <= 0.6 for i, due in enumerate(dues) if due)


def test_its_share_of_packets_is_lost_and_no_piece_of_a_stream() -> None:
    bad = lane(loss=0.3)
    lost = [bad.due_of_packet(10, 0.0) for _ in range(2000)].count(None)
    assert 500 < lost < 700
    other = lane(loss=1)
    assert other.due_of_packet(10, 0.0) is None
    assert other.due_of_piece(10, 0.0) == pytest.approx(0.2 * (2**MAX_LOSSES - 1))


def test_a_loss_delays_the_piece_and_those_behind_it() -> None:
    bad = lane(loss=0.3)
    dues = [bad.due_of_piece(10, i * 0.001) for i in range(50)]
    first = next(i for i, due in enumerate(dues) if due >= 0.2)
    assert dues[first - 1] == pytest.approx((first - 1) * 0.001)
    assert dues[first] >= first * 0.001 + 0.2
    assert dues[first + 1] >= dues[first]


def test_the_rate_spreads_what_comes_at_once() -> None:
    slow = lane(rate=1000)
    dues = [slow.due_of_piece(100, 0.0) for _ in range(5)]
    assert dues == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5])
    assert slow.due_of_piece(100, 10.0) == pytest.approx(10.1)


def test_a_packet_that_would_wait_too_long_for_the_rate_is_lost() -> None:
    slow = lane(rate=1000)
    dues = [slow.due_of_packet(100, 0.0) for _ in range(10)]
    assert dues[:6] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    assert dues[6:] == [None] * 4


def test_a_slow_stream_goes_in_small_pieces() -> None:
    assert lane().piece_bytes == MAX_PIECE_BYTES
    assert lane(rate=1000).piece_bytes == 50
    assert lane(rate=0.1).piece_bytes == 1
    assert lane(rate=1e9).piece_bytes == MAX_PIECE_BYTES


def test_a_seed_gives_the_same_fates_whatever_else_is_asked_for() -> None:
    def lost(way: Lane) -> list[bool]:
        return [way.due_of_packet(1, 0.0) is None for _ in range(100)]

    fates = lost(lane(loss=0.5, seed=7))
    assert lost(lane(loss=0.5, seed=7, delay=1, jitter=1)) == fates
    assert lost(lane(loss=0.5, seed=8)) != fates
    assert lost(lane("back", loss=0.5, seed=7)) != fates
