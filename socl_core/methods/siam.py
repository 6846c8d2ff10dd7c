"""SoCL-Siam, Box-Siam, and their network with random weights: all three track as SiamFC does."""

from dataclasses import replace
from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import Field, model_validator

from socl_core.geometry import EXEMPLAR
from socl_core.methods import losses, soft_samples
from socl_core.methods.batches import Batches
from socl_core.methods.crops import Cut
from socl_core.methods.distributed import gather, own_rows, share
from socl_core.methods.spec import BoxLabels, NetworkSpec, PointLabels, TrainedSpec
from socl_core.models.device import Compute
from socl_core.models.siamese import BACKBONES, SiameseNetwork
from socl_core.prior import top as prior
from socl_core.trackers.siam import Correlation, SiamOptions, SiamTracker, correlate

SMALLEST_BOX_CROP = 151  # pixels, below which a response has no negative


def socl_step(batches: Batches, step: int, network: SiameseNetwork) -> dict[str, torch.Tensor]:
    """Loss of SoCL-Siam on the batch of a step, with what the training record shows."""
    spec, compute = batches.spec, batches.compute
    batch = share(batches.draw(step))
    pairs, batch = batch.rows.shape[1], batch.flatten()
    with compute.autocast():
        features = network(batches.crops(batch, spec.crop))
    features = features.float()
    scores = batches.clipped_scores(batch, spec.crop)
    top = prior.softmax_map(scores)
    gst = soft_samples.global_soft_template(features, top)
    other = gst.roll(pairs, 0)  # the GST of the paired frame
    sns, hard = soft_samples.soft_negative_sample(other, features, scores, spec.tau_n, spec.background)
    all_gst, all_sns = gather(gst), gather(sns)  # of the whole batch: first frames, then second ones
    loss = losses.socl_loss(*all_gst.chunk(2), all_sns, spec.tau)
    if spec.lst:
        loss = loss + spec.lst * local_part(spec, features, scores, all_gst, all_sns)
    shown = {
        "positive": F.cosine_similarity(gst, other, dim=1),
        "hard_negative": F.cosine_similarity(gst, sns.roll(pairs, 0), dim=1),
        "top_cells": prior.entropy(top).exp(),
        "sns_cells": prior.entropy(hard).exp(),
    }
    return {"loss": loss} | {name: gather(values.detach()).mean() for name, values in shown.items()}


def local_part(
    spec: "SoclTraining", features: torch.Tensor, scores: torch.Tensor, all_gst: torch.Tensor, all_sns: torch.Tensor
) -> torch.Tensor:
    """Loss of the local soft templates of this process's frames (2 b, C, H, W), first frames before second ones.

    scores (2 b, H, W): clipped. all_gst (2 B, C), all_sns (2 B, C): of the whole batch, in the same order.
    """
    pairs, videos = len(features) // 2, torch.arange(len(all_gst) // 2, device=features.device)
    video = videos[own_rows()].repeat(2)
    owner = torch.cat([videos, videos, torch.full((len(all_sns),), -1, device=features.device)])
    negatives = torch.cat([all_gst, all_sns])
    paired, top = (features.roll(pairs, 0), scores.roll(pairs, 0)), prior.softmax_map(scores)
    lst = soft_samples.local_soft_templates(features, *paired, spec.tau_n, spec.background)
    parts = features.flatten(2), lst.flatten(2), top.flatten(1)
    return gather(losses.local_loss(*parts, video, negatives, owner, spec.tau)).mean()


def box_step(batches: Batches, step: int, network: SiameseNetwork) -> dict[str, torch.Tensor]:
    """Loss of Box-Siam on the batch of a step."""
    spec, compute = batches.spec, batches.compute
    batch = share(batches.draw(step))
    # The template is centred on its target, as it is in tracking.
    template, search = replace(batch[0], shift=torch.zeros_like(batch[0].shift)), batch[1]
    with compute.autocast():
        exemplars = network(batches.crops(template, batches.grid.centred(EXEMPLAR)))
        features = network(batches.crops(search, spec.crop))
    response = gather(network.adjust(correlate(exemplars, features, spec.correlation)))
    offsets = gather(search.shift * search.zoom[:, None])
    labels = losses.response_labels(offsets, response.shape[-1], batches.grid.stride, spec.radius)
    return {
        "loss": losses.balanced_bce(response, labels),
        "positive": (response * labels).sum() / labels.sum().clamp(min=1),
        "hard_negative": response.masked_fill(labels > 0, -torch.inf).amax(),
    }


class SiameseTraining(TrainedSpec, Correlation):
    """Training of a Siamese network."""

    crop: int = Field(255, ge=127, le=255, description="side of training crops, with the cells centred in it")
    head: bool = Field(False, description="projection head in training [S]")

    @model_validator(mode="after")
    def _crop_fits(self):
        grid = BACKBONES[self.backbone].grid
        if (fitting := grid.centred(self.crop)) != self.crop:
            raise ValueError(
                f"crop must have the cells of {self.backbone} symmetric about its middle, as {fitting} or "
                f"{fitting + grid.stride} have; found {self.crop}"
            )
        return self

    def network(self) -> SiameseNetwork:
        return SiameseNetwork(self.backbone, self.width, self.head, self.correlation)


class SoclTraining(SiameseTraining, PointLabels):
    """Training from points by soft contrastive learning."""

    scale_rule: Literal["pseudo", "window", "free"] = Field("window", description="crop scale from points [R]")
    eta: float = Field(0.1, gt=0, le=1, description="clip fraction of the score map [S]")
    tau: float = Field(0.1, gt=0, description="temperature of the SoCL loss [R]")
    tau_n: float = Field(0.1, gt=0, description="temperature of the hard negative map [R]")
    background: float = Field(
        0.4, gt=0, lt=1, description="cells whose score is below this share of the clip level are background [R]"
    )
    lst: float = Field(0.0, ge=0, description="weight of the loss of local soft templates [R]")

    step = staticmethod(socl_step)

    def cut(self) -> Cut:
        return Cut(self.scale_rule)


class BoxTraining(SiameseTraining, BoxLabels):
    """Training of SiamFC from boxes."""

    radius: float = Field(16.0, gt=0, le=1e6, description="radius of positives in pixels")

    @model_validator(mode="after")
    def _crop_has_negatives(self):
        if self.crop < SMALLEST_BOX_CROP:
            raise ValueError(
                f"crop must be at least {SMALLEST_BOX_CROP} for {self.method}, whose response has no negative else; "
                f"found {self.crop}"
            )
        return self

    step = staticmethod(box_step)

    def cut(self) -> Cut:
        return Cut("box")


class Untrained(NetworkSpec):
    """A Siamese network with random weights, or with those of `init`."""

    def network(self) -> SiameseNetwork:
        return SiameseNetwork(self.backbone, self.width, False, "cosine")


class SiamTracking(SiamOptions):
    """Tracks as SiamFC does, with the network's backbone."""

    def tracker(self, network: SiameseNetwork, compute: Compute) -> SiamTracker:
        return SiamTracker(network.backbone, compute, self)


class SoclSiam(SiamTracking, SoclTraining):
    """SoCL-Siam."""

    method: Literal["socl-siam"]


class BoxSiam(SiamTracking, BoxTraining):
    """Box-Siam."""

    method: Literal["box-siam"]


class RandomSiam(SiamTracking, Untrained):
    """The tracker over random weights, or over those of `init`."""

    method: Literal["random-siam"]


METHODS = {"socl-siam": SoclSiam, "box-siam": BoxSiam, "random-siam": RandomSiam}
