"""Scores of result boxes as the official toolkits compute them: OTB, GOT-10k, LaSOT and TrackingNet.

Boxes are x, y, w, h as the official files hold them: pixel indices from 1 in OTB and LaSOT, coordinates as
given in GOT-10k and TrackingNet. Every score is a fraction. No function changes its inputs.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from socl_core.errors import DataError, known
from socl_core.scoring.metrics import OTB_ERRORS, OTB_OVERLAPS, centre_error, iou

NORMALISED_ERRORS = np.arange(51) / 100


@dataclass(frozen=True)
class Truth:
    """Annotation of one sequence of N frames.

    boxes: (N, 4). absent: (N,) bool, the target cannot be seen (LaSOT: full occlusion or out of view).
    cover: (N,) visible share 0..8 (GOT-10k). size: width, height of the frames in pixels (GOT-10k).
    """

    boxes: np.ndarray
    absent: np.ndarray | None = None
    cover: np.ndarray | None = None
    size: tuple[float, float] | None = None

    def check(self) -> None:
        """Raises `DataError` unless the shapes are these, with at least one frame of a positive size."""
        frames = len(self.boxes)
        for kind, shape in {"boxes": (frames, 4), "absent": (frames,), "cover": (frames,), "size": (2,)}.items():
            if (value := getattr(self, kind)) is not None and np.shape(value) != shape:
                raise DataError(f"{kind} of shape {np.shape(value)} in an annotation; expected {shape}")
        if not frames:
            raise DataError("an annotation of no frame; expected a row x, y, w, h for every frame")
        if self.size is not None and not all(0 < side < np.inf for side in self.size):
            raise DataError(f"frame size {self.size}; expected a width and a height, both positive")


def otb(predicted: np.ndarray, truth: Truth) -> dict[str, np.ndarray]:
    """Success at 21 overlaps (IoU above) and precision at 51 errors (at most), all frames, the first included.

    The mean of success, the AUC, is 20/21 for a perfect tracker, since no IoU is above 1. Boxes are treated as by
    LaSOT, whose toolkit has it from OTB's.
    """
    curves = lasot(predicted, Truth(truth.boxes))
    return {name: curves[name] for name in ("success", "precision")}


def got10k(predicted: np.ndarray, truth: Truth) -> dict[str, np.ndarray]:
    """IoU of every frame but the first in which the target can be seen, boxes clipped to the frame."""
    a, b = (_clipped(boxes[1:], truth.size) for boxes in (predicted, truth.boxes))
    seen = np.ones(len(a), bool) if truth.cover is None else truth.cover[1:] > 0
    return {"overlaps": iou(a, b)[seen]}


def lasot(predicted: np.ndarray, truth: Truth) -> dict[str, np.ndarray]:
    """Curves over the frames in which the target can be seen, divided by the number of all frames.

    A missing box repeats the one before it; then the first is set to the true one. A frame whose true box
    has a number <= 0 has IoU -1 and errors -1, which count as precise. Another box with a NaN or inf is a miss.
    The normalised error divides each axis by the size of the true box.
    """
    predicted = _repeated(predicted, truth.boxes)
    valid = (truth.boxes > 0).all(1)
    shown = np.ones(len(valid), bool) if truth.absent is None else ~truth.absent.astype(bool)
    overlap = np.where(valid, iou(predicted, truth.boxes), -1.0)[shown]
    error = np.where(valid, centre_error(predicted, truth.boxes), -1.0)[shown]
    # The toolkit divides both centres by the size; their x + (w - 1) / 2 differ as those with w / 2 do.
    size = np.where(valid[:, None], truth.boxes[:, 2:], 1.0)
    offset = (_centres(predicted) - _centres(truth.boxes)) / size
    normalised = np.where(valid, np.hypot(*offset.T), -1.0)[shown]
    return {
        "success": (overlap[:, None] > OTB_OVERLAPS).sum(0) / len(valid),
        "precision": (error[:, None] <= OTB_ERRORS).sum(0) / len(valid),
        "normalised_precision": (normalised[:, None] <= NORMALISED_ERRORS).sum(0) / len(valid),
    }


def trackingnet(predicted: np.ndarray, truth: Truth) -> dict[str, np.ndarray]:
    """Three curves of 21 points over all frames; numbers are rounded and the first box is the true one.

    IoU at least a threshold, errors at most 0, 2.5, ..., 50 pixels or 0, .025, ..., .5 of the true size, as
    in the devkit since its last change of `>` to `>=`. A NaN is a miss, in all three.
    """
    a, b = np.round(predicted), np.round(truth.boxes)
    a[0] = b[0]
    low, high = np.maximum(a[:, :2], b[:, :2]), np.minimum(a[:, :2] + a[:, 2:], b[:, :2] + b[:, 2:])
    shared = np.clip(high - low, 0, None).prod(1)
    with np.errstate(invalid="ignore", divide="ignore"):
        overlap = shared / (a[:, 2:].prod(1) + b[:, 2:].prod(1) - shared)
        offset = _centres(a) - _centres(b)
        error, normalised = np.hypot(*offset.T), np.hypot(*(offset / b[:, 2:]).T)
        return {
            "success": (overlap[:, None] >= np.linspace(0, 1, 21)).mean(0),  # not quite OTB_OVERLAPS, and ties count
            "precision": (error[:, None] <= np.linspace(0, 50, 21)).mean(0),
            "normalised_precision": (normalised[:, None] <= np.linspace(0, 0.5, 21)).mean(0),
        }


def _repeated(predicted: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Boxes as OTB and LaSOT score them: one that is all NaN, or has no size, repeats the one before it, where
    the true box is known; a first box stands as it is until all are repeated, and is then the true one."""
    missing = np.isnan(predicted).all(1) | (predicted[:, 2:] <= 0).any(1)
    missing &= ~np.isnan(truth).any(1)
    rows = np.where(missing, 0, np.arange(len(predicted)))
    boxes = predicted[np.maximum.accumulate(rows)]
    boxes[0] = truth[0]
    return boxes


def _clipped(boxes: np.ndarray, size: tuple[float, float] | None) -> np.ndarray:
    """Boxes clipped as GOT-10k does: the corner into the frame, then the size to what is left of it."""
    if size is None:
        return boxes
    corner = np.clip(boxes[:, :2], 0, size)
    return np.hstack([corner, np.clip(boxes[:, 2:], 0, np.array(size) - corner)])


def _centres(boxes: np.ndarray) -> np.ndarray:
    return boxes[:, :2] + boxes[:, 2:] / 2


def _mean_curves(scores: list[dict]) -> dict[str, np.ndarray]:
    return {name: np.mean([score[name] for score in scores], 0) for name in scores[0]}


def _summary_at_20(scores: list[dict]) -> dict[str, float]:
    """AUC, and the other curves at threshold 20: 20 pixels, or .2 of the target's size."""
    mean = _mean_curves(scores)
    return {"auc": mean.pop("success").mean()} | {name: curve[20] for name, curve in mean.items()}


def _summary_got10k(scores: list[dict]) -> dict[str, float]:
    overlaps = np.concatenate([score["overlaps"] for score in scores])
    if not len(overlaps):
        raise DataError("no frame with a visible target after the first; GOT-10k scores are not defined")
    return {"ao": overlaps.mean(), "sr50": (overlaps > 0.5).mean(), "sr75": (overlaps > 0.75).mean()}


def _summary_trackingnet(scores: list[dict]) -> dict[str, float]:
    areas = {name: np.trapezoid(curve, OTB_OVERLAPS) for name, curve in _mean_curves(scores).items()}
    return {"auc": areas.pop("success")} | areas


@dataclass(frozen=True)
class Convention:
    """One toolkit's way to score: `score` of a sequence, and `summary` over the scores of sequences.

    bad_boxes: what becomes of boxes with a NaN or inf. first_pixel: index of the left top pixel in its files.
    uses: what of an annotation it uses beside the boxes.
    """

    score: Callable[[np.ndarray, Truth], dict[str, np.ndarray]]
    summary: Callable[[list[dict]], dict[str, float]]
    bad_boxes: str
    first_pixel: int = 0
    uses: tuple[str, ...] = ()


_REPEATED = "all NaN repeats the box before it, others are misses"
_CLIPPED = "NaN counts as IoU 0, inf is clipped to the frame"
CONVENTIONS = {
    "otb": Convention(otb, _summary_at_20, _REPEATED, first_pixel=1),
    "got10k": Convention(got10k, _summary_got10k, _CLIPPED, uses=("cover", "size")),
    "lasot": Convention(lasot, _summary_at_20, _REPEATED, first_pixel=1, uses=("absent",)),
    "trackingnet": Convention(trackingnet, _summary_trackingnet, "counts as a miss at every threshold above 0"),
}


def find_convention(name: str) -> Convention:
    """A convention by its name. Raises `UsageError` for an unknown one."""
    return CONVENTIONS[known("convention", name, CONVENTIONS)]


def in_files(convention: str, boxes: np.ndarray) -> np.ndarray:
    """Our boxes (N, 4), pixel indices from 0, as the files of a convention hold them."""
    return boxes + np.array([1, 1, 0, 0]) * find_convention(convention).first_pixel


def score_sequence(convention: str, predicted: np.ndarray, truth: Truth) -> dict[str, np.ndarray]:
    """Score of the boxes (N, 4) of one sequence. Raises `DataError` unless all shapes are those of `Truth`."""
    chosen, predicted = find_convention(convention), np.array(predicted, np.float64)
    truth.check()
    if predicted.shape != truth.boxes.shape:
        raise DataError(f"{predicted.shape} result boxes for {truth.boxes.shape} true ones; expected (N, 4) for both")
    return chosen.score(predicted, truth)


def summary(convention: str, scores: list[dict]) -> dict[str, float]:
    """The numbers that a convention reports over sequences. Raises `DataError` for none."""
    if not scores:
        raise DataError("no sequence to score")
    return {name: float(value) for name, value in find_convention(convention).summary(scores).items()}
