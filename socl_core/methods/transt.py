"""TransT from true boxes, and SoCL-TransT from pseudo boxes: they differ in their labels alone."""

import math
from dataclasses import replace
from typing import Literal

import numpy as np
import torch
from pydantic import Field, model_validator

from socl_core.methods import losses
from socl_core.methods.batches import Batch, Batches
from socl_core.methods.crops import Cut
from socl_core.methods.distributed import gather, mean_of_all, own_rows, share
from socl_core.methods.spec import BoxLabels, PointLabels, TrainedSpec
from socl_core.methods.symmetries import Symmetries
from socl_core.models.device import Compute
from socl_core.models.transt import TransT
from socl_core.trackers.transt import TransTTracker


def boxes_in_crops(boxes: torch.Tensor, batch: Batch, pixels: int) -> torch.Tensor:
    """Boxes of a store in the crops of `pixels` that `Batches.crops` shows, as fractions of their side.

    boxes: (B, 4) centre x, y from the middle of the stored crop, width, height in pixels.
    Returns (B, 4) centre x, y, width, height.
    """
    zoom = batch.zoom[:, None]
    return torch.cat([zoom * (boxes[:, :2] + batch.shift) / pixels + 0.5, zoom * boxes[:, 2:] / pixels], 1)


def favour_small_jitter(batch: Batch, spec: "TransTTraining") -> Batch:
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


def transt_step(batches: Batches, step: int, network: TransT) -> dict[str, torch.Tensor]:
    """Losses of TransT on the batch of a step: the search crop is shifted and zoomed, the template is not.

    Some search crops may be matched a second time, with the template of another video: all of it is background. [R]
    """
    spec, compute, whole = batches.spec, batches.compute, batches.draw(step)
    first, second = share(whole)
    second = favour_small_jitter(second, spec)
    template = batches.crops(replace(Batch.plain(first.rows), gain=first.gain), spec.search_size // 2)
    search = batches.crops(second, spec.search_size)
    truth = boxes_in_crops(batches.boxes[second.rows], second, spec.search_size)
    if spec.turn_pairs:
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


class TransTTraining(TrainedSpec):
    """The transformer, its training and its tracker."""

    backbone: Literal["resnet10", "resnet18", "resnet50"] = Field("resnet50", description="the network")
    search_size: int = Field(
        256, ge=64, le=256, multiple_of=16, description="side of search crops; of templates half of it"
    )
    dim: int = Field(256, ge=8, le=4096, multiple_of=8, description="channels of tokens")
    layers: int = Field(4, ge=1, le=64, description="fusion layers")
    attention_heads: int = Field(8, ge=1, description="of each attention")
    hidden: int = Field(2048, ge=1, le=65536, description="width of feed-forward networks")
    dropout: float = Field(0.1, ge=0, lt=1)
    anchored: bool = Field(
        False, description="boxes as offsets from their cells [R]; else anywhere in the crop [TransT]"
    )
    mismatch: float = Field(
        0.0, ge=0, description="weight of the loss of search crops matched with another video's template [R]"
    )
    mismatch_share: float = Field(1.0, gt=0, le=1, description="of a batch's search crops, those matched so [R]")
    jitter_power: float = Field(1.0, ge=1, description="of shifts and zooms, even at 1; above, small ones prevail [R]")
    turn_pairs: bool = Field(
        False, description="pairs of crops mirrored, turned and with swapped colours, both alike [R]"
    )
    window_influence: float = Field(
        0.49, ge=0, le=1, description="share of the Hann window in the scores, which keeps a tracker near its place"
    )
    size_rate: float = Field(1.0, gt=0, le=1, description="how fast the tracker takes over sizes; 1 as published [R]")

    @model_validator(mode="after")
    def _heads_divide(self):
        if self.dim % self.attention_heads:
            raise ValueError(f"dim must be a multiple of attention_heads; found {self.dim} and {self.attention_heads}")
        return self

    step = staticmethod(transt_step)

    def network(self) -> TransT:
        sizes = self.dim, self.layers, self.attention_heads, self.hidden
        return TransT(self.backbone, self.width, *sizes, self.dropout, self.anchored)

    def tracker(self, network: TransT, compute: Compute) -> TransTTracker:
        return TransTTracker(network, compute, self.search_size, self.window_influence, self.size_rate)

    def cut(self) -> Cut:
        """Stored crops show twice the search region, so that shift and zoom stay inside of them."""
        return Cut(self.pseudo_boxes if isinstance(self, PointLabels) else "box", 2 * self.search_size, 4.0)


class BoxTransT(TransTTraining, BoxLabels):
    """TransT."""

    method: Literal["transt"]
    boxed: Literal["frames", "videos"] = Field(
        "videos", description="boxes on some frames of each video, or on whole ones [S]"
    )


class SoclTransT(TransTTraining, PointLabels):
    """SoCL-TransT."""

    method: Literal["socl-transt"]
    pseudo_boxes: Literal["best", "centred"] = Field("centred", description="rule of pseudo boxes from points [R]")


METHODS = {"socl-transt": SoclTransT, "transt": BoxTransT}
