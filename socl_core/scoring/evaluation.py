"""Evaluation: start trackers from a true box, let them run to the end, score the boxes by each convention.

One-pass evaluation (OPE) starts at the first frame alone. With several starts a video, as VOT has them (anchors), one
early loss of the target does not decide the score of a whole video: that is the mean over its starts.
"""

import time
from collections.abc import Callable
from copy import copy
from pathlib import Path

import numpy as np

from socl_core.data.files import as_written, read_own_boxes, write_boxes
from socl_core.data.sequence import Sequence
from socl_core.errors import DataError
from socl_core.scoring.conventions import Truth, in_files, score_sequence, summary
from socl_core.trackers.lockstep import init_all, update_all

BENCHMARKS = ("got10k", "trackingnet", "lasot")  # conventions of Table 1
HIDDEN = ("full_occlusion", "out_of_view")  # labels of LaSOT
OPE = "auc_start_0"  # the AUC of one-pass evaluation, where there are several starts
MEANS = ("auc", "precision", OPE)  # scores whose mean over sequences a result holds


def track_together(
    trackers: list, sequences: list[Sequence], each_frame: Callable[[], None] = lambda: None
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Boxes (N, 4) of a tracker on each sequence, the first being the given one, and the seconds (N,) of each frame.

    All trackers advance frame by frame together, in shared calls of their network (`lockstep`); a frame's seconds are
    its share of such a call. Only `init` and `update` are timed. `each_frame` is called after each frame.
    Raises `DataError` when the first frame of a sequence has no box of positive size.
    """
    for sequence in sequences:
        if sequence.boxes is None or not (sequence.boxes[0, 2:] > 0).all():
            raise DataError(f"sequence {sequence.name}: its first frame needs a box of positive size to start from")
    found = [(np.empty((len(sequence), 4)), np.empty(len(sequence))) for sequence in sequences]
    for i in range(max(map(len, sequences))):
        running = [lane for lane, sequence in enumerate(sequences) if i < len(sequence)]
        images, asked = [sequences[lane].frames[i] for lane in running], [trackers[lane] for lane in running]
        start = time.perf_counter()
        if i == 0:
            boxes = [sequence.boxes[0] for sequence in sequences]
            init_all(asked, images, boxes)
        else:
            boxes = update_all(asked, images)
        spent = (time.perf_counter() - start) / len(running)
        for lane, box in zip(running, boxes):
            found[lane][0][i], found[lane][1][i] = box, spent
            each_frame()
    return found


def start_frames(sequence: Sequence, count: int) -> list[int]:
    """Frames at which a tracker starts on a sequence: its first, and `count` - 1 more, evenly spaced.

    Each goes on to the next frame where the target is in sight with a box; where two meet or none is left, there are
    fewer.
    """
    if sequence.boxes is None:
        return [0]
    usable = np.flatnonzero(sequence.valid & ~absence(sequence) & (sequence.boxes[:, 2:] > 0).all(1))
    wanted = np.arange(1, count) * len(sequence) // count
    after = usable.searchsorted(wanted)
    return [0, *np.unique(usable[after[after < len(usable)]]).tolist()]


def evaluate(
    make_tracker: Callable[[], object],
    sequences: list[Sequence],
    folder: Path | None = None,
    each_frame: Callable[[], None] = lambda: None,
    each_sequence: Callable[[str, np.ndarray, np.ndarray], None] = lambda name, boxes, seconds: None,
    starts: int = 1,
    lanes: int = 1,
) -> dict[str, dict[str, float]]:
    """Scores of a tracker by sequence: frames, those of `score_boxes`, and fps where it ran now.

    Each score is the mean over the starts; with several there is also the AUC of each, as `auc_start_0` and so on.
    folder: where boxes are kept, one text file a start; starts that run at once are not run again where all their files
    are there.
    each_sequence: called with the name, boxes and seconds of each start that ran.
    lanes: starts that run at once, in shared calls of the network.
    """
    parts = {
        (sequence.name, first): sequence.part(slice(first, None))
        for sequence in sequences
        for first in start_frames(sequence, starts)
    }
    keys = sorted(parts, key=lambda key: -len(parts[key]))  # so that those of a group end at about the same time
    boxes, seconds = {}, {}
    # Groups are the same when an evaluation goes on: in a batch of another size, sums may differ in their last bits.
    for group in (keys[begin : begin + lanes] for begin in range(0, len(keys), lanes)):
        paths = [_boxes_file(folder, *key) for key in group] if folder else []
        if paths and all(path.exists() for path in paths):
            boxes |= {key: read_own_boxes(path, len(parts[key])) for key, path in zip(group, paths)}
            for _ in range(sum(len(parts[key]) for key in group)):
                each_frame()
            continue
        tracker = make_tracker()
        found = track_together([copy(tracker) for _ in group], [parts[key] for key in group], each_frame)
        boxes |= {key: tracked for key, (tracked, _) in zip(group, found)}
        seconds |= {key: spent for key, (_, spent) in zip(group, found)}
        for key in group:
            each_sequence(key[0], boxes[key], seconds[key])
        for key, path in zip(group, paths):
            write_boxes(path, boxes[key])
    return {
        sequence.name: {"frames": len(sequence)}
        | _speed([seconds[key] for key in seconds if key[0] == sequence.name])
        | _over_starts([score_boxes(as_written(boxes[key]), parts[key]) for key in parts if key[0] == sequence.name])
        for sequence in sequences
    }


def _boxes_file(folder: Path, name: str, first: int) -> Path:
    return (folder / f"from_{first}" if first else folder) / f"{name}.txt"


def _speed(seconds: list[np.ndarray]) -> dict[str, float]:
    return {"fps": round(sum(map(len, seconds)) / max(sum(map(np.sum, seconds)), 1e-9), 1)} if seconds else {}


def _over_starts(scores: list[dict[str, float]]) -> dict[str, float]:
    """Mean of each score over the starts, and the AUC of each start where there are several."""
    if len(scores) == 1 or not scores[0]:
        return scores[0]
    means = {name: float(np.mean([score[name] for score in scores])) for name in scores[0]}
    return means | {f"auc_start_{number}": score["auc"] for number, score in enumerate(scores)}


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
