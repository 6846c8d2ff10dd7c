"""Measurements behind what the paper says of maps, not of trackers: sections D and E of its supplement."""

from collections.abc import Iterable

import numpy as np
import torch
from scipy.ndimage import binary_dilation

from socl_book.views import soft_sample_maps, video_views
from socl_core.data.sequence import Sequence, evenly
from socl_core.geometry import SEARCH, crop
from socl_core.models.alexnet import GRID
from socl_core.models.device import Compute
from socl_core.prior.click import view_click
from socl_core.prior.quality import cells_in_box
from socl_core.prior.top import entropy, mass_inside, top_at_cells

NEAR = 2  # cells
UNCLIPPED = 1e-6  # one score is the top fraction: its mean is the maximum


def clip_effect(sequences: list[Sequence], etas: Iterable[float], frames: int = 8) -> dict[str, np.ndarray]:
    """What the clip does to the TOP map, by video and eta: name -> (videos, etas).

    cells: exp of the map's entropy. near: its share within two cells of the click. background: its share outside of
    the target's box. covered: the share of the box's cells that have at least half of the peak. box_cells: the
    number of cells in the box, whatever eta. Means over at most `frames` frames of a video.
    """
    videos = []
    for sequence in sequences:
        rows = []
        for i in evenly(np.flatnonzero(sequence.valid), frames):
            view = view_click(sequence.frames[i], sequence.points[i])
            inside = cells_in_box(sequence.boxes[i], sequence.points[i], view.side, GRID)
            rows.append([_clip_measures(top_at_cells(view.scores, GRID, eta), inside) for eta in etas])
        videos.append(np.mean(rows, 0))
    return dict(zip(("cells", "near", "background", "covered", "box_cells"), np.moveaxis(np.array(videos), -1, 0)))


def _clip_measures(top: torch.Tensor, inside: torch.Tensor) -> tuple[float, ...]:
    middle = (torch.arange(len(top)) - (len(top) - 1) / 2).abs() <= NEAR
    background = 1 - mass_inside(top, inside)
    covered = mass_inside(top >= top.max() / 2, inside) / inside.sum().clamp(min=1)
    near = mass_inside(top, torch.outer(middle, middle))
    return tuple(float(value) for value in (entropy(top).exp(), near, background, covered, inside.sum()))


def clip_evidence(sequences: list[Sequence], frames: int = 8) -> dict[str, np.ndarray]:
    """The paper's statements about the clip, in percent of the TOP map: name -> (videos,).

    collapse: share within two cells of the click without a clip, less one half. widening: how much of that share
    is elsewhere once the map is clipped at eta 10 %. spill: how much more lies outside of the target's box at
    20 % than at 10 %.
    """
    effect = clip_effect(sequences, (UNCLIPPED, 0.1, 0.2), frames)
    near, background = (100 * effect[name].T for name in ("near", "background"))
    return {"collapse": near[0] - 50, "widening": near[0] - near[1], "spill": background[2] - background[1]}


def sample_evidence(
    sequences: list[Sequence], network: torch.nn.Module, spec, compute: Compute, pairs: int = 6, gap: int = 10
) -> dict[str, np.ndarray]:
    """Where soft negative samples look in the crops of a training, in percent of the hard negative map.

    boundary: the map's share on cells beside the target, less the share that these cells have of all that are not
    the target. counterparts: the same for cells of other moving bodies. target: the map's share on the target.
    Each (videos,); videos without such cells are left out. Needs masks. A pair is two frames at most `gap` apart;
    cells are of the target, or of others, where half of them is.
    """
    videos = []
    for sequence in sequences:
        if frames := _frame_pairs(sequence, pairs, gap):
            videos.append(_sample_measures(sequence, frames, network, spec, compute))
    columns = 100 * np.reshape(videos, (-1, 3)).T
    return {name: column[np.isfinite(column)] for name, column in zip(("boundary", "counterparts", "target"), columns)}


def _frame_pairs(sequence: Sequence, pairs: int, gap: int) -> list[tuple[int, int]]:
    """Frames, evenly spread over a video, each with the last annotated one at most `gap` later."""
    rows = np.flatnonzero(sequence.valid)
    later = {i: rows[(rows > i) & (rows <= i + gap)] for i in evenly(rows[:-1], pairs)}
    return [(i, found[-1]) for i, found in later.items() if len(found)]


def _sample_measures(sequence: Sequence, pairs: list[tuple[int, int]], network, spec, compute: Compute) -> np.ndarray:
    """The means over a video's frames of what `sample_evidence` measures, (3,); NaN where nothing can be measured."""
    rows = [row for pair in pairs for row in pair]
    views = video_views(sequence, rows, spec.scale_rule)
    maps = [each for i in range(0, len(rows), 2) for each in soft_sample_maps(views[i : i + 2], network, compute, spec)]
    stride, measures = network.backbone.grid.stride, []
    for row, view, each in zip(rows, views, maps):
        target, others = (
            mask_cells(masks[row], sequence.points[row], view.side, len(each["hard"]), stride)
            for masks in (sequence.masks, sequence.others)
        )
        measures.append(sample_shares(each["hard"], target, others & ~target))
    return np.ma.masked_invalid(measures).mean(0).filled(np.nan)


def sample_shares(hard: np.ndarray, target: np.ndarray, others: np.ndarray) -> tuple[float, float, float]:
    """What `sample_evidence` measures of one hard negative map (h, w), as shares; NaN where there are no such cells.

    target, others: (h, w) bool, no cell in both.
    """
    if not hard.any():
        return np.nan, np.nan, np.nan

    def excess(cells: np.ndarray) -> float:
        return float(hard[cells].sum() - cells.sum() / (~target).sum()) if cells.any() else np.nan

    beside = binary_dilation(target, np.ones((3, 3))) & ~target
    return excess(beside), excess(others), float(hard[target].sum())


def mask_cells(mask: np.ndarray, point, side: float, cells: int, stride: int) -> np.ndarray:
    """Cells (cells, cells) about the middle of the search crop at `point`, `side` that are half covered by a mask."""
    shown, start = crop(mask.astype(np.uint8) * 255, point, side, SEARCH, 0), (SEARCH - cells * stride) // 2
    inner = shown[start : start + cells * stride, start : start + cells * stride]
    return inner.reshape(cells, stride, cells, stride).mean((1, 3)) >= 127.5
