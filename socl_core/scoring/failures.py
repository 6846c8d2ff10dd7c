"""When a tracker lost its target, and what happened then: `socl evaluate --explain`."""

from dataclasses import dataclass

import cv2
import numpy as np

from socl_core.data.sequence import Sequence
from socl_core.geometry import box_centres
from socl_core.scoring.evaluation import absence
from socl_core.scoring.metrics import iou

LOW = 0.2  # IoU below which a box has missed the target
LASTING = 5  # frames in a row, or it is no failure
PICTURE = 16  # pixels a side of the pictures that are compared


@dataclass(frozen=True)
class Failure:
    """A failure from frame `start` up to `end`, exclusive: the end of the video, or where the target is found again.

    kind: "out of sight" where less than half of the target can be seen, by its labels or the edge of the frame;
    "fast motion" where it goes further in a frame than half of its side; "size" where the box is still on it, but too
    large or too small; "look-alike" where what it holds is more like the target's first picture than the target now
    is; "drift" where it is none of these.
    """

    start: int
    end: int
    kind: str

    def __str__(self) -> str:
        return f"lost from frame {self.start} to {self.end - 1}: {self.kind}"


def failures(boxes: np.ndarray, sequence: Sequence) -> list[Failure]:
    """All failures of boxes (N, 4) on a sequence; none where a frame's box is not known."""
    missed = (iou(boxes, sequence.boxes) < LOW) & np.isfinite(sequence.boxes).all(1)
    runs = np.flatnonzero(np.diff(missed, prepend=False, append=False)).reshape(-1, 2).tolist()
    hidden = out_of_sight(sequence)
    return [Failure(*run, _kind(run[0], boxes, sequence, hidden)) for run in runs if run[1] - run[0] >= LASTING]


def out_of_sight(sequence: Sequence) -> np.ndarray:
    """Frames (N,) in which less than half of the target can be seen."""
    low, size = sequence.boxes[:, :2], sequence.boxes[:, 2:]
    frame = np.array(sequence.frames[0].shape[1::-1])
    inside = np.clip(np.minimum(low + size, frame) - np.maximum(low, 0), 0, None).prod(1) / size.prod(1).clip(1e-9)
    return absence(sequence) | (sequence.labels.get("cover", 8 * sequence.valid) < 4) | (inside < 0.5)


def _kind(start: int, boxes: np.ndarray, sequence: Sequence, hidden: np.ndarray) -> str:
    """The kind of a failure by the frames about its start, two before and two after it."""
    truth = sequence.boxes
    if hidden[max(start - 2, 0) : start + 3].any():
        return "out of sight"
    steps = np.diff(box_centres(truth[max(start - 2, 0) : start + 1]), axis=0)
    if np.hypot(*steps.T).max(initial=0) > np.sqrt(truth[start, 2:].prod()) / 2:
        return "fast motion"
    away = np.abs(box_centres(boxes[start]) - box_centres(truth[start]))
    if (away < truth[start, 2:] / 2).all():
        return "size"
    first = int(np.flatnonzero(sequence.valid)[0])
    target = _picture(sequence.frames[first], truth[first])
    held, now = (_picture(sequence.frames[start], each[start]) for each in (boxes, truth))
    return "look-alike" if _likeness(held, target) > _likeness(now, target) else "drift"


def _picture(image: np.ndarray, box: np.ndarray) -> np.ndarray:
    """What a box of an image holds, stretched to `PICTURE` pixels a side."""
    (left, top), (across, down) = box[:2] + (box[2:] / PICTURE - 1) / 2, box[2:] / PICTURE  # middle of the first pixel
    warp, flags = np.array([[across, 0, left], [0, down, top]]), cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(image, warp, (PICTURE, PICTURE), flags=flags, borderMode=cv2.BORDER_REPLICATE)


def _likeness(one: np.ndarray, other: np.ndarray) -> float:
    """Correlation of two pictures; of one without contrast, -1."""
    if not (one.std() and other.std()):
        return -1.0
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])
