"""Projection head, used in training only."""

from torch import nn


class ProjectionHead(nn.Sequential):
    """Per location: one hidden layer of K units, then 64 outputs; K = backbone channels. [S]

    Input (B, K, H, W), output (B, 64, H, W).
    """

    def __init__(self, channels: int):
        super().__init__(nn.Conv2d(channels, channels, 1), nn.ReLU(inplace=True), nn.Conv2d(channels, 64, 1))
