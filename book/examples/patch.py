"""A tracker that finds its first patch again near the last box."""

from typing import Literal

import cv2
import numpy as np
from pydantic import Field

from socl_core.methods.spec import RunSpec


class PatchTracker:
    """Finds the patch of the first frame again, at one scale."""

    def __init__(self, reach: int):
        self.reach = reach

    def init(self, image: np.ndarray, box: np.ndarray) -> None:
        self.box = np.array(box, np.float64)
        self.patch = self._cut(image, margin=0)

    def update(self, image: np.ndarray) -> np.ndarray:
        region = self._cut(image, self.reach)
        response = cv2.matchTemplate(region, self.patch, cv2.TM_CCOEFF_NORMED)
        row, column = np.unravel_index(response.argmax(), response.shape)
        self.box[:2] += column - self.reach, row - self.reach
        return self.box.copy()

    def _cut(self, image: np.ndarray, margin: int) -> np.ndarray:
        x, y, w, h = self.box
        size = round(w) + 2 * margin, round(h) + 2 * margin
        return cv2.getRectSubPix(image, size, (x + (w - 1) / 2, y + (h - 1) / 2))


class Patch(RunSpec):
    """The method, with its parameters beside those that every run has."""

    method: Literal["patch"]
    reach: int = Field(8, ge=1, description="pixels it may move in a frame")

    def tracker(self, network, compute) -> PatchTracker:
        return PatchTracker(self.reach)


METHODS = {"patch": Patch}
