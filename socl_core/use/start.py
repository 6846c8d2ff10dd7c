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

    >>> image = np.full((120, 160, 3), 60, np.uint8)
    >>> image[40:80, 60:110] = (20, 90, 240)
    >>> x, y, w, h = boxes_of_click(image, (84, 59))[0]
    >>> bool(abs(w - 50) < 25 and abs(h - 40) < 20), float(x + (w - 1) / 2)
    (True, 84.0)
    """
    (windows,) = objectness_of_clicks(image, [point])
    found = pseudo_boxes("centred", [windows], np.array([point], np.float64))
    for box in windows.boxes[np.argsort(-windows.scores)]:
        if len(found) >= count:
            break
        if iou(box, found).max() <= OTHER:
            found = np.vstack([found, box])
    return found[:count]
