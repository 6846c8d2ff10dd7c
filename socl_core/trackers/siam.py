"""SiamFC tracking: one template from the first frame, correlated with a scale pyramid in each next frame.

Box-Siam and SoCL-Siam share it; they differ in their weights and in how features are correlated.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import torch
import torch.nn.functional as F

from socl_core.data.crops import EXEMPLAR, SEARCH, context_side, crop
from socl_core.device import Compute
from socl_core.errors import DataError, UsageError
from socl_core.models.alexnet import STRIDE

CORRELATIONS = ("cosine", "dot")


def correlate(template: torch.Tensor, features: torch.Tensor, correlation: str) -> torch.Tensor:
    """Response of a template slid over features, one template a sample.

    "dot": plain inner product of SiamFC. "cosine": inner product of features that were normalised at
    every cell, averaged over the cells of the template, as the cosine of the SoCL loss asks for. [R]
    template (B, C, h, w), features (B, C, H, W). Returns (B, H - h + 1, W - w + 1) float32.
    """
    if correlation not in CORRELATIONS:
        raise UsageError(f"unknown correlation '{correlation}': valid are {', '.join(CORRELATIONS)}")
    template, features = template.float(), features.float()
    if correlation == "cosine":
        template, features = F.normalize(template, dim=1), F.normalize(features, dim=1)
        template = template / template[0, 0].numel()
    batch, channels, height, width = features.shape
    response = F.conv2d(features.reshape(1, batch * channels, height, width), template, groups=batch)
    return response[0]


def check_box(box, image: np.ndarray) -> np.ndarray:
    """`box` as float64 (4,), or `DataError` unless finite, of positive size and overlapping the image."""
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise DataError(f"expected a BGR uint8 image (H, W, 3), found {image.dtype} {image.shape}")
    box = np.asarray(box, np.float64)
    height, width = image.shape[:2]
    if box.shape != (4,) or not np.isfinite(box).all() or (box[2:] <= 0).any():
        raise DataError(f"box {box.tolist()} is no box: expected four finite numbers x,y,w,h with w > 0 and h > 0")
    if box[0] >= width or box[1] >= height or box[0] + box[2] <= 0 or box[1] + box[3] <= 0:
        raise DataError(f"box {box.tolist()} lies outside of the frame of {width} x {height} pixels")
    return box


@dataclass(frozen=True)
class SiamOptions:
    """Inference settings of SiamFC; the defaults are those of its public PyTorch version."""

    correlation: str = "dot"
    scales: int = 3
    scale_step: float = 1.0375
    scale_penalty: float = 0.9745
    scale_rate: float = 0.59
    window_influence: float = 0.176
    upsampling: int = 16


class SiamTracker:
    """init(image, box), then update(image) -> box. Images BGR uint8, boxes x, y, w, h.

    The template is cut once; the search crops of all scales go through the backbone as one batch.
    """

    def __init__(self, backbone: torch.nn.Module, compute: Compute, options: SiamOptions = SiamOptions()):  # noqa: B008
        self.backbone, self.compute, self.options = backbone.eval(), compute, options
        exponents = np.arange(options.scales) - options.scales // 2
        self.scale_factors = options.scale_step**exponents
        self.penalties = np.where(exponents == 0, 1.0, options.scale_penalty)

    def init(self, image: np.ndarray, box) -> None:
        box = check_box(box, image)
        self.centre = box[:2] + (box[2:] - 1) / 2
        self.target = box[2:].copy()
        self.smallest = min(4.0, float(self.target.min()))
        self.side = float(context_side(*self.target))
        self.fill = cv2.mean(image)[:3]
        self.template = self._features([crop(image, self.centre, self.side, EXEMPLAR, self.fill)])
        self.hann = None

    def update(self, image: np.ndarray) -> np.ndarray:
        sides = self.side * SEARCH / EXEMPLAR * self.scale_factors
        features = self._features([crop(image, self.centre, side, SEARCH, self.fill) for side in sides])
        template = self.template.expand(len(features), -1, -1, -1)
        response = correlate(template, features, self.options.correlation)
        best, peak, cells = self._peak(response)
        # From the middle of the response to the middle of the frame.
        stride = STRIDE * sides[best] / SEARCH
        self.centre = self.centre + (peak - (cells - 1) / 2) * stride / self.options.upsampling
        scale = (1 - self.options.scale_rate) + self.options.scale_rate * self.scale_factors[best]
        self.target, self.side = self.target * scale, self.side * scale
        self._stay_in_reach(image)
        return np.concatenate([self.centre - (self.target - 1) / 2, self.target])

    @torch.inference_mode()
    def _features(self, crops: list[np.ndarray]) -> torch.Tensor:
        batch = torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2)
        with self.compute.autocast():
            return self.backbone(self.compute.images(batch))

    def _peak(self, response: torch.Tensor) -> tuple[int, np.ndarray, int]:
        """Index of the best scale, its peak (x, y) in upsampled cells, and their number along a side."""
        size = response.shape[-1] * self.options.upsampling
        maps = F.interpolate(response[None], size=(size, size), mode="bicubic")[0].cpu().numpy()
        best = int(np.argmax(maps.max((1, 2)) * self.penalties))
        chosen = maps[best] - maps[best].min()
        chosen /= chosen.sum() + 1e-16
        if self.hann is None:
            self.hann = np.outer(np.hanning(size), np.hanning(size))
            self.hann /= self.hann.sum()
        influence = self.options.window_influence
        y, x = np.unravel_index(np.argmax((1 - influence) * chosen + influence * self.hann), chosen.shape)
        return best, np.array([x, y], np.float64), size

    def _stay_in_reach(self, image: np.ndarray) -> None:
        """Keeps the centre in the frame, and the target between 4 pixels (or its first size) and the frame's size."""
        frame = np.array(image.shape[1::-1], np.float64)
        self.centre = np.clip(self.centre, 0, frame - 1)
        factor = np.clip(
            1.0, self.smallest / self.target.min(), max(self.smallest / self.target.min(), (frame / self.target).min())
        )
        self.target, self.side = self.target * factor, self.side * factor
