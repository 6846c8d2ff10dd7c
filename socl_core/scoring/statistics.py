"""Intervals and paired comparisons over seeds and sequences."""

from typing import NamedTuple

import numpy as np

RESAMPLES = 4000


class Estimate(NamedTuple):
    """A mean with its 95 % interval and the number of seeds behind it."""

    mean: float
    low: float
    high: float
    seeds: int


def resampled_means(values: np.ndarray, weights: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Means (RESAMPLES,) of bootstrap samples: seeds are drawn first, then sequences.

    values: (seeds, sequences); weights: (sequences,).
    """
    seeds, sequences = values.shape
    rows = rng.integers(seeds, size=(RESAMPLES, seeds))
    columns = rng.integers(sequences, size=(RESAMPLES, sequences))
    drawn, share = values[rows[:, :, None], columns[:, None, :]], weights[columns]
    return (drawn * share[:, None, :]).mean((1, 2)) / share.mean(1)


def estimate(values, weights=None) -> Estimate:
    """Mean and 95 % bootstrap interval of scores (seeds, sequences). The same values give the same interval.

    weights: (sequences,), equal by default; their number of frames where a metric pools frames.
    """
    values = np.atleast_2d(np.asarray(values, np.float64))
    weights = np.ones(values.shape[1]) if weights is None else np.asarray(weights, np.float64)
    low, high = np.percentile(resampled_means(values, weights, np.random.default_rng(0)), [2.5, 97.5])
    return Estimate(float(np.average(values.mean(0), weights=weights)), float(low), float(high), len(values))


def verdict(difference: Estimate) -> str:
    """Of the claim that a difference is positive: reproduced, contradicted, or inconclusive when 0 is inside."""
    if difference.low > 0:
        return "reproduced"
    return "contradicted" if difference.high < 0 else "inconclusive"
