import numpy as np
import pytest
from scipy.stats import ttest_1samp

from socl_core.scoring.statistics import Estimate, estimate, holm, prediction, spreads, verdict


def crossed(rng, seeds, videos, sd_seed, sd_video, sd_rest, mean=0.0):
    """Scores (seeds, videos) of a crossed design."""
    return (
        mean
        + sd_seed * rng.normal(size=(seeds, 1))
        + sd_video * rng.normal(size=videos)
        + sd_rest * rng.normal(size=(seeds, videos))
    )


def slow_variance(values):
    """Of the mean, by the mean squares of a two-way table without repetition: textbook sums, equal weights."""
    seeds, videos = values.shape
    mean, rows, columns = values.mean(), values.mean(1), values.mean(0)
    ms_seed = videos * sum((row - mean) ** 2 for row in rows) / (seeds - 1)
    ms_video = seeds * sum((column - mean) ** 2 for column in columns) / (videos - 1)
    rest = sum((values[i, j] - rows[i] - columns[j] + mean) ** 2 for i in range(seeds) for j in range(videos))
    ms_rest = rest / (seeds - 1) / (videos - 1)
    var_seed, var_video = max(0, (ms_seed - ms_rest) / videos), max(0, (ms_video - ms_rest) / seeds)
    return var_seed / seeds + var_video / videos + ms_rest / seeds / videos


@pytest.mark.parametrize("sizes", [(2, 3), (5, 12), (20, 48), (3, 1), (1, 7)])
@pytest.mark.parametrize("spread", [(0, 0, 17.8), (3.1, 4.3, 17.2), (2, 18, 7.3), (9, 0, 1)])
def test_the_error_is_that_of_the_variance_components(sizes, spread):
    values = crossed(np.random.default_rng(1), *sizes, *spread, mean=40)
    e = estimate(values)
    assert e.mean == pytest.approx(values.mean()) and e.seeds == sizes[0]
    if 1 in sizes:  # one seed, or one video: what is left is a t-test
        alone = ttest_1samp(values.ravel(), 0).confidence_interval(0.95)
        np.testing.assert_allclose(e.interval(), [alone.low, alone.high])
    else:
        assert e.error**2 == pytest.approx(slow_variance(values))
        assert min(sizes) - 1 <= e.freedom * (1 + 1e-9) and e.freedom <= sizes[0] * sizes[1]


@pytest.mark.parametrize("spread", [(0, 0, 17.8), (3.1, 4.3, 17.2), (2.4, 2.6, 14.3), (2, 18, 7.3), (6, 0, 6)])
@pytest.mark.parametrize("sizes", [(5, 12), (20, 48), (10, 17)])
def test_nineteen_of_twenty_intervals_hold_the_truth(sizes, spread):
    rng = np.random.default_rng(2)
    hits = [e.low <= 0 <= e.high for e in (estimate(crossed(rng, *sizes, *spread)) for _ in range(800))]
    assert 0.925 < np.mean(hits) < 0.99


@pytest.mark.parametrize("spread", [(0, 0, 17.8), (3.1, 4.3, 17.2), (9, 0, 1)])
def test_spreads_of_a_large_table_are_those_it_was_made_with(spread):
    found = spreads(crossed(np.random.default_rng(3), 300, 300, *spread))
    np.testing.assert_allclose(found, spread, rtol=0.1, atol=0.3)


def test_one_more_seed_falls_into_the_prediction_in_nineteen_of_twenty_cases():
    rng, hits = np.random.default_rng(4), []
    for _ in range(2000):
        *known, new = crossed(rng, 6, 12, 3.0, 4.0, 9.0).mean(1)
        low, high = prediction(np.array(known), 1)
        hits.append(low <= new <= high)
    assert 0.935 < np.mean(hits) < 0.965


def test_equal_scores_and_single_ones_have_no_width():
    for values in (np.full((3, 5), 7.0), [[7.0]]):
        e = estimate(values)
        assert (e.mean, e.low, e.high) == pytest.approx((7, 7, 7)) and e.p_value == pytest.approx(0)
    assert estimate(np.zeros((3, 5))).p_value == 1


def test_weights_pool_frames_as_repeated_sequences_do():
    values, weights = np.array([[1.0, 5, 3], [2, 8, 4]]), np.array([3, 1, 2])
    assert estimate(values, weights).mean == pytest.approx(np.repeat(values, weights, 1).mean())
    plain, even = estimate(values), estimate(values, np.full(3, 7.0))
    assert (even.mean, even.error, even.freedom) == pytest.approx((plain.mean, plain.error, plain.freedom))
    # One video with nearly all the weight is nearly alone: there is little left to learn from.
    heavy = estimate(crossed(np.random.default_rng(0), 4, 6, 0, 5, 1), [1000, 1, 1, 1, 1, 1])
    assert heavy.freedom < 1.5
    # What has no weight does not count, alone or in a cluster of its own.
    assert estimate([[1.0, 5, 99], [2, 8, 99]], [1, 1, 0], list("abc")) == estimate([[1.0, 5], [2, 8]])


def test_two_targets_of_one_video_are_one_cluster():
    rng = np.random.default_rng(3)
    values = crossed(rng, 5, 6, 1, 8, 2)
    twice = np.concatenate([values, values[:, :1]], 1)
    e = estimate(twice, clusters=["a", "b", "c", "d", "e", "f", "a"])
    assert e.mean == pytest.approx(twice.mean()) and e.error > estimate(twice).error
    assert estimate(values, clusters=list("abcdef")) == estimate(values)


@pytest.mark.parametrize(
    ("mean", "error", "expected"),
    [
        (5, 2, "reproduced"),
        (-5, 2, "contradicted"),
        (0.5, 1, "equal"),
        (-0.5, 1.2, "equal"),
        (1.2, 1, "equal"),
        (1.5, 1, "open"),
        (0, 2, "open"),
        (2.5, 1, "reproduced"),
    ],
)
def test_verdicts(mean, error, expected):
    """With many degrees of freedom: 1.96 and 1.645 standard errors to either side."""
    assert verdict(Estimate(mean, error, 1e6, 5)) == expected


def test_holm_asks_more_of_the_smaller_p_values():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9]) == pytest.approx([1, 1]) and holm([]) == []
    assert verdict(Estimate(5, 2, 1e6, 5), p_value=0.06) == "open"
