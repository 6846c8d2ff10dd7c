"""The one place where frame, crop and feature-grid coordinates are converted.

Pixel indices are 0-based, x to the right, y down; the centre of the left top pixel is (0, 0). A box is x, y, w, h with
x, y the index of its left top pixel, so its centre is x + (w - 1) / 2. A crop of `size` pixels shows `side` frame
pixels around `centre`; crop pixel u shows frame pixel `centre + (u - (size - 1) / 2) * side / size`.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    import torch

EXEMPLAR = 127  # pixels of a template [SiamFC]
SEARCH = 255  # pixels of a search region [SiamFC]


def box_centres(boxes: np.ndarray) -> np.ndarray:
    """Centres (..., 2) of boxes (..., 4) in pixel indices."""
    boxes = np.asarray(boxes, np.float64)
    return boxes[..., :2] + (boxes[..., 2:] - 1) / 2


def boxes_at(centres: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Boxes (..., 4) of centres (..., 2) in pixel indices and sizes (..., 2), width and height."""
    return np.concatenate([centres - (sizes - 1) / 2, sizes], -1)


def context_side(width, height):
    """Side of the exemplar region: sqrt((w + p)(h + p)) with p = (w + h) / 2. [SiamFC]"""
    p = (width + height) / 2
    return np.sqrt((width + p) * (height + p))


def crop(image: np.ndarray, centre, side: float, size: int, fill=None) -> np.ndarray:
    """Crop (size, size, 3) of `side` frame pixels around `centre` (x, y). Outside is `fill`, or the mean colour."""
    scale = side / size
    offset = np.asarray(centre, np.float64) - (size - 1) / 2 * scale
    warp = np.array([[scale, 0, offset[0]], [0, scale, offset[1]]])
    fill = cv2.mean(image)[:3] if fill is None else fill
    return cv2.warpAffine(image, warp, (size, size), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderValue=fill)


def to_frame(pixels, centre, side: float, size: int) -> np.ndarray:
    """Frame coordinates along one axis of crop pixels; `centre` is that axis's."""
    return centre + (np.asarray(pixels, np.float64) - (size - 1) / 2) * side / size


def fractions_to_frame(fractions: np.ndarray, centre: np.ndarray, side: float) -> np.ndarray:
    """Frame coordinates (..., 2) of places in a crop given as fractions of its side, 0 and 1 its edges."""
    return centre + fractions * side - side / 2


def resample(images: "torch.Tensor", offsets: "torch.Tensor", span: float, zoom, shift) -> "torch.Tensor":
    """Bilinear values (B, C, n, n) of images (B, C, S, S) that span `span` pixels; beyond them the border goes on.

    offsets (n,): places along both axes, in pixels from the middle. zoom (B,) and shift (B, 2) x, y in pixels augment
    each image: output offset o shows input offset o / zoom - shift.
    """
    import torch  # the commands that read boxes only do without it

    x, y = ((offsets / zoom[:, None] - by[:, None]) * 2 / span for by in shift.unbind(1))
    rows, columns = y[:, :, None].expand(-1, -1, len(offsets)), x[:, None, :].expand(-1, len(offsets), -1)
    places = torch.stack([columns, rows], -1)
    return torch.nn.functional.grid_sample(images, places, padding_mode="border", align_corners=False)


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

    def centres(self, pixels: int) -> np.ndarray:
        """Pixel coordinate (in the crop) of the centre of each cell along one side: (cells,) float32."""
        return (self.field - 1) / 2 + self.stride * np.arange(self.cells(pixels), dtype=np.float32)

    def offsets(self, pixels: int) -> np.ndarray:
        """Pixels from the middle of a crop to the centre of each cell along one side: (cells,) float32."""
        return self.centres(pixels) - np.float32((pixels - 1) / 2)

    def centred(self, pixels: int) -> int:
        """Side of the largest crop of at most `pixels` whose cells are symmetric about its middle."""
        return pixels - (pixels - self.field) % self.stride

    def covered(self, pixels: int) -> tuple[float, float]:
        """What the cells cover along one side of a crop: its start, from the crop's edge, and its length, in pixels."""
        return float(self.centres(pixels)[0]) + 0.5 - self.stride / 2, float(self.cells(pixels) * self.stride)
