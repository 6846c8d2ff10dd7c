"""What a click says about a frame."""

import numpy as np
import pytest
from tiny import disc_video

from socl_core.errors import DataError
from socl_core.geometry import SEARCH, context_side, crop
from socl_core.models.alexnet import GRID
from socl_core.prior.click import view_click
from socl_core.prior.top import score_map, top_at_cells


def test_a_click_gives_the_crop_and_the_map_around_it():
    video = disc_video(0)
    view = view_click(video.frames[0], video.points[0])
    assert 12 < view.size < 46 and view.side == pytest.approx(context_side(view.size, view.size) * SEARCH / 127)
    np.testing.assert_array_equal(view.image, crop(video.frames[0], video.points[0], view.side, SEARCH))
    np.testing.assert_array_equal(view.scores, score_map(view.windows, video.points[0], view.side))
    top = top_at_cells(view.scores, GRID, 0.1)
    assert abs(top.numpy().sum(0) @ GRID.centres(SEARCH) - (SEARCH - 1) / 2) < 2 * GRID.stride


def test_a_click_outside_of_the_frame_is_refused():
    with pytest.raises(DataError, match="outside of the image"):
        view_click(disc_video(0).frames[0], (500, 20))
