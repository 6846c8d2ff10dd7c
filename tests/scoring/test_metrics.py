import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from socl_core.scoring.metrics import centre_error, iou

position, size = st.floats(-1e3, 1e3), st.floats(1e-2, 1e3)
box = st.tuples(position, position, size, size).map(np.array)


def slow_iou(a, b):
    wide = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    high = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    shared = wide * high if wide > 0 and high > 0 else 0
    return shared / (a[2] * a[3] + b[2] * b[3] - shared)


@given(box, box)
def test_iou_is_symmetric_bounded_and_right(a, b):
    value = iou(a, b)
    assert value == iou(b, a) and 0 <= value <= 1
    assert value == pytest.approx(slow_iou(a, b), abs=1e-9) and iou(a, a) == pytest.approx(1)


@given(arrays(np.float64, (3, 4), elements=st.floats(allow_nan=True, allow_infinity=True, width=32)))
def test_any_input_gives_a_number_and_stays_as_it_was(boxes):
    before, other = boxes.copy(), np.ones((3, 4))
    assert ((iou(boxes, other) >= 0) & (iou(boxes, other) <= 1)).all()
    assert (centre_error(boxes, other) >= 0).all()
    np.testing.assert_array_equal(boxes, before)
    np.testing.assert_array_equal(other, 1)


def test_iou_broadcasts_and_takes_empty_boxes_for_no_overlap():
    a = np.array([[0.0, 0, 4, 4], [2, 0, 4, 4], [9, 9, 1, 1]])
    np.testing.assert_allclose(iou(a[:, None], a[None]), [[1, 1 / 3, 0], [1 / 3, 1, 0], [0, 0, 1]])
    for empty in ([1, 1, 0, 2], [1, 1, 2, 0], [3, 3, -2, -2], [0, 0, 0, 0]):
        assert iou(empty, a[0]) == 0 and iou(empty, empty) == 0


def test_centres_are_compared_whatever_the_sizes():
    assert centre_error([0, 0, 10, 10], [3, 4, 10, 10]) == 5 and centre_error([0, 0, 10, 10], [2, 2, 6, 6]) == 0
    assert centre_error([0, 0, np.nan, 10], [0, 0, 10, 10]) == np.inf
