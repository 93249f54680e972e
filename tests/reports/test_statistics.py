"""The statistics against rliable 1.2.0's numbers, against SciPy, and worked by hand."""

import math

import numpy as np
import pytest
from scipy import stats

from fulgurite.reports.bootstrap import interval, resampled
from fulgurite.reports.efficiency import area, first_at, median_first_at, overlap, together
from fulgurite.reports.improvement import probability_of_improvement
from fulgurite.reports.interquartile_mean import interquartile_mean

# Ten and seven runs on three tasks: np.round(np.random.default_rng(0).normal(1, .5, (10, 3)), 2), and 1, .8, (7, 3).
X = np.array(
    [[1.06, 0.93, 1.32], [1.05, 0.73, 1.18], [1.65, 1.47, 0.65], [0.37, 0.69, 1.02], [-0.16, 0.89, 0.38],
     [0.63, 0.73, 0.84], [1.21, 1.52, 0.94], [1.68, 0.67, 1.18], [1.45, 1.05, 0.63], [0.54, 0.77, 1.11]]
)  # fmt: skip
Y = np.array(
    [[0.97, 1.21, 0.97], [0.15, 1.25, 1.02], [0.53, 1.09, 0.98], [0.95, 0.81, 1.07], [0.43, 0.72, 0.56],
     [1.1, 0.82, 0.65], [0.41, 0.67, 0.8]]
)  # fmt: skip


def test_interquartile_mean_is_that_of_rliable() -> None:
    assert interquartile_mean(X) == pytest.approx(0.9275)
    assert interquartile_mean(Y) == pytest.approx(0.8509090909090908)


@pytest.mark.parametrize("runs", range(1, 14))
def test_interquartile_mean_is_the_trimmed_mean(runs: int) -> None:
    scores = np.random.default_rng(runs).normal(size=(5, runs, 2))
    expected = [stats.trim_mean(one.reshape(-1), 0.25) for one in scores]
    np.testing.assert_allclose(interquartile_mean(scores), expected)


def test_an_outlier_moves_it_by_nothing() -> None:
    scores = np.array([[1.0], [2.0], [3.0], [4.0]])
    assert interquartile_mean(scores) == 2.5
    scores[3] = 1e9
    assert interquartile_mean(scores) == 2.5


def test_probability_of_improvement_is_that_of_rliable() -> None:
    assert probability_of_improvement(X, Y) == pytest.approx(0.5928571428571429)


def test_probability_of_improvement_by_hand() -> None:
    x, y = np.array([[3.0], [1.0]]), np.array([[1.0], [2.0]])
    assert probability_of_improvement(x, y) == (1 + 1 + 0.5 + 0) / 4
    assert probability_of_improvement(x, y) + probability_of_improvement(y, x) == 1
    assert probability_of_improvement(x, x) == 0.5


def test_intervals_are_those_of_rliable_but_for_chance() -> None:
    """rliable with 50,000 resamples: 0.78625 to 1.09 and 0.7109 to 0.9773; of the probability 0.433 to 0.752."""
    assert interval(interquartile_mean, [X], resamples=20_000) == pytest.approx((0.78625, 1.09), abs=0.006)
    assert interval(interquartile_mean, [Y], resamples=20_000) == pytest.approx((0.7109, 0.9773), abs=0.006)
    found = interval(probability_of_improvement, [X, Y], resamples=10_000)
    assert found == pytest.approx((0.433, 0.752), abs=0.012)


def test_the_interval_of_a_mean_is_the_normal_one() -> None:
    scores = np.random.default_rng(0).normal(size=(200, 1))
    low, high = interval(lambda drawn: drawn.mean((-2, -1)), [scores], resamples=20_000)
    half = 1.96 * scores.std() / math.sqrt(200)
    assert (low, high) == pytest.approx((scores.mean() - half, scores.mean() + half), abs=0.008)


def test_runs_are_drawn_anew_within_each_task() -> None:
    scores = np.arange(4.0)[:, None] + np.array([0.0, 100.0])  # [R, T]
    drawn = resampled(scores, 500, np.random.default_rng(0))
    assert drawn.shape == (500, 4, 2)
    assert set(drawn[..., 0].ravel()) == {0, 1, 2, 3}
    assert set(drawn[..., 1].ravel()) == {100, 101, 102, 103}
    assert (drawn[..., 0] != drawn[..., 1] - 100).any()  # not the same runs for both tasks


def test_blocks_do_not_change_how_many_resamples_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fulgurite.reports.bootstrap.BLOCK", 90)
    counted: list[int] = []

    def statistic(drawn: np.ndarray) -> np.ndarray:
        counted.append(len(drawn))
        return drawn.mean((-2, -1))

    interval(statistic, [X], resamples=10)
    assert counted == [3, 3, 3, 1]


def test_the_same_twice_and_one_run_is_its_own_interval() -> None:
    assert interval(interquartile_mean, [X]) == interval(interquartile_mean, [X])
    assert interval(interquartile_mean, [np.array([[7.0]])]) == (7.0, 7.0)


def test_scores_need_runs_and_tasks() -> None:
    with pytest.raises(ValueError, match=r"expected \[runs, tasks\] with at least one of each, got \[0, 1\]"):
        interval(interquartile_mean, [np.zeros((0, 1))])


def test_where_a_level_is_reached() -> None:
    curve = ([100, 200, 300], [1.0, 5.0, 3.0])
    assert [first_at(curve, level) for level in (0, 1, 4, 6)] == [100, 100, 200, math.inf]
    others = [curve, ([100, 200, 300], [0.0, 0.0, 9.0]), ([100, 200, 300], [0.0, 0.0, 0.0])]
    assert median_first_at(others, 4) == 300
    assert median_first_at(others[:2], 4) == 250
    assert median_first_at(others[1:], 4) == math.inf


def test_the_area_of_a_triangle_and_of_its_parts() -> None:
    curve = ([0.0, 10.0], [0.0, 8.0])
    assert area(curve, 0, 10) == 4
    assert area(curve, 5, 10) == 6
    assert area(([0.0, 4.0, 10.0], [0.0, 3.2, 8.0]), 0, 10) == pytest.approx(4)
    assert area(curve, 5, 5) == 4


def test_curves_are_put_together_where_all_were_measured() -> None:
    curves = [([0, 100, 200], [0.0, 1.0, 2.0]), ([50, 150], [10.0, 20.0])]
    assert overlap(curves) == (50, 150)
    found = together(curves)
    assert found is not None
    np.testing.assert_array_equal(found[0], [50, 100, 150])
    np.testing.assert_allclose(found[1], [[0.5, 1.0, 1.5], [10, 15, 20]])
    assert together([([0, 1], [0, 0]), ([2, 3], [0, 0])]) is None
