"""What many rounds say: quartiles, ratios, and when there is no difference."""

import pytest

from bench.quartiles import Spread, compare, overlap, quantile, spread

QUANTILES = {
    "one figure": ([7.0], 0.25, 7.0),
    "the lowest": ([3.0, 1.0, 2.0], 0.0, 1.0),
    "the highest": ([3.0, 1.0, 2.0], 1.0, 3.0),
    "one of the figures": ([5.0, 1.0, 4.0, 2.0, 3.0], 0.25, 2.0),
    "between two": ([1.0, 2.0, 3.0, 4.0], 0.25, 1.75),
}


@pytest.mark.parametrize(
    ("figures", "share", "value"), QUANTILES.values(), ids=QUANTILES
)
def test_a_quantile_is_between_the_figures_around_it(figures, share, value):
    assert quantile(figures, share) == pytest.approx(value)


def test_no_figures_have_no_quantile():
    with pytest.raises(ValueError, match="no figures"):
        quantile([], 0.5)


def test_one_round_that_went_wrong_moves_neither_median_nor_quartiles_far():
    assert spread([1.0, 2.0, 3.0, 4.0, 1000.0]) == Spread(2.0, 3.0, 4.0)


@pytest.mark.parametrize(
    ("one", "other", "do_overlap"),
    [
        (Spread(1, 2, 3), Spread(4, 5, 6), False),
        (Spread(4, 5, 6), Spread(1, 2, 3), False),
        (Spread(1, 2, 4), Spread(3, 5, 6), True),
        (Spread(1, 2, 3), Spread(3, 4, 5), True),
        (Spread(1, 5, 9), Spread(4, 5, 6), True),
    ],
)
def test_quartiles_overlap_where_they_have_a_figure_in_common(one, other, do_overlap):
    assert overlap(one, other) is do_overlap


def test_a_ratio_is_taken_round_by_round():
    """A machine that becomes three times as slow changes no ratio."""
    found = compare([2.0, 4.0, 6.0], [1.0, 2.0, 3.0])
    assert found.ratio == Spread(2.0, 2.0, 2.0)


def test_there_is_no_difference_where_the_quartiles_overlap():
    assert compare([10.0, 12.0, 14.0], [9.0, 11.0, 13.0]).is_same
    assert not compare([10.0, 11.0, 12.0], [5.0, 6.0, 7.0]).is_same


def test_rounds_are_compared_with_the_same_rounds():
    with pytest.raises(ValueError, match="shorter"):
        compare([1.0, 2.0], [1.0])
