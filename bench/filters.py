"""What else SoCL-CF could do: variants of its filter by the package's weights, on development videos.

    python bench/filters.py [--starts N] [--frames N] [--only NAME ...] [--record]

The videos are those of otb_dev, and of real_mini all but four sets from the air, whose targets move by half of their
side between two frames. All variants track each from the same first frames, so that they differ in nothing else. AUC
and differences are in points, with 95 % intervals over videos.
"""

import argparse
import json
import time
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F

from socl_core import data
from socl_core.geometry import EXEMPLAR, boxes_at, crop
from socl_core.models.device import Compute, threads
from socl_core.runs.weights import read_weights, weights_spec
from socl_core.scoring.evaluation import evaluate
from socl_core.scoring.statistics import estimate
from socl_core.trackers.cf import CELL, SCALE_PIXELS, SCALE_STAGE, SEARCH, CfTracker, Projection
from socl_core.trackers.scale import ScaleFilter
from socl_core.use import SHIPPED

OUT = Path(__file__).parents[1] / "recorded" / "filters.json"
SPARSE = ("uav_", "uavdt_", "dtb_", "drone_")  # videos of real_mini from the air, with frames far apart
SECTORS = 18  # directions of a gradient that its histograms tell apart
PATCH = 4  # pixels of half a crop that a cell covers
CHANNELS = {"gradients": 16, "colours": 8}  # kept of either, along their main axes


def half(picture: np.ndarray) -> np.ndarray:
    """A square picture at half its size, about the same middle."""
    side = len(picture) // 2 | 1
    first = (len(picture) - 1) / 2 - (side - 1)
    warp = np.array([[2.0, 0.0, first], [0.0, 2.0, first]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(cv2.GaussianBlur(picture, (0, 0), 0.8), warp, (side, side), flags=flags, borderMode=1)


def by_cell(maps: torch.Tensor, cells: int) -> torch.Tensor:
    """Means (C, cells, cells) of maps (C, H, W) over the cells about their middle."""
    middle, reach = maps.shape[-1] // 2, (cells - 1) // 2 * PATCH + PATCH // 2
    maps = F.pad(maps[None], [max(0, reach - middle)] * 4, mode="replicate")
    first = max(0, middle - reach)
    cut = maps[..., first : first + 2 * reach + 1, first : first + 2 * reach + 1]
    return F.avg_pool2d(cut, PATCH + 1, PATCH)[0]


def gradients(picture: np.ndarray, cells: int) -> torch.Tensor:
    """Histograms (31, cells, cells) of gradients, each normalised by its four blocks of cells. (Felzenszwalb, 2010)"""
    image = F.pad(torch.from_numpy(picture).permute(2, 0, 1).float()[None], [1] * 4, mode="replicate")[0]
    across, down = image[:, 1:-1, 2:] - image[:, 1:-1, :-2], image[:, 2:, 1:-1] - image[:, :-2, 1:-1]
    strongest = (across.square() + down.square()).argmax(0, keepdim=True)
    slope = torch.stack([across.gather(0, strongest)[0], down.gather(0, strongest)[0]])
    steepness = slope.square().sum(0).sqrt()
    angles = torch.arange(SECTORS) * 2 * np.pi / SECTORS
    directions = torch.stack([angles.cos(), angles.sin()], 1)
    shares = torch.relu(torch.einsum("kc,chw->khw", directions, slope / (steepness + 1e-3))) ** 8
    signed = by_cell(shares * steepness, cells)
    both = torch.cat([signed, signed[: SECTORS // 2] + signed[SECTORS // 2 :]])
    energy = F.pad(both[SECTORS:].square().sum(0)[None, None], [1] * 4, mode="replicate")
    blocks = (4 * F.avg_pool2d(energy, 2, 1)[0, 0] + 1).sqrt()
    bent = [(both / blocks[y : y + cells, x : x + cells]).clamp(max=0.2) for y in (0, 1) for x in (0, 1)]
    texture = torch.stack([0.2357 * each[:SECTORS].sum(0) for each in bent])
    return torch.cat([0.5 * torch.stack(bent).sum(0), texture])


def colours(picture: np.ndarray, cells: int) -> torch.Tensor:
    """Shares (16, cells, cells) of four greys and twelve hues, in CIELAB with half the weight on lightness."""
    turns = np.arange(6) * np.pi / 3
    hues = [(55, chroma * np.cos(turn), chroma * np.sin(turn)) for chroma in (25, 55) for turn in turns]
    weight = torch.tensor([0.5, 1.0, 1.0])
    names = torch.tensor([(grey, 0, 0) for grey in (10, 35, 60, 85)] + hues, dtype=torch.float32) * weight
    lab = torch.from_numpy(cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_BGR2LAB)) * weight
    shares = torch.softmax(-torch.cdist(lab, names).square() / (2 * 12.0**2), -1)
    return by_cell(shares.permute(2, 0, 1), cells)


class WithHistograms(CfTracker):
    """SoCL-CF that sees histograms beside the stages of its backbone, as CSRT and ECO do."""

    kinds = (gradients, colours)

    def begin(self, image, box):
        self.axes = None  # until the first frame was seen
        yield from super().begin(image, box)

    def _outputs(self, image, pixels):
        size = self.grid.centred(pixels)
        small = half(crop(image, self.centre, self.side * size / EXEMPLAR, size, self.fill))
        self.histograms = [kind(small, pixels // CELL + 1) for kind in self.kinds]
        return (yield from super()._outputs(image, pixels))

    def _sample(self, outputs, pixels=SEARCH):
        learnt = super()._sample(outputs, pixels)
        if self.axes is None:
            pairs = zip(self.histograms, self.kinds)
            self.axes = [Projection(histograms, CHANNELS[kind.__name__]) for histograms, kind in pairs]
        parts = [project(histograms) for project, histograms in zip(self.axes, self.histograms)]
        if pixels == SEARCH:
            parts = [part * self.window for part in parts]
            self.histogram_energies = [part.square().sum(0).mean().clamp(min=1e-12) for part in parts]
        weighted = [part / energy.sqrt() for part, energy in zip(parts, self.histogram_energies)]
        return torch.cat([learnt, *weighted])


class WithGradients(WithHistograms):
    """SoCL-CF that sees histograms of gradients beside the stages of its backbone."""

    kinds = (gradients,)


class WithAspect(CfTracker):
    """SoCL-CF whose box changes its aspect ratio too: width and height have scale filters of their own."""

    def begin(self, image, box):
        yield from super().begin(image, box)
        self.sides = [ScaleFilter(9, 1.02, self.options.scale_rate) for _ in range(2)]
        for axis in (0, 1):
            self.sides[axis].learn((yield from self._stretched(image, axis)))

    def follow(self, image):
        yield from super().follow(image)
        factors = np.ones(2)
        for axis in (0, 1):
            factors[axis] = self.sides[axis].find((yield from self._stretched(image, axis)))
        self.target = self.target * factors / np.sqrt(factors.prod())  # the common filter has set the area
        for axis in (0, 1):
            self.sides[axis].learn((yield from self._stretched(image, axis)))
        return boxes_at(self.centre, self.target)

    def _stretched(self, image, axis):
        """Features of the target with one of its sides at the scales of that side's filter."""
        pictures, flags = [], cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        for factor in self.sides[axis].factors:
            steps = self.target / SCALE_PIXELS
            steps[axis] *= factor
            warp = np.column_stack([np.diag(steps), self.centre - (SCALE_PIXELS - 1) / 2 * steps])
            pictures.append(cv2.warpAffine(image, warp, (SCALE_PIXELS,) * 2, flags=flags, borderMode=1))
        return (yield from self.stages(pictures, SCALE_STAGE))[-1]


VARIANTS = {
    "as it is": (CfTracker, {}),
    "a filter of one side of the target": (CfTracker, {"filter_support": 1.0}),
    "a filter of two sides": (CfTracker, {"filter_support": 2.0}),
    "the newest sample at .035": (CfTracker, {"filter_rate": 0.035}),
    "the newest sample at .012": (CfTracker, {"filter_rate": 0.012}),
    "the size's filter twice as fast": (CfTracker, {"scale_rate": 0.05}),
    "width and height by filters of their own": (WithAspect, {}),
    "histograms of gradients beside the features": (WithGradients, {}),
    "histograms of gradients and of colours": (WithHistograms, {}),
}


def videos(frames: int | None) -> list:
    """The development videos that all variants track."""
    found = [*data.load("otb_dev", "dev", frames=frames)]
    for split in ("train", "val"):
        found += [each for each in data.load("real_mini", split, frames=frames) if not each.name.startswith(SPARSE)]
    return found


def track(tracker: type[CfTracker], changes: dict, sequences: list, starts: int) -> tuple[dict[str, float], float]:
    """AUC in percent by video, and the processor seconds that all took."""
    compute = Compute.choose("cpu")
    spec = weights_spec(SHIPPED["socl-cf"]).model_copy(update=changes)
    backbone, started = read_weights(SHIPPED["socl-cf"], compute).backbone, time.process_time()
    scores = evaluate(lambda: tracker(backbone, compute, spec), sequences, lanes=4, starts=starts)
    seconds = time.process_time() - started
    return {name: 100 * score["auc"] for name, score in scores.items()}, seconds


def compare(names: list[str], frames: int | None, starts: int):
    """A row a variant: mean AUC, difference to the filter as it is, and its time as a multiple of that one's."""
    sequences = videos(frames)
    base, base_seconds = track(*VARIANTS["as it is"], sequences, starts)
    yield "as it is", {"auc": round(float(np.mean([*base.values()])), 1), "videos": len(base), "starts": starts}
    for name in names:
        scores, seconds = track(*VARIANTS[name], sequences, starts)
        gained = estimate([scores[video] - base[video] for video in base])
        row = {"auc": np.mean([*scores.values()]), "mean": gained.mean, "low": gained.low, "high": gained.high}
        row["times"] = seconds / base_seconds
        yield name, {key: round(float(value), 2) for key, value in row.items()}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--starts", type=int, default=4, help="frames that each video is tracked from")
    parser.add_argument("--frames", type=int, help="at most the first so many frames of each video")
    parser.add_argument("--only", nargs="+", choices=list(VARIANTS)[1:], default=list(VARIANTS)[1:])
    parser.add_argument("--record", action="store_true", help="keep the figures for the page on the filter")
    options, found = parser.parse_args(), {}
    with threads(1):
        for name, row in compare(options.only, options.frames, options.starts):
            found[name] = row
            print(f"{name}: {row}", flush=True)
    if options.record:
        OUT.write_text(json.dumps(found, indent=1) + "\n")
