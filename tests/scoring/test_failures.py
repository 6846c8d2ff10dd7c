from dataclasses import replace

import numpy as np
import pytest

from socl_core.data.sequence import Sequence
from socl_core.scoring.failures import LASTING, Failure, failures, out_of_sight

FRAMES = 30


def still(**changes):
    """A tracker on a target that stays where it is, in frames of 200 x 100 pixels."""
    truth = np.tile([60.0, 40, 20, 20], (FRAMES, 1))
    frames = [np.zeros((100, 200, 3), np.uint8)] * FRAMES
    sequence = Sequence("still", frames, truth[:, :2] + 9.5, truth, np.ones(FRAMES, bool))
    return truth.copy(), replace(sequence, **changes)


def test_a_short_slip_is_no_failure_and_a_longer_one_ends_where_the_target_is_found_again():
    boxes, sequence = still()
    assert failures(boxes, sequence) == []
    boxes[4 : 4 + LASTING - 1, 0] += 50
    boxes[15:22, 0] += 50
    boxes[25:, 0] += 50
    assert failures(boxes, sequence) == [Failure(15, 22, "drift"), Failure(25, 30, "drift")]
    assert str(failures(boxes, sequence)[0]) == "lost from frame 15 to 21: drift"


@pytest.mark.parametrize("kind", ["out of sight", "hidden", "absent", "fast motion", "size", "drift"])
def test_what_happened_when_the_target_was_lost(kind):
    boxes, sequence = still()
    boxes[15:, 0] += 50
    if kind == "out of sight":
        sequence.boxes[15:, 0] = -15
    elif kind == "hidden":
        sequence = replace(sequence, labels={"cover": np.r_[np.full(16, 8), 3, np.full(FRAMES - 17, 8)]})
    elif kind == "absent":
        sequence.valid[13] = False
    elif kind == "fast motion":
        sequence.boxes[15:, 1] += 12
    elif kind == "size":
        boxes[15:] = [68, 48, 4, 4]
    expected = "out of sight" if kind in ("hidden", "absent") else kind
    assert failures(boxes, sequence) == [Failure(15, FRAMES, expected)]


def test_a_place_that_looks_as_the_target_did_is_a_look_alike():
    boxes, sequence = still()
    boxes[15:, 0] += 50
    before, after = (np.zeros((100, 200, 3), np.uint8) for _ in range(2))
    texture = np.random.default_rng(0).integers(0, 256, (20, 20, 3), np.uint8)
    before[40:60, 60:80] = after[40:60, 110:130] = texture
    after[40:60, 60:80] = texture[::-1]  # the target has turned, and another stands beside it
    changed = replace(sequence, frames=[before] * 15 + [after] * 15)
    assert failures(boxes, changed) == [Failure(15, FRAMES, "look-alike")]
    unchanged = replace(sequence, frames=[before] * FRAMES)
    assert failures(boxes, unchanged) == [Failure(15, FRAMES, "drift")]


@pytest.mark.parametrize("box, hidden", [([0, 0, 10, 10], False), ([-4, 0, 10, 10], False), ([-6, 0, 10, 10], True),
                                         ([195, 95, 10, 10], True), ([300, 0, 10, 10], True)])  # fmt: skip
def test_a_target_by_half_outside_of_the_frame_is_out_of_sight(box, hidden):
    _, sequence = still()
    sequence.boxes[:] = box
    assert (out_of_sight(sequence) == hidden).all()
