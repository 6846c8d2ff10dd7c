"""How sure a tracker is of its box, by the response that it saw."""

import numpy as np
import torch

from socl_core.trackers.cf import CfTracker
from socl_core.trackers.siam import SiamTracker

SIDE = 5  # cells about the peak that are no sidelobe
# Peak-to-sidelobe ratio at which half of the frames have an IoU above .5, and the power that fits its rise: by
# logistic regression on the first 300 frames of the videos of otb_dev, whose fits are 2.0, 1.7 and 24, 1.4.
HALF, POWER = {SiamTracker: 2.0, CfTracker: 24.0}, 1.5


def sidelobe_ratio(response: torch.Tensor) -> float:
    """Peak of a response (h, w) above the mean of all that is not near it, in standard deviations. (Bolme, 2010)"""
    values = response.float().cpu().numpy()
    y, x = np.unravel_index(values.argmax(), values.shape)
    rows, columns = (np.abs(np.arange(size) - at) > SIDE // 2 for size, at in zip(values.shape, (y, x)))
    rest = values[rows[:, None] | columns]
    return float((values[y, x] - rest.mean()) / max(rest.std(), 1e-12))


def confidence(tracker) -> float:
    """From 0 to 1, of the last update of a tracker; about the chance of an IoU above .5 on development videos.

    It was fitted on few videos: on 278 frames of others, SoCL-Siam's told loss from success as well, SoCL-CF's did not.
    TransT's is its own score. NaN for a tracker that shows no response, such as OpenCV's.
    """
    half = next((half for kind, half in HALF.items() if isinstance(tracker, kind)), None)
    if half is None:
        return getattr(tracker, "score", float("nan"))
    ratio = max(sidelobe_ratio(tracker.view.response), 1e-6)
    return 1 / (1 + (half / ratio) ** POWER)
