import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny import HEIGHT, WIDTH, disc_frame

from socl_core.errors import DataError, UsageError
from socl_core.prior.objectness import (
    CUES,
    Measure,
    cue_values,
    objectness,
    objectness_of_clicks,
)
from socl_core.prior.top import window_sum
from socl_core.prior.windows import Windows, check_point, random_windows, windows_around, windows_in_frame
from socl_core.scoring.metrics import iou


@given(
    st.floats(0, 1), st.floats(0, 1), st.integers(8, 200), st.integers(8, 200),
)  # fmt: skip
def test_windows_lie_in_the_image_and_hold_the_point(u, v, width, height):
    point = np.array([u * (width - 0.01), v * (height - 0.01)])
    windows = windows_around(point, width, height)
    assert windows.shape == (12 * 5 * 9, 4)
    low, high = windows[:, :2], windows[:, :2] + windows[:, 2:]
    assert (windows[:, 2:] > 0).all() and (low >= 0).all()
    assert (high <= np.array([width, height]) + 1e-9).all()
    assert (low <= point + 1e-9).all() and (point <= high + 1e-9).all()


@pytest.mark.parametrize("radius", [8, 10, 12, 14, 16, 20])
def test_the_best_windows_are_on_the_disc(radius):
    """Several share the highest score: the cues' histograms end in open bins."""
    found = objectness(disc_frame(np.random.default_rng(radius), (45, 33), radius), (45, 33))
    side = 2 * radius + 1
    overlap = np.array([iou(box, [45 - radius, 33 - radius, side, side]) for box in found.boxes])
    best = overlap[found.scores == found.scores.max()]
    assert best.mean() > 0.5 and best.mean() > 1.5 * overlap.mean()
    assert 0.6 * side < found.size() < 1.5 * side


@pytest.mark.parametrize(
    "point", [(-0.6, 5), (96, 5), (5, 72), (5, -3), (np.nan, 5), (5, np.inf), (5,), (1, 2, 3), [[1, 2]]]
)
def test_a_point_outside_is_refused(point):
    with pytest.raises(DataError, match="outside of the image"):
        objectness(np.zeros((HEIGHT, WIDTH, 3), np.uint8), point)
    with pytest.raises(DataError):
        check_point(point, (HEIGHT, WIDTH))


@pytest.mark.parametrize("shape, dtype", [((72, 96), np.uint8), ((72, 96, 1), np.uint8), ((72, 96, 4), np.uint8),
                                          ((72, 96, 3), np.float32), ((72, 96, 3), np.int64)])  # fmt: skip
def test_a_wrong_array_is_refused(shape, dtype):
    with pytest.raises(UsageError, match="BGR uint8"):
        objectness(np.zeros(shape, dtype), (5, 5))


def test_size_is_the_weighted_geometric_mean():
    windows = Windows(np.array([[0, 0, 4, 9], [0, 0, 20, 20.0]]), np.array([1.0, 0.5]))
    weights = np.array([1, 0.5**2])
    expected = np.exp((weights * np.log([6, 20])).sum() / weights.sum())
    assert windows.size() == pytest.approx(expected)
    assert windows.size(power=0) == pytest.approx(np.sqrt(6 * 20))
    # Scores of zero: no window is better than another, and nothing is divided by zero.
    assert Windows(windows.boxes, np.zeros(2)).size() == pytest.approx(np.sqrt(6 * 20))


@pytest.mark.parametrize("shape", [(72, 96), (240, 160)])
def test_windows_of_a_mirrored_image_are_mirrored(shape):
    """Pixel x becomes width - 1 - x, so the window x, y, w, h becomes width - x - w: half a pixel matters."""
    image, (x, y) = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8), (30, 40)
    there = objectness(image, (x, y)).boxes
    back = objectness(np.ascontiguousarray(image[:, ::-1]), (shape[1] - 1 - x, y)).boxes
    back[:, 0] = shape[1] - back[:, 0] - back[:, 2]
    order = [np.lexsort(boxes.round(6).T) for boxes in (there, back)]
    np.testing.assert_allclose(there[order[0]], back[order[1]], atol=1e-6)


TABLE = {
    "prior": 0.1,
    "cues": {
        "cc": {"edges": [0.2, 0.5], "log_ratios": [-1.0, 0.0, 2.0]},
        "ss": {"edges": [0.3], "log_ratios": [-0.5, 1.5]},
    },
}


def slow_posterior(values):
    """p(o) prod p(c|o) / sum_y p(y) prod p(c|y), a bin holding its upper edge; p(c|background) cancels."""
    foreground, background = TABLE["prior"], 1 - TABLE["prior"]
    for name, value in values.items():
        table = TABLE["cues"][name]
        place = sum(value > edge for edge in table["edges"])
        foreground *= math.exp(table["log_ratios"][place])
    return foreground / (foreground + background)


@pytest.fixture
def written(tmp_path):
    path = tmp_path / "table.json"
    path.write_text(json.dumps(TABLE))
    return path


@pytest.mark.parametrize("use", [("cc",), ("ss",), ("cc", "ss")])
def test_the_posterior_is_naive_bayes(written, use):
    measure = Measure.read(use, written)
    values = {name: torch.tensor([[0, 0.2, 0.30001, 0.5], [0.500001, 0.3, 1, 0.25]]) for name in use}
    found = measure.posterior(values)
    assert found.dtype == torch.float64
    for i in np.ndindex(2, 4):
        expected = slow_posterior({name: float(value.double()[i]) for name, value in values.items()})
        assert float(found[i]) == pytest.approx(expected)


def test_a_measure_that_is_not_there_is_named(written, tmp_path):
    with pytest.raises(UsageError, match="unknown cue 'css': did you mean 'ss'"):
        Measure.read(("css",), written)
    with pytest.raises(DataError, match="table.json holds no fitted objectness.*fit_objectness.py"):
        Measure.read(("ms",), written)
    for content in ("", "[1]", "{}", '{"prior": 0.1, "cues": {"cc": {"edges": "x", "log_ratios": []}}}'):
        (tmp_path / "bad.json").write_text(content)
        with pytest.raises(DataError, match="bad.json"):
            Measure.read(("cc",), tmp_path / "bad.json")
    with pytest.raises(DataError, match="absent.json"):
        Measure.read(("cc",), tmp_path / "absent.json")


def test_the_scores_of_an_image_are_the_posterior_of_its_cues():
    """At or below the working size nothing is resized, so windows and cues are those of the image itself."""
    image, measure = disc_frame(np.random.default_rng(3), (45, 33), 12), Measure.read(CUES)
    found = objectness(image, (45, 33), measure)
    np.testing.assert_allclose(found.boxes, windows_around(np.array([45.5, 33.5]), WIDTH, HEIGHT))
    expected = measure.posterior(cue_values(image[None], found.boxes[None], CUES))[0]
    np.testing.assert_array_equal(found.scores, expected)


@pytest.mark.parametrize("shape", [(72, 96), (240, 321), (400, 131)])
def test_the_windows_in_the_frame_are_those_that_are_scored(shape):
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    np.testing.assert_array_equal(windows_in_frame((50, 40), shape), objectness(image, (50, 40)).boxes)


def test_clicks_of_one_image_are_scored_as_one_by_one():
    image = np.random.default_rng(0).integers(0, 256, (240, 321, 3), np.uint8)
    points = np.array([[10.0, 20], [320, 0], [100.5, 200.25]])
    for point, found in zip(points, objectness_of_clicks(image, points), strict=True):
        expected = objectness(image, point)
        np.testing.assert_array_equal(found.boxes, expected.boxes)
        # Rounding may put a value into the next bin of its histogram.
        assert np.isclose(found.scores, expected.scores).mean() > 0.99
    with pytest.raises(DataError, match="outside of the image"):
        objectness_of_clicks(image, np.array([[10.0, 20], [321, 0]]))


@given(st.floats(0, 1), st.floats(0, 1), st.integers(1, 90), st.integers(1, 90))
def test_random_windows_lie_in_the_image_and_hold_the_point(u, v, width, height):
    point, limit = np.array([u * width, v * height]), np.array([width, height])
    for where in (point, None):
        windows = random_windows(where, width, height, 50, np.random.default_rng(0))
        low, high = windows[:, :2], windows[:, :2] + windows[:, 2:]
        assert windows.shape == (50, 4) and (low >= 0).all() and (high <= limit + 1e-9).all()
        assert (windows[:, 2:] >= np.minimum(2, limit) - 1e-9).all()
        if where is not None:
            assert (low <= point + 1e-9).all() and (point <= high + 1e-9).all()


def test_saliency_sampling_is_repeatable_and_prefers_salient_windows():
    image = np.full((90, 120, 3), 120, np.uint8)
    image[50:70, 80:100] = np.random.default_rng(0).integers(0, 256, (20, 20, 3))
    first, second = (objectness(image, (85, 60), sampling="saliency") for _ in range(2))
    np.testing.assert_array_equal(first.boxes, second.boxes)
    np.testing.assert_array_equal(first.scores, second.scores)
    assert first.boxes.shape == (1000, 4) and len(np.unique(first.boxes, axis=0)) == 1000
    everywhere = objectness(image, sampling="saliency").boxes
    uniform = random_windows(None, 120, 90, 1000, np.random.default_rng(1))

    def share(boxes):
        return np.mean([iou(box, [80, 50, 20, 20]) > 0 for box in boxes])

    assert share(everywhere) > share(uniform) + 0.1
    np.testing.assert_array_equal(objectness(image).boxes, everywhere)  # without a point there is no lattice
    with pytest.raises(UsageError, match="did you mean 'saliency'"):
        objectness(image, sampling="salency")


@pytest.mark.parametrize("sampling", ["lattice", "saliency"])
@pytest.mark.parametrize("shape", [(1, 1), (60, 1), (1, 60), (2, 2), (3, 200), (300, 5), (40, 50)])
@pytest.mark.parametrize("plain", [True, False])
def test_no_image_gives_a_score_or_a_map_that_is_not_a_number(shape, sampling, plain):
    """Plain, one pixel wide, smaller than any window; the point in each corner. All cues, ED included."""
    image = np.full((*shape, 3), 200, np.uint8)
    if not plain:
        image[:] = np.random.default_rng(0).integers(0, 256, image.shape)
    corners = {(x, y) for x in (0, shape[1] - 1) for y in (0, shape[0] - 1)}
    for point in corners if sampling == "lattice" else [corners.pop()]:
        found = objectness(image, point, Measure.read(CUES), sampling)
        assert np.isfinite(found.scores).all() and found.scores.min() >= 0 and found.scores.max() <= 1
        assert np.isfinite(found.boxes).all() and (found.boxes[:, 2:] > 0).all() and found.size() > 0
        assert window_sum(found.boxes, found.scores, np.arange(5.0), np.arange(5.0)).isfinite().all()
