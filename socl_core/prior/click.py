"""What one click says about a frame: where to look, how large the target is, and its score map."""

from dataclasses import dataclass

import numpy as np

from socl_core.geometry import EXEMPLAR, SEARCH, context_side, crop
from socl_core.prior.objectness import objectness
from socl_core.prior.top import score_map
from socl_core.prior.windows import Windows


@dataclass(frozen=True)
class ClickView:
    """The search crop around a click, at the scale that the windows of this frame alone say. [R]

    windows: scored, in frame pixels. size: side of the target by them. side: frame pixels that the crop shows.
    image: (255, 255, 3) BGR uint8. scores: (G, G) score map on the crop's lattice, for `top_at_cells`.
    """

    windows: Windows
    size: float
    side: float
    image: np.ndarray
    scores: np.ndarray


def view_click(image: np.ndarray, point) -> ClickView:
    """The search crop and score map of a click (x, y) in a BGR frame. Raises `DataError` for a click outside of it."""
    windows = objectness(image, point)
    size = windows.size()
    side = float(context_side(size, size)) * SEARCH / EXEMPLAR
    return ClickView(windows, size, side, crop(image, point, side, SEARCH), score_map(windows, point, side))
