"""Soft samples: global soft template (GST), soft negative sample (SNS) and local soft template (LST).

Shapes: B samples, C channels, H x W feature cells.
"""

import torch
import torch.nn.functional as F

from socl_core.prior.top import softmax_map


def soft_pool(features: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """sum_p weights(p) features(:, p). features (B, C, H, W), weights (B, H, W). Returns (B, C)."""
    return torch.einsum("bchw,bhw->bc", features, weights)


def global_soft_template(features: torch.Tensor, top: torch.Tensor) -> torch.Tensor:
    """GST: features pooled with the TOP map. [R in form; S says that GSTs come from the TOP map]

    features (B, C, H, W), top (B, H, W), each map sums to 1. Returns (B, C).
    """
    return soft_pool(features, top)


def background(scores: torch.Tensor, fraction: float) -> torch.Tensor:
    """Background selection function: cells whose score is below `fraction` of the clip level. [R]

    A share of the TOP map would not do: TOP is exponential in the score, so 5 % of its maximum is 3 below the clip
    level, hardly off the plateau, and a third of the target's cells are there.
    scores (B, H, W), clipped, so that their maximum is the clip level. Returns (B, H, W) bool.
    """
    return scores < fraction * scores.amax((-2, -1), keepdim=True)


def similarity_map(template: torch.Tensor, features: torch.Tensor) -> torch.Tensor:
    """Cosine similarity of a template (B, C) with every cell of features (B, C, H, W). Returns (B, H, W)."""
    return torch.einsum("bc,bchw->bhw", F.normalize(template, dim=1), F.normalize(features, dim=1))


def hard_negative_map(similarity: torch.Tensor, background: torch.Tensor, tau: float) -> torch.Tensor:
    """Softmax of the similarity over the background cells. [S for the order, R for tau]

    Target cells are masked with minus infinity: zero would leave weight on them.
    similarity (B, H, W), background (B, H, W) bool. Returns (B, H, W); a map without any background
    cell is zero everywhere, so that its SNS is the zero vector, with cosine 0 to all.
    """
    masked = (similarity / tau).masked_fill(~background, -torch.inf)
    return softmax_map(masked).masked_fill(~background.any(-1, True).any(-2, True), 0.0)


def soft_negative_sample(
    template: torch.Tensor, features: torch.Tensor, scores: torch.Tensor, tau: float, fraction: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """SNS: background features that look like the template.

    The map selects, so no gradient runs through it [R].
    template (B, C), the GST of the paired frame; features (B, C, H, W) and clipped scores (B, H, W) of
    this frame.
    Returns the SNS (B, C) and the hard negative map (B, H, W).
    """
    with torch.no_grad():
        hard = hard_negative_map(similarity_map(template, features), background(scores, fraction), tau)
    return soft_pool(features, hard), hard


def local_soft_templates(
    features: torch.Tensor, other: torch.Tensor, scores_other: torch.Tensor, tau: float, fraction: float
) -> torch.Tensor:
    """LST of each cell: the target of the paired frame as that cell sees it. [A for the name, R for all else]

    LST(p) = sum_q A(p, q) other(:, q), with A the softmax over q of cosine(features(:, p), other(:, q)) / tau
    among the target cells of the paired frame, those that are no background. No gradient runs through A.
    features, other (B, C, H, W); scores_other (B, H, W), clipped, of `other`. Returns (B, C, H, W).
    """
    own, paired = features.flatten(2), other.flatten(2)
    with torch.no_grad():
        similarity = torch.einsum("bcp,bcq->bpq", F.normalize(own, dim=1), F.normalize(paired, dim=1)) / tau
        hidden = background(scores_other, fraction).flatten(1)[:, None]
        matched = similarity.masked_fill(hidden, -torch.inf).softmax(-1)
    return torch.einsum("bpq,bcq->bcp", matched, paired).reshape(features.shape)
