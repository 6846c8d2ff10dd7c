"""Where soft negative samples come from, on the crops that training reads: from the background, or from the target?

True boxes are used here to judge, by nothing that trains.
"""

import numpy as np
import torch

from socl_core import data
from socl_core.data.annotation import add_click_noise
from socl_core.errors import UsageError
from socl_core.geometry import EXEMPLAR, box_centres
from socl_core.methods import soft_samples
from socl_core.methods.batches import Batch, Batches
from socl_core.methods.crops import CropStore, keep_evenly
from socl_core.methods.siam import SoclTraining
from socl_core.models.device import Compute
from socl_core.prior.top import mass_inside, softmax_map
from socl_core.runs.training_set import CACHE, open_store

MEASURES = {
    "box_cells": "share of the cells that are in the target's box",
    "box_missed": "share of these cells that is called background",
    "others_found": "share of all other cells that is called background",
    "sns_mass": "share of the hard negative map on the target",
    "top_mass": "share of the TOP map on the target",
    "no_background": "share of crops where no cell is called background",
}


def measure_negatives(
    name: str, spec: SoclTraining, network: torch.nn.Module, compute: Compute, steps: int = 20
) -> dict[str, float]:
    """Means over the crops of some training steps on a data set with boxes, augmented as in training.

    Returns `MEASURES`, sns_mass_median over crops, and n, how many crops. Raises `DataError` for absent data.
    """
    if data.load(name, "train", videos=1, cache=CACHE)[0].boxes is None:
        raise UsageError(f"{name} has clicks alone; expected a data set with boxes to judge by")
    store = open_store(name, spec, spec.cut())
    batches, boxes = Batches(store, spec, compute), torch.from_numpy(_boxes_in_crops(name, spec, store)).float()
    network.eval()
    crops = torch.cat([_measure(network, batches, boxes, step) for step in range(steps)], 1).numpy()
    return {
        **{measure: float(np.nanmean(values)) for measure, values in zip(MEASURES, crops)},
        "sns_mass_median": float(np.nanmedian(crops[list(MEASURES).index("sns_mass")])),
        "n": crops.shape[1],
    }


def _boxes_in_crops(name: str, spec: SoclTraining, store: CropStore) -> np.ndarray:
    """True boxes (N, 4) in stored crops: centre x, y from the crop's middle, width, height, in crop pixels."""
    loaded = [keep_evenly(s, spec.frames) for s in data.load(name, "train", videos=spec.videos, cache=CACHE)]
    sequences = [add_click_noise(s, spec.point_noise, (spec.seed, number)) for number, s in enumerate(loaded)]
    rows = list(zip(store.video, store.frame))
    boxes = np.array([sequences[video].boxes[frame] for video, frame in rows])
    points = np.array([sequences[video].points[frame] for video, frame in rows])
    return np.concatenate([box_centres(boxes) - points, boxes[:, 2:]], 1) * (EXEMPLAR / store.side)[:, None]


@torch.inference_mode()
def _measure(network: torch.nn.Module, batches: Batches, boxes: torch.Tensor, step: int) -> torch.Tensor:
    """`MEASURES` (6, 2 B) of the crops of a step; NaN where there is nothing to share."""
    spec, batch = batches.spec, batches.draw(step)
    pairs, batch = batch.rows.shape[1], batch.flatten()
    with batches.compute.autocast():
        features = network(batches.crops(batch, spec.crop)).float()
    scores = batches.clipped_scores(batch, spec.crop)
    top = softmax_map(scores)
    other = soft_samples.global_soft_template(features, top).roll(pairs, 0)
    _, hard = soft_samples.soft_negative_sample(other, features, scores, spec.tau_n, spec.background)
    inside = cells_in_boxes(boxes[batch.rows.cpu()], batch, batches.grid.centres(spec.crop) - (spec.crop - 1) / 2)
    outside = soft_samples.background(scores, spec.background).cpu()
    return torch.stack(
        [
            inside.float().mean((1, 2)),
            (outside & inside).sum((1, 2)) / inside.sum((1, 2)),
            (outside & ~inside).sum((1, 2)) / (~inside).sum((1, 2)),
            mass_inside(hard.cpu(), inside).where(outside.any(-1).any(-1), torch.nan),
            mass_inside(top.cpu(), inside),
            (~outside).all(-1).all(-1).float(),
        ]
    )


def cells_in_boxes(boxes: torch.Tensor, batch: Batch, centres: np.ndarray) -> torch.Tensor:
    """Cells (B, n, n) whose centre lies in the box of their crop, zoomed and shifted as the batch says.

    boxes (B, 4): centre x, y, width, height from the middle of the stored crop; centres (n,): of cells, from it too.
    """
    zoom, shift = batch.zoom.cpu()[:, None], batch.shift.cpu()
    middle, half = (boxes[:, :2] + shift) * zoom, boxes[:, 2:] * zoom / 2
    near = (torch.from_numpy(centres) - middle[..., None]).abs() <= half[..., None]
    return near[:, 1, :, None] & near[:, 0, None, :]
