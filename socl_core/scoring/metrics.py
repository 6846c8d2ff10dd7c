"""Tracking metrics, one function a convention. Boxes are x, y, w, h in pixel indices (0-based).

None of the functions changes its inputs.
"""

import numpy as np

from socl_core.errors import DataError

OTB_OVERLAPS = np.arange(21) / 20
OTB_ERRORS = np.arange(51.0)


def iou(boxes_a: np.ndarray, boxes_b: np.ndarray) -> np.ndarray:
    """Intersection over union of boxes (..., 4), broadcast to (...), in [0, 1].

    Areas are w * h, as in the toolkits. A box with a size of zero or less, or with a NaN or inf, has IoU 0
    with any other.
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


def otb(predicted: np.ndarray, truth: np.ndarray) -> dict[str, np.ndarray]:
    """Curves of predicted boxes (N, 4) against ground truth (N, 4) as the OTB toolkit has them.

    success: (21,) fraction of frames with IoU above 0, .05, ..., 1; its mean, the AUC, is 20/21 for a perfect
    tracker, since no IoU is above 1. precision: (51,) fraction of frames with a centre error of at most 0, 1, ..., 50
    pixels.

    All frames count, the first included. IoU must be above a threshold, a centre error at most one. Where
    any of x, y, w, h of the truth is <= 0 the frame has IoU -1 and error -1: never a success, always
    precise. The toolkit asks that of its 1-based numbers; boxes here are 0-based, so the test is x <= -1,
    y <= -1, w <= 0, h <= 0. A predicted box with a NaN or inf is a miss: IoU 0, error inf (the toolkit
    repeats the box before it instead).
    Raises `DataError` when the shapes differ or there is no row.
    """
    predicted, truth = np.asarray(predicted, np.float64), np.asarray(truth, np.float64)
    if predicted.shape != truth.shape or truth.shape[1:] != (4,) or not len(truth):
        raise DataError(
            f"predicted boxes {predicted.shape}, ground truth {truth.shape}; expected (N, 4) for both: "
            "one x, y, w, h for every frame, the first included, and at least one frame"
        )
    annotated = (truth + np.array([1, 1, 0, 0]) > 0).all(1)
    overlap = np.where(annotated, iou(predicted, truth), -1.0)
    error = np.where(annotated, centre_error(predicted, truth), -1.0)
    return {
        "success": (overlap[:, None] > OTB_OVERLAPS).mean(0),
        "precision": (error[:, None] <= OTB_ERRORS).mean(0),
    }
