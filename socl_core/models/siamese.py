"""What is trained: a backbone with, where the method asks for it, a projection head or a response adjustment."""

import torch
from torch import nn

from socl_core.models.alexnet import AlexNetV1
from socl_core.models.resnet import RESNETS

# Classes with a `grid` and, as instances, a number of `channels`.
BACKBONES = {"alexnet": AlexNetV1, **RESNETS}


class ProjectionHead(nn.Sequential):
    """Used in training only. Per location: one hidden layer of K units, then 64 outputs; K = backbone channels. [S]

    Input (B, K, H, W), output (B, 64, H, W).
    """

    def __init__(self, channels: int):
        super().__init__(nn.Conv2d(channels, channels, 1), nn.ReLU(inplace=True), nn.Conv2d(channels, 64, 1))


class Adjust(nn.Module):
    """Learned scale and bias of the response before the logistic loss. [SiamFC]"""

    def __init__(self, correlation: str):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(1e-3 if correlation == "dot" else 10.0))
        self.bias = nn.Parameter(torch.zeros(()))

    def forward(self, response: torch.Tensor) -> torch.Tensor:
        return response * self.scale + self.bias


class SiameseNetwork(nn.Module):
    """Backbone, head (identity without one) and adjustment. Trackers take `backbone` alone."""

    def __init__(self, backbone: str, width: float, head: bool, correlation: str):
        super().__init__()
        self.backbone = BACKBONES[backbone](width)
        self.head = ProjectionHead(self.backbone.channels) if head else nn.Identity()
        self.adjust = Adjust(correlation)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(self.backbone(images))
