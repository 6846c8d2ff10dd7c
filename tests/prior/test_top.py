import math

import numpy as np
import pytest
import torch

from socl_core.errors import UsageError
from socl_core.geometry import SEARCH, Grid
from socl_core.models import alexnet, resnet
from socl_core.prior.top import (
    LATTICE,
    SHARPNESS,
    check_eta,
    clip_level,
    entropy,
    feature_region,
    lattice,
    mass_inside,
    score_map,
    softmax_map,
    top_at_cells,
    window_sum,
)
from socl_core.prior.windows import Windows

ETAS = [0.01, 0.05, 0.1, 0.15, 0.2, 0.5, 1.0]


def top_of(scores, eta):
    """`top_at_cells` of square maps with a feature cell on each point of the lattice."""
    return top_at_cells(scores, Grid(LATTICE, SEARCH - (np.shape(scores)[-1] - 1) * LATTICE), eta)


def slow_window_sum(windows, scores, xs, ys):
    total = np.zeros((len(ys), len(xs)))
    for (x, y, w, h), score in zip(windows, scores, strict=True):
        for row, py in enumerate(ys):
            for column, px in enumerate(xs):
                if x <= px < x + w and y <= py < y + h:
                    total[row, column] += score
    return total


def slow_clip_level(scores, eta):
    """Mean of the ceil(eta n) greatest; eta is taken as a whole number of thousandths."""
    ordered = sorted(np.ravel(scores).tolist(), reverse=True)
    count = -(-round(eta * 1000) * len(ordered) // 1000)
    return sum(ordered[:count]) / count


def slow_softmax(scores):
    parts = [math.exp(s - np.max(scores)) for s in np.ravel(scores).tolist()]
    return np.reshape([p / sum(parts) for p in parts], np.shape(scores))


def slow_top(scores, eta):
    return slow_softmax(np.minimum(scores, slow_clip_level(scores, eta)))


@pytest.mark.parametrize("count", [1, 7, 30])
def test_window_sum_is_the_loop_over_windows_and_points(count):
    rng = np.random.default_rng(count)
    # Whole numbers and halves, so that points lie on edges of windows.
    windows = np.concatenate([rng.integers(-6, 20, (count, 2)), rng.integers(0, 24, (count, 2))], 1) / 2
    scores, xs, ys = rng.random(count), np.arange(-2, 11) / 1.0, np.arange(0, 19) / 2
    expected = slow_window_sum(windows, scores, xs, ys)
    assert expected.max() > 0 or count == 1
    found = window_sum(windows, scores, xs, ys)
    assert found.shape == (19, 13) and found.dtype == torch.float64
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("eta", ETAS)
@pytest.mark.parametrize("shape", [(1, 1), (3, 3), (10, 10), (22, 22)])
def test_clip_level_and_top_map_are_the_sorted_list(shape, eta):
    scores = np.random.default_rng(shape[0]).gamma(1.5, 4, shape)
    assert float(clip_level(scores, eta)) == pytest.approx(slow_clip_level(scores, eta), rel=1e-12)
    found = top_of(scores, eta)
    np.testing.assert_allclose(found, slow_top(scores, eta), rtol=1e-10)
    assert found.dtype == torch.float64


def test_a_batch_is_its_maps_one_by_one():
    scores = np.random.default_rng(0).gamma(1.5, 4, (2, 3, 6, 6)).astype(np.float32)
    found = top_of(scores, 0.2)
    assert found.shape == scores.shape and found.dtype == torch.float32
    for i in np.ndindex(2, 3):
        np.testing.assert_allclose(found[i], slow_top(scores[i].astype(float), 0.2), rtol=1e-4)
        assert float(clip_level(scores, 0.2)[i]) == pytest.approx(slow_clip_level(scores[i], 0.2), rel=1e-5)


@pytest.mark.parametrize("eta", [0, -0.1, 1.0001, 10, math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("call", [check_eta, lambda e: clip_level(np.ones((3, 3)), e),
                                  lambda e: top_of(np.ones((3, 3)), e)])  # fmt: skip
def test_an_eta_out_of_range_is_refused(call, eta):
    with pytest.raises(UsageError, match="0 < eta <= 1"):
        call(eta)


def test_entropy_and_mass_against_loops():
    rng = np.random.default_rng(0)
    top = rng.random((2, 4, 5))
    top[0, 0] = 0  # 0 log 0 is 0
    top /= top.sum((1, 2), keepdims=True)
    mask = rng.random((2, 4, 5)) < 0.5
    for i in range(2):
        assert float(entropy(top)[i]) == pytest.approx(-sum(p * math.log(p) for p in top[i].ravel() if p > 0))
        inside = sum(top[i][r, c] for r in range(4) for c in range(5) if mask[i][r, c])
        assert float(mass_inside(top, mask)[i]) == pytest.approx(inside)
    assert float(mass_inside(top, np.ones_like(mask))[0]) == pytest.approx(1)


def test_a_softmax_of_great_scores_stays_finite():
    found = softmax_map(torch.tensor([[[1e30, 0.0], [0.0, -1e30]]]))
    np.testing.assert_array_equal(found, [[[1, 0], [0, 0]]])


def test_the_summed_map_collapses_without_a_clip_and_widens_with_one():
    """The synthetic check of the method's section 1: sums over windows that all contain one point."""
    rng = np.random.default_rng(0)
    size = rng.uniform(3, 20, (400, 2))
    corner = 11 - size * rng.uniform(0.3, 0.7, (400, 2))
    scores = rng.random(400)
    cells = np.arange(22) + 0.5
    total = window_sum(np.concatenate([corner, size], 1), scores, cells, cells)

    def effective(top):
        return float(entropy(top).exp())

    unclipped = effective(softmax_map(total))
    widths = [effective(top_of(total, eta)) for eta in (0.05, 0.1, 0.15, 0.2)]
    assert unclipped < 6
    assert widths[1] > 4 * unclipped and 20 < widths[1] < 80
    assert widths == sorted(widths)
    averaged = total / scores.sum()
    # An averaged map lies in [0, 1]: its softmax is nearly uniform and the clip changes nothing.
    assert min(effective(softmax_map(averaged)), effective(top_of(averaged, 0.1))) > 440


@pytest.mark.parametrize("grid, block", [(alexnet.GRID, 2), (resnet.GRID, 4)])
@pytest.mark.parametrize("eta", [0.02, 0.1, 1.0])
def test_a_top_map_on_cells_clips_the_lattice_and_then_averages(grid, block, eta):
    """Of a stride of 8 pixels, four lattice points around a cell's centre; of 16, the middle four of its block."""
    scores = np.random.default_rng(0).gamma(1.5, 4, (2, len(lattice()), len(lattice())))
    region = feature_region(scores, grid).numpy()
    cells = region.shape[-1] // block
    for one, found in zip(region, top_at_cells(scores, grid, eta), strict=True):
        clipped = np.minimum(one, slow_clip_level(one, eta)).reshape(cells, block, cells, block)
        middle = clipped[:, block // 2 - 1 : block // 2 + 1][..., block // 2 - 1 : block // 2 + 1].mean((1, 3))
        np.testing.assert_allclose(found, slow_softmax(middle), rtol=1e-9)
    # The page of the eta widget is given the region alone.
    np.testing.assert_allclose(top_at_cells(region, grid, eta), top_at_cells(scores, grid, eta), rtol=1e-9)


@pytest.mark.parametrize("factor", [1e-3, 1.0, 40.0])
def test_a_score_map_is_the_share_of_the_objectness_whose_windows_hold_a_place(factor):
    """Whatever the frame's windows score, the click has the highest score, the same on every frame."""
    rng = np.random.default_rng(0)
    sizes = rng.uniform(10, 80, (30, 2))
    boxes = np.concatenate([np.array([100.0, 90]) - rng.uniform(0.2, 0.8, (30, 2)) * sizes, sizes], 1)
    scores = factor * rng.uniform(0, 1, 30)
    found = score_map(Windows(boxes, scores), (100.0, 90.0), 120.0)
    places = (lattice() - (SEARCH - 1) / 2) * 120 / SEARCH + 0.5
    for row in (0, 13, 31, 40):
        for column in (5, 31, 50):
            x, y = 100 + places[column], 90 + places[row]
            held = [s for (a, b, w, h), s in zip(boxes, scores) if a <= x < a + w and b <= y < b + h]
            assert found[row, column] == pytest.approx(SHARPNESS * sum(held) / sum(scores))
    assert found.max() == pytest.approx(SHARPNESS) and found[31:33, 31:33].min() > 0.9 * SHARPNESS
    np.testing.assert_array_equal(score_map(Windows(boxes, 0 * scores), (100.0, 90.0), 120.0), 0)
