"""How sure a tracker is of its box, by the response that it saw."""

import numpy as np
import torch

from socl_core.trackers.cf import CfTracker
from socl_core.trackers.siam import SiamTracker

SIDE = 5  # cells about the peak that are no sidelobe


def sidelobe_ratio(response: torch.Tensor) -> float:
    """Peak of a response (h, w) above the mean of all that is not near it, in standard deviations. (Bolme, 2010)"""
    values = response.float().cpu().numpy()
    y, x = np.unravel_index(values.argmax(), values.shape)
    rows, columns = (np.abs(np.arange(size) - at) > SIDE // 2 for size, at in zip(values.shape, (y, x)))
    rest = values[rows[:, None] | columns]
    return float((values[y, x] - rest.mean()) / max(rest.std(), 1e-12))


def highest(response: torch.Tensor) -> float:
    """Peak of a response of cosines: what is left of the template's likeness, whatever else is in sight."""
    return float(response.max())


# What tells that a box is right, its value at which half of the boxes have an IoU above .5, and the power that fits
# its rise: by python bench/fit_confidence.py.
SIGNS = {CfTracker: (sidelobe_ratio, 21.7, 2.1), SiamTracker: (highest, 0.8, 8.0)}


def confidence(tracker) -> float:
    """From 0 to 1, of the last update of a tracker; about the chance of an IoU above .5 on development videos.

    TransT's is its own score. NaN for a tracker whose response is no measure, such as SiamFC's inner products, or that
    shows none, such as OpenCV's.
    """
    kind = next((kind for kind in SIGNS if isinstance(tracker, kind)), None)
    if kind is None:
        return getattr(tracker, "score", float("nan"))
    if kind is SiamTracker and tracker.options.correlation != "cosine":
        return float("nan")
    sign, half, power = SIGNS[kind]
    return 1 / (1 + (half / max(sign(tracker.view.response), 1e-6)) ** power)
