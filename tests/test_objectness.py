import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny import HEIGHT, WIDTH, disc_frame

from socl_core.errors import DataError, SoclError, UsageError
from socl_core.metrics import iou
from socl_core.objectness import (
    LAB_BINS,
    Windows,
    check_point,
    colour_contrast,
    integral_images,
    lab_labels,
    objectness,
    rectangle_sums,
    score_windows,
    superpixel_straddling,
    window_lattice,
)


def slow_straddling(labels, rectangle):
    x0, y0, x1, y1 = rectangle
    inside = np.zeros(labels.shape, bool)
    inside[y0:y1, x0:x1] = True
    lost = sum(min((inside & (labels == s)).sum(), (~inside & (labels == s)).sum()) for s in np.unique(labels))
    return 1 - lost / inside.sum()


def slow_chi_square(first, second):
    """Half the sum of (p - q)^2 / (p + q) over bins, of normalised histograms."""
    if not sum(second):
        return 0.0
    p, q = [a / sum(first) for a in first], [b / sum(second) for b in second]
    return 0.5 * sum((a - b) ** 2 / (a + b) for a, b in zip(p, q, strict=True) if a + b)


def some_rectangles(rng, height, width, count):
    x, y = (
        np.sort(rng.integers(0, width + 1, (count, 2)), 1),
        np.sort(rng.integers(0, height + 1, (count, 2)), 1),
    )
    keep = (x[:, 0] < x[:, 1]) & (y[:, 0] < y[:, 1])
    return np.stack([x[:, 0], y[:, 0], x[:, 1], y[:, 1]], 1)[keep]


@pytest.mark.parametrize("height, width, kinds", [(1, 1, 1), (5, 9, 3), (12, 7, 20)])
def test_integral_images_count_pixels(height, width, kinds):
    rng = np.random.default_rng(height)
    labels = rng.integers(0, kinds, (height, width)) * 7  # labels need not be 0, 1, 2, ...
    rectangles = np.concatenate([some_rectangles(rng, height, width, 30), [[0, 0, width, height]]])
    found = rectangle_sums(integral_images(labels), rectangles)
    for counts, (x0, y0, x1, y1) in zip(found, rectangles, strict=True):
        expected = [(labels[y0:y1, x0:x1] == value).sum() for value in np.unique(labels)]
        np.testing.assert_array_equal(counts, expected)


@pytest.mark.parametrize("kinds", [1, 2, 6])
def test_superpixel_straddling_is_the_papers_formula(kinds):
    rng = np.random.default_rng(kinds)
    labels = rng.integers(0, kinds, (9, 11))
    rectangles = some_rectangles(rng, 9, 11, 40)
    integral = integral_images(labels)
    area = (rectangles[:, 2] - rectangles[:, 0]) * (rectangles[:, 3] - rectangles[:, 1])
    found = superpixel_straddling(rectangle_sums(integral, rectangles), integral[-1, -1], area)
    np.testing.assert_allclose(found, [slow_straddling(labels, r) for r in rectangles], atol=1e-12)


def test_straddling_is_one_for_a_window_that_is_a_superpixel_and_falls_when_it_cuts_one():
    labels = np.zeros((8, 8), int)
    labels[2:6, 2:6] = 1
    whole, half = (2, 2, 6, 6), (2, 2, 4, 6)
    integral = integral_images(labels)
    inside = rectangle_sums(integral, np.array([whole, half]))
    np.testing.assert_allclose(superpixel_straddling(inside, integral[-1, -1], np.array([16, 8])), [1, 0])


def test_colour_contrast_is_the_chi_square_distance():
    rng = np.random.default_rng(0)
    inside, ring = rng.integers(0, 5, (20, 6)), rng.integers(0, 5, (20, 6)) * rng.integers(1, 9, (20, 1))
    inside[:, 0] += 1  # a window holds a pixel at least
    ring[3] = 0
    found = colour_contrast(inside, ring)
    np.testing.assert_allclose(found, [slow_chi_square(*map(list, rows)) for rows in zip(inside, ring, strict=True)])
    np.testing.assert_allclose(colour_contrast(np.array([[4, 0], [2, 6]]), np.array([[0, 9], [1, 3]])), [1, 0])


def test_scores_are_straddling_times_contrast_against_pixel_counts():
    """Windows on whole pixels: window and ring counted pixel by pixel."""
    from skimage.segmentation import felzenszwalb

    image = disc_frame(np.random.default_rng(0), (40, 30), 11)
    boxes = np.array([[29, 19, 23, 23], [30, 22, 12, 8], [0, 0, 96, 72], [60, 40, 20, 30], [80, 60, 16, 12.0]])
    pieces = felzenszwalb(image, scale=150, sigma=0.5, min_size=HEIGHT * WIDTH // 600)
    bins = lab_labels(image)
    for box, score in zip(boxes.astype(int), score_windows(image, boxes), strict=True):
        x, y, w, h = box
        margin_x, margin_y = round(w / 4) + 1, round(h / 4) + 1
        inside, around = np.zeros((2, HEIGHT, WIDTH), bool)
        inside[y : y + h, x : x + w] = True
        around[max(0, y - margin_y) : y + h + margin_y, max(0, x - margin_x) : x + w + margin_x] = True
        counts = [[(bins[mask] == b).sum() for b in range(256)] for mask in (inside, around & ~inside)]
        expected = slow_straddling(pieces, (x, y, x + w, y + h)) * slow_chi_square(*counts)
        assert score == pytest.approx(expected, abs=1e-9)


def test_colour_bins_stay_in_the_histogram_and_tell_colours_apart():
    corners = np.array(np.meshgrid(*[[0, 85, 170, 255]] * 3), np.uint8).reshape(3, 1, -1).transpose(1, 2, 0)
    labels = lab_labels(corners)
    assert labels.min() >= 0 and labels.max() < np.prod(LAB_BINS)
    assert len(np.unique(labels)) > 20
    greys = lab_labels(np.array([[[10] * 3, [90] * 3, [160] * 3, [250] * 3]], np.uint8))
    assert len(np.unique(greys)) == 4


@given(
    st.floats(0, 1), st.floats(0, 1), st.integers(8, 200), st.integers(8, 200),
)  # fmt: skip
def test_windows_lie_in_the_image_and_hold_the_point(u, v, width, height):
    point = np.array([u * (width - 0.01), v * (height - 0.01)])
    windows = window_lattice(point, width, height)
    assert windows.shape == (12 * 5 * 9, 4)
    low, high = windows[:, :2], windows[:, :2] + windows[:, 2:]
    assert (windows[:, 2:] > 0).all() and (low >= 0).all()
    assert (high <= np.array([width, height]) + 1e-9).all()
    assert (low <= point + 1e-9).all() and (point <= high + 1e-9).all()


def test_objectness_returns_windows_in_pixels_of_the_image():
    """A larger image is worked on reduced; windows hold the point in its own pixels (centre at + 0.5)."""
    image = np.random.default_rng(0).integers(0, 256, (200, 330, 3), np.uint8)
    for point in [(0, 0), (329, 199), (100.25, 60.5)]:
        found = objectness(image, point)
        low, high = found.boxes[:, :2], found.boxes[:, :2] + found.boxes[:, 2:]
        edge = np.array(point) + 0.5
        assert (low <= edge + 1).all() and (edge <= high + 1).all()
        assert (low >= 0).all() and (high <= np.array([330, 200]) + 1.5).all()
        assert found.scores.shape == (len(found.boxes),)
        assert found.scores.min() >= 0 and found.scores.max() <= 1


@pytest.mark.parametrize("radius", [8, 12, 16])
def test_the_best_window_is_on_the_disc(radius):
    found = objectness(disc_frame(np.random.default_rng(radius), (45, 33), radius), (45, 33))
    best = found.boxes[found.scores.argmax()]
    side = 2 * radius + 1
    assert iou(best, [45 - radius, 33 - radius, side, side]) > 0.5
    assert 0.6 * side < found.size() < 1.5 * side


@pytest.mark.parametrize("value", [0, 128, 255])
def test_a_uniform_image_has_finite_scores_and_a_finite_size(value):
    found = objectness(np.full((HEIGHT, WIDTH, 3), value, np.uint8), (40, 30))
    assert (found.scores == 0).all()  # no colour differs from its surround
    assert 0 < found.size() < HEIGHT


@pytest.mark.parametrize("point", [(0, 0), (95, 71), (0, 71), (95, 30)])
def test_a_point_on_the_border_is_fine(point):
    found = objectness(disc_frame(np.random.default_rng(0), (40, 30), 11), point)
    assert np.isfinite(found.scores).all() and (found.boxes[:, 2:] > 0).all()


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


@pytest.mark.parametrize("shape", [(1, 1), (50, 1), (1, 50), (2, 2), (3, 200)])
def test_the_thinnest_images_give_finite_scores_or_a_clear_error(shape):
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    try:
        found = objectness(image, (0, 0))
    except SoclError:
        return
    assert np.isfinite(found.scores).all() and (found.boxes[:, 2:] > 0).all() and np.isfinite(found.size())


def test_the_same_image_gives_the_same_windows_and_is_not_changed():
    image = disc_frame(np.random.default_rng(0), (40, 30), 11)
    copy = image.copy()
    first, second = objectness(image, (40, 30)), objectness(image, (40, 30))
    np.testing.assert_array_equal(first.scores, second.scores)
    np.testing.assert_array_equal(image, copy)


def test_size_is_the_weighted_geometric_mean():
    windows = Windows(np.array([[0, 0, 4, 9], [0, 0, 20, 20.0]]), np.array([1.0, 0.5]))
    weights = np.array([1, 0.5**8])
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
