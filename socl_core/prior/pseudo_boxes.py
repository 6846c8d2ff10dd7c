"""The size of a target of which only points are known: pseudo boxes, and the scale of training crops. [R, all of it]

The paper's abstract says that points also train a tracker that regresses boxes, not how. The rules here see
images and points alone; the page on pseudo boxes compares them with true boxes on development data.
"""

import numpy as np

from socl_core.errors import known
from socl_core.geometry import box_centres, boxes_at, context_side
from socl_core.prior.windows import Windows

SMOOTHED = 5  # frames of the running median of sizes: a size drifts, its estimate jumps
# Chosen on composite dev, otb_dev and real_mini val, where the side is off by .44 octaves in the mean, with exact
# clicks and with careless ones: power of a score, distance of the click from a window's middle (in its
# sides) at which it counts little, and factor on the sides, as a part can score as high as the whole object.
POWER, OFF_CENTRE, GROWTH = 2.0, 0.06, 1.05


def best(windows: Windows, point: np.ndarray) -> np.ndarray:
    """Width and height of the window of the highest score."""
    return windows.boxes[np.argmax(windows.scores), 2:]


def centred(windows: Windows, point: np.ndarray) -> np.ndarray:
    """Width and height of the windows around the point: geometric mean, weighted by score and by how central it is.

    Annotators click near the middle, so a window speaks for the target's size if the point is in its middle.
    """
    away = np.abs((box_centres(windows.boxes) - point) / windows.boxes[:, 2:]).max(1) / OFF_CENTRE
    weights = (windows.scores / max(windows.scores.max(), 1e-12)) ** POWER * np.exp(-(away**2)) + 1e-12
    return GROWTH * np.exp(np.average(np.log(windows.boxes[:, 2:]), axis=0, weights=weights))


PSEUDO_RULES = {"best": best, "centred": centred}


def pseudo_boxes(rule: str, windows: list[Windows], points: np.ndarray) -> np.ndarray:
    """Boxes (N, 4) of a video's target in consecutive annotated frames, around its points (N, 2), by a rule.

    windows: objectness of each frame. Raises `UsageError` for an unknown rule.
    """
    from scipy.ndimage import median_filter  # it takes a quarter of a second, which tracking is spared

    measure = PSEUDO_RULES[known("rule of pseudo boxes", rule, PSEUDO_RULES)]
    sizes = np.array([measure(w, point) for w, point in zip(windows, points)]).reshape(-1, 2)
    return boxes_at(np.asarray(points), median_filter(sizes, (SMOOTHED, 1), mode="nearest"))


SCALE_RULES = ("pseudo", "window", "free")


def point_sides(rule: str, images: list[np.ndarray], windows: list, points: np.ndarray, rng) -> np.ndarray:
    """Sides (N,) of the exemplar regions in the frames of a video of which only points (N, 2) are known. [R]

    "pseudo": context of the pseudo boxes of the rule "centred", frame by frame.
    "window": one for the video: context of a square box of the size that the best windows have, median over frames.
    "free": one for the video: log-uniform in the short side of the frame, whatever the seed of the run.
    """
    if rule == "pseudo":
        return context_side(*pseudo_boxes("centred", windows, points)[:, 2:].T)
    if rule == "window":
        size = np.median([w.size() for w in windows])
        side = float(context_side(size, size))
    else:
        side = float(np.exp(rng.uniform(np.log(0.35), np.log(1.2)))) * min(images[0].shape[:2])
    return np.full(len(images), side)
