"""TransT from true boxes, and SoCL-TransT from pseudo boxes: they differ in their labels alone."""

import math
from dataclasses import replace

import numpy as np
import torch

from socl_core.methods import Method, losses
from socl_core.methods.batches import Batch, Batches
from socl_core.methods.crops import Cut
from socl_core.methods.distributed import gather, mean_of_all, own_rows, share
from socl_core.methods.spec import RunSpec
from socl_core.methods.symmetries import Symmetries
from socl_core.methods.template_use import template_use
from socl_core.models.device import Compute
from socl_core.models.transt import TransT
from socl_core.trackers.transt import TransTTracker


def network(spec: RunSpec) -> TransT:
    """The untrained network of a spec."""
    return TransT(
        spec.backbone, spec.width, spec.dim, spec.layers, spec.heads, spec.hidden, spec.dropout, spec.anchored
    )


def tracker(spec: RunSpec, network: TransT, compute: Compute) -> TransTTracker:
    return TransTTracker(network, compute, spec.search, spec.window_influence, spec.size_rate)


def cut(spec: RunSpec, rule: str) -> Cut:
    """Stored crops show twice the search region, so that shift and zoom stay inside of them."""
    return Cut(rule, 2 * spec.search, 4.0)


def boxes_in_crops(boxes: torch.Tensor, batch: Batch, pixels: int) -> torch.Tensor:
    """Boxes of a store in the crops of `pixels` that `Batches.crops` shows, as fractions of their side.

    boxes: (B, 4) centre x, y from the middle of the stored crop, width, height in pixels.
    Returns (B, 4) centre x, y, width, height.
    """
    zoom = batch.zoom[:, None]
    return torch.cat([zoom * (boxes[:, :2] + batch.shift) / pixels + 0.5, zoom * boxes[:, 2:] / pixels], 1)


def favour_small_jitter(batch: Batch, spec: RunSpec) -> Batch:
    """The batch with u |u|^(jitter_power - 1) for u, each shift and log zoom as a share of the largest. [R]

    Most targets of a tracked video lie near the middle of the crop, where a short training must be exact; some
    are far off.
    """
    if spec.jitter_power == 1:
        return batch

    def shrink(values: torch.Tensor, largest: float) -> torch.Tensor:
        return values * (values / max(largest, 1e-9)).abs() ** (spec.jitter_power - 1)

    zoom = shrink(batch.zoom.log(), math.log1p(spec.zoom)).exp()
    return replace(batch, zoom=zoom, shift=shrink(batch.shift, spec.shift))


def step(batches: Batches, step: int, network: TransT) -> dict[str, torch.Tensor]:
    """Losses of TransT on the batch of a step: the search crop is shifted and zoomed, the template is not.

    Some search crops may be matched a second time, with the template of another video: all of it is background. [R]
    """
    spec, compute, whole = batches.spec, batches.compute, batches.draw(step)
    first, second = share(whole)
    second = favour_small_jitter(second, spec)
    template = batches.crops(replace(Batch.plain(first.rows), gain=first.gain), spec.search // 2)
    search = batches.crops(second, spec.search)
    truth = boxes_in_crops(batches.boxes[second.rows], second, spec.search)
    if spec.turned:
        rng = np.random.default_rng([spec.seed, step, 1])
        symmetries = Symmetries.draw(whole.rows.shape[1], rng, compute.device)[own_rows()]
        template, search = symmetries.turn_images(template), symmetries.turn_images(search)
        truth = symmetries.turn_boxes(truth)
    # A batch is in random order: the first videos of the whole batch are matched again.
    again = math.ceil(spec.mismatch_share * whole.rows.shape[1]) if spec.mismatch else 0
    own, own_again = len(truth), len(range(again)[own_rows()])
    with compute.autocast():
        (template, place), (search, places) = network.tokens(template), network.tokens(search)
        if again:
            others = gather(template).roll(1, 0)[own_rows()]
            template, search = torch.cat([template, others[:own_again]]), torch.cat([search, search[:own_again]])
        logits, boxes = network.match((template, place), (search, places))
    values = losses.transt_losses(gather(logits[:own]), gather(boxes[:own]), gather(truth))
    if again:
        values["mismatch"] = mean_of_all(losses.mismatch_loss(logits[own:]))
        values["loss"] = values["loss"] + spec.mismatch * values["mismatch"]
    return values


def probe(spec: RunSpec, network: TransT, sequences: list, compute: Compute) -> dict[str, dict[str, float]]:
    """Whether the network looks at its template, by sequence."""
    return template_use(network, spec.search, sequences, compute)


METHODS = {
    "socl-transt": Method("points", tracker, network, step, lambda spec: cut(spec, spec.pseudo_boxes), probe),
    "transt": Method("boxes", tracker, network, step, lambda spec: cut(spec, "box"), probe),
}
