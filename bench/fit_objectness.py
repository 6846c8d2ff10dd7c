"""Learning the likelihoods of the objectness cues. [R for the procedure]

    python bench/fit_objectness.py            # 512 procedural scenes, to the table of the package
    python bench/fit_objectness.py --scenes 64 --out few.json
    python bench/fit_objectness.py --data composite --out table.json     # for comparison: boxes of training videos

The shipped table is learned from procedural scenes, so that not one true box of a video reaches the point condition.

Objects are windows that overlap the box by more than .6 IoU, backgrounds those below .5. The windows
all hold the target's centre: the question asked of the measure is which of the windows around a click is
the target, not where objects are. Both classes are weighted so that each size of window counts the same in
them: the cues shall tell objects apart at any size, not learn how large the targets of one data set are.
Each data set weighs the same, whatever its number of frames.
"""

import argparse
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from scenes import SEED, scenes
from tqdm import tqdm

from socl_core import data
from socl_core.data.files import write_atomic
from socl_core.data.sequence import Sequence, evenly
from socl_core.errors import DataError
from socl_core.prior.objectness import CUES, LIKELIHOODS, cue_values, work_image
from socl_core.prior.windows import SIZES, windows_around
from socl_core.runs.identity import code_hash
from socl_core.runs.training_set import CACHE
from socl_core.scoring.metrics import iou

OBJECT, BACKGROUND = 0.6, 0.5  # IoU with the box above which a window is the object, below which it is not
BINS = 24
ENOUGH = 20  # windows of a class that a size needs to count
SMOOTHING = 1e-3  # share of a class's weight that is added to each bin


@dataclass(frozen=True)
class Samples:
    """Windows of a data set: values cue -> (N,), overlap (N,) IoU with the target, size (N,) number among the sizes."""

    values: dict[str, np.ndarray]
    overlap: np.ndarray
    size: np.ndarray


def sample_windows(sequences: Iterable[Sequence], frames: int) -> Samples:
    """Cue values of windows around the targets of at most `frames` frames, evenly spread over the videos.

    Raises `DataError` when no video has a valid box.
    """
    sequences = [s for s in sequences if s.boxes is not None and s.valid.any()]
    if not sequences:
        raise DataError("the likelihoods are learned from boxes: no video with a valid box was found")
    sequences = [sequences[i] for i in evenly(np.arange(len(sequences)), frames)]
    each = frames // len(sequences)
    values, overlaps = {cue: [] for cue in CUES}, []
    for sequence in tqdm(sequences, desc="windows", unit="video", mininterval=1):
        for i in evenly(np.flatnonzero(sequence.valid), each):
            small, scales = work_image(sequence.frames[i])
            boxes = windows_around((sequence.points[i] + 0.5) * scales, small.shape[1], small.shape[0])
            found = cue_values(small[None], boxes[None], CUES)
            for cue in CUES:
                values[cue].append(found[cue][0].numpy())
            overlaps.append(iou(boxes / np.tile(scales, 2), sequence.boxes[i]))
    size = np.repeat(np.arange(SIZES), len(overlaps[0]) // SIZES)
    return Samples(
        {cue: np.concatenate(v) for cue, v in values.items()}, np.concatenate(overlaps), np.tile(size, len(overlaps))
    )


def fit(samples: list[Samples]) -> dict:
    """Prior and, for each cue, inner bin edges and log likelihood ratios, as `Measure.read` takes them.

    Edges are quantiles of the pooled values. Raises `DataError` when no window is an object.
    """
    weights = [_class_weights(s) for s in samples]
    if not all(w.any() for pair in weights for w in pair):
        raise DataError(f"no window overlaps a box by more than {OBJECT} in one of the data sets: nothing to learn")
    table = {"prior": float(np.mean([(s.overlap > OBJECT).mean() for s in samples])), "cues": {}}
    for cue in CUES:
        pooled = np.concatenate([s.values[cue] for s in samples])
        edges = np.unique(np.quantile(pooled, np.linspace(0, 1, BINS + 1)[1:-1]).round(6))
        shares = [
            np.mean([_histogram(s.values[cue], edges, pair[kind]) for s, pair in zip(samples, weights)], 0)
            for kind in (0, 1)
        ]
        ratios = np.log(shares[0] + SMOOTHING) - np.log(shares[1] + SMOOTHING)
        table["cues"][cue] = {"edges": edges.tolist(), "log_ratios": ratios.round(4).tolist()}
    return table


def _class_weights(samples: Samples) -> tuple[np.ndarray, np.ndarray]:
    """Weights (N,) of the windows as objects and as backgrounds: each size that has enough objects counts the same."""
    chosen = (samples.overlap > OBJECT, samples.overlap < BACKGROUND)
    objects, backgrounds = (np.bincount(samples.size[rows], minlength=SIZES) for rows in chosen)
    used = (objects >= ENOUGH) & (backgrounds >= ENOUGH)
    return tuple(
        rows * (used / np.maximum(count, 1))[samples.size] for rows, count in zip(chosen, (objects, backgrounds))
    )


def _histogram(values: np.ndarray, edges: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return np.bincount(np.searchsorted(edges, values), weights, len(edges) + 1) / weights.sum()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=LIKELIHOODS, help="JSON file for the likelihoods")
    parser.add_argument("--scenes", type=int, default=512, help="how many procedural scenes")
    parser.add_argument("--data", action="append", help="training set with boxes in place of scenes; may be repeated")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    if options.data:
        sets = [data.load(name, "train", cache=CACHE) for name in options.data]
        source = {name: data.manifest(name, "train") for name in options.data}
        words = [f"--data {name}" for name in options.data]
    else:
        sets = [scenes(options.scenes)]
        source = f"procedural scenes 0 to {options.scenes - 1}, seed {SEED}; of no data set"
        words = [f"--scenes {options.scenes}"]
    samples = [sample_windows(each, options.scenes) for each in sets]
    provenance = {
        "command": " ".join(["python bench/fit_objectness.py", *words]),
        "data": source,
        "code": code_hash("socl_core.prior.cues"),
        "windows": sum(len(s.overlap) for s in samples),
    }
    write_atomic(options.out, json.dumps(fit(samples) | {"provenance": provenance}, indent=1) + "\n")
    print(f"likelihoods of {provenance['windows']} windows in {options.out}")


if __name__ == "__main__":
    main()
