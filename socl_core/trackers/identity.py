"""The tracker that never moves: the contract of all trackers in ten lines, and a test double."""

import numpy as np


class IdentityTracker:
    """Returns the first box for ever.

    Contract of every tracker: `init(image, box)` once, with the first frame and its box, then `update(image)`
    once for each later frame. Images are BGR uint8 (H, W, 3); boxes are float64 (4,) x, y, w, h in 0-based
    pixel indices. Neither changes its arguments, and a returned box belongs to the caller.
    """

    def init(self, image: np.ndarray, box: np.ndarray) -> None:
        self.box = np.array(box, np.float64)

    def update(self, image: np.ndarray) -> np.ndarray:
        return self.box.copy()
