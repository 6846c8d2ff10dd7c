"""What all trackers on a backbone have in common."""

import numpy as np
import pytest
import torch
from moving import video
from tiny import CPU

from socl_core.models.alexnet import AlexNetV1
from socl_core.models.resnet import ResNet18
from socl_core.scoring.metrics import iou
from socl_core.trackers.cf import CfOptions, CfTracker
from socl_core.trackers.siam import SiamOptions, SiamTracker

BOXES = {
    "partly outside": [-10, 60, 30, 30], "at the corner": [190, 140, 40, 40], "tiny": [80, 60, 1.5, 1.5],
    "thin": [80, 60, 1, 40], "the whole frame": [0, 0, 200, 150], "larger than the frame": [-50, -50, 400, 300],
}  # fmt: skip


@pytest.fixture(params=["cosine", "dot", "template", "filter"])
def make(request):
    """A tracker of the options that all have: SiamFC by correlation, or with three templates, and the filter."""
    torch.manual_seed(0)
    if request.param == "filter":
        backbone = ResNet18(0.125)
        backbone(255 * torch.rand(8, 3, 129, 129))  # statistics of the last normalisation
        return lambda **options: CfTracker(backbone, CPU, CfOptions(**options))
    backbone = AlexNetV1(0.125)
    chosen = {"pyramid": "template"} if request.param == "template" else {"correlation": request.param}
    return lambda **options: SiamTracker(backbone, CPU, SiamOptions(**chosen, **options))


@pytest.mark.parametrize("step", [(3, 2), (-4, 0), (0, -5), (0, 0)])
def test_the_tracker_follows_a_moving_texture(make, step):
    images, boxes = video(step=step)
    tracker = make()
    tracker.init(images[0], boxes[0])
    found = [tracker.update(image) for image in images[1:]]
    assert all(box.shape == (4,) and box.dtype == np.float64 for box in found)
    overlaps = iou(np.array(found), boxes[1:])
    assert overlaps.min() > 0.5 and overlaps.mean() > 0.6


@pytest.mark.parametrize("box", BOXES.values(), ids=BOXES.keys())
def test_odd_boxes_give_finite_boxes_in_the_frame(make, box):
    images, _ = video(3)
    tracker = make()
    tracker.init(images[0], box)
    for image in images[1:]:
        found = tracker.update(image)
        centre = found[:2] + (found[2:] - 1) / 2
        assert np.isfinite(found).all() and (found[2:] > 0).all()
        assert (centre >= 0).all() and (centre <= [199, 149]).all()
        assert (found[2:] <= [200.001, 150.001]).all() or box[2] * box[3] > 200 * 150 or box[2] == 1
        assert found[2] / found[3] == pytest.approx(box[2] / box[3])  # the aspect never changes


def test_uniform_frames_never_give_nan(make):
    tracker = make()
    for value in (0, 128, 255):
        flat = np.full((150, 200, 3), value, np.uint8)
        tracker.init(flat, [80, 60, 30, 30])
        for _ in range(3):
            found = tracker.update(flat)
            assert np.isfinite(found).all()
        assert iou(found, [80, 60, 30, 30]) > 0.5  # nothing to see: it stays about where it was


def test_a_second_init_starts_afresh_and_no_argument_is_changed(make):
    images, boxes = video(4)
    copies = [image.copy() for image in images]
    tracker, runs = make(), []
    for _ in range(2):
        tracker.init(images[0], boxes[0])
        runs.append([tracker.update(image) for image in images[1:]])
    np.testing.assert_array_equal(*runs)
    assert all((a == b).all() for a, b in zip(images, copies, strict=True)) and boxes[0].tolist() == [70, 50, 30, 30]


def without_window(tracker):
    """The tracker at one scale, with no preference for the middle."""
    if isinstance(tracker, SiamTracker):
        tracker.window[:] = 0
    return tracker


def test_the_view_says_where_the_peak_of_the_response_lies_in_the_frame(make):
    tracker = without_window(make(scales=1))
    images, boxes = video(4, step=(6, -4))
    tracker.init(images[0], boxes[0])
    for image in images[1:]:
        before = tracker.centre
        found = tracker.update(image)
        view = tracker.view
        np.testing.assert_array_equal(view.centre, before)
        assert view.features.ndim == 3 and view.response.ndim == 2
        y, x = divmod(int(view.response.argmax()), view.response.shape[1])
        peak = view.centre + (np.array([x, y]) - (len(view.response) - 1) / 2) * view.step
        assert np.abs(found[:2] + (found[2:] - 1) / 2 - peak).max() <= 0.75 * view.step


def test_a_template_is_found_in_its_own_frame_at_the_middle(make):
    """Cells of the search features lie symmetric about the target, whatever the padding of the backbone."""
    tracker = without_window(make(scales=1))
    images, boxes = video(1)
    tracker.init(images[0], boxes[0])
    found = tracker.update(images[0])
    np.testing.assert_allclose(found, boxes[0], atol=1.0)
