import cv2
import numpy as np
import pytest

from socl_core.scoring.metrics import iou
from socl_core.trackers import mil
from socl_core.trackers.identity import IdentityTracker
from socl_core.trackers.mil import MilTracker, integer_box


@pytest.fixture(scope="module")
def video():
    """A textured square of 24 px that goes 3 px right a frame, and its boxes."""
    rng = np.random.default_rng(0)
    back = cv2.GaussianBlur(rng.integers(90, 160, (90, 130, 3), np.uint8), (9, 9), 0)
    texture = cv2.GaussianBlur(rng.integers(0, 256, (24, 24, 3), np.uint8), (5, 5), 0)
    frames, boxes = [], []
    for k in range(8):
        frame = back.copy()
        frame[30:54, 20 + 3 * k : 44 + 3 * k] = texture
        frames.append(frame)
        boxes.append([20 + 3 * k, 30, 24, 24])
    return frames, np.array(boxes, float)


def track(tracker, frames, box):
    tracker.init(frames[0], box)
    return np.array([tracker.update(frame) for frame in frames[1:]])


@pytest.mark.parametrize("tracker", [IdentityTracker(), MilTracker()], ids=["identity", "mil"])
def test_contract(tracker, video):
    frames, boxes = video
    box, image = boxes[0].copy(), frames[0].copy()
    tracker.init(image, box)
    box[:] = -1  # the tracker keeps a copy
    first = tracker.update(image)
    assert first.shape == (4,) and first.dtype == np.float64
    assert iou(first, boxes[0]) > 0.5
    first[:] = np.nan  # the result is the caller's
    assert np.isfinite(tracker.update(image)).all()
    np.testing.assert_array_equal(image, frames[0])
    tracker.init(image, boxes[0] + [9, 9, 0, 0])  # a second sequence
    assert iou(tracker.update(image), boxes[0] + [9, 9, 0, 0]) > 0.5


def test_identity_returns_the_first_box_for_ever(video):
    frames, boxes = video
    np.testing.assert_array_equal(track(IdentityTracker(), frames, [1.5, 2, 3, 4]), [[1.5, 2, 3, 4]] * 7)


def test_mil_follows_and_repeats(video):
    frames, boxes = video
    found = track(MilTracker(seed=1), frames, boxes[0])
    assert np.median(iou(found, boxes[1:])) > 0.6  # some seeds lose it for a frame
    assert iou(boxes[0], boxes[-1]) < 0.1
    cv2.setRNGSeed(99)  # what other code draws between the runs does not matter
    cv2.randu(np.zeros(3), 0, 1)
    np.testing.assert_array_equal(track(MilTracker(seed=1), frames, boxes[0]), found)
    assert (track(MilTracker(seed=2), frames, boxes[0]) != found).any()


def test_mil_keeps_the_box_where_opencv_fails(video, monkeypatch):
    frames, boxes = video

    class Failing:
        create = staticmethod(lambda: Failing())

        def init(self, image, box):
            pass

        def update(self, image):
            return False, (0, 0, 0, 0)

    monkeypatch.setattr(mil.cv2, "TrackerMIL", Failing)
    np.testing.assert_array_equal(track(MilTracker(), frames[:3], boxes[0]), [boxes[0]] * 2)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("box", [[5, 5, 1, 1], [5, 5, 0, 0], [-50, -50, 20, 20], [500, 500, 9, 9]])
def test_mil_takes_any_box(video, box):
    frames, _ = video
    assert np.isfinite(track(MilTracker(), frames[:2], box)).all()


@pytest.mark.parametrize("box, expected", [
    ((10, 20, 30, 40), (10, 20, 30, 40)),
    ((10.6, 19.6, 30.0, 40.0), (11, 20, 30, 40)),
    ((-5, -5, 20, 20), (0, 0, 15, 15)),
    ((90, 70, 30, 40), (90, 70, 10, 10)),
    ((50, 50, 2, 20), (48, 50, 6, 20)),
    ((-50, -50, 20, 20), (0, 0, 6, 6)),
    ((500, 500, 9, 9), (94, 74, 6, 6)),
    ((0, 0, 0, 0), (0, 0, 6, 6)),
])  # fmt: skip
def test_integer_box_is_inside_the_image(box, expected):
    assert integer_box(box, 100, 80) == expected
