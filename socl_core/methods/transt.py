"""TransT from true boxes, and SoCL-TransT from pseudo boxes: they differ in their labels alone."""

import math

import numpy as np
import torch

from socl_core.methods import Method, losses
from socl_core.methods.crops import Cut
from socl_core.methods.spec import RunSpec
from socl_core.methods.template_use import template_use
from socl_core.methods.training import Batches
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


def moved(boxes: torch.Tensor, maps: torch.Tensor, size: int) -> torch.Tensor:
    """Boxes of a store in the crops of `size` pixels that `Batches.crops` cuts, as fractions of their side.

    boxes: (B, 4) centre x, y from the middle of the stored crop, width, height in pixels; maps: (B, 3) zoom,
    dx, dy. Returns (B, 4) centre x, y, width, height.
    """
    zoom, shift = maps[:, :1], maps[:, 1:]
    return torch.cat([zoom * (boxes[:, :2] + shift) / size + 0.5, zoom * boxes[:, 2:] / size], 1)


def drawn_in(maps: torch.Tensor, spec: RunSpec) -> torch.Tensor:
    """Maps (B, 3) zoom, dx, dy with u |u|^(jitter_power - 1) for u, a share of the largest shift or log zoom. [R]

    Most targets of a tracked video lie near the middle of the crop, where a short training must be exact; some
    are far off.
    """
    if spec.jitter_power == 1:
        return maps
    largest = torch.tensor([math.log1p(spec.zoom), spec.shift, spec.shift]).clamp_min(1e-9)
    offsets = torch.cat([maps[:, :1].log(), maps[:, 1:]], 1)
    offsets = offsets * (offsets / largest).abs() ** (spec.jitter_power - 1)
    return torch.cat([offsets[:, :1].exp(), offsets[:, 1:]], 1)


def turned(
    template: torch.Tensor, search: torch.Tensor, boxes: torch.Tensor, rng: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Pairs of crops (B, 3, S, S) and boxes (B, 4) of `moved`, each pair mirrored, turned and recoloured alike. [R]

    One of the 8 symmetries of a square and one of the 6 orders of the channels a pair: 48 objects of each one,
    so that a network must compare the two crops instead of knowing the few objects of its training videos.
    """
    count = len(boxes)
    across, down, swap = torch.from_numpy(rng.random((3, count)) < 0.5).to(boxes.device)
    channels = torch.from_numpy(rng.permuted(np.tile(np.arange(3), (count, 1)), axis=1)).to(boxes.device)

    def turn(images: torch.Tensor) -> torch.Tensor:
        images = images[torch.arange(count, device=images.device)[:, None], channels]
        for chosen, change in ((across, lambda x: x.flip(3)), (down, lambda x: x.flip(2)), (swap, lambda x: x.mT)):
            images = torch.where(chosen[:, None, None, None], change(images), images)
        return images

    x, y, w, h = boxes.unbind(1)
    x, y = torch.where(across, 1 - x, x), torch.where(down, 1 - y, y)
    boxes = torch.where(swap[:, None], torch.stack([y, x, h, w], 1), torch.stack([x, y, w, h], 1))
    return turn(template), turn(search), boxes


def step(batches: Batches, step: int, network: TransT) -> dict[str, torch.Tensor]:
    """Losses of TransT on the batch of a step: the search crop is shifted and zoomed, the template is not.

    Some search crops may be matched a second time, with the template of another video: all of it is background. [R]
    """
    spec, compute = batches.spec, batches.compute
    (first, second), maps, gain = batches.draw(step)
    maps = drawn_in(maps[1], spec)
    template = batches.crops(first, torch.tensor([[1.0, 0, 0]]).expand(len(first), 3), gain[0], spec.search // 2)
    search = batches.crops(second, maps, gain[1], spec.search)
    truth = moved(batches.boxes[second.to(compute.device)], maps.to(compute.device), spec.search)
    if spec.turned:
        template, search, truth = turned(template, search, truth, np.random.default_rng([spec.seed, step, 1]))
    again = math.ceil(spec.mismatch_share * len(search)) if spec.mismatch else 0  # a batch is in random order
    with compute.autocast():
        (template, place), (search, places) = network.tokens(template), network.tokens(search)
        template = torch.cat([template, template.roll(1, 0)[:again]])
        search = torch.cat([search, search[:again]])
        logits, boxes = network.match((template, place), (search, places))
    own = len(truth)
    values = losses.transt_losses(logits[:own], boxes[:own], truth)
    if again:
        values["mismatch"] = losses.mismatch_loss(logits[own:])
        values["loss"] = values["loss"] + spec.mismatch * values["mismatch"]
    return values


def probe(spec: RunSpec, network: TransT, sequences: list, compute: Compute) -> dict[str, dict[str, float]]:
    """Whether the network looks at its template, by sequence."""
    return template_use(network, spec.search, sequences, compute)


METHODS = {
    "socl-transt": Method("points", tracker, network, step, lambda spec: cut(spec, spec.pseudo_boxes), probe),
    "transt": Method("boxes", tracker, network, step, lambda spec: cut(spec, "box"), probe),
}
