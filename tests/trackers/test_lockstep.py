"""Trackers that advance together do what each does alone."""

from collections import Counter
from copy import copy

import numpy as np
import pytest
import torch
from moving import video
from tiny import CPU

from socl_core.data.sequence import Sequence
from socl_core.models.alexnet import AlexNetV1
from socl_core.models.resnet import ResNet18
from socl_core.models.transt import TransT
from socl_core.scoring.evaluation import evaluate, track_together
from socl_core.trackers.cf import CfTracker
from socl_core.trackers.lockstep import AskingTracker, Request, answer
from socl_core.trackers.siam import SiamOptions, SiamTracker
from socl_core.trackers.transt import TransTTracker


def filter_tracker():
    backbone = ResNet18(0.125)
    backbone(255 * torch.rand(8, 3, 129, 129))  # statistics of the last normalisation
    return CfTracker(backbone, CPU)


TRACKERS = {
    "siam": lambda: SiamTracker(AlexNetV1(0.125), CPU),
    "template pyramid": lambda: SiamTracker(AlexNetV1(0.125), CPU, SiamOptions(pyramid="template")),
    "filter": filter_tracker,
    "transt": lambda: TransTTracker(TransT("resnet10", 0.125, 16, 1, 2, 32, 0.0), CPU, 64),
}


def sequence(name, **of):
    frames, boxes = video(**of)
    return Sequence(name, frames, boxes[:, :2], boxes, np.ones(len(boxes), bool))


VIDEOS = [sequence("a", frames=7), sequence("b", frames=4, step=(-3, 1), seed=1), sequence("c", frames=6, size=22)]


@pytest.mark.parametrize("name", TRACKERS)
def test_boxes_are_those_of_one_at_a_time(name):
    torch.manual_seed(0)
    tracker = TRACKERS[name]()
    together = track_together([copy(tracker) for _ in VIDEOS], VIDEOS)
    for one, (boxes, seconds) in zip(VIDEOS, together):
        tracker.init(one.frames[0], one.boxes[0])
        alone = [one.boxes[0], *(tracker.update(image) for image in one.frames[1:])]
        # What learns online makes more of the last bits of a sum, which may differ in a larger batch.
        np.testing.assert_allclose(boxes, alone, atol=0.05 if name == "filter" else 1e-3)
        assert len(seconds) == len(one) and (seconds > 0).all()
        assert np.ptp(boxes, axis=0).max() > 0


def test_an_evaluation_does_not_depend_on_its_lanes(tmp_path):
    torch.manual_seed(0)
    tracker = TRACKERS["siam"]()
    scores = [evaluate(lambda: tracker, VIDEOS, starts=2, lanes=lanes) for lanes in (1, 4)]
    for one in VIDEOS:
        first, second = (each[one.name] for each in scores)
        assert first.pop("fps") and second.pop("fps")
        assert first == pytest.approx(second, abs=1e-4)


class Doubling(AskingTracker):
    """Asks to double its number, over and over; a call is counted."""

    calls = Counter()

    @staticmethod
    def double(numbers, times):
        Doubling.calls[len(numbers)] += 1
        return numbers * times, (numbers, numbers + 1)[1]

    def follow(self, image):
        number = torch.tensor([[image]])
        for _ in range(image):
            number, more = yield Request(self.double, (number,), (2,))
            assert torch.equal(more - 1, number / 2)
        return number.item()


def test_requests_of_one_kind_are_one_call_and_of_several_kinds_are_several():
    Doubling.calls.clear()
    assert answer([Doubling().follow(number) for number in (1, 3, 2)]) == [2, 24, 8]
    assert Doubling.calls == {3: 1, 2: 1, 1: 1}

    def other(rows):
        found = yield Request(Doubling.double, (torch.ones(1, rows),), (rows,))
        return found[0].sum().item()

    Doubling.calls.clear()
    assert answer([other(1), other(2), other(2)]) == [1, 4, 4]
    assert Doubling.calls == {1: 1, 2: 1}
