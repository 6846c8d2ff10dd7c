"""How well two boxes agree. Boxes are x, y, w, h in pixels, in any one frame of coordinates."""

import numpy as np

OTB_OVERLAPS = np.arange(21) / 20
OTB_ERRORS = np.arange(51.0)


def iou(boxes_a: np.ndarray, boxes_b: np.ndarray) -> np.ndarray:
    """Intersection over union of boxes (..., 4), broadcast to (...), in [0, 1].

    Areas are w * h, as in the toolkits. A box with a size of zero or less, or with a NaN or inf, has IoU 0
    with any other.

    >>> iou([0, 0, 2, 2], [[1, 0, 2, 2], [5, 5, 2, 2]]).round(2).tolist()
    [0.33, 0.0]
    """
    a, b = np.broadcast_arrays(np.asarray(boxes_a, np.float64), np.asarray(boxes_b, np.float64))
    real = np.isfinite(a).all(-1) & np.isfinite(b).all(-1) & (np.minimum(a, b)[..., 2:] > 0).all(-1)
    a, b = (np.where(real[..., None], boxes, 1.0) for boxes in (a, b))
    low = np.maximum(a[..., :2], b[..., :2])
    high = np.minimum(a[..., :2] + a[..., 2:], b[..., :2] + b[..., 2:])
    shared = np.clip(high - low, 0, None).prod(-1)
    union = a[..., 2:].prod(-1) + b[..., 2:].prod(-1) - shared
    # x + w - x is not exactly w in floating point, so the ratio may pass 1 by a few ulp.
    return np.where(real, np.clip(shared / union, 0, 1), 0.0)


def centre_error(boxes_a: np.ndarray, boxes_b: np.ndarray) -> np.ndarray:
    """Pixels between the centres of boxes (..., 4), broadcast to (...); inf for a box with a NaN or inf."""
    a, b = np.asarray(boxes_a, np.float64), np.asarray(boxes_b, np.float64)
    real = np.isfinite(a).all(-1) & np.isfinite(b).all(-1)
    with np.errstate(invalid="ignore"):
        distance = np.hypot(*np.moveaxis(a[..., :2] - b[..., :2] + (a[..., 2:] - b[..., 2:]) / 2, -1, 0))
    return np.where(real, distance, np.inf)
