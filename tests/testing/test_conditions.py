import math

import pytest

from portside.testing.conditions import Conditions, Fate, Fates


def fates(conditions: Conditions, n: int = 1000, direction: str = "near") -> list[Fate]:
    drawn = Fates(conditions, direction)
    return [drawn.draw() for _ in range(n)]


def test_the_same_seed_gives_the_same_fates() -> None:
    bad = Conditions(loss=0.1, duplicate=0.1, reorder=0.1, cut=0.1, jitter=1, seed=3)
    assert fates(bad) == fates(bad)


def test_another_seed_gives_others() -> None:
    assert fates(Conditions(loss=0.5, seed=3)) != fates(Conditions(loss=0.5, seed=4))


def test_each_direction_has_fates_of_its_own() -> None:
    bad = Conditions(loss=0.5)
    assert fates(bad, direction="near") != fates(bad, direction="far")


def test_what_is_lost_stays_lost_whatever_else_is_asked_of_the_link() -> None:
    alone = fates(Conditions(loss=0.1, seed=5))
    among = Conditions(loss=0.1, duplicate=0.3, reorder=0.2, cut=0.1, jitter=1, seed=5)
    assert [each.is_lost for each in alone] == [each.is_lost for each in fates(among)]


def test_shares_are_met() -> None:
    bad = Conditions(loss=0.1, duplicate=0.2, reorder=0.3, cut=0.4)
    drawn = fates(bad, 10_000)
    assert sum(each.is_lost for each in drawn) == pytest.approx(1000, abs=150)
    assert sum(each.is_doubled for each in drawn) == pytest.approx(2000, abs=200)
    assert sum(each.is_held for each in drawn) == pytest.approx(3000, abs=250)
    assert sum(each.kept is not None for each in drawn) == pytest.approx(4000, abs=250)


def test_a_good_link_does_nothing_to_a_packet() -> None:
    assert set(fates(Conditions())) == {Fate(False, False, False, None, 0.0)}


def test_a_share_of_one_is_every_packet() -> None:
    assert all(each.is_lost for each in fates(Conditions(loss=1)))


def test_jitter_and_what_a_cut_leaves_are_spread_over_their_range() -> None:
    drawn = fates(Conditions(jitter=0.2, cut=0.5))
    late = [each.late for each in drawn]
    kept = [each.kept for each in drawn if each.kept is not None]
    assert 0 <= min(late) < 0.01
    assert 0.19 < max(late) < 0.2
    assert 0 <= min(kept) < 0.05
    assert 0.95 < max(kept) < 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"delay": -0.1},
        {"delay": math.inf},
        {"jitter": math.nan},
        {"loss": 1.5},
        {"duplicate": -1},
        {"reorder": 5},
        {"cut": math.nan},
        {"rate": 0},
        {"rate": math.inf},
    ],
    ids=str,
)
def test_conditions_that_cannot_be_are_told_by_name(wrong: dict[str, float]) -> None:
    (name,) = wrong
    with pytest.raises(ValueError, match=f"^{name} must be .* not "):
        Conditions(**wrong)  # type: ignore[arg-type]
