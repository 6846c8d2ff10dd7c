"""How good a prior is where true boxes are known: how much of it lies on the target, and at which scale.

The boxes are used here to judge, by nothing that trains.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from zlib import crc32

import numpy as np
import torch
from scipy.optimize import brentq
from tqdm import tqdm

from socl_core.data.sequence import Sequence, evenly
from socl_core.errors import DataError, known
from socl_core.geometry import EXEMPLAR, SEARCH, Grid, context_side, to_frame
from socl_core.prior.objectness import CUES, Measure, Windows, cue_values, lattice_in_frame, objectness, work_image
from socl_core.prior.scale import SCALE_RULES, point_sides
from socl_core.prior.top import entropy, mass_inside, top_map, window_sum

PRIORS = ("objectness", "gaussian", "oracle")
SCALES = (*SCALE_RULES, "box")


@dataclass(frozen=True)
class Scored:
    """A frame's prior: its map (H, W), which sums to 1, and the mask (H, W) of cells whose centre is in the box."""

    top: torch.Tensor
    mask: torch.Tensor
    size_error: float


class CueMemory:
    """Windows of the lattice scored with any of the cues; the cues of an image and a point are computed once."""

    def __init__(self):
        self.values: dict[tuple, dict[str, torch.Tensor]] = {}

    def find(self, use: tuple[str, ...]) -> Callable[..., Windows]:
        """A function (image, point) -> `Windows`, as `quality` takes it, of the shipped measure with some cues."""
        measure = Measure.read(use)

        def scored(image: np.ndarray, point: np.ndarray) -> Windows:
            boxes, key = lattice_in_frame(point, image.shape), (crc32(image), *point)
            if key not in self.values:
                small, scales = work_image(image)
                self.values[key] = cue_values(small[None], boxes[None] * np.tile(scales, 2), CUES)
            return Windows(boxes, measure.posterior(self.values[key])[0].numpy())

        return scored


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


def frame_priors(
    sequence: Sequence, rows: np.ndarray, grid: Grid, eta: float, prior: str, scale: str,
    find: Callable[..., Windows], rng: np.random.Generator,
) -> list[Scored]:  # fmt: skip
    """The priors of some frames of a video, in search crops whose side follows the rule `scale`.

    `size_error` is |log2| of the crop's side over that of the true box.
    """
    images, points = [sequence.frames[i] for i in rows], sequence.points[rows]
    windows = [find(image, point) for image, point in zip(images, points)]
    if scale == "box":
        sides = context_side(*sequence.boxes[rows, 2:].T)
    else:
        sides = point_sides(scale, images, windows, points, rng)
    found = []
    for window, point, side, box in zip(windows, points, sides, sequence.boxes[rows]):
        x, y = (to_frame(grid.centres(SEARCH), c, side * SEARCH / EXEMPLAR, SEARCH) + 0.5 for c in point)
        mask = window_sum(box[None], [1.0], x, y)
        if prior == "oracle":
            top = mask / mask.sum().clamp(min=1)
        else:
            top = top_map(window_sum(window.boxes, window.scores, x, y), eta)
            if prior == "gaussian":
                top = centre_gaussian(len(x), float(entropy(top)))
        found.append(Scored(top, mask, abs(np.log2(side / context_side(*box[2:])))))
    return found


def quality(
    sequences: Iterable[Sequence], grid: Grid, eta: float = 0.1, frames: int = 20, prior: str = "objectness",
    scale: str = "window", find: Callable[..., Windows] = objectness,
) -> dict[str, float]:  # fmt: skip
    """Means over at most `frames` frames of each video, each video of equal weight.

    prior: "objectness", "gaussian" (centred, of the same entropy frame by frame) or "oracle" (uniform on the
    true box). scale: "pseudo", "window", "free" or "box", as in training. find: (image, point) -> `Windows`.
    Returns in_box_mass; gaussian_in_box_mass, of the centre Gaussian of equal entropy; mass_ratio of the two;
    effective_cells, exp of the entropy; centre_hit, share of frames whose peak lies in the box; size_error, mean
    |log2| of the crop's side over that of the true box; seconds_per_crop of `find`; n, frames.
    """
    for label, name, valid in (("prior", prior, PRIORS), ("scale", scale, SCALES)):
        known(label, name, valid)
    spent, videos = [], []

    def timed(image, point):
        start = time.perf_counter()
        windows = find(image, point)
        spent.append(time.perf_counter() - start)
        return windows

    for number, (sequence, rows) in enumerate(_boxed(sequences, frames)):
        rng = np.random.default_rng(number)
        scored = frame_priors(sequence, rows, grid, eta, prior, scale, timed, rng)
        videos.append(np.mean([_measures(s) for s in scored], 0))
    mass, gaussian, cells, hit, error = np.mean(videos, 0)
    return {
        "in_box_mass": mass,
        "gaussian_in_box_mass": gaussian,
        "mass_ratio": mass / gaussian,
        "effective_cells": cells,
        "centre_hit": hit,
        "size_error": error,
        "seconds_per_crop": float(np.mean(spent)),
        "n": len(spent),
    }


def _boxed(sequences: Iterable[Sequence], frames: int) -> Iterable[tuple[Sequence, np.ndarray]]:
    """The videos that have boxes, each with at most `frames` of its valid frames, evenly spread."""
    found = [(s, evenly(np.flatnonzero(s.valid), frames)) for s in sequences if s.boxes is not None and s.valid.any()]
    if not found:
        raise DataError("no video with a valid box: a prior is scored against true boxes")
    return tqdm(found, desc="priors", unit="video", mininterval=1, disable=None)


def _measures(scored: Scored) -> tuple[float, ...]:
    nats = float(entropy(scored.top))
    gaussian = centre_gaussian(len(scored.top), nats)
    y, x = np.unravel_index(int(scored.top.argmax()), scored.top.shape)
    mass = lambda top: float(mass_inside(top, scored.mask))  # noqa: E731
    return mass(scored.top), mass(gaussian), np.exp(nats), float(scored.mask[y, x]), scored.size_error
