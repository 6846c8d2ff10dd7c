"""Class-generic objectness of windows around an annotated point.

Two cues of Alexe et al. (TPAMI 2012), both sums over rectangles and so computed from integral images:
superpixel straddling and colour contrast. They are multiplied into one score in [0, 1]; the learned
combination of the original measure is not used. [R]
"""

from dataclasses import dataclass

import cv2
import numpy as np
from skimage.segmentation import felzenszwalb

from socl_core.errors import DataError, UsageError

LAB_BINS = (4, 8, 8)
RING = 1.5  # sides of the surround of colour contrast over those of the window
CENTRE_OFFSETS = (-0.2, 0.0, 0.2)  # of the window's side: annotators click near the middle


@dataclass(frozen=True)
class Windows:
    """Scored windows: boxes (K, 4) x, y, w, h in the frame, clipped to it; scores (K,) in [0, 1]."""

    boxes: np.ndarray
    scores: np.ndarray

    def size(self, power: float = 8.0) -> float:
        """Side (square root of area) of the target: geometric mean over windows weighted by score^power. [R]"""
        weights = (self.scores / max(self.scores.max(), 1e-12)) ** power + 1e-12
        return float(np.exp(0.5 * np.average(np.log(self.boxes[:, 2] * self.boxes[:, 3]), weights=weights)))


def check_point(point, shape) -> np.ndarray:
    """`point` as float64 (2,), or `DataError` unless it lies in an image of `shape` (H, W, ...)."""
    point = np.asarray(point, np.float64)
    height, width = shape[:2]
    if (
        point.shape != (2,)
        or not np.isfinite(point).all()
        or not (0 <= point[0] <= width - 1 and 0 <= point[1] <= height - 1)
    ):
        raise DataError(
            f"point {point.tolist()} is outside of the image: expected 0 <= x <= {width - 1} and 0 <= y <= {height - 1}"
        )
    return point


def window_lattice(point: np.ndarray, width: int, height: int, sizes: int = 12) -> np.ndarray:
    """Windows that contain the point, at all sizes, five aspects and nine offsets of the centre.

    Sides (square roots of area) run geometrically from 6 % to 70 % of the image's short side.
    Returns (K, 4) float64, clipped to the image.
    """
    sides = np.geomspace(0.06, 0.7, sizes) * min(width, height)
    aspects = 2.0 ** np.array([-1.2, -0.6, 0, 0.6, 1.2])
    side, aspect, dx, dy = (
        a.ravel() for a in np.meshgrid(sides, aspects, CENTRE_OFFSETS, CENTRE_OFFSETS, indexing="ij")
    )
    w, h = side * np.sqrt(aspect), side / np.sqrt(aspect)
    x0, y0 = point[0] + dx * w - w / 2, point[1] + dy * h - h / 2
    x1, y1 = np.minimum(x0 + w, width), np.minimum(y0 + h, height)
    x0, y0 = np.maximum(x0, 0), np.maximum(y0, 0)
    return np.stack([x0, y0, x1 - x0, y1 - y0], 1)


def integral_images(labels: np.ndarray) -> np.ndarray:
    """Integral image of the indicator of each label that occurs: (H + 1, W + 1, labels) int32. labels: (H, W)."""
    present, labels = np.unique(labels, return_inverse=True)
    one_hot = np.zeros((labels.shape[0] + 1, labels.shape[1] + 1, len(present)), np.int32)
    rows, columns = np.indices(labels.shape)
    one_hot[rows + 1, columns + 1, labels] = 1
    return one_hot.cumsum(0, dtype=np.int32).cumsum(1, dtype=np.int32)


def rectangle_sums(integral: np.ndarray, rectangles: np.ndarray) -> np.ndarray:
    """Label counts (K, count) in integer rectangles (K, 4) x0, y0, x1, y1, upper ends excluded."""
    x0, y0, x1, y1 = rectangles.T
    return integral[y1, x1] - integral[y0, x1] - integral[y1, x0] + integral[y0, x0]


def superpixel_straddling(inside: np.ndarray, total: np.ndarray, area: np.ndarray) -> np.ndarray:
    """SS(w) = 1 - sum_s min(|s outside w|, |s inside w|) / |w|. [Alexe et al., eq. 6]

    inside: (K, S) pixels of each superpixel in each window; total: (S,); area: (K,). Returns (K,), in [0, 1].
    """
    return np.clip(1 - np.minimum(total - inside, inside).sum(1) / area, 0, 1)


def colour_contrast(inside: np.ndarray, ring: np.ndarray) -> np.ndarray:
    """Chi-square distance of the colour histograms of window and surrounding ring. [Alexe et al., eq. 3]

    inside, ring: (K, bins) counts; an empty ring has distance 0. Returns (K,), in [0, 1].
    """
    p = inside / np.maximum(inside.sum(1, keepdims=True), 1)
    q = ring / np.maximum(ring.sum(1, keepdims=True), 1)
    distance = 0.5 * ((p - q) ** 2 / np.maximum(p + q, 1e-12)).sum(1)
    return np.where(ring.sum(1) > 0, distance, 0.0)


def lab_labels(image: np.ndarray) -> np.ndarray:
    """LAB histogram bin of each pixel of a BGR image: (H, W) in [0, 256)."""
    lab = cv2.cvtColor(image, cv2.COLOR_BGR2LAB).astype(np.int64)
    levels = np.array(LAB_BINS)
    # 8-bit LAB of photographs fills about the middle half of the a and b axes.
    low, high = np.array([0, 80, 80]), np.array([256, 176, 176])
    bins = np.clip((lab - low) * levels // (high - low), 0, levels - 1)
    return bins[..., 0] * levels[1] * levels[2] + bins[..., 1] * levels[2] + bins[..., 2]


def score_windows(image: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Objectness of windows: superpixel straddling times colour contrast. [R]

    image: BGR uint8 (H, W, 3); boxes: (K, 4) in its pixels. Returns (K,), in [0, 1].
    """
    height, width = image.shape[:2]
    superpixels = felzenszwalb(image, scale=150, sigma=0.5, min_size=max(4, height * width // 600))
    low = np.floor(boxes[:, :2]).astype(int)
    high = np.maximum(np.ceil(boxes[:, :2] + boxes[:, 2:]).astype(int), low + 1)
    margin = (boxes[:, 2:] * (RING - 1) / 2).round().astype(int) + 1
    limit = np.array([width, height])
    window = np.concatenate([low.clip(0, limit - 1), high.clip(1, limit)], 1)
    surround = np.concatenate([(low - margin).clip(0, limit - 1), (high + margin).clip(1, limit)], 1)
    area = (window[:, 2] - window[:, 0]) * (window[:, 3] - window[:, 1])
    pieces = integral_images(superpixels)
    straddling = superpixel_straddling(rectangle_sums(pieces, window), pieces[-1, -1], area)
    colours = integral_images(lab_labels(image))
    inside = rectangle_sums(colours, window)
    return straddling * colour_contrast(inside, rectangle_sums(colours, surround) - inside)


def objectness(image: np.ndarray, point, work_side: int = 80) -> Windows:
    """Windows around an annotated point with their objectness.

    image: BGR uint8 (H, W, 3). point: x, y in its pixels. work_side: the image is worked on with its
    short side reduced to this many pixels. Windows are returned in pixels of `image`.
    Raises `DataError` for a point outside of the image, `UsageError` for a wrong array.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise UsageError(f"expected a BGR uint8 image (H, W, 3), found {image.dtype} {image.shape}")
    point = check_point(point, image.shape)
    scale = min(1.0, work_side / min(image.shape[:2]))
    size = tuple(max(1, round(side * scale)) for side in image.shape[1::-1])
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    scales = np.array(size) / image.shape[1::-1]  # rounding makes the two axes differ a little
    boxes = window_lattice((point + 0.5) * scales, *size)
    return Windows(boxes / np.tile(scales, 2), score_windows(small, boxes))
