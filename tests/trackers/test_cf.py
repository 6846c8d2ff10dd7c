import math

import numpy as np
import pytest
import torch
from moving import video

from socl_core.errors import DataError, UsageError
from socl_core.models.device import Compute
from socl_core.models.resnet import ResNet18
from socl_core.trackers.cf import (
    SOLVERS,
    CfOptions,
    CfTracker,
    FourierFilter,
    GradientFilter,
    SampleMemory,
    gaussian_label,
    upsample,
)

CPU = Compute(torch.device("cpu"), False)


@pytest.fixture(scope="module")
def backbone():
    torch.manual_seed(0)
    network = ResNet18(0.125)
    network(255 * torch.rand(8, 3, 129, 129))  # statistics of the last normalisation
    return network


@pytest.fixture(params=sorted(SOLVERS))
def solver(request):
    return request.param


def slow_rows(x, size, circular):
    """Matrix (H W, C K K) whose product with a filter (C, K, K) is its response to x (C, H, W), entry by entry."""
    channels, height, width = x.shape
    rows = np.zeros((height, width, channels, size, size))
    first = 0 if circular else -(size // 2)
    for row, column, c, i, j in np.ndindex(*rows.shape):
        y, x_ = row + i + first, column + j + first
        if circular:
            rows[row, column, c, i, j] = x[c, y % height, x_ % width]
        elif 0 <= y < height and 0 <= x_ < width:
            rows[row, column, c, i, j] = x[c, y, x_]
    return rows.reshape(height * width, -1)


def slow_filter(samples, labels, weights, regularisation, size, circular):
    """Ridge regression in the spatial domain by one dense solve."""
    normal, right = 0.0, 0.0
    for x, y, a in zip(samples, labels, weights, strict=True):
        rows = slow_rows(x, size, circular)
        normal, right = normal + a * rows.T @ rows, right + a * rows.T @ y.ravel()
    return np.linalg.solve(normal + regularisation * np.eye(len(normal)), right)


@pytest.mark.parametrize("cells", [5, 6])
@pytest.mark.parametrize("count", [1, 3])
def test_both_filters_are_the_ridge_regression_of_the_spatial_domain(solver, count, cells):
    rng = np.random.default_rng(count)
    samples, labels = rng.normal(size=(count, 3, cells, cells)), rng.normal(size=(count, cells, cells))
    size, circular = (cells, True) if solver == "closed" else (3, False)
    options = CfOptions(solver=solver, regularisation=0.7, rate=0.3, kernel=3, iterations=60)
    found = SOLVERS[solver](options)
    for x, y in zip(samples, labels, strict=True):
        found.learn(torch.from_numpy(x), torch.from_numpy(y))
    weights = {1: [1.0], 3: [0.49, 0.21, 0.3]}[count]
    expected = slow_filter(samples, labels, weights, 0.7, size, circular)
    new = rng.normal(size=(3, cells, cells))
    response = found.respond(torch.from_numpy(new)[None])[0]
    np.testing.assert_allclose(response.ravel(), slow_rows(new, size, circular) @ expected, atol=1e-6)


def test_with_one_sample_the_fourier_filter_is_that_of_dsst():
    rng = np.random.default_rng(0)
    x, y, z = rng.normal(size=(4, 7, 7)), rng.normal(size=(7, 7)), rng.normal(size=(4, 7, 7))
    found = FourierFilter(CfOptions(regularisation=0.3))
    found.learn(torch.from_numpy(x), torch.from_numpy(y))
    X, Y, Z = (np.fft.fft2(values) for values in (x, y, z))
    filter_ = X.conj() * Y / ((X.conj() * X).sum(0) + 0.3)
    expected = np.fft.ifft2((filter_ * Z).sum(0)).real
    np.testing.assert_allclose(found.respond(torch.from_numpy(z)[None])[0], expected, atol=1e-9)


def test_conjugate_gradient_goes_on_from_the_last_filter():
    rng = np.random.default_rng(0)
    x, y = torch.from_numpy(rng.normal(size=(3, 6, 6))), torch.from_numpy(rng.normal(size=(6, 6)))
    exact = slow_filter([x.numpy()], [y.numpy()], [1.0], 0.5, 3, False)
    found = GradientFilter(CfOptions(regularisation=0.5, kernel=3, iterations=1))
    errors = []
    for _ in range(60):
        found.learn(x, y)
        errors.append(np.abs(found.filter.ravel().numpy() - exact).max())
    assert errors[-1] < 0.3 * errors[0]


def test_memory_keeps_the_first_and_the_newest_samples():
    memory = SampleMemory(capacity=3, rate=0.25)
    for value in range(5):
        memory.add(torch.full((1, 2, 2), float(value)), torch.full((2, 2), float(value)))
        assert memory.weights.sum() == pytest.approx(1)
    assert memory.samples[:, 0, 0, 0].tolist() == memory.labels[:, 0, 0].tolist() == [0, 3, 4]
    assert memory.weights[-1] == pytest.approx(0.25) and memory.samples.shape == (3, 1, 2, 2)


def test_memory_has_room_for_the_first_and_the_newest_sample():
    with pytest.raises(ValueError, match="capacity 2 or more, found 1"):
        SampleMemory(capacity=1, rate=0.1)


def test_at_a_rate_of_zero_the_first_sample_stays_the_only_one():
    memory = SampleMemory(capacity=3, rate=0.0)
    for value in (1.0, 2.0, 3.0):
        memory.add(torch.full((1, 2, 2), value), torch.zeros(2, 2))
    assert memory.weights.tolist() == [1.0] and memory.samples.unique().tolist() == [1.0]


def test_weights_fall_by_the_rate_until_the_memory_is_full():
    memory = SampleMemory(capacity=9, rate=0.1)
    for _ in range(3):
        memory.add(torch.zeros(1, 2, 2), torch.zeros(2, 2))
    torch.testing.assert_close(memory.weights, torch.tensor([0.81, 0.09, 0.1]))


@pytest.mark.parametrize("size", [6, 7])
def test_label_is_the_gaussian(size):
    label = gaussian_label(size, np.array([1.0, -0.5]), 0.8)
    for row, column in np.ndindex(size, size):
        away = (column - (size - 1) / 2 - 1) ** 2 + (row - (size - 1) / 2 + 0.5) ** 2
        assert float(label[row, column]) == pytest.approx(math.exp(-away / (2 * 0.8**2)), rel=1e-5)


@pytest.mark.parametrize("size", [6, 7])
def test_upsampling_is_the_trigonometric_polynomial(size):
    x = np.arange(size)
    values = lambda p, q: 2 + np.cos(2 * np.pi * 2 * q / size + 0.3) + np.sin(2 * np.pi * (p - q) / size)  # noqa: E731
    found = upsample(torch.from_numpy(values(x[:, None], x[None]))[None], 4)[0]
    fine = np.arange(4 * size) / 4
    np.testing.assert_allclose(found, values(fine[:, None], fine[None]), atol=1e-9)


def tracker_of(backbone, **options):
    return CfTracker(backbone, CPU, CfOptions(**options))


def test_an_unknown_solver_is_refused(backbone):
    with pytest.raises(UsageError, match="unknown solver 'dense': .*valid are cg, closed"):
        tracker_of(backbone, solver="dense")


@pytest.mark.parametrize("peak, shift", [((8, 8), (0, 0)), ((10, 8), (2, 0)), ((8, 5), (0, -3))])
def test_a_peak_moves_the_box_by_its_cells(backbone, monkeypatch, peak, shift):
    """17 x 17 cells 16 crop pixels apart; 127 of them show the context of the target, 60 frame pixels."""
    images, _ = video(2)
    tracker = tracker_of(backbone, scales=1)
    tracker.init(images[0], [70, 50, 30, 30])
    response = torch.zeros(1, 17, 17)
    response[0, peak[1], peak[0]] = 1
    monkeypatch.setattr(tracker.filter, "respond", lambda samples: response)
    learned = []
    monkeypatch.setattr(tracker.filter, "learn", lambda sample, label: learned.append(label))
    found = tracker.update(images[1])
    np.testing.assert_allclose(found, [70 + shift[0] * 16 * 60 / 127, 50 + shift[1] * 16 * 60 / 127, 30, 30])
    assert divmod(int(learned[0].argmax()), 17) == (peak[1], peak[0])  # the sample's label is where the target was


def test_the_best_scale_is_followed_at_its_rate(backbone, monkeypatch):
    images, boxes = video(2)
    tracker = tracker_of(backbone)
    tracker.init(images[0], boxes[0])
    response = torch.zeros(3, 17, 17)
    response[:, 8, 8] = torch.tensor([0.5, 0.99, 1.0])  # 1 x .99 < .99: the middle one wins a tie
    monkeypatch.setattr(tracker.filter, "respond", lambda samples: response)
    np.testing.assert_allclose(tracker.update(images[1])[2:], [30, 30])
    response[2] *= 1.1
    np.testing.assert_allclose(tracker.update(images[1])[2:], 30 * (1 - 0.59 + 0.59 * 1.0375))


def test_a_box_outside_of_the_frame_is_refused(backbone):
    with pytest.raises(DataError, match="outside of the frame"):
        tracker_of(backbone).init(np.zeros((150, 200, 3), np.uint8), [300, 10, 5, 5])
