"""Windows of a frame in which the target may be: around a click, or drawn at random.

Frames are worked on reduced: windows are laid out in pixels of the small image and handed out in those of the frame.
"""

from dataclasses import dataclass

import numpy as np

from socl_core.errors import DataError

WORK_SIDE = 112  # pixels of the image's short side while its windows are scored
CENTRE_OFFSETS = (-0.2, 0.0, 0.2)  # of the window's side: annotators click near the middle
SIZES = 12  # of the windows around a click


@dataclass(frozen=True)
class Windows:
    """Scored windows: boxes (K, 4) x, y, w, h in the frame, clipped to it; scores (K,) in [0, 1]."""

    boxes: np.ndarray
    scores: np.ndarray

    def size(self, power: float = 2.0) -> float:
        """Side (square root of area) of the target: geometric mean over windows weighted by score^power. [R]"""
        weights = (self.scores / max(self.scores.max(), 1e-12)) ** power + 1e-12
        return float(np.exp(0.5 * np.average(np.log(self.boxes[:, 2] * self.boxes[:, 3]), weights=weights)))


def check_point(point, shape) -> np.ndarray:
    """`point` as float64 (2,), or `DataError` unless it lies in an image of `shape` (H, W, ...)."""
    point, last = np.asarray(point, np.float64), np.array(shape[1::-1]) - 1
    if point.shape != (2,) or not ((point >= 0) & (point <= last)).all():
        raise DataError(
            f"point {point.tolist()} is outside of the image: expected 0 <= x <= {last[0]} and 0 <= y <= {last[1]}"
        )
    return point


def work_size(shape) -> tuple[tuple[int, int], np.ndarray]:
    """Width and height of a frame (H, W, ...) with its short side reduced to `WORK_SIDE`, and the factors (x, y)."""
    scale = min(1.0, WORK_SIDE / min(shape[:2]))
    size = tuple(max(1, round(side * scale)) for side in shape[1::-1])
    return size, np.array(size) / shape[1::-1]  # rounding makes the two axes differ a little


def windows_around(point: np.ndarray, width: int, height: int) -> np.ndarray:
    """Windows that hold the point, of `SIZES` sizes, five aspects and nine offsets of the centre: (K, 4) float64. [R]

    Sides (square roots of area) run geometrically from 6 % to 70 % of the image's short side. All are clipped to the
    image.
    """
    sides = np.geomspace(0.06, 0.7, SIZES) * min(width, height)
    aspects = 2.0 ** np.array([-1.2, -0.6, 0, 0.6, 1.2])
    choices = np.meshgrid(sides, aspects, CENTRE_OFFSETS, CENTRE_OFFSETS, indexing="ij")
    side, aspect, dx, dy = (choice.ravel() for choice in choices)
    w, h = side * np.sqrt(aspect), side / np.sqrt(aspect)
    x0, y0 = point[0] + dx * w - w / 2, point[1] + dy * h - h / 2
    x1, y1 = np.minimum(x0 + w, width), np.minimum(y0 + h, height)
    x0, y0 = np.maximum(x0, 0), np.maximum(y0, 0)
    return np.stack([x0, y0, x1 - x0, y1 - y0], 1)


def windows_in_frame(point, shape) -> np.ndarray:
    """The windows around a point of a frame of `shape` (H, W, ...), in its pixels: (K, 4)."""
    size, scales = work_size(shape)
    return windows_around((np.asarray(point) + 0.5) * scales, *size) / np.tile(scales, 2)


def random_windows(point: np.ndarray | None, width: int, height: int, count: int, rng) -> np.ndarray:
    """Windows with uniform corners, all holding the point where one is given: (count, 4), at least 2 pixels a side."""
    limit, ends = np.array([[width], [height]], float), rng.uniform(0, 1, (2, 2, count))
    if point is None:
        low, high = np.sort(ends, 0) * limit
    else:
        low, high = ends[0] * point[:, None], limit - ends[1] * (limit - point[:, None])
    high = np.minimum(np.maximum(high, low + 2), limit)
    low = np.minimum(low, np.maximum(high - 2, 0))
    return np.concatenate([low, high - low]).T
