import math

import numpy as np
import pytest
import torch

from socl_core.trackers.filters import Filter, SampleMemory, gaussian, peak, rectangle


def slow_rows(x, places):
    """Matrix (H W, C len(places)) whose product with a filter's values at `places` is its circular convolution with
    x (C, H, W), entry by entry."""
    channels, height, width = x.shape
    rows = np.zeros((height, width, channels, len(places)))
    for row, column, c, k in np.ndindex(*rows.shape):
        i, j = places[k]
        rows[row, column, c, k] = x[c, (row - i) % height, (column - j) % width]
    return rows.reshape(height * width, -1)


def slow_filter(samples, labels, weights, regularisation, places):
    """Ridge regression in the spatial domain by one dense solve."""
    normal, right = 0.0, 0.0
    for x, y, a in zip(samples, labels, weights, strict=True):
        rows = slow_rows(x, places)
        normal, right = normal + a * rows.T @ rows, right + a * rows.T @ y.ravel()
    return np.linalg.solve(normal + regularisation * np.eye(len(normal)), right)


def slow_places(height, width, support):
    """Cells whose circular distance to cell 0 is at most half of the support (width, height)."""
    near = lambda i, count: min(i, count - i)  # noqa: E731
    return [(i, j) for i in range(height) for j in range(width)
            if near(i, height) <= support[1] / 2 and near(j, width) <= support[0] / 2]  # fmt: skip


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("height, width, support", [(5, 5, (2, 2)), (6, 7, (3.9, 2)), (5, 6, (99, 99))])
def test_the_filter_is_the_ridge_regression_on_its_support(height, width, support, count):
    rng = np.random.default_rng(count)
    samples, labels = rng.normal(size=(count, 3, height, width)), rng.normal(size=(count, height, width))
    found = Filter(SampleMemory(9, 0.3), support, 0.7)
    for x, y in zip(samples, labels, strict=True):
        found.memory.add(torch.from_numpy(x), torch.from_numpy(y))
    found.solve(150)
    places = slow_places(height, width, support)
    expected = slow_filter(samples, labels, {1: [1.0], 3: [0.49, 0.21, 0.3]}[count], 0.7, places)
    new = rng.normal(size=(3, height, width))
    response = found.respond(torch.from_numpy(new))
    np.testing.assert_allclose(response.ravel(), slow_rows(new, places) @ expected, atol=1e-6)
    outside = found.filter[:, rectangle((height, width), support) == 0]
    assert (outside == 0).all()


def test_with_one_sample_and_no_bounds_the_filter_is_that_of_dsst():
    rng = np.random.default_rng(0)
    x, y, z = rng.normal(size=(4, 7, 7)), rng.normal(size=(7, 7)), rng.normal(size=(4, 7, 7))
    found = Filter(SampleMemory(1, 0.1), (7, 7), 0.3)
    found.memory.add(torch.from_numpy(x), torch.from_numpy(y))
    found.solve(300)
    X, Y, Z = (np.fft.fft2(values) for values in (x, y, z))
    expected = np.fft.ifft2((X.conj() * Y / ((X.conj() * X).sum(0) + 0.3) * Z).sum(0)).real
    np.testing.assert_allclose(found.respond(torch.from_numpy(z)), expected, atol=1e-6)


def test_a_larger_sample_has_the_same_response_away_from_its_border():
    torch.manual_seed(0)
    found = Filter(SampleMemory(2, 0.1), (4, 4), 0.1)
    found.memory.add(torch.randn(3, 7, 7), torch.randn(7, 7))
    found.solve(20)
    sample = torch.randn(3, 13, 12)
    large = found.respond(sample)
    for row, column in [(0, 0), (3, 2), (6, 5)]:
        small = found.respond(sample[:, row : row + 7, column : column + 7])
        torch.testing.assert_close(small[2:5, 2:5], large[row + 2 : row + 5, column + 2 : column + 5])


def test_conjugate_gradients_go_on_from_the_last_filter():
    rng = np.random.default_rng(0)
    x, y = torch.from_numpy(rng.normal(size=(3, 6, 6))), torch.from_numpy(rng.normal(size=(6, 6)))
    exact = slow_filter([x.numpy()], [y.numpy()], [1.0], 0.5, slow_places(6, 6, (2, 2))).reshape(3, -1)
    found = Filter(SampleMemory(2, 0.1), (2, 2), 0.5)
    found.memory.add(x, y)
    errors = []
    for _ in range(40):
        found.solve(1)
        inside = found.filter[:, rectangle((6, 6), (2, 2)) == 1]
        errors.append(np.abs(inside.numpy() - exact).max())
    assert errors[-1] < 0.2 * errors[0]


def test_a_sample_that_is_nothing_gives_no_nan():
    found = Filter(SampleMemory(2, 0.1), (2, 2), 0.1)
    found.memory.add(torch.zeros(2, 5, 5), torch.zeros(5, 5))
    found.solve(5)
    assert (found.respond(torch.zeros(2, 5, 5)) == 0).all()


def filled(values, capacity, rate):
    """A memory of samples with one cell of two channels: the directions of some angles in degrees."""
    memory = SampleMemory(capacity, rate)
    for angle in values:
        x = torch.tensor([math.cos(math.radians(angle)), math.sin(math.radians(angle))])
        memory.add(x[:, None, None], torch.full((1, 1), float(angle)))
    return memory


def test_the_two_most_alike_become_their_weighted_mean():
    memory = filled([0, 90, 100, 200], capacity=3, rate=0.25)
    old = [0.75**3, 0.25 * 0.75**2, 0.25 * 0.75, 0.25]
    share = old[2] / (old[1] + old[2])
    np.testing.assert_allclose(memory.weights, [old[0], old[1] + old[2], old[3]], rtol=1e-6)
    np.testing.assert_allclose(memory.labels.ravel(), [0, 90 + 10 * share, 200], rtol=1e-6)
    expected = (1 - share) * 0 + share * math.cos(math.radians(100))
    assert memory.samples[1, 0, 0, 0] == pytest.approx(expected, abs=1e-6)


def test_a_view_that_lasts_does_not_fill_the_memory():
    memory = filled([0, 90, *[180 + i / 10 for i in range(40)]], capacity=4, rate=0.1)
    assert {0, 90} <= set(memory.labels.ravel().tolist()) and memory.weights.sum() == pytest.approx(1, abs=1e-5)


def test_weights_fall_by_the_rate_while_there_is_room():
    assert filled([0, 90, 180], capacity=9, rate=0.1).weights.tolist() == pytest.approx([0.81, 0.09, 0.1])


def test_at_a_rate_of_zero_the_first_sample_stays_the_only_one():
    assert filled([0, 90, 180], capacity=3, rate=0.0).labels.ravel().tolist() == [0]


@pytest.mark.parametrize("count", [6, 7])
def test_gaussian(count):
    for i, value in enumerate(gaussian(count, -0.5, 0.8)):
        assert float(value) == pytest.approx(math.exp(-((i - (count - 1) / 2 + 0.5) ** 2) / (2 * 0.8**2)), rel=1e-5)


@pytest.mark.parametrize("at", [(0.25, -0.5), (1.75, 1.0), (-2.0, 0.0), (3.25, -2.75)])
def test_the_peak_is_that_of_the_parabola(at):
    x, y = (-((torch.arange(7.0) - 3 - c) ** 2) for c in at)
    response = 9 + y[:, None] + x
    if max(at) < 3:
        assert peak(response) == pytest.approx(at, abs=1e-5)
    assert all(abs(found - round(c)) <= 0.5 for found, c in zip(peak(response), at))
