"""Pseudo boxes: what each rule makes of windows and clicks, and that it sees nothing else."""

import numpy as np
import pytest
from tiny import disc_video

from socl_core.geometry import box_centres
from socl_core.prior.objectness import objectness
from socl_core.prior.pseudo_boxes import GROWTH, PSEUDO_RULES, SMOOTHED, best, centred, pseudo_boxes
from socl_core.prior.windows import Windows
from socl_core.scoring import metrics


def around(x, y, *sizes):
    """Windows of these sizes centred on a pixel."""
    return np.array([[x - (w - 1) / 2, y - (h - 1) / 2, w, h] for w, h in sizes], float)


def test_best_is_the_window_of_the_highest_score():
    windows = Windows(np.array([[0, 0, 5, 6], [1, 1, 7, 9.0]]), np.array([0.2, 0.3]))
    np.testing.assert_array_equal(best(windows, np.array([4, 5])), [7, 9])


def test_centred_weighs_scores_and_the_place_of_the_click():
    point = np.array([50.0, 40])
    one = Windows(around(50, 40, (20, 10), (40, 40)), np.array([1.0, 1e-5]))
    np.testing.assert_allclose(centred(one, point), GROWTH * np.array([20, 10]), rtol=1e-6)
    both = Windows(around(50, 40, (10, 10), (40, 20)), np.array([0.7, 0.7]))
    np.testing.assert_allclose(centred(both, point), GROWTH * np.sqrt([400, 200]), rtol=1e-6)
    boxes = np.concatenate([around(50, 40, (20, 20)), around(60, 40, (40, 40))])  # as good, but beside the click
    found = centred(Windows(boxes, np.array([0.9, 0.9])), point)
    np.testing.assert_allclose(found, GROWTH * np.array([20, 20]), rtol=0.01)


def boxes_of(points, sizes):
    """Pseudo boxes of frames with one window each."""
    windows = [Windows(around(*point, size), np.ones(1)) for point, size in zip(points, sizes, strict=True)]
    return pseudo_boxes("best", windows, points)


def test_boxes_lie_on_their_points_with_the_median_size_of_their_time():
    points = np.array([[10.0 + i, 20] for i in range(7)])
    sizes = np.full((7, 2), [8.0, 4.0])
    sizes[3] = [80, 1]  # one bad estimate
    boxes = boxes_of(points, sizes)
    np.testing.assert_allclose(box_centres(boxes), points)
    np.testing.assert_allclose(boxes[:, 2:], np.full((7, 2), [8.0, 4.0]))
    growing = np.linspace(10, 40, 31)[:, None].repeat(2, 1)
    found = boxes_of(np.zeros((31, 2)), growing)[:, 2]
    np.testing.assert_allclose(found[SMOOTHED:-SMOOTHED], growing[SMOOTHED:-SMOOTHED, 0])  # a drift is followed


@pytest.mark.parametrize("rule", PSEUDO_RULES)
def test_a_disc_gets_a_box_that_meets_it(rule):
    video = disc_video(0, frames=2)
    windows = [objectness(image, point) for image, point in zip(video.frames, video.points, strict=True)]
    found = pseudo_boxes(rule, windows, video.points)
    assert metrics.iou(found, video.boxes).min() > 0.4
