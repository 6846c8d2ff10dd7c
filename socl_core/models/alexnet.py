"""AlexNetV1, the backbone of SiamFC, with a width factor."""

import torch
from torch import nn

from socl_core.geometry import Grid
from socl_core.models.init import draw_weights

GRID = Grid(stride=8, field=87)  # 127 -> 6 cells, 255 -> 22
# Of the five convolutions, the first two with their pooling; each ends before the module of that number.
STAGE_GRIDS = (Grid(stride=4, field=15), *(Grid(stride=8, field=field) for field in (39, 55, 71)), GRID)
STAGE_ENDS = (4, 8, 11, 14, 16)


class AlexNetV1(nn.Sequential):
    """Five convolutions without padding, total stride 8 (Bertinetto et al., 2016).

    The output is centred and scaled per channel by a batch normalisation without parameters, which the
    original has not [R].

    width: factor on the channel numbers 96, 256, 384, 384, 256.
    Input (B, 3, S, S) in 0..255, BGR; output (B, 256 * width, s, s) with s = grid.cells(S).
    """

    grid, stage_grids = GRID, STAGE_GRIDS

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
        return self.stages(images)[-1]

    def stages(self, images: torch.Tensor, last: int = 4) -> list[torch.Tensor]:
        """Outputs of the convolutions up to number `last`; output i lies on the grid `stage_grids[i]`."""
        x, outputs = images / 64.0 - 2.0, []  # roughly zero mean, unit spread
        for number, module in enumerate(list(self)[: STAGE_ENDS[last]], 1):
            x = module(x)
            if number in STAGE_ENDS:
                outputs.append(x)
        return outputs
