"""Intervals and verdicts for a crossed design: every seed is scored on every video.

A score is the sum of a mean, what is peculiar to its seed, what is peculiar to its video, and a rest. All three are
random: another set of seeds and another set of videos would be as good. Mean squares tell their variances, and the
mean's own follows from them, with the degrees of freedom of Satterthwaite (Biometrics Bulletin, 1946).
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import t as student

MARGIN = 3.0  # points within which two trackers count as equal


@dataclass(frozen=True)
class Estimate:
    """A mean with its standard error, the error's degrees of freedom, and the number of seeds behind it."""

    mean: float
    error: float
    freedom: float
    seeds: int

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """The two ends of a confidence interval."""
        half = self.error * student.ppf((1 + level) / 2, self.freedom) if self.error else 0.0
        return self.mean - float(half), self.mean + float(half)

    @property
    def low(self) -> float:
        """Lower end of the 95 % interval."""
        return self.interval()[0]

    @property
    def high(self) -> float:
        """Upper end of the 95 % interval."""
        return self.interval()[1]

    @property
    def p_value(self) -> float:
        """Of the hypothesis that the mean is zero, two-sided."""
        if not self.error:
            return float(self.mean == 0)
        return float(2 * student.sf(abs(self.mean) / self.error, self.freedom))

    def shifted(self, by: float) -> "Estimate":
        """The estimate of the mean plus a constant."""
        return replace(self, mean=self.mean + by)


def estimate(values, weights=None, clusters=None) -> Estimate:
    """The mean of scores (seeds, videos) over videos and seeds, both random and crossed.

    weights: (videos,), equal by default; their number of frames where a metric pools frames. clusters: (videos,) labels
    of columns that belong together, such as two targets of one video: they count as one video of their mean.
    A single score has no error; with one seed the spread of seeds is unknown, and only that of videos counts.
    """
    values = np.atleast_2d(np.asarray(values, np.float64))
    weights = np.ones(values.shape[1]) if weights is None else np.asarray(weights, np.float64)
    if clusters is not None:
        values, weights = _pooled(values, weights, np.asarray(clusters))
    values, weights = values[:, weights > 0], weights[weights > 0]
    share, (seeds, videos) = weights / weights.sum(), values.shape
    by_seed, by_video = values @ share, values.mean(0)
    mean, concentration = float(by_video @ share), float((share**2).sum())  # 1 / videos where all count the same
    free_seeds, free_videos = seeds - 1, 1 / concentration - 1
    # What seeds and what videos add to the mean's variance, each with the rest's share in it, and this share alone.
    of_seeds = of_videos = of_rest = 0.0
    if seeds > 1:
        of_seeds = float(by_seed.var(ddof=1)) / seeds
    if videos > 1:
        of_videos = float(share**2 @ (by_video - mean) ** 2) / (1 - concentration)
    if seeds > 1 and videos > 1:
        rest = values - by_seed[:, None] - by_video + mean
        of_rest = float((share**2 * rest**2).sum()) / (seeds * free_seeds * (1 - concentration))
    # Variances are not negative: what is not above the rest's share counts as nothing beside it.
    above = [(part, free) for part, free in ((of_seeds, free_seeds), (of_videos, free_videos)) if part > of_rest]
    variance = sum(part for part, _ in above) + of_rest * (1 - len(above))
    terms = above if len(above) == 1 else [*above, (of_rest, free_seeds * free_videos)]
    spread = sum(part**2 / free for part, free in terms if part)
    return Estimate(mean, float(np.sqrt(variance)), variance**2 / spread if spread else np.inf, seeds)


def spreads(values: np.ndarray) -> tuple[float, float, float]:
    """Standard deviations of seeds, of videos and of the rest in scores (seeds, videos), by their mean squares."""
    seeds, videos = values.shape
    by_seed, by_video = values.mean(1), values.mean(0)
    rest = values - by_seed[:, None] - by_video + values.mean()
    of_rest = float((rest**2).sum()) / (seeds - 1) / (videos - 1)
    of_seeds, of_videos = by_seed.var(ddof=1) - of_rest / videos, by_video.var(ddof=1) - of_rest / seeds
    return tuple(float(np.sqrt(max(part, 0.0))) for part in (of_seeds, of_videos, of_rest))


def prediction(means: np.ndarray, count: int, level: float = 0.95) -> tuple[float, float]:
    """Where the mean of `count` more seeds on the same videos falls, by the means (seeds,) of two or more seeds."""
    spread = float(np.std(means, ddof=1)) * np.sqrt(1 / len(means) + 1 / count)
    half = float(student.ppf((1 + level) / 2, len(means) - 1)) * spread
    return float(np.mean(means)) - half, float(np.mean(means)) + half


def _pooled(values: np.ndarray, weights: np.ndarray, clusters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values (seeds, clusters) and weights (clusters,) with the columns of each cluster averaged."""
    _, number = np.unique(clusters, return_inverse=True)
    member = number == np.arange(number.max() + 1)[:, None]  # (clusters, videos)
    total = member @ weights
    return (values * weights) @ member.T / np.maximum(total, np.finfo(float).tiny), total


def holm(p_values: list[float]) -> list[float]:
    """p-values adjusted for being several: some true hypothesis is rejected in one of twenty families. (Holm, 1979)"""
    order, adjusted, largest = np.argsort(p_values), [1.0] * len(p_values), 0.0
    for rank, place in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = largest
    return adjusted


def verdict(difference: Estimate, margin: float = MARGIN, p_value: float | None = None) -> str:
    """Of the claim that a difference is positive: reproduced, contradicted, equal or open.

    Reproduced or contradicted where the p-value, that of the difference or one adjusted for a family, is below 5 %:
    the plain one is so where the 95 % interval lies on one side of zero. Equal where the 90 % interval lies within the
    margin (two one-sided tests at 5 %); else open.
    """
    if (difference.p_value if p_value is None else p_value) < 0.05:
        return "reproduced" if difference.mean > 0 else "contradicted"
    low, high = difference.interval(0.9)
    return "equal" if -margin < low and high < margin else "open"
