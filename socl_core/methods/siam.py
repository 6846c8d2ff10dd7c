"""SoCL-Siam, Box-Siam, and their network with random weights: all three track as SiamFC does."""

import torch
import torch.nn.functional as F

from socl_core.geometry import EXEMPLAR
from socl_core.methods import Method, losses, soft_samples
from socl_core.methods.crops import Cut
from socl_core.methods.distributed import gather, rank, share
from socl_core.methods.spec import RunSpec
from socl_core.methods.training import Batches
from socl_core.models.device import Compute
from socl_core.models.siamese import SiameseNetwork
from socl_core.prior import top as prior
from socl_core.trackers.siam import SiamOptions, SiamTracker, correlate


def network(spec: RunSpec) -> SiameseNetwork:
    """The untrained network of a spec."""
    return SiameseNetwork(spec.backbone, spec.width, spec.head, spec.correlation)


def tracker(spec: RunSpec, network: SiameseNetwork, compute: Compute) -> SiamTracker:
    """A tracker with the network's backbone."""
    options = SiamOptions(correlation=spec.correlation, scales=spec.scales, window_influence=spec.window_influence)
    return SiamTracker(network.backbone, compute, options)


def socl_step(batches: Batches, step: int, network: SiameseNetwork) -> dict[str, torch.Tensor]:
    """Loss of SoCL-Siam on the batch of a step, with what the training record shows."""
    spec, compute = batches.spec, batches.compute
    rows, maps, gain = share(batches.draw(step))
    pairs, flat_rows, flat_maps = rows.shape[1], rows.flatten(), maps.flatten(0, 1)
    with compute.autocast():
        features = network(batches.crops(flat_rows, flat_maps, gain.ravel(), spec.crop))
    features = features.float()
    top = batches.top_maps(flat_rows, flat_maps, spec.crop)
    gst = soft_samples.global_soft_template(features, top)
    other = gst.roll(pairs, 0)  # the GST of the paired frame
    sns, hard = soft_samples.soft_negative_sample(other, features, top, spec.tau_n, spec.background)
    whole = [gather(gst[:pairs]), gather(gst[pairs:]), gather(sns)]
    loss = losses.socl_loss(*whole, spec.tau)
    if spec.lst:
        loss = loss + spec.lst * local_part(spec, features, top, whole)
    shown = {
        "positive": F.cosine_similarity(gst, other, dim=1),
        "hard_negative": F.cosine_similarity(gst, sns.roll(pairs, 0), dim=1),
        "top_cells": prior.entropy(top).exp(),
        "sns_cells": prior.entropy(hard).exp(),
    }
    return {"loss": loss} | {name: gather(values.detach()).mean() for name, values in shown.items()}


def local_part(spec: RunSpec, features: torch.Tensor, top: torch.Tensor, whole: list[torch.Tensor]) -> torch.Tensor:
    """Loss of the local soft templates of this process's frames (2 b, C, H, W), those of first frames before the
    others; `whole` has the GSTs of both frames and the SNSs of the whole batch."""
    pairs, videos = len(features) // 2, torch.arange(len(whole[0]), device=features.device)
    own = videos[rank() * pairs : (rank() + 1) * pairs].repeat(2)
    owner = torch.cat([videos, videos, torch.full((len(whole[2]),), -1, device=features.device)])
    paired = features.roll(pairs, 0), top.roll(pairs, 0)
    lst = soft_samples.local_soft_templates(features, *paired, spec.tau_n, spec.background)
    parts = features.flatten(2), lst.flatten(2), top.flatten(1)
    return gather(losses.local_loss(*parts, own, torch.cat(whole), owner, spec.tau)).mean()


def box_step(batches: Batches, step: int, network: SiameseNetwork) -> dict[str, torch.Tensor]:
    """Loss of Box-Siam on the batch of a step."""
    spec, compute = batches.spec, batches.compute
    (first, second), maps, gain = share(batches.draw(step))
    maps[0][:, 1:] = 0  # the template is centred on its target, as it is in tracking
    with compute.autocast():
        template = network(batches.crops(first, maps[0], gain[0], batches.grid.centred(EXEMPLAR)))
        features = network(batches.crops(second, maps[1], gain[1], spec.crop))
    response = gather(network.adjust(correlate(template, features, spec.correlation)))
    offsets = gather((maps[1][:, 1:] * maps[1][:, :1]).to(compute.device))
    labels = losses.response_labels(offsets, response.shape[-1], batches.grid.stride, spec.radius)
    return {
        "loss": losses.balanced_bce(response, labels),
        "positive": (response * labels).sum() / labels.sum().clamp(min=1),
        "hard_negative": response.masked_fill(labels > 0, -torch.inf).amax(),
    }


def point_cut(spec: RunSpec) -> Cut:
    """Training crops in the point condition."""
    return Cut(spec.scale_rule)


def box_cut(spec: RunSpec) -> Cut:
    """Training crops in the box condition."""
    return Cut("box")


METHODS = {
    "socl-siam": Method("points", tracker, network, socl_step, point_cut),
    "box-siam": Method("boxes", tracker, network, box_step, box_cut),
    "random-siam": Method(None, tracker, network),
}
