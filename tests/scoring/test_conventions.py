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


@pytest.fixture(params=range(20))
def video(request):
    rng = np.random.default_rng(request.param)
    truth = np.column_stack([rng.uniform(1, 200, (30, 2)), rng.uniform(5, 90, (30, 2))])
    predicted = truth + rng.normal(0, rng.uniform(0.5, 25), truth.shape)
    predicted[:, 2:] = np.maximum(predicted[:, 2:], 1)
    return rng, predicted, truth


def same(found, expected):
    assert found.keys() == expected.keys()
    assert found == pytest.approx(expected, abs=1e-12)


def test_otb_equals_its_slow_transcription(video):
    rng, predicted, truth = video
    truth[rng.integers(30), rng.integers(4)] = 0
    predicted[[0, 1, 7, 8, 9]] = [[np.nan] * 4, [np.nan] * 4, [1, 2, 0, 5], [np.nan] * 4, [3, np.nan, 5, 6]]
    same(number("otb", predicted, truth), slow_otb(predicted, truth))


def test_got10k_equals_its_slow_transcription(video):
    rng, predicted, truth = video
    cover, size = rng.integers(0, 9, 30).astype(float), (180, 150)
    same(number("got10k", predicted, truth, cover=cover, size=size), slow_got10k(predicted, truth, cover, size))


def test_lasot_equals_its_slow_transcription(video):
    rng, predicted, truth = video
    predicted[5:8, 2] = [0, -3, np.nan]
    predicted[[1, 20]] = np.nan
    predicted[21, 2] = np.inf
    truth[12, 0] = -2
    absent = rng.random(30) < 0.2
    same(number("lasot", predicted, truth, absent=absent), slow_lasot(predicted, truth, absent))


def test_trackingnet_equals_its_slow_transcription(video):
    _, predicted, truth = video
    same(number("trackingnet", predicted, truth), slow_trackingnet(predicted, truth))


def test_a_perfect_tracker():
    assert number("otb", TRUTH, TRUTH)["auc"] == 20 / 21
    assert number("lasot", TRUTH, TRUTH)["auc"] == 20 / 21
    assert number("got10k", TRUTH, TRUTH) == {"ao": 1, "sr50": 1, "sr75": 1}
    assert number("trackingnet", TRUTH, TRUTH) == pytest.approx({"auc": 1, "precision": 1, "normalised_precision": 1})


def test_a_tracker_of_nans_under_each_convention():
    lost = np.full_like(TRUTH, np.nan)
    assert number("otb", lost, TRUTH)["auc"] == pytest.approx(20 / 21 / 5)  # the first frame is set true
    assert number("got10k", lost, TRUTH)["ao"] == 0
    assert number("lasot", lost, TRUTH)["auc"] == pytest.approx(20 / 21 / 5)
    lost[0] = TRUTH[0]  # now there is a box to repeat
    for convention in ("otb", "lasot"):
        frozen = number(convention, np.repeat(TRUTH[:1], 5, 0), TRUTH)
        assert number(convention, lost, TRUTH) == frozen
    assert number("trackingnet", lost, TRUTH)["precision"] == pytest.approx(0.2)  # the first frame is given


def test_trackingnet_counts_ties_as_the_devkit_does():
    rng = np.random.default_rng(0)
    for _ in range(100):
        truth = rng.integers(1, 12, (12, 4)).astype(float)
        predicted = truth + rng.integers(-1, 2, truth.shape)
        predicted[:, 2:] = np.maximum(predicted[:, 2:], 1)
        same(number("trackingnet", predicted, truth), slow_trackingnet(predicted, truth))


@given(
    st.sampled_from(list(CONVENTIONS)),
    st.lists(st.tuples(*[st.floats(1, 500)] * 8), min_size=2, max_size=8),
)
def test_scores_are_shares_and_inputs_stay(convention, rows):
    predicted, truth = np.split(np.array(rows), 2, axis=1)
    kept = predicted.copy(), truth.copy()
    assert all(0 <= value <= 1 + 1e-12 for value in number(convention, predicted, truth).values())
    assert (predicted == kept[0]).all() and (truth == kept[1]).all()


def test_shapes_must_agree():
    with pytest.raises(DataError, match=r"\(4, 4\) result boxes for \(5, 4\)"):
        number("otb", TRUTH[:4], TRUTH)
    with pytest.raises(UsageError, match="otbb"):
        number("otbb", TRUTH, TRUTH)


@pytest.mark.parametrize(
    "damage",
    [dict(absent=np.zeros(3)), dict(cover=np.zeros((5, 2))), dict(size=(0, 0)), dict(size=(1, 2, 3)),
     dict(boxes=TRUTH[0]), dict(boxes=np.zeros((5, 5)))],
)  # fmt: skip
def test_a_damaged_annotation_is_refused(damage):
    with pytest.raises(DataError, match="expected"):
        score_sequence("otb", TRUTH, Truth(**({"boxes": TRUTH} | damage)))
