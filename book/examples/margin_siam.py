"""SoCL-Siam with a margin in place of the contrastive loss."""

from typing import Literal

import torch
from pydantic import Field
from torch.nn.functional import cosine_similarity

from socl_core.methods.batches import Batches
from socl_core.methods.siam import SoclSiam
from socl_core.methods.soft_samples import (
    global_soft_template,
    soft_negative_sample,
)
from socl_core.models.siamese import SiameseNetwork
from socl_core.prior.top import softmax_map


def margin_step(batches: Batches, step: int, network: SiameseNetwork) -> dict[str, torch.Tensor]:
    """Loss of a batch: templates of a pair must be nearer than soft negatives."""
    spec, batch = batches.spec, batches.draw(step)
    pairs, batch = batch.rows.shape[1], batch.flatten()
    features = network(batches.crops(batch, spec.crop)).float()
    scores = batches.clipped_scores(batch, spec.crop)
    template = global_soft_template(features, softmax_map(scores))
    paired = template.roll(pairs, 0)  # that of the other frame of its video
    negative, _ = soft_negative_sample(paired, features, scores, spec.tau_n, spec.background)
    near = cosine_similarity(template, paired)
    far = cosine_similarity(paired, negative)
    loss = (spec.margin - near + far).clamp(min=0).mean()
    return {"loss": loss, "positive": near.detach().mean()}


class MarginSiam(SoclSiam):
    """SoCL-Siam with another step, and a parameter more."""

    method: Literal["margin-siam"]
    margin: float = Field(0.5, gt=0, le=2, description="between templates")
    step = staticmethod(margin_step)


METHODS = {"margin-siam": MarginSiam}
