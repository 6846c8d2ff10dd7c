"""Where a tracker looks: crops around its last box, their features, and how its box follows."""

from typing import NamedTuple

import cv2
import numpy as np
import torch

from socl_core.errors import DataError
from socl_core.geometry import box_centres, boxes_at, context_side, crop
from socl_core.models.device import Compute
from socl_core.models.fold import folded
from socl_core.trackers.lockstep import AskingTracker, Request, Steps


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


class View(NamedTuple):
    """What a tracker saw in its last update: both maps lie around `centre`, cells `step` frame pixels apart.

    features: (C, H, W) of the best scale. response: (h, w) to them. centre: (x, y) in the frame.
    """

    features: torch.Tensor
    response: torch.Tensor
    centre: np.ndarray
    step: float


class Extractor:
    """A backbone as trackers use it: its normalisation folded, in the precision of the machine."""

    def __init__(self, backbone: torch.nn.Module, compute: Compute):
        self.network, self.compute = folded(backbone), compute

    def stages(self, pictures: torch.Tensor, last: int) -> list[torch.Tensor]:
        """Outputs (B, C, h, w) float32 of the backbone's stages up to number `last` for BGR uint8 (B, H, W, 3)."""
        with self.compute.autocast():
            outputs = self.network.stages(self.compute.images(pictures.permute(0, 3, 1, 2)), last)
            return [output.float() for output in outputs]


class CropTracker(AskingTracker):
    """State and steps that trackers on a backbone share: centre and size of the target, side of its crop.

    Attributes in frame pixels: `centre` (x, y), `target` (w, h), `side` of the exemplar region; `view` of the last
    update.
    """

    view: View

    def __init__(self, backbone: torch.nn.Module, compute: Compute):
        self.extractor, self.grid = Extractor(backbone, compute), backbone.grid

    def start(self, image: np.ndarray, box) -> None:
        """Starts from a box of an image; `DataError` unless `check_box` accepts it."""
        box = check_box(box, image)
        self.centre, self.target = box_centres(box), box[2:].copy()
        self.smallest = min(4.0, float(self.target.min()))
        self.side = float(context_side(*self.target))
        self.fill = cv2.mean(image)[:3]

    def move(self, image: np.ndarray, shift: np.ndarray, scale: float) -> np.ndarray:
        """Moves the centre by `shift` (x, y) and scales the target; returns the box x, y, w, h."""
        self.centre = self.centre + shift
        self.target, self.side = self.target * scale, self.side * scale
        self._stay_in_reach(image)
        return boxes_at(self.centre, self.target)

    def features(self, image: np.ndarray, sides, pixels: int) -> Steps:
        """Features of crops of `pixels` that show `sides`, each cut down to where its cells are centred."""
        size = self.grid.centred(pixels)
        pictures = [crop(image, self.centre, side * size / pixels, size, self.fill) for side in sides]
        return (yield from self.stages(pictures))[-1]

    def stages(self, pictures: list[np.ndarray], last: int = 4) -> Steps:
        """Outputs (B, C, h, w) of the backbone's stages up to number `last` for pictures of one size, float32."""
        return (yield Request(self.extractor.stages, (torch.from_numpy(np.stack(pictures)),), (last,)))

    def _stay_in_reach(self, image: np.ndarray) -> None:
        """Keeps the centre in the frame, and the target between 4 pixels (or its first size) and the frame's size."""
        frame = np.array(image.shape[1::-1], np.float64)
        self.centre = np.clip(self.centre, 0, frame - 1)
        least = self.smallest / self.target.min()
        factor = np.clip(1.0, least, max(least, (frame / self.target).min()))
        self.target, self.side = self.target * factor, self.side * factor
