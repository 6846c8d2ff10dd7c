"""Pairs of crops turned, mirrored and recoloured, both alike."""

from dataclasses import dataclass

import numpy as np
import torch


@dataclass(frozen=True)
class Symmetries:
    """For each of B pairs one of the 8 symmetries of a square and one of the 6 orders of the channels. [R]

    48 objects of each one, so that a network must compare the two crops instead of knowing the few objects of its
    training videos. across, down, swap: (B,) whether mirrored left to right, top to bottom, then transposed.
    channels: (B, 3).
    """

    across: torch.Tensor
    down: torch.Tensor
    swap: torch.Tensor
    channels: torch.Tensor

    @classmethod
    def draw(cls, count: int, rng: np.random.Generator, device: torch.device) -> "Symmetries":
        flips, channels = rng.random((3, count)) < 0.5, rng.permuted(np.tile(np.arange(3), (count, 1)), axis=1)
        return cls(*torch.from_numpy(flips).to(device), torch.from_numpy(channels).to(device))

    def __getitem__(self, rows: slice) -> "Symmetries":
        return Symmetries(*(values[rows] for values in vars(self).values()))

    def turn_images(self, images: torch.Tensor) -> torch.Tensor:
        """Images (B, 3, S, S), mirrored, transposed and with their channels in another order."""
        images = images[torch.arange(len(images), device=images.device)[:, None], self.channels]
        changes = (self.across, lambda x: x.flip(3)), (self.down, lambda x: x.flip(2)), (self.swap, lambda x: x.mT)
        for chosen, change in changes:
            images = torch.where(chosen[:, None, None, None], change(images), images)
        return images

    def turn_boxes(self, boxes: torch.Tensor) -> torch.Tensor:
        """Boxes (B, 4) centre x, y, width, height, as fractions of the images' side."""
        x, y, w, h = boxes.unbind(1)
        x, y = torch.where(self.across, 1 - x, x), torch.where(self.down, 1 - y, y)
        return torch.where(self.swap[:, None], torch.stack([y, x, h, w], 1), torch.stack([x, y, w, h], 1))
