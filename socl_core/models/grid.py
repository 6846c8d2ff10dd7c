"""Where the cells of a feature map lie in the crop it was computed from."""

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Grid:
    """Geometry of a backbone: pixels between two cells, and pixels that one cell needs, padding taken off.

    A backbone without padding has its receptive field as `field`; one whose padding keeps cell 0 on pixel 0
    has 1.
    """

    stride: int
    field: int

    def cells(self, pixels: int) -> int:
        """Cells along one side of the feature map of a crop of `pixels`."""
        return (pixels - self.field) // self.stride + 1

    def centres(self, pixels: int) -> torch.Tensor:
        """Pixel coordinate (in the crop) of the centre of each cell along one side: (cells,) float32."""
        return (self.field - 1) / 2 + self.stride * torch.arange(self.cells(pixels), dtype=torch.float32)

    def centred(self, pixels: int) -> int:
        """Side of the largest crop of at most `pixels` whose cells are symmetric about its middle."""
        return pixels - (pixels - self.field) % self.stride
