"""Trackers side by side on one video: how well each follows, how fast, and when it is lost."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from socl_core.errors import DataError
from socl_core.models.device import threads
from socl_core.scoring.conventions import Truth, in_files, score_sequence, summary
from socl_core.scoring.failures import LASTING, LOW
from socl_core.scoring.metrics import iou


@dataclass
class Comparison:
    """What some trackers, by their names, did on one video: a box (4,) and the seconds of each frame."""

    trackers: dict[str, object]
    boxes: dict[str, list[np.ndarray]] = field(init=False)
    seconds: dict[str, list[float]] = field(init=False)

    def __post_init__(self):
        self.boxes, self.seconds = ({name: [] for name in self.trackers} for _ in range(2))

    def run(self, images: Iterable[np.ndarray], box: np.ndarray) -> Iterator[tuple[np.ndarray, dict[str, np.ndarray]]]:
        """Starts all trackers from a box of the first image; yields each image with the boxes found there, by name."""
        for number, image in enumerate(images):
            for name, tracker in self.trackers.items():
                with threads(1):
                    start = time.perf_counter()
                    found = tracker.update(image) if number else tracker.init(image, box)
                    self.seconds[name].append(time.perf_counter() - start)
                self.boxes[name].append(np.array(found if number else box, np.float64))
            yield image, {name: boxes[-1] for name, boxes in self.boxes.items()}

    def reference(self, truth: np.ndarray | None) -> np.ndarray:
        """What boxes are judged by: the true ones (N, 4), else the median of all trackers' boxes.

        Raises `DataError` unless there is a row for each frame, of which one at least after the first has a box.
        """
        if truth is None:
            return np.median(list(self.boxes.values()), 0)
        frames = len(next(iter(self.boxes.values())))
        if len(truth) != frames:
            raise DataError(
                f"the truth has {len(truth)} rows, the video {frames} frames; expected one row x,y,w,h a frame, "
                "nan,nan,nan,nan where it is not known"
            )
        if not annotated(truth)[1:].any():
            raise DataError("the truth has no box after the first frame; expected some to judge by")
        return truth

    def rows(self, truth: np.ndarray | None) -> list[dict]:
        """A row for each tracker, the best first: name; AUC to the reference by OTB's rule, over the frames in which
        that has a box; frames a second after the first; the frame of its loss, or None; overlap (N,), its IoU."""
        reference, rows = self.reference(truth), []
        known = annotated(reference)
        for name, boxes in self.boxes.items():
            found, true = (in_files("otb", np.array(values)[known]) for values in (boxes, reference))
            auc = summary("otb", [score_sequence("otb", found, Truth(true))])["auc"]
            overlap = np.where(known, iou(np.array(boxes), reference), np.nan)
            seconds = sum(self.seconds[name][1:])
            rows.append({
                "tracker": name, "auc": auc, "fps": (len(boxes) - 1) / max(seconds, 1e-9),
                "lost": first_loss(overlap), "overlap": overlap,
            })  # fmt: skip
        return sorted(rows, key=lambda row: -row["auc"])


def annotated(boxes: np.ndarray) -> np.ndarray:
    """Frames (N,) in which boxes (N, 4) are finite and of positive size."""
    return np.isfinite(boxes).all(1) & (np.nan_to_num(boxes[:, 2:]) > 0).all(1)


def first_loss(overlap: np.ndarray) -> int | None:
    """The frame at which the first failure of `LASTING` frames begins, by IoU (N,), NaN where there is no reference."""
    missed = overlap < LOW
    runs = np.flatnonzero(np.diff(missed, prepend=False, append=False)).reshape(-1, 2)
    return next((int(start) for start, end in runs if end - start >= LASTING), None)
