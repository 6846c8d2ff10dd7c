"""How good a prior is where true boxes are known: how much of it lies on the target, and at which scale.

The boxes are used here to judge, by nothing that trains.
"""

import time
from collections.abc import Callable, Iterable

import numpy as np
import torch
from scipy.optimize import brentq
from tqdm import tqdm

from socl_core.data.sequence import Sequence, evenly
from socl_core.errors import DataError, known
from socl_core.geometry import EXEMPLAR, SEARCH, Grid, context_side, to_frame
from socl_core.prior.objectness import objectness
from socl_core.prior.pseudo_boxes import SCALE_RULES, point_sides
from socl_core.prior.top import entropy, mass_inside, score_map, top_at_cells, window_sum
from socl_core.prior.windows import Windows

PRIORS = ("objectness", "gaussian", "oracle")
SCALES = (*SCALE_RULES, "box")


def centre_gaussian(cells: int, nats: float) -> torch.Tensor:
    """Gaussian about the middle of (cells, cells) with an entropy of `nats`, summing to 1.

    The most peaked or the flattest one where none on the grid has that entropy: with an even number of cells,
    four share the middle, and none is below log 4.
    """
    squares = (torch.arange(cells, dtype=torch.float64) - (cells - 1) / 2).square()
    distance = squares[:, None] + squares

    def gaussian(log_width: float) -> torch.Tensor:
        return (-distance / (2 * np.exp(2 * log_width))).flatten().softmax(0).reshape(cells, cells)

    excess = lambda log_width: float(entropy(gaussian(log_width))) - nats  # noqa: E731
    low, high = np.log(0.05), np.log(1e3)
    if not excess(low) < 0 < excess(high):
        return gaussian(low if excess(low) >= 0 else high)
    return gaussian(brentq(excess, low, high, xtol=1e-9))


def cells_in_box(box, point, side: float, grid: Grid) -> torch.Tensor:
    """Cells (h, w) of the search crop of `side` at a point: 1 where their centre lies in a box of the frame, else 0."""
    pixels = grid.centred(SEARCH)
    x, y = (to_frame(grid.centres(pixels), middle, side * pixels / SEARCH, pixels) + 0.5 for middle in point)
    return window_sum(box[None], [1.0], x, y)


def map_measures(top: torch.Tensor, inside: torch.Tensor) -> dict[str, float]:
    """Numbers of a map (h, w) that sums to 1, with the cells inside of the target: those of `quality` by frame."""
    nats, peak = float(entropy(top)), top.flatten().argmax()
    return {
        "in_box_mass": float(mass_inside(top, inside)),
        "gaussian_in_box_mass": float(mass_inside(centre_gaussian(len(top), nats), inside)),
        "effective_cells": np.exp(nats),
        "centre_hit": float(inside.flatten()[peak]),
    }


def quality(
    sequences: Iterable[Sequence],
    grid: Grid,
    eta: float = 0.1,
    frames: int = 20,
    prior: str = "objectness",
    scale: str = "window",
    find: Callable[..., Windows] = objectness,
) -> dict[str, float]:
    """Means over at most `frames` frames of each video, each video of equal weight.

    prior: "objectness", "gaussian" (centred, of the same entropy frame by frame) or "oracle" (uniform on the
    true box). scale: "pseudo", "window", "free" or "box", as in training. find: (image, point) -> `Windows`.
    Returns in_box_mass; gaussian_in_box_mass, of the centre Gaussian of equal entropy; effective_cells, exp of the
    entropy; centre_hit, share of frames whose peak lies in the box; size_error, mean |log2| of the crop's side over
    that of the true box; mass_ratio of the two masses; seconds_per_crop of `find`; n, frames.
    Raises `DataError` where no video has a valid box.
    """
    known("prior", prior, PRIORS)
    known("scale", scale, SCALES)
    boxed = [sequence for sequence in sequences if sequence.boxes is not None and sequence.valid.any()]
    if not boxed:
        raise DataError("no video with a valid box: a prior is scored against true boxes")
    videos, seconds, count = [], 0.0, 0
    for number, sequence in enumerate(tqdm(boxed, desc="priors", unit="video", mininterval=1, disable=None)):
        rows = evenly(np.flatnonzero(sequence.valid), frames)
        images, points, boxes = [sequence.frames[i] for i in rows], sequence.points[rows], sequence.boxes[rows]
        start = time.perf_counter()
        windows = [find(image, point) for image, point in zip(images, points)]
        seconds, count = seconds + time.perf_counter() - start, count + len(rows)
        true_sides = context_side(*boxes[:, 2:].T)
        rng = np.random.default_rng(number)
        sides = true_sides if scale == "box" else point_sides(scale, images, windows, points, rng)
        measured = []
        for window, point, side, box in zip(windows, points, sides * SEARCH / EXEMPLAR, boxes):
            top, inside = top_at_cells(score_map(window, point, side), grid, eta), cells_in_box(box, point, side, grid)
            if prior == "gaussian":
                top = centre_gaussian(len(top), float(entropy(top)))
            elif prior == "oracle":
                top = inside / inside.sum().clamp(min=1)
            measured.append(map_measures(top, inside))
        means = {name: np.mean([one[name] for one in measured]) for name in measured[0]}
        videos.append(means | {"size_error": np.mean(np.abs(np.log2(sides / true_sides)))})
    found = {name: float(np.mean([video[name] for video in videos])) for name in videos[0]}
    ratio = found["in_box_mass"] / found["gaussian_in_box_mass"]
    return found | {"mass_ratio": ratio, "seconds_per_crop": seconds / count, "n": count}
