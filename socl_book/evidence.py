"""Measurements behind what the paper says of maps, not of trackers: sections D and E of its supplement."""

from collections.abc import Iterable

import numpy as np
import torch
from scipy.ndimage import binary_dilation

from socl_book.views import CELLS, COVERED, search_view, soft_sample_maps
from socl_core.data.sequence import Sequence, evenly
from socl_core.geometry import SEARCH, crop
from socl_core.methods.spec import RunSpec
from socl_core.models.alexnet import GRID
from socl_core.models.device import Compute
from socl_core.prior import top as prior

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
        views = [search_view(sequence, i) for i in evenly(np.flatnonzero(sequence.valid), frames)]
        rows = [[_clip_measures(prior.top_map(v["scores"], eta), box_cells(v["box"])) for eta in etas] for v in views]
        videos.append(np.mean(rows, 0))
    return dict(zip(("cells", "near", "background", "covered", "box_cells"), np.moveaxis(np.array(videos), -1, 0)))


def _clip_measures(top: torch.Tensor, inside: torch.Tensor) -> tuple[float, ...]:
    middle = (torch.arange(len(top)) - (len(top) - 1) / 2).abs() <= NEAR
    background = 1 - prior.mass_inside(top, inside)
    covered = prior.mass_inside(top >= top.max() / 2, inside) / inside.sum().clamp(min=1)
    near = prior.mass_inside(top, torch.outer(middle, middle))
    return tuple(float(value) for value in (prior.entropy(top).exp(), near, background, covered, inside.sum()))


def clip_evidence(sequences: list[Sequence], frames: int = 8) -> dict[str, np.ndarray]:
    """The paper's statements about the clip, in percent of the TOP map: name -> (videos,).

    collapse: share within two cells of the click without a clip, less one half. widening: how much of that share
    is elsewhere once the map is clipped at eta 10 %. spill: how much more lies outside of the target's box at
    20 % than at 10 %.
    """
    effect = clip_effect(sequences, (UNCLIPPED, 0.1, 0.2), frames)
    near, background = (100 * effect[name].T for name in ("near", "background"))
    return {"collapse": near[0] - 50, "widening": near[0] - near[1], "spill": background[2] - background[1]}


def box_cells(box: list[float]) -> torch.Tensor:
    """Cells (22, 22) of a search crop, 1 where their centre lies in a box x, y, w, h of crop pixels, else 0."""
    centres = COVERED[0] + (np.arange(CELLS) + 0.5) * GRID.stride
    return prior.window_sum([box], [1.0], centres, centres)


def sample_evidence(
    sequences: list[Sequence], network: torch.nn.Module, spec: RunSpec, compute: Compute, pairs: int = 6, gap: int = 10
) -> dict[str, np.ndarray]:
    """Where soft negative samples look, against chance: name -> (videos,), in percent of the hard negative map.

    boundary: the map's share on background cells beside the target, less the share that these cells have of the
    background. counterparts: the same for cells of other moving bodies. Needs masks. A pair is two frames at
    most `gap` apart; cells are of the target, or of others, where half of them is. A video where nothing can be
    measured is left out.
    """
    found: dict[str, list] = {"boundary": [], "counterparts": []}
    for sequence in sequences:
        rows = np.flatnonzero(sequence.valid)
        values = []
        for i in evenly(rows[:-1], pairs):
            later = rows[(rows > i) & (rows <= i + gap)]
            if not len(later):
                continue
            pair = [search_view(sequence, frame) for frame in (i, later[-1])]
            for frame, view, maps in zip((i, later[-1]), pair, soft_sample_maps(pair, network, compute, spec)):
                target, others = (
                    _mask_cells(masks[frame], view, sequence.points[frame])
                    for masks in (sequence.masks, sequence.others)
                )
                beside = binary_dilation(target, np.ones((3, 3))) & ~target
                values.append([_excess(maps["hard"], region, ~target) for region in (beside, others & ~target)])
        for name, shares in zip(found, np.reshape(values, (-1, 2)).T):
            if np.isfinite(shares).any():
                found[name].append(100 * np.nanmean(shares))
    return {name: np.array(values) for name, values in found.items()}


def _excess(hard: np.ndarray, region: np.ndarray, background: np.ndarray) -> float:
    """Share of the map on `region` less the region's share of the background; NaN for an empty region."""
    if not region.any():
        return np.nan
    weight = hard[background].sum()
    return float(hard[region].sum() / weight - region.sum() / background.sum()) if weight > 0 else np.nan


def _mask_cells(mask: np.ndarray, view: dict, point) -> np.ndarray:
    shown = crop(mask.astype(np.uint8) * 255, point, view["side"], SEARCH, 0)
    start, stride = round(COVERED[0]), GRID.stride
    inner = shown[start : start + CELLS * stride, start : start + CELLS * stride]
    return inner.reshape(CELLS, stride, CELLS, stride).mean((1, 3)) >= 127.5
