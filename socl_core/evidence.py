"""Measurements behind what the paper says of maps, not of trackers: sections D and E of its supplement."""

import numpy as np
import torch
from scipy.ndimage import binary_dilation

from socl_core import prior
from socl_core.data.crops import SEARCH, crop
from socl_core.data.sequence import Sequence, evenly
from socl_core.device import Compute
from socl_core.models.alexnet import GRID
from socl_core.spec import RunSpec
from socl_core.views import CELLS, COVERED, search_view, soft_sample_maps

NEAR = 2  # cells
UNCLIPPED = 1e-6  # one score is the top fraction: its mean is the maximum


def clip_evidence(sequences: list[Sequence], frames: int = 8) -> dict[str, np.ndarray]:
    """What the clip does to the TOP map, in percent of the map: name -> (videos,).

    collapse: share within two cells of the click without a clip, less one half. widening: how much of that share
    is elsewhere once the map is clipped at eta 10 %. spill: how much more lies outside of the target's box at
    20 % than at 10 %. Means over at most `frames` frames of a video.
    """
    middle = (torch.arange(CELLS) - (CELLS - 1) / 2).abs() <= NEAR
    near = torch.outer(middle, middle)
    found: dict[str, list] = {"collapse": [], "widening": [], "spill": []}
    for sequence in sequences:
        rows = []
        for i in evenly(np.flatnonzero(sequence.valid), frames):
            view = search_view(sequence, i)
            inside = box_cells(view["box"])
            tops = {eta: prior.top_map(view["scores"], eta) for eta in (UNCLIPPED, 0.1, 0.2)}
            click = {eta: float(prior.mass_inside(top, near)) for eta, top in tops.items()}
            outside = {eta: 1 - float(prior.mass_inside(top, inside)) for eta, top in tops.items()}
            rows.append([click[UNCLIPPED] - 0.5, click[UNCLIPPED] - click[0.1], outside[0.2] - outside[0.1]])
        for name, value in zip(found, 100 * np.mean(rows, 0)):
            found[name].append(value)
    return {name: np.array(values) for name, values in found.items()}


def box_cells(box: list[float]) -> np.ndarray:
    """Cells (22, 22) float of a search crop whose centre lies in a box x, y, w, h of crop pixels."""
    x0, y0, w, h = box
    centres = COVERED[0] + (np.arange(CELLS) + 0.5) * GRID.stride
    inside = [(centres >= low) & (centres < low + size) for low, size in ((y0, h), (x0, w))]
    return np.outer(*inside).astype(float)


def sample_evidence(
    sequences: list[Sequence], network: torch.nn.Module, spec: RunSpec, compute: Compute, pairs: int = 6, gap: int = 10
) -> dict[str, np.ndarray]:
    """Where soft negative samples look, against chance: name -> (videos,), in percent of the hard negative map.

    boundary: the map's share on background cells beside the target, less the share that these cells have of the
    background. counterparts: the same for cells of other moving bodies. Needs masks. A pair is two frames at
    most `gap` apart; cells are of the target, or of others, where half of them is.
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
        for name, value in zip(found, 100 * np.nanmean(values, 0)):
            found[name].append(value)
    return {name: np.array(values)[np.isfinite(values)] for name, values in found.items()}


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
