"""The four objectness cues of Alexe, Deselaers, Ferrari (TPAMI 2012), for many windows of many images at once.

Every cue is a sum over rectangles, so after one integral image a window costs the same whatever its size.
All functions are batched over images (B) and windows (K) and run on CPU and GPU tensors alike.
Rectangles are integers (B, K, 4) x0, y0, x1, y1 in pixels of the image, upper ends excluded.
"""

import torch
import torch.nn.functional as F

SALIENCY_SCALES = (16, 24, 32, 48, 64)
SALIENCY_THRESHOLDS = (0.43, 0.32, 0.34, 0.35, 0.26)  # of the released measure, a scale each
LAB_BINS = (4, 8, 8)
# 8-bit LAB of photographs fills about the middle half of the a and b axes.
LAB_RANGES = ((0, 256), (80, 176), (80, 176))


def integral_images(planes: torch.Tensor) -> torch.Tensor:
    """Integral images of planes (B, H, W, P), last axis contiguous: (B, H + 1, W + 1, P)."""
    return F.pad(planes, (0, 0, 1, 0, 1, 0)).cumsum(1).cumsum(2)


def rectangle_sums(integral: torch.Tensor, rectangles: torch.Tensor) -> torch.Tensor:
    """Sums (B, K, P) over rectangles of what `integral_images` returned."""
    batch, _, width, planes = integral.shape
    flat = integral.flatten(0, 2)
    image = torch.arange(batch, device=integral.device)[:, None] * (len(flat) // batch)
    x0, y0, x1, y1 = rectangles.unbind(-1)
    corner = lambda x, y: flat.index_select(0, (image + y * width + x).flatten()).unflatten(0, x.shape)  # noqa: E731
    return corner(x1, y1) - corner(x1, y0) - corner(x0, y1) + corner(x0, y0)


def one_hot_planes(labels: torch.Tensor) -> torch.Tensor:
    """Indicator of each label that occurs in any of the images: (B, H, W, labels) float32. labels: (B, H, W)."""
    present, labels = labels.unique(return_inverse=True)
    return torch.zeros((*labels.shape, len(present)), device=labels.device).scatter_(-1, labels[..., None], 1.0)


def area(rectangles: torch.Tensor) -> torch.Tensor:
    """Pixels of rectangles: (B, K)."""
    x0, y0, x1, y1 = rectangles.unbind(-1)
    return (x1 - x0) * (y1 - y0)


def superpixel_straddling(inside: torch.Tensor, total: torch.Tensor, area: torch.Tensor) -> torch.Tensor:
    """SS(w) = 1 - sum_s min(|s outside w|, |s inside w|) / |w|. [Alexe et al., eq. 6]

    inside: (B, K, S) pixels of each superpixel in each window; total: (B, S); area: (B, K). Returns (B, K) in [0, 1].
    """
    return (1 - torch.minimum(total[:, None] - inside, inside).sum(-1) / area).clamp(0, 1)


def colour_contrast(inside: torch.Tensor, ring: torch.Tensor) -> torch.Tensor:
    """Chi-square distance of the colour histograms of window and surrounding ring. [Alexe et al., eq. 3]

    inside, ring: (B, K, bins) counts; an empty ring has distance 0. Returns (B, K) in [0, 1].
    """
    p = inside / inside.sum(-1, keepdim=True).clamp(min=1)
    q = ring / ring.sum(-1, keepdim=True).clamp(min=1)
    distance = 0.5 * ((p - q).square() / (p + q).clamp(min=1e-12)).sum(-1)
    return torch.where(ring.sum(-1) > 0, distance, 0.0)


def lab_labels(lab: torch.Tensor) -> torch.Tensor:
    """Histogram bin of each pixel of 8-bit LAB images (B, H, W, 3): (B, H, W) in [0, 256)."""
    levels, low, high = (torch.tensor(v, device=lab.device) for v in (LAB_BINS, *zip(*LAB_RANGES)))
    bins = ((lab.long() - low) * levels // (high - low)).clamp(torch.zeros_like(levels), levels - 1)
    return (bins[..., 0] * LAB_BINS[1] + bins[..., 1]) * LAB_BINS[2] + bins[..., 2]


def saliency_maps(images: torch.Tensor) -> torch.Tensor:
    """Spectral residual saliency at each scale, mean over the colour channels, rescaled to [0, 1].

    The disk blur has zeros around the map, which takes off the edge that an image makes with its own repetition.
    images: (B, 3, H, W). Returns (B, scales, H, W) float32. An image without any detail has saliency 0.
    """
    maps, images = [], images.double()  # in float32, the rounding errors of a plain channel would become its map
    detail = (images.amax((-2, -1)) > images.amin((-2, -1))).any(-1)[:, None, None, None]
    for scale in SALIENCY_SCALES:
        spectrum = torch.fft.fft2(F.interpolate(images, (scale, scale), mode="bilinear", antialias=True))
        magnitude = spectrum.abs().clamp(min=1e-6)
        log = magnitude.log()
        residual = log - F.avg_pool2d(F.pad(log, (1, 1, 1, 1), mode="replicate"), 3, 1)
        saliency = torch.fft.ifft2(residual.exp() * spectrum / magnitude).abs().square().mean(1, keepdim=True)
        saliency = F.conv2d(saliency, _disk(3, images.device), padding=3)
        low, high = saliency.amin((-2, -1), keepdim=True), saliency.amax((-2, -1), keepdim=True)
        saliency = (saliency - low) / (high - low).clamp(min=1e-12)
        maps.append(F.interpolate(saliency.float(), images.shape[-2:], mode="bilinear"))
    return torch.cat(maps, 1) * detail


def _disk(radius: int, device) -> torch.Tensor:
    offsets = torch.arange(-radius, radius + 1, device=device)
    disk = (offsets[:, None] ** 2 + offsets**2 <= radius**2).float()
    return disk[None, None].double() / disk.sum()


def saliency_planes(maps: torch.Tensor) -> torch.Tensor:
    """What multi-scale saliency sums: per scale the salient values and their number, (B, H, W, 2 * scales)."""
    thresholds = torch.tensor(SALIENCY_THRESHOLDS, device=maps.device)[:, None, None]
    salient = maps >= thresholds
    return torch.cat([maps * salient, salient.float()], 1).permute(0, 2, 3, 1)


def multi_scale_saliency(sums: torch.Tensor, area: torch.Tensor) -> torch.Tensor:
    """MS(w, s) = (sum of the salient values in w) * (their number / |w|). [Alexe et al., eq. 1]

    sums: (B, K, 2 * scales) of `saliency_planes`; area: (B, K). Returns (B, K, scales), in pixels.
    """
    values, count = sums.chunk(2, -1)
    return values * count / area[..., None]


def edge_density(edges: torch.Tensor, perimeter: torch.Tensor) -> torch.Tensor:
    """ED(w) = edge pixels in the inner ring of w over the perimeter of that ring. [Alexe et al., eq. 5]

    edges, perimeter: (B, K). Returns (B, K).
    """
    return edges / perimeter.clamp(min=1)
