"""Losses: SoCL (InfoNCE on soft samples) and the class-balanced logistic loss of SiamFC."""

import torch
import torch.nn.functional as F


def socl_loss(gst_a, gst_b, sns, tau: float) -> torch.Tensor:
    """Symmetric InfoNCE over a batch of videos, two frames each. [R]

    The positive of a GST is the GST of the other frame of its video; negatives are the other frame's
    GSTs of all other videos and all SNSs. Cosine similarity over temperature `tau`. Memory O(B C + B^2).
    gst_a, gst_b: (B, C), row i from video i. sns: (M, C). Returns a scalar.
    """
    gst_a, gst_b, sns = (F.normalize(x.float(), dim=1) for x in (gst_a, gst_b, sns))
    labels = torch.arange(len(gst_a), device=gst_a.device)
    across = gst_a @ gst_b.T
    from_a = torch.cat([across, gst_a @ sns.T], 1) / tau
    from_b = torch.cat([across.T, gst_b @ sns.T], 1) / tau
    return (F.cross_entropy(from_a, labels) + F.cross_entropy(from_b, labels)) / 2


def response_labels(offsets: torch.Tensor, size: int, stride: int, radius: float) -> torch.Tensor:
    """1 where a response cell lies within `radius` pixels of the target, else 0. [SiamFC]

    offsets: (B, 2) x, y of the target from the centre of the search crop, in its pixels.
    Returns (B, size, size).
    """
    grid = (torch.arange(size, device=offsets.device) - (size - 1) / 2) * stride
    dx = grid[None, None, :] - offsets[:, 0, None, None]
    dy = grid[None, :, None] - offsets[:, 1, None, None]
    return (dx**2 + dy**2 <= radius**2).float()


def balanced_bce(response: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Logistic loss in which positives and negatives weigh one half each. [SiamFC]

    response, labels: (B, H, W). A class that is absent contributes nothing. Returns a scalar.
    """
    weights = 0.5 * labels / labels.sum().clamp(min=1) + 0.5 * (1 - labels) / (1 - labels).sum().clamp(min=1)
    return (F.binary_cross_entropy_with_logits(response.float(), labels, reduction="none") * weights).sum()
