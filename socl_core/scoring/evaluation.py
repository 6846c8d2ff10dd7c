"""One-pass evaluation (OPE): start a tracker from the first box and let it run to the end."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from socl_core.data.files import as_written, read_own_boxes, write_boxes
from socl_core.data.sequence import Sequence
from socl_core.errors import DataError
from socl_core.scoring.conventions import Truth, in_files, score_sequence, summary

BENCHMARKS = ("got10k", "trackingnet", "lasot")  # conventions of Table 1
HIDDEN = ("full_occlusion", "out_of_view")  # labels of LaSOT
MEANS = ("auc", "precision", "template_own", "template_other")  # scores whose mean over sequences a result holds


def one_pass(
    tracker, sequence: Sequence, each_frame: Callable[[], None] = lambda: None
) -> tuple[np.ndarray, np.ndarray]:
    """Boxes (N, 4) of a tracker on a sequence, the first being the given one, and the seconds (N,) of each frame.

    Only `init` and `update` are timed. `each_frame` is called after each frame.
    Raises `DataError` when the first frame has no box of positive size.
    """
    if sequence.boxes is None or not (sequence.boxes[0, 2:] > 0).all():
        raise DataError(f"sequence {sequence.name}: its first frame needs a box of positive size to start from")
    boxes, seconds = np.empty((len(sequence), 4)), np.empty(len(sequence))
    boxes[0] = sequence.boxes[0]
    for i in range(len(sequence)):
        image = sequence.frames[i]
        start = time.perf_counter()
        if i == 0:
            tracker.init(image, boxes[0])
        else:
            boxes[i] = tracker.update(image)
        seconds[i] = time.perf_counter() - start
        each_frame()
    return boxes, seconds


def evaluate(
    make_tracker: Callable[[], object],
    sequences: list[Sequence],
    folder: Path | None = None,
    each_frame: Callable[[], None] = lambda: None,
    each_sequence: Callable[[str, np.ndarray, np.ndarray], None] = lambda name, boxes, seconds: None,
) -> dict[str, dict[str, float]]:
    """Scores of a tracker by sequence: frames, those of `score_boxes`, and fps where it ran now.

    folder: where boxes are kept, one text file a sequence; a sequence whose file is there is not run again.
    each_sequence: called with the name, boxes and seconds that `one_pass` gave, once it has run a sequence.
    """
    scores = {}
    for sequence in sequences:
        path = folder / f"{sequence.name}.txt" if folder else None
        scores[sequence.name] = {"frames": len(sequence)}
        if path and path.exists():
            boxes = read_own_boxes(path, len(sequence))
            for _ in range(len(sequence)):
                each_frame()
        else:
            boxes, seconds = one_pass(make_tracker(), sequence, each_frame)
            scores[sequence.name]["fps"] = round(len(seconds) / max(seconds.sum(), 1e-9), 1)
            if path:
                write_boxes(path, boxes)
            each_sequence(sequence.name, boxes, seconds)
        scores[sequence.name] |= score_boxes(as_written(boxes), sequence)
    return scores


def score_boxes(boxes: np.ndarray, sequence: Sequence) -> dict[str, float]:
    """What each convention reports of boxes (N, 4) on one sequence alone: auc and precision as OTB has them, the
    numbers of `BENCHMARKS` as `got10k_ao` and so on, and over how many frames each was taken, as `got10k_frames`.

    GOT-10k's numbers are 0 where it scores no frame; they are pooled over frames, so they weigh nothing.
    Nothing is scored where a server keeps the annotation of some frames.
    """
    if not np.isfinite(sequence.boxes).all():
        return {}
    height, width = sequence.frames[0].shape[:2]
    absent = absence(sequence)
    cover = sequence.labels.get("cover", 8 * sequence.valid)

    def numbers(convention: str) -> dict[str, float]:
        truth = Truth(in_files(convention, sequence.boxes), absent, cover, (width, height))
        return summary(convention, [score_sequence(convention, in_files(convention, boxes), truth)])

    scores = numbers("otb")
    for convention in BENCHMARKS:
        frames = int((cover[1:] > 0).sum()) if convention == "got10k" else len(sequence)
        found = numbers(convention) if frames else dict.fromkeys(("ao", "sr50", "sr75"), 0.0)
        scores |= {f"{convention}_{name}": value for name, value in (found | {"frames": frames}).items()}
    return scores


def absence(sequence: Sequence) -> np.ndarray:
    """Frames (N,) without the target: by the benchmark's own labels, else those whose annotation is not valid."""
    return np.any([sequence.labels[kind] for kind in HIDDEN if kind in sequence.labels] or [~sequence.valid], 0)


def mean_scores(scores: dict[str, dict[str, float]]) -> dict[str, float]:
    """Mean of each of `MEANS` over the sequences that have it, each of equal weight; without those that none has."""
    found = {name: [score[name] for score in scores.values() if name in score] for name in MEANS}
    return {name: float(np.mean(values)) for name, values in found.items() if values}
