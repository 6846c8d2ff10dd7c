"""SiamFC tracking: one template from the first frame, correlated with a scale pyramid in each next frame.

Box-Siam and SoCL-Siam share it; they differ in their weights and in how features are correlated.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from socl_core.errors import known
from socl_core.geometry import EXEMPLAR, SEARCH
from socl_core.models.device import Compute
from socl_core.trackers.search import CropTracker, Pyramid, View

CORRELATIONS = ("cosine", "dot")


def correlate(template: torch.Tensor, features: torch.Tensor, correlation: str) -> torch.Tensor:
    """Response of a template slid over features, one template a sample.

    "dot": plain inner product of SiamFC. "cosine": inner product of features that were normalised at
    every cell, averaged over the cells of the template, as the cosine of the SoCL loss asks for. [R]
    template (B, C, h, w), features (B, C, H, W). Returns (B, H - h + 1, W - w + 1) float32.
    """
    known("correlation", correlation, CORRELATIONS)
    template, features = template.float(), features.float()
    if correlation == "cosine":
        template, features = F.normalize(template, dim=1), F.normalize(features, dim=1)
        template = template / template[0, 0].numel()
    batch, channels, height, width = features.shape
    response = F.conv2d(features.reshape(1, batch * channels, height, width), template, groups=batch)
    return response[0]


@dataclass(frozen=True, kw_only=True)
class SiamOptions(Pyramid):
    """Inference settings of SiamFC; the defaults are those of its public PyTorch version."""

    correlation: str = "dot"
    window_influence: float = 0.176
    upsampling: int = 16


class SiamTracker(CropTracker):
    """init(image, box), then update(image) -> box. Images BGR uint8, boxes x, y, w, h.

    The template is cut once; the search crops of all scales go through the backbone as one batch.
    """

    def __init__(self, backbone: torch.nn.Module, compute: Compute, options: SiamOptions = SiamOptions()):  # noqa: B008
        super().__init__(backbone, compute)
        self.options = options

    def init(self, image: np.ndarray, box) -> None:
        self.start(image, box)
        self.template = self.features(image, [self.side], EXEMPLAR)
        self.hann = None

    def update(self, image: np.ndarray) -> np.ndarray:
        sides = self.side * SEARCH / EXEMPLAR * self.options.factors
        features = self.features(image, sides, SEARCH)
        template = self.template.expand(len(features), -1, -1, -1)
        response = correlate(template, features, self.options.correlation)
        best, peak, cells = self._peak(response)
        step = float(self.grid.stride * sides[best] / SEARCH)
        self.view = View(features[best], response[best], self.centre, step)
        # From the middle of the response to the middle of the frame.
        return self.move(image, (peak - (cells - 1) / 2) * step / self.options.upsampling, self.options.growth(best))

    def _peak(self, response: torch.Tensor) -> tuple[int, np.ndarray, int]:
        """Index of the best scale, its peak (x, y) in upsampled cells, and their number along a side."""
        size = response.shape[-1] * self.options.upsampling
        maps = F.interpolate(response[None], size=(size, size), mode="bicubic")[0].cpu().numpy()
        best = int(np.argmax(maps.max((1, 2)) * self.options.penalties))
        chosen = maps[best] - maps[best].min()
        chosen /= chosen.sum() + 1e-16
        if self.hann is None:
            self.hann = np.outer(np.hanning(size), np.hanning(size))
            self.hann /= self.hann.sum()
        influence = self.options.window_influence
        y, x = np.unravel_index(np.argmax((1 - influence) * chosen + influence * self.hann), chosen.shape)
        return best, np.array([x, y], np.float64), size
