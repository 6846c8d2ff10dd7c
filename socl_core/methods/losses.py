"""Losses: SoCL (InfoNCE on soft samples), the class-balanced logistic loss of SiamFC, and the losses of TransT."""

import math

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


def local_loss(cells, lst, weights, video, negatives, owner, tau: float) -> torch.Tensor:
    """InfoNCE of each cell of a frame: its LST is the positive, samples of other videos and SNSs the negatives. [R]

    Cosine similarity over temperature `tau`; cells count by `weights`, the TOP map, which sums to 1.
    cells, lst: (M, C, P) of M frames; weights (M, P); video (M,) which each frame is of. negatives (K, C); owner (K,)
    the video each is of, whose frames it is no negative for; -1 for none. Returns (M,), one loss a frame.
    """
    cells, lst, negatives = (F.normalize(x.float(), dim=1) for x in (cells, lst, negatives))
    positive = (cells * lst).sum(1) / tau
    wrong = torch.einsum("mcp,kc->mpk", cells, negatives) / tau
    wrong = wrong.masked_fill((video[:, None] == owner)[:, None], -torch.inf)
    every = torch.cat([positive[..., None], wrong], -1)
    return ((every.logsumexp(-1) - positive) * weights).sum(1)


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


def corners(boxes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Left top and right bottom corners (..., 2) of boxes (..., 4) centre x, y, width, height."""
    centre, half = boxes[..., :2], boxes[..., 2:] / 2
    return centre - half, centre + half


def generalised_iou(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """IoU less the share of the hull that neither box covers, in (-1, 1]. (Rezatofighi et al., 2019)

    a, b: (..., 4) centre x, y, width, height, broadcast. Of two boxes without area in one place, 0. Returns (...).
    """
    (low_a, high_a), (low_b, high_b) = corners(a), corners(b)
    shared = (high_a.minimum(high_b) - low_a.maximum(low_b)).clamp(min=0).prod(-1)
    union = a[..., 2:].prod(-1) + b[..., 2:].prod(-1) - shared
    hull = (high_a.maximum(high_b) - low_a.minimum(low_b)).prod(-1)
    smallest = torch.finfo(union.dtype).tiny
    return shared / union.clamp(min=smallest) - (hull - union) / hull.clamp(min=smallest)


def cells_inside(boxes: torch.Tensor, cells: int) -> torch.Tensor:
    """Which of the cells x cells centres of a crop lie in each box, row by row: (B, cells^2) bool. [TransT]

    boxes: (B, 4) centre x, y, width, height as fractions of the crop. A box that holds no centre has the
    nearest one if it is in the crop.
    """
    centres = (torch.arange(cells, device=boxes.device) + 0.5) / cells
    away = (centres - boxes[:, :2, None]).abs()  # (B, 2, cells): columns, rows
    within = away <= boxes[:, 2:, None].clamp(min=1 / cells) / 2
    return (within[:, 1, :, None] & within[:, 0, None, :]).flatten(1)


def transt_losses(logits, boxes, truth, background: float = 0.0625) -> dict[str, torch.Tensor]:
    """The three losses of TransT and their weighted sum: 8.334 class + 5 L1 + 2 (1 - GIoU). [TransT]

    Cells inside the true box are positive: all cells are classified, a background cell with the weight
    `background`; positive cells regress the box.
    logits (B, L, 2), channel 0 for the target; boxes (B, L, 4) and truth (B, 4) centre x, y, width, height
    as fractions of the search crop. Returns scalars.
    """
    positive = cells_inside(truth, math.isqrt(boxes.shape[1]))
    weights = torch.tensor([1.0, background], device=logits.device)
    classes = F.cross_entropy(logits.float().flatten(0, 1), (~positive).long().flatten(), weights)
    found, wanted = boxes.float()[positive], truth[:, None].expand_as(boxes)[positive]
    count = max(1, len(found))
    size = (found - wanted).abs().sum() / count
    overlap = (1 - generalised_iou(found, wanted)).sum() / count
    return {"loss": 8.334 * classes + 5 * size + 2 * overlap, "class": classes, "l1": size, "giou": overlap}


def mismatch_loss(logits: torch.Tensor) -> torch.Tensor:
    """Class loss (B L,) of cells (B, L, 2) matched with the template of another video: all are background. [R]"""
    return -logits.float().log_softmax(-1)[..., 1].flatten()
