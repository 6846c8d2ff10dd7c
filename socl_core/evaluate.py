"""One-pass evaluation (OPE): start a tracker from the first box and let it run to the end."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from socl_core import metrics
from socl_core.data.files import read_boxes, write_boxes
from socl_core.data.sequence import Sequence
from socl_core.errors import DataError


def one_pass(tracker, sequence: Sequence, each_frame: Callable[[], None] = lambda: None) -> tuple[np.ndarray, float]:
    """Boxes (N, 4) of a tracker on a sequence, the first being the given one, and its frames a second.

    Only `init` and `update` are timed. `each_frame` is called after each frame.
    Raises `DataError` when the first frame has no box of positive size.
    """
    if sequence.boxes is None or not (sequence.boxes[0, 2:] > 0).all():
        raise DataError(f"sequence {sequence.name}: its first frame needs a box of positive size to start from")
    boxes, seconds = np.empty((len(sequence), 4)), 0.0
    boxes[0] = sequence.boxes[0]
    for i in range(len(sequence)):
        image = sequence.frames[i]
        start = time.perf_counter()
        if i == 0:
            tracker.init(image, boxes[0])
        else:
            boxes[i] = tracker.update(image)
        seconds += time.perf_counter() - start
        each_frame()
    return boxes, len(sequence) / max(seconds, 1e-9)


def evaluate(
    make_tracker: Callable[[], object],
    sequences: list[Sequence],
    folder: Path | None = None,
    each_frame: Callable[[], None] = lambda: None,
) -> dict[str, dict[str, float]]:
    """Scores of a tracker by sequence, in the OTB convention: auc, precision, and fps where it ran now.

    folder: where boxes are kept, one text file a sequence; a sequence whose file is there is not run again.
    """
    scores = {}
    for sequence in sequences:
        path = folder / f"{sequence.name}.txt" if folder else None
        speed = {}
        if path and path.exists():
            boxes = read_boxes(path)
            for _ in range(len(sequence)):
                each_frame()
        else:
            boxes, fps = one_pass(make_tracker(), sequence, each_frame)
            speed = {"fps": round(fps, 1)}
            if path:
                write_boxes(path, boxes)
        # Scores come from the boxes as they are written, so that they can be computed again from the files.
        score = metrics.otb(np.round(boxes, 4), sequence.boxes)
        scores[sequence.name] = {
            "auc": score.auc,
            "precision": score.precision,
            "frames": len(sequence),
        } | speed
    return scores


def mean_scores(scores: dict[str, dict[str, float]]) -> dict[str, float]:
    """Mean auc and precision over sequences, each of equal weight."""
    return {name: float(np.mean([score[name] for score in scores.values()])) for name in ("auc", "precision")}
