import cmath

import numpy as np
import pytest
import torch

from socl_core.trackers.scale import REGULARISATION, SIGMA, ScaleFilter


def slow_transform(values, sign):
    """Discrete Fourier transform of values (S,), term by term, without a factor."""
    count = len(values)
    return np.array([sum(values[t] * cmath.exp(sign * 2j * cmath.pi * k * t / count) for t in range(count))
                     for k in range(count)])  # fmt: skip


def slow_response(frames, new, rate, sigma, regularisation):
    """DSST's scale filter (Danelljan et al., 2014, equations 4 to 6), feature by feature."""
    count = len(new)
    window = np.hanning(count + 2)[1:-1]
    label = slow_transform(np.exp(-((np.arange(count) - (count - 1) / 2) ** 2) / (2 * sigma**2)), -1)

    def code(z):
        return [slow_transform(window * column / np.linalg.norm(z), -1) for column in z.T]

    for t, frame in enumerate(frames):
        coded = code(frame)
        a, b = [z.conj() * label for z in coded], sum(abs(z) ** 2 for z in coded)
        if t == 0:
            numerator, energy = a, b
        numerator = [(1 - rate) * old + rate * new_ for old, new_ in zip(numerator, a)]
        energy = (1 - rate) * energy + rate * b
    return slow_transform(sum(n * z for n, z in zip(numerator, code(new))) / (energy + regularisation), 1).real / count


def test_the_filter_is_the_slow_one():
    rng = np.random.default_rng(0)
    frames, new = rng.normal(size=(3, 7, 5)), rng.normal(size=(7, 5))
    found = ScaleFilter(7, 1.1, 0.2)
    for frame in frames:
        found.learn(torch.from_numpy(frame))
    response = slow_response(frames, new, 0.2, SIGMA, REGULARISATION)
    best = int(response.argmax())
    factor = found.find(torch.from_numpy(new))
    assert abs(np.log(factor) / np.log(1.1) - (best - 3)) <= 0.5
    if 0 < best < 6:
        below, top, above = response[best - 1 : best + 2]
        assert np.log(factor) / np.log(1.1) == pytest.approx(best - 3 + (below - above) / (below - 2 * top + above) / 2)


def stretched(factors, size):
    """A row of 40 values of a smooth curve that is `size` times as wide, seen at some factors."""
    axis = np.linspace(-1, 1, 40)
    curve = lambda x: np.sin(7 * x) + np.cos(13 * x + 1) + 3 * np.exp(-((4 * x) ** 2))  # noqa: E731
    return torch.from_numpy(np.stack([curve(axis * factor / size) for factor in factors]))


@pytest.mark.parametrize("size", [0.9, 0.97, 1.0, 1.05, 1.12])
def test_the_size_of_a_curve_is_approached(size):
    """The window over the scales holds each step back; the steps go on until the size is right."""
    found = ScaleFilter(17, 1.03, 0.025)
    found.learn(stretched(found.factors, 1.0))
    first = found.find(stretched(found.factors, size))
    assert abs(np.log(first / size)) <= 0.85 * abs(np.log(size)) + 1e-6
    total = 1.0
    for _ in range(40):
        total *= found.find(stretched(found.factors, size / total))
    assert total == pytest.approx(size, rel=0.01)


def test_nothing_to_see_changes_no_size():
    found = ScaleFilter(17, 1.03, 0.025)
    found.learn(torch.zeros(17, 4))
    assert np.isfinite(found.find(torch.zeros(17, 4)))
