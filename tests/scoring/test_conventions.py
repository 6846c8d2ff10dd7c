"""Each convention against a slow transcription of its toolkit's rules, and the cases where toolkits differ."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from socl_core.errors import DataError, UsageError
from socl_core.scoring.conventions import CONVENTIONS, Truth, score_sequence, summary

TRUTH = np.array([[10, 20, 30, 40], [12, 21, 30, 41], [15, 22, 31, 40], [18, 25, 29, 40], [20, 28, 30, 42.0]])


def number(convention, predicted, truth, **extras):
    return summary(convention, [score_sequence(convention, predicted, Truth(truth, **extras))])


def slow_iou(a, b):
    if not all(map(math.isfinite, (*a, *b))) or min(a[2], a[3], b[2], b[3]) <= 0:
        return 0.0
    w = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    h = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    shared = max(w, 0) * max(h, 0)
    return min(shared / (a[2] * a[3] + b[2] * b[3] - shared), 1.0)  # x + w - x is not exactly w


def slow_error(a, b, normalised=False):
    dx, dy = a[0] + a[2] / 2 - b[0] - b[2] / 2, a[1] + a[3] / 2 - b[1] - b[3] / 2
    return math.hypot(dx / b[2], dy / b[3]) if normalised else math.hypot(dx, dy)


def slow_repeated(predicted, truth):
    """Row by row as the toolkits do it; only then is the first box set."""
    boxes = [list(box) for box in predicted]
    for i in range(1, len(boxes)):
        if (all(map(math.isnan, boxes[i])) or boxes[i][2] <= 0 or boxes[i][3] <= 0) and not any(
            map(math.isnan, truth[i])
        ):
            boxes[i] = boxes[i - 1]
    return [list(truth[0])] + boxes[1:]


def slow_otb(predicted, truth):
    predicted = slow_repeated(predicted, truth)
    valid = [min(b) > 0 for b in truth]
    overlaps = [slow_iou(a, b) if v else -1 for a, b, v in zip(predicted, truth, valid)]
    errors = [slow_error(a, b) if v else -1 for a, b, v in zip(predicted, truth, valid)]
    success = [sum(o > t / 20 for o in overlaps) / len(truth) for t in range(21)]
    return {"auc": sum(success) / 21, "precision": sum(e <= 20 for e in errors) / len(truth)}


def slow_got10k(predicted, truth, cover, size):
    def clip(box):
        x, y = min(max(box[0], 0), size[0]), min(max(box[1], 0), size[1])
        return x, y, min(max(box[2], 0), size[0] - x), min(max(box[3], 0), size[1] - y)

    overlaps = [slow_iou(clip(predicted[i]), clip(truth[i])) for i in range(1, len(truth)) if cover[i] > 0]
    return {
        "ao": sum(overlaps) / len(overlaps),
        "sr50": sum(o > 0.5 for o in overlaps) / len(overlaps),
        "sr75": sum(o > 0.75 for o in overlaps) / len(overlaps),
    }


def slow_lasot(predicted, truth, absent):
    boxes = slow_repeated(predicted, truth)
    overlaps, errors, shares = [], [], []
    for a, b, gone in zip(boxes, truth, absent):
        if gone:
            continue
        valid = min(b) > 0
        overlaps.append(slow_iou(a, b) if valid else -1)
        errors.append(slow_error(a, b) if valid else -1)
        shares.append(slow_error(a, b, True) if valid else -1)
    n = len(truth)
    return {
        "auc": sum(sum(o > t / 20 for o in overlaps) / n for t in range(21)) / 21,
        "precision": sum(e <= 20 for e in errors) / n,
        "normalised_precision": sum(e <= 0.2 for e in shares) / n,
    }


def slow_trackingnet(predicted, truth):
    rounded = [[float(np.round(v)) for v in box] for box in predicted]
    truth = [[float(np.round(v)) for v in box] for box in truth]
    rounded[0] = truth[0]
    n = len(truth)

    def area(curve):
        return sum((a + b) / 2 / 20 for a, b in zip(curve, curve[1:]))

    pairs = list(zip(rounded, truth))
    return {
        "auc": area([sum(slow_iou(a, b) >= t for a, b in pairs) / n for t in np.linspace(0, 1, 21)]),
        "precision": area([sum(slow_error(a, b) <= 2.5 * t for a, b in pairs) / n for t in range(21)]),
        "normalised_precision": area(
            [sum(slow_error(a, b, True) <= t for a, b in pairs) / n for t in np.linspace(0, 0.5, 21)]
        ),
    }


SLOW = {
    "otb": lambda predicted, truth, **_: slow_otb(predicted, truth),
    "got10k": lambda predicted, truth, cover, size, **_: slow_got10k(predicted, truth, cover, size),
    "lasot": lambda predicted, truth, absent, **_: slow_lasot(predicted, truth, absent),
    "trackingnet": lambda predicted, truth, **_: slow_trackingnet(predicted, truth),
}


def same(found, expected):
    assert found.keys() == expected.keys()
    assert found == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("convention", SLOW)
@pytest.mark.parametrize("seed", range(12))
def test_each_convention_equals_its_slow_transcription(convention, seed):
    rng = np.random.default_rng(seed)
    truth = np.column_stack([rng.uniform(1, 200, (30, 2)), rng.uniform(5, 90, (30, 2))])
    predicted = truth + rng.normal(0, rng.uniform(0.5, 25), truth.shape)
    predicted[:, 2:] = np.maximum(predicted[:, 2:], 1)
    if convention in ("otb", "lasot"):  # they have rules for these
        truth[rng.integers(30), rng.integers(4)] = rng.choice([0, -2])
        predicted[[0, 1, 20, 21, 22]] = np.nan
        predicted[5:9, 2:] = [[0, 5], [-3, 5], [np.nan, 5], [np.inf, 5]]
    extras = {"cover": rng.integers(0, 9, 30).astype(float), "size": (180, 150), "absent": rng.random(30) < 0.2}
    same(number(convention, predicted, truth, **extras), SLOW[convention](predicted, truth, **extras))


@pytest.mark.parametrize("convention", ["otb", "lasot", "trackingnet"])
@pytest.mark.parametrize("seed", range(12))
def test_ties_and_numbers_of_zero_or_less_count_as_in_the_toolkit(convention, seed):
    rng = np.random.default_rng(seed)
    low = 1 if convention == "trackingnet" else -2  # it has no rule for them
    truth = rng.integers([low, low, max(low, 0), max(low, 0)], [30, 30, 20, 20], (200, 4)).astype(float)
    predicted = truth + rng.integers(-6, 7, truth.shape)
    predicted[:, 2:] = np.maximum(predicted[:, 2:], 1)
    absent = np.zeros(200, bool)
    same(number(convention, predicted, truth), SLOW[convention](predicted, truth, absent=absent))


def test_overlap_must_be_above_and_error_at_most_the_threshold():
    first, truth = [1.0, 1, 10, 10], np.array([[1.0, 1, 10, 10]] * 2)
    half = score_sequence("otb", [first, [1, 1, 10, 5]], Truth(truth))  # IoU exactly .5, error 2.5
    assert half["success"][9:11].tolist() == [1, 0.5] and half["precision"][2:4].tolist() == [0.5, 1]
    away = score_sequence("otb", [first, [13, 17, 10, 10]], Truth(truth))  # an IoU of 0, error 20
    assert away["success"][0] == 0.5 and away["precision"][19:21].tolist() == [0.5, 1]
    assert away["success"].shape == (21,) and away["precision"].shape == (51,)


@pytest.mark.parametrize("convention, perfect, lost", [
    ("otb", 20 / 21, 20 / 21 / 5), ("lasot", 20 / 21, 20 / 21 / 5), ("got10k", 1, 0), ("trackingnet", 1, 1 / 5),
])  # fmt: skip
def test_a_perfect_tracker_and_one_of_nans(convention, perfect, lost):
    nans = np.full_like(TRUTH, np.nan)
    for boxes, expected in ((TRUTH, perfect), (nans, lost)):  # the first box is the true one, but in GOT-10k
        assert next(iter(number(convention, boxes, TRUTH).values())) == pytest.approx(expected)
    nans[0] = TRUTH[0]  # now there is a box to repeat
    frozen = number(convention, np.repeat(TRUTH[:1], 5, 0), TRUTH)
    assert (number(convention, nans, TRUTH) == frozen) == (convention in ("otb", "lasot"))


@given(st.sampled_from(list(CONVENTIONS)), st.lists(st.tuples(*[st.floats(1, 500)] * 8), min_size=2, max_size=8))
def test_scores_are_shares_and_inputs_stay(convention, rows):
    predicted, truth = np.split(np.array(rows), 2, axis=1)
    before = predicted.copy(), truth.copy()
    assert all(0 <= value <= 1 + 1e-12 for value in number(convention, predicted, truth).values())
    assert (predicted == before[0]).all() and (truth == before[1]).all()


def test_shapes_must_agree():
    with pytest.raises(DataError, match=r"\(4, 4\) result boxes for \(5, 4\)"):
        number("otb", TRUTH[:4], TRUTH)
    with pytest.raises(UsageError, match="otbb"):
        number("otbb", TRUTH, TRUTH)


@pytest.mark.parametrize("damage", [
    dict(absent=np.zeros(3)), dict(cover=np.zeros((5, 2))), dict(size=(0, 0)), dict(size=(1, 2, 3)),
    dict(boxes=TRUTH[0]), dict(boxes=np.zeros((5, 5))), dict(boxes=np.zeros((0, 4))),
])  # fmt: skip
def test_a_damaged_annotation_is_refused(damage):
    with pytest.raises(DataError, match="expected"):
        score_sequence("otb", TRUTH, Truth(**({"boxes": TRUTH} | damage)))
