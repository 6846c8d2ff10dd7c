import numpy as np
import pytest

from socl_core.scoring.statistics import estimate, verdict


def test_estimate_of_equal_scores_has_no_width():
    e = estimate(np.full((3, 5), 7.0))
    assert (e.mean, e.low, e.high, e.seeds) == (7, 7, 7, 3)


def test_interval_of_one_seed_covers_the_mean_as_the_normal_one_does():
    values = np.random.default_rng(0).normal(10, 2, (1, 400))
    e = estimate(values)
    half = 1.96 * values.std() / 20
    assert e.low == pytest.approx(e.mean - half, abs=0.04)
    assert e.high == pytest.approx(e.mean + half, abs=0.04)


def test_weights_pool_frames_as_repeated_sequences_do():
    values, weights = np.array([[1.0, 5, 3], [2, 8, 4]]), np.array([3, 1, 2])
    assert estimate(values, weights).mean == pytest.approx(np.repeat(values, weights, 1).mean())
    plain, even = estimate(values), estimate(values, np.full(3, 7.0))
    assert even == pytest.approx(plain)


def test_seeds_are_the_outer_level():
    """Scores that differ between seeds only: resampling sequences alone would give no width."""
    values = np.repeat([[0.0], [10.0]], 50, 1)
    e = estimate(values)
    assert e.low == 0 and e.high == 10


@pytest.mark.parametrize(("shift", "expected"), [(5, "reproduced"), (-5, "contradicted"), (0, "inconclusive")])
def test_verdict(shift, expected):
    noise = np.random.default_rng(1).normal(0, 1, (2, 30))
    assert verdict(estimate(noise - noise.mean() + shift)) == expected
