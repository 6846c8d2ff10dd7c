"""AlexNetV1, the backbone of SiamFC, with a width factor."""

import torch
from torch import nn

from socl_core.geometry import Grid
from socl_core.models.init import draw_weights

GRID = Grid(stride=8, field=87)  # 127 -> 6 cells, 255 -> 22


class AlexNetV1(nn.Sequential):
    """Five convolutions without padding, total stride 8 (Bertinetto et al., 2016).

    The output is centred and scaled per channel by a batch normalisation without parameters, which the
    original has not [R].

    width: factor on the channel numbers 96, 256, 384, 384, 256.
    Input (B, 3, S, S) in 0..255, BGR; output (B, 256 * width, s, s) with s = grid.cells(S).
    """

    grid = GRID

    def __init__(self, width: float = 1.0):
        c1, c2, c3, c4, c5 = (max(2, round(c * width / 2) * 2) for c in (96, 256, 384, 384, 256))
        super().__init__(
            nn.Conv2d(3, c1, 11, 2),
            nn.BatchNorm2d(c1),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2),
            nn.Conv2d(c1, c2, 5, groups=2),
            nn.BatchNorm2d(c2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2),
            nn.Conv2d(c2, c3, 3),
            nn.BatchNorm2d(c3),
            nn.ReLU(inplace=True),
            nn.Conv2d(c3, c4, 3, groups=2),
            nn.BatchNorm2d(c4),
            nn.ReLU(inplace=True),
            nn.Conv2d(c4, c5, 3, groups=2),
            # Without it all cells share a large mean vector and every cosine starts near .8. [R]
            nn.BatchNorm2d(c5, affine=False),
        )
        self.channels = c5
        draw_weights(self)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return super().forward(images / 64.0 - 2.0)  # roughly zero mean, unit spread
