import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from socl_core.data.layouts.otb import LISTS
from socl_core.errors import DataError
from socl_core.scoring import metrics


def slow_iou(a, b):
    wide = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    high = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    shared = wide * high if wide > 0 and high > 0 else 0
    return shared / (a[2] * a[3] + b[2] * b[3] - shared)


def slow_otb(predicted, truth):
    """Benchmark code line by line, on 1-based boxes; curves as lists."""
    overlaps, errors = [], []
    for p, t in zip(predicted, truth, strict=True):
        if not (t[0] > 0 and t[1] > 0 and t[2] > 0 and t[3] > 0):
            overlaps.append(-1)
            errors.append(-1)
        elif any(math.isnan(v) or math.isinf(v) for v in p):
            overlaps.append(0)
            errors.append(math.inf)
        else:
            overlaps.append(slow_iou(p, t))
            centre_p = (p[0] + (p[2] - 1) / 2, p[1] + (p[3] - 1) / 2)
            centre_t = (t[0] + (t[2] - 1) / 2, t[1] + (t[3] - 1) / 2)
            errors.append(math.dist(centre_p, centre_t))
    n = len(truth)
    success = [sum(o > k / 20 for o in overlaps) / n for k in range(21)]
    precision = [sum(e <= k for e in errors) / n for k in range(51)]
    return success, precision


def random_boxes(rng, n):
    """1-based integer boxes, some with x, y, w or h <= 0: every rule and every tie occurs."""
    return rng.integers([-2, -2, 0, 0], [30, 30, 20, 20], (n, 4)).astype(float)


@pytest.mark.parametrize("seed", range(20))
def test_otb_equals_the_slow_transcription(seed):
    rng = np.random.default_rng(seed)
    truth = random_boxes(rng, 200)
    predicted = truth + rng.integers(-6, 7, truth.shape)
    predicted[:, 2:] = np.maximum(predicted[:, 2:], 1)
    predicted[rng.random(200) < 0.05, rng.integers(4)] = rng.choice([np.nan, np.inf, -np.inf])
    success, precision = slow_otb(predicted.tolist(), truth.tolist())
    shift = np.array([1, 1, 0, 0])
    score = metrics.otb(predicted - shift, truth - shift)
    np.testing.assert_allclose(score["success"], success, atol=1e-12)
    np.testing.assert_allclose(score["precision"], precision, atol=1e-12)


def test_perfect_tracker_scores_20_of_21():
    boxes = np.array([[0, 0, 10, 20], [5.3, 7.1, 3.3, 9.9]])
    score = metrics.otb(boxes, boxes)
    assert score["success"].mean() == 20 / 21 and score["precision"][20] == 1
    assert score["success"].shape == (21,) and score["precision"].shape == (51,)


def test_overlap_must_be_above_and_error_at_most_the_threshold():
    truth = np.array([[0.0, 0, 10, 10]])
    half = metrics.otb([[0, 0, 10, 5]], truth)  # IoU exactly .5, error 2.5
    assert half["success"][9] == 1 and half["success"][10] == 0
    assert half["precision"][2] == 0 and half["precision"][3] == 1
    twenty = metrics.otb([[12, 16, 10, 10]], truth)
    assert twenty["precision"][20] == 1 and twenty["precision"][19] == 0
    assert twenty["success"][0] == 0  # an IoU of 0 is not above 0


def test_unannotated_frames_are_by_the_one_based_numbers():
    good = np.array([5.0, 5, 10, 10])
    far = good + [500, 500, 0, 0]
    for row in ([-1, 5, 10, 10], [5, -1, 10, 10], [5, 5, 0, 10], [5, 5, 10, 0]):
        score = metrics.otb(far[None], np.array([row]))
        assert score["success"].max() == 0 and (score["precision"] == 1).all(), row
    for row in ([0, 5, 10, 10], [5, 0, 10, 10], [-0.5, 5, 10, 10]):  # 1-based 1 or .5: annotated
        assert (metrics.otb(far[None], np.array([row]))["precision"] == 0).all(), row


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_not_finite_predictions_are_misses(value):
    truth = np.tile([5.0, 5, 10, 10], (2, 1))
    for column in range(4):
        predicted = truth.copy()
        predicted[1, column] = value
        score = metrics.otb(predicted, truth)
        assert score["success"][0] == 0.5 and score["precision"][50] == 0.5


def test_counts_must_agree():
    with pytest.raises(DataError, match=r"predicted boxes \(3, 4\), ground truth \(5, 4\); .*every frame"):
        metrics.otb(np.ones((3, 4)), np.ones((5, 4)))
    for predicted, truth in ((np.ones((6, 4)), np.ones((5, 4))), (np.ones((0, 4)), np.ones((0, 4))),
                             (np.ones((5, 3)), np.ones((5, 3))), (np.ones(4), np.ones(4))):  # fmt: skip
        with pytest.raises(DataError):
            metrics.otb(predicted, truth)


position = st.floats(-1e3, 1e3)
size = st.floats(1e-2, 1e3)
box = st.tuples(position, position, size, size).map(np.array)


@given(box, box)
def test_iou_is_symmetric_bounded_and_right(a, b):
    value = metrics.iou(a, b)
    assert value == metrics.iou(b, a)
    assert 0 <= value <= 1
    assert value == pytest.approx(slow_iou(a, b), abs=1e-9)
    assert metrics.iou(a, a) == pytest.approx(1)


@given(box, box, position, position, st.floats(0.1, 10))
def test_iou_ignores_translation_and_scale(a, b, dx, dy, scale):
    value = metrics.iou(a, b)
    # An absolute tolerance on edges of up to 2,000 px is a relative one on sizes of .01 px.
    assert metrics.iou(a + [dx, dy, 0, 0], b + [dx, dy, 0, 0]) == pytest.approx(value, abs=1e-7)
    assert metrics.iou(a * scale, b * scale) == pytest.approx(value, abs=1e-7)


@given(arrays(np.float64, (3, 4), elements=st.floats(allow_nan=True, allow_infinity=True, width=32)))
def test_any_input_gives_a_number_and_stays_as_it_was(boxes):
    kept = boxes.copy()
    other = np.ones((3, 4))
    assert ((metrics.iou(boxes, other) >= 0) & (metrics.iou(boxes, other) <= 1)).all()
    assert (metrics.centre_error(boxes, other) >= 0).all()
    metrics.otb(boxes, other)
    metrics.otb(other, boxes)
    np.testing.assert_array_equal(boxes, kept)
    np.testing.assert_array_equal(other, 1)


def test_iou_broadcasts_and_takes_empty_boxes_for_no_overlap():
    a = np.array([[0.0, 0, 4, 4], [2, 0, 4, 4], [9, 9, 1, 1]])
    np.testing.assert_allclose(metrics.iou(a[:, None], a[None]), [[1, 1 / 3, 0], [1 / 3, 1, 0], [0, 0, 1]])
    for empty in ([1, 1, 0, 2], [1, 1, 2, 0], [3, 3, -2, -2], [0, 0, 0, 0]):
        assert metrics.iou(empty, a[0]) == 0 and metrics.iou(empty, empty) == 0


@pytest.mark.parametrize("tracker, auc, precision", [
    ("SiamFC-3s", (0.607, 0.582), (0.809, 0.770)),
    ("KCF-GaussHog", (0.514, 0.477), None),
    ("SRDCF", (0.628, 0.598), None),
])  # fmt: skip
def test_published_boxes_give_the_published_scores(data_root, tracker, auc, precision):
    """Known values for OTB-2013 and OTB-100, to .001."""
    folder = data_root / "reference_results" / "otb_boxes"
    if not folder.is_dir():
        pytest.skip(f"published boxes needed in {folder}")
    truth, boxes = np.load(folder / "_groundtruth_TB100.npz"), np.load(folder / f"{tracker}.npz")
    shift = np.array([1, 1, 0, 0])  # these files hold the official 1-based numbers
    scores = {}
    for name in truth.files:
        first = 5 if name == "tiger1" else 0  # results of Tiger1 start at row 6
        scores[name] = metrics.otb(boxes[name] - shift, truth[name][first:] - shift)
    targets = {name.lower() for name in LISTS["otb13"]} - {"jogging"} | {"jogging-1", "jogging-2"}
    assert (len(targets), len(scores)) == (51, 100)
    for names, expected in zip((targets, scores), auc):
        assert np.mean([scores[name]["success"] for name in names]) == pytest.approx(expected, abs=0.001)
    for names, expected in zip((targets, scores), precision or ()):
        assert np.mean([scores[name]["precision"][20] for name in names]) == pytest.approx(expected, abs=0.001)
