"""The two lines of Python, as another program uses them."""

import numpy as np
import pytest
import torch
from moving import video
from tiny import CPU

import socl_core
from socl_core.errors import DataError, UsageError
from socl_core.runs.weights import read_weights, weights_spec
from socl_core.scoring.metrics import iou
from socl_core.trackers.identity import IdentityTracker
from socl_core.use import SHIPPED, tracker
from socl_core.use.confidence import confidence, sidelobe_ratio
from socl_core.use.start import boxes_of_click


@pytest.mark.parametrize("weights", ["socl-siam", "socl-cf"])
def test_a_moving_target_is_followed_from_its_box_and_from_a_click(weights):
    images, boxes = video()
    one = socl_core.tracker(weights, "cpu")
    one.init(images[0], boxes[0])
    for image, box in zip(images[1:], boxes[1:]):
        found, where = one.update(image)
        assert found and 0.3 < one.confidence < 1 and iou(where, box) > 0.6
    followed = list(socl_core.track(images, (84.5, 64.5), weights, "cpu", first=1))
    assert len(followed) == len(images) - 1 and followed[0][2] == 1
    assert all(iou(box, truth) > 0.3 for (_, box, _), truth in zip(followed, boxes[1:]))


def test_a_wrong_start_is_refused():
    image = video(1)[0][0]
    one = tracker.Tracker(IdentityTracker())
    for arguments, error in (({}, UsageError), ({"box": (1, 2, 3, 4), "point": (1, 2)}, UsageError),
                             ({"box": (1, 2, 3)}, UsageError), ({"point": (500, 2)}, DataError)):  # fmt: skip
        with pytest.raises(error):
            one.init(image, **arguments)
        with pytest.raises(UsageError, match="call init"):
            one.update(image)
    one.init(image, (1, 2, 3, 4))
    assert one.update(image) == (True, (1, 2, 3, 4)) and np.isnan(one.confidence)  # it tells none


def test_targets_are_left_one_by_one(monkeypatch):
    certain = iter([0.9, 0.9, 0.9, 0.2, 0.1])  # of two targets in the second and third frame, then of the one left
    monkeypatch.setattr(tracker, "confidence", lambda inner: next(certain))
    images, starts = video(6)[0], [(1, 2, 3, 4), (5, 6, 7, 8)]
    rows = list(tracker.follow(images, starts, IdentityTracker, stop_below=0.5))
    assert [confidences.tolist()[0] for _, _, confidences in rows] == [1, 0.9, 0.9]
    assert [bool(np.isnan(boxes[1]).all()) for _, boxes, _ in rows] == [False, False, True]


def test_a_click_means_the_object_first_and_other_sizes_after():
    images, boxes = video(1)
    found = boxes_of_click(images[0], (84.5, 64.5), 3)
    assert iou(found[0], boxes[0]) > 0.4 and np.allclose(found[0, :2] + (found[0, 2:] - 1) / 2, (84.5, 64.5))
    assert all(iou(found[i], found[j]) <= 0.4 for i in range(len(found)) for j in range(i))


def test_inner_products_tell_no_confidence():
    images, boxes = video()
    spec = weights_spec(SHIPPED["socl-siam"])
    network = read_weights(SHIPPED["socl-siam"], CPU)
    told = {}
    for correlation in ("cosine", "dot"):
        one = spec.model_copy(update={"correlation": correlation}).tracker(network, CPU)
        one.init(images[0], boxes[0])
        one.update(images[1])
        told[correlation] = confidence(one)
    assert 0.3 < told["cosine"] < 1 and np.isnan(told["dot"])


def test_the_sidelobe_ratio_is_that_of_its_definition():
    response = torch.zeros(9, 9)
    response[4, 4] = 5.0
    response[2:7, 2] = 3.0  # next to the peak: no sidelobe
    response[0, 0] = 1.0
    rest = np.array([1.0] + [0.0] * 55)
    assert sidelobe_ratio(response) == pytest.approx((5 - rest.mean()) / rest.std())
