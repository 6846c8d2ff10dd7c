"""SiamFC tracking: one template from the first frame, correlated with each next frame at several scales.

Box-Siam and SoCL-Siam share it; they differ in their weights and in how features are correlated.
"""

from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import BaseModel, Field

from socl_core.geometry import EXEMPLAR, SEARCH
from socl_core.models.device import Compute
from socl_core.trackers.lockstep import Request, Steps
from socl_core.trackers.search import CropTracker, View

UPSAMPLING = 16  # of the response [SiamFC]


class Correlation(BaseModel):
    """How template and search features are compared, in training and in tracking."""

    correlation: Literal["cosine", "dot"] = Field("cosine", description="of template and search features")


class SiamOptions(Correlation):
    """Parameters of SiamFC's tracker; the defaults are those of its public PyTorch version."""

    scales: int = Field(3, ge=1, le=99, description="at which a tracker looks for its target")
    scale_step: float = Field(1.0375, gt=1, description="factor from one of these scales to the next")
    scale_penalty: float = Field(0.9745, gt=0, le=1, description="factor on the responses of all but the middle scale")
    scale_rate: float = Field(0.59, ge=0, le=1, description="how far the size of the target follows the best scale")
    pyramid: Literal["search", "template"] = Field(
        "search", description="what is cut at all scales: each frame, or the first one alone, which is faster [R]"
    )
    window_influence: float = Field(
        0.176, ge=0, le=1, description="share of the Hann window in the response, which keeps a tracker near its place"
    )


def correlate(template: torch.Tensor, features: torch.Tensor, correlation: str) -> torch.Tensor:
    """Response of a template slid over features, one template a sample.

    "dot": plain inner product of SiamFC. "cosine": inner product of features that were normalised at
    every cell, averaged over the cells of the template, as the cosine of the SoCL loss asks for. [R]
    template (B, C, h, w), features (B, C, H, W). Returns (B, H - h + 1, W - w + 1) float32.
    """
    template, features = template.float(), features.float()
    if correlation == "cosine":
        template, features = F.normalize(template, dim=1), F.normalize(features, dim=1)
        template = template / template[0, 0].numel()
    batch, channels, height, width = features.shape
    response = F.conv2d(features.reshape(1, batch * channels, height, width), template, groups=batch)
    return response[0]


class SiamTracker(CropTracker):
    """init(image, box), then update(image) -> box. Images BGR uint8, boxes x, y, w, h.

    The template is cut once; the search crops of all scales go through the backbone as one batch. With a pyramid of
    templates there is one search crop.
    """

    def __init__(self, backbone: torch.nn.Module, compute: Compute, options: SiamOptions = SiamOptions()):  # noqa: B008
        super().__init__(backbone, compute)
        self.options = options
        steps, one = np.arange(options.scales) - options.scales // 2, np.ones(1)
        self.factors, self.penalties = options.scale_step**steps, np.where(steps == 0, 1.0, options.scale_penalty)
        by_template = options.pyramid == "template"
        self.template_factors, self.search_factors = (self.factors, one) if by_template else (one, self.factors)

        template_cells, search_cells = (self.grid.cells(self.grid.centred(pixels)) for pixels in (EXEMPLAR, SEARCH))
        cells = search_cells - template_cells + 1  # of the response
        # Bicubic interpolation is linear: what it makes of the identity is its matrix.
        identity = torch.eye(cells, device=compute.device)[None, None]
        self.bicubic = F.interpolate(identity, size=(cells * UPSAMPLING, cells), mode="bicubic")[0, 0]
        hann = np.hanning(cells * UPSAMPLING)
        self.window = np.outer(hann, hann) / hann.sum() ** 2

    def begin(self, image: np.ndarray, box) -> Steps:
        self.start(image, box)
        # A target that has grown looks as the first one does with less around it.
        self.template = yield from self.features(image, self.side / self.template_factors, EXEMPLAR)

    def follow(self, image: np.ndarray) -> Steps:
        sides = self.side * SEARCH / EXEMPLAR * self.search_factors
        features = yield from self.features(image, sides, SEARCH)
        template, features = (maps.expand(len(self.factors), -1, -1, -1) for maps in (self.template, features))
        response = yield Request(correlate, (template, features), (self.options.correlation,))
        best, cells = self._peak(response)
        step = float(self.grid.stride * np.resize(sides, len(response))[best] / SEARCH)
        self.view = View(features[best], response[best], self.centre, step)
        growth = 1 + self.options.scale_rate * (self.factors[best] - 1)
        return self.move(image, cells * step, growth)

    def _peak(self, response: torch.Tensor) -> tuple[int, np.ndarray]:
        """Index of the best scale, and its peak (x, y) in cells from the middle."""
        maps = (self.bicubic @ response @ self.bicubic.T).cpu().numpy()
        best = int(np.argmax(maps.max((1, 2)) * self.penalties))
        chosen = maps[best] - maps[best].min()
        chosen /= chosen.sum() + 1e-16
        influence = self.options.window_influence
        y, x = np.unravel_index(np.argmax((1 - influence) * chosen + influence * self.window), chosen.shape)
        return best, (np.array([x, y]) - (len(chosen) - 1) / 2) / UPSAMPLING
