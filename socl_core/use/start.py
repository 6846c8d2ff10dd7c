"""A click starts a tracker: the box that objectness sees around it, and others that may have been meant."""

import numpy as np

from socl_core.prior.objectness import objectness_of_clicks
from socl_core.prior.pseudo_boxes import pseudo_boxes
from socl_core.scoring.metrics import iou

OTHER = 0.4  # IoU up to which a window is another candidate


def boxes_of_click(image: np.ndarray, point, count: int = 1) -> np.ndarray:
    """Boxes (at most `count`, 4) x, y, w, h that a click (x, y) may mean in an image BGR uint8 (H, W, 3).

    The first is that of the rule that trains `socl-transt`: centred on the click, its size by the objectness. The
    others are windows of the highest objectness that overlap no box before them much.
    Raises `DataError` for a point outside of the image, `UsageError` for another array.
    """
    (windows,) = objectness_of_clicks(image, [point])
    found = pseudo_boxes("centred", [windows], np.array([point], np.float64))
    for box in windows.boxes[np.argsort(-windows.scores)]:
        if len(found) >= count:
            break
        if iou(box, found).max() <= OTHER:
            found = np.vstack([found, box])
    return found[:count]
