"""TransT from true boxes, and SoCL-TransT from pseudo boxes: they differ in their labels alone."""

import torch

from socl_core import losses
from socl_core.data.crops import Cut
from socl_core.device import Compute
from socl_core.methods import Method
from socl_core.models.transt import TransT
from socl_core.spec import RunSpec
from socl_core.trackers.transt import TransTTracker
from socl_core.train import Batches


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


def moved(boxes: torch.Tensor, maps: torch.Tensor, size: int) -> torch.Tensor:
    """Boxes of a store in the crops of `size` pixels that `Batches.crops` cuts, as fractions of their side.

    boxes: (B, 4) centre x, y from the middle of the stored crop, width, height in pixels; maps: (B, 3) zoom,
    dx, dy. Returns (B, 4) centre x, y, width, height.
    """
    zoom, shift = maps[:, :1], maps[:, 1:]
    return torch.cat([zoom * (boxes[:, :2] + shift) / size + 0.5, zoom * boxes[:, 2:] / size], 1)


def step(batches: Batches, step: int, network: TransT) -> dict[str, torch.Tensor]:
    """Losses of TransT on the batch of a step: the search crop is shifted and zoomed, the template is not.

    Each search crop may be matched a second time, with the template of another video: all of it is background. [R]
    """
    spec, compute = batches.spec, batches.compute
    (first, second), maps, gain = batches.draw(step)
    template = batches.crops(first, torch.tensor([[1.0, 0, 0]]).expand(len(first), 3), gain[0], spec.search // 2)
    search = batches.crops(second, maps[1], gain[1], spec.search)
    truth = moved(batches.boxes[second.to(compute.device)], maps[1].to(compute.device), spec.search)
    with compute.autocast():
        (template, place), search = network.tokens(template), network.tokens(search)
        logits, boxes = network.match((template, place), search)
        other = network.match((template.roll(1, 0), place), search)[0] if spec.mismatch else None
    values = losses.transt_losses(logits, boxes, truth)
    if other is not None:
        values["mismatch"] = losses.mismatch_loss(other)
        values["loss"] = values["loss"] + spec.mismatch * values["mismatch"]
    return values


METHODS = {
    "socl-transt": Method("points", tracker, network, step, lambda spec: cut(spec, spec.pseudo_boxes)),
    "transt": Method("boxes", tracker, network, step, lambda spec: cut(spec, "box")),
}
