"""What results of runs say: their scores, means with intervals, and paired differences."""

import numpy as np

from socl_core.scoring.statistics import Estimate, estimate


def scores(results: list[dict], metric: str = "auc", sets: list[str] | None = None) -> np.ndarray:
    """Scores (seeds, sequences) in percent over evaluation sets of some results, all by default."""
    return 100 * _values(results, metric, sets)


def _values(results: list[dict], name: str, sets: list[str] | None) -> np.ndarray:
    """Values of a score by result and sequence; sequences that only a server can score have none."""
    chosen = [[s for key, each in r["sequences"].items() if not sets or key in sets for s in each.values()]
              for r in results]  # fmt: skip
    return np.array([[s[name] for s in row if name in s] for row in chosen], np.float64)


def _weights(results: list[dict], metric: str, sets: list[str] | None) -> np.ndarray | None:
    """GOT-10k pools the frames of all sequences; elsewhere sequences count alike."""
    return _values(results[:1], "got10k_frames", sets)[0] if metric.startswith("got10k_") else None


def measured(results: list[dict], metric: str = "auc", sets: list[str] | None = None) -> Estimate | None:
    """Mean of a metric in percent with its interval, None without a result."""
    return estimate(scores(results, metric, sets), _weights(results, metric, sets)) if results else None


def differences(
    results_a: list[dict], results_b: list[dict], metric: str = "auc", sets: list[str] | None = None
) -> np.ndarray:
    """Differences a - b in percent, (seeds, sequences), over the seeds that both have."""
    seeds = sorted({r["spec"]["seed"] for r in results_a} & {r["spec"]["seed"] for r in results_b})
    a, b = ([r for r in results if r["spec"]["seed"] in seeds] for results in (results_a, results_b))
    key = lambda r: r["spec"]["seed"]  # noqa: E731
    return scores(sorted(a, key=key), metric, sets) - scores(sorted(b, key=key), metric, sets)


def difference(
    results_a: list[dict], results_b: list[dict], metric: str = "auc", sets: list[str] | None = None
) -> Estimate | None:
    """Mean difference a - b in percent with its 95 % interval, paired by seed and sequence; None without a seed that
    both have."""
    found = differences(results_a, results_b, metric, sets)
    return estimate(found, _weights(results_a, metric, sets)) if found.size else None
