"""The scale of a crop where only a point is known. [R, the most consequential unknown]"""

import numpy as np

from socl_core.geometry import context_side
from socl_core.prior.pseudo_boxes import pseudo_boxes

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
