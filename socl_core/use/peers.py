"""The trackers of OpenCV that are installed, under the contract of `IdentityTracker`."""

from collections.abc import Callable

import cv2
import numpy as np

from socl_core.trackers.mil import MilTracker, integer_box

# By name: the class of OpenCV, and what it needs.
CONTRIB = "pip uninstall opencv-python, then pip install opencv-contrib-python"
CLASSES = {
    "CSRT": ("TrackerCSRT", CONTRIB),
    "KCF": ("TrackerKCF", CONTRIB),
    "NanoTrack": ("TrackerNano", "backbone.onnx and neckhead.onnx in the working folder"),
    "ViT": ("TrackerVit", "vitTracker.onnx in the working folder"),
}


class OpenCvTracker:
    """A tracker of OpenCV by the name of its class; `AttributeError` or `cv2.error` where it is not installed."""

    def __init__(self, kind: str):
        self.tracker = getattr(cv2, kind).create()

    def init(self, image: np.ndarray, box: np.ndarray) -> None:
        self.box = np.array(box, np.float64)
        self.tracker.init(image, integer_box(box, image.shape[1], image.shape[0]))

    def update(self, image: np.ndarray) -> np.ndarray:
        """The box in the next frame; the box before it where OpenCV reports failure."""
        found, box = self.tracker.update(image)
        if found:
            self.box = np.array(box, np.float64)
        return self.box.copy()


def installed_peers() -> dict[str, Callable[[], object]]:
    """What makes each tracker of OpenCV that is installed here, by its name; MIL always is."""
    found: dict[str, Callable[[], object]] = {"MIL": MilTracker}
    for name, (kind, _) in CLASSES.items():
        try:
            OpenCvTracker(kind)
        except (AttributeError, cv2.error):
            continue
        found[name] = lambda kind=kind: OpenCvTracker(kind)
    return found
