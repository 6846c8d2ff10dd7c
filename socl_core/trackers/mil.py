"""Multiple instance learning tracker of OpenCV (Babenko, Yang, Belongie, CVPR 2009): a classical peer."""

import ctypes

import cv2
import numpy as np

SMALLEST = 6  # pixels: OpenCV 5.0 looks for features for ever in a box of 4 x 4


class MilTracker:
    """OpenCV's `TrackerMIL` under the contract of `IdentityTracker`; the scale never changes.

    seed: of the random numbers, set at each `init`; a run repeats exactly if no other tracker runs between.
    """

    def __init__(self, seed: int = 0):
        self.seed = seed

    def init(self, image: np.ndarray, box: np.ndarray) -> None:
        """Start from a box, made to fit by `integer_box`; stay on it if OpenCV refuses."""
        self.box = np.array(box, np.float64)
        self.tracker = cv2.TrackerMIL.create()
        cv2.setRNGSeed(self.seed)
        ctypes.CDLL(None).srand(self.seed)  # its features come from C's rand(), which OpenCV never seeds
        try:
            self.tracker.init(image, integer_box(box, image.shape[1], image.shape[0]))
        except cv2.error:
            self.tracker = None

    def update(self, image: np.ndarray) -> np.ndarray:
        """The box in the next frame; the box before it where OpenCV reports failure."""
        found, box = self.tracker.update(image) if self.tracker else (False, None)
        if found:
            self.box = np.array(box, np.float64)
        return self.box.copy()


def integer_box(box: np.ndarray, width: int, height: int) -> tuple[int, int, int, int]:
    """The part of a box inside an image, in whole pixels, at least `SMALLEST` wide and high.

    A smaller one grows about its centre; one outside moves to the nearest place. The image must have room.
    """
    frame, (start, size) = np.array([width, height]), np.split(np.asarray(box, np.float64), 2)
    low, high = (np.clip(np.round(end), 0, frame).astype(int) for end in (start, start + size))
    small, about_centre = high - low < SMALLEST, np.clip((low + high - SMALLEST) // 2, 0, frame - SMALLEST)
    lengths = np.where(small, SMALLEST, high - low)
    return *np.where(small, about_centre, low).tolist(), *lengths.tolist()
