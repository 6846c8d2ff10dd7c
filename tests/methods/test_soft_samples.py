import math

import numpy as np
import pytest
import torch

from socl_core.methods.soft_samples import (
    background,
    global_soft_template,
    hard_negative_map,
    local_soft_templates,
    similarity_map,
    soft_negative_sample,
    soft_pool,
)

SIZES = [(1, 1, 1, 1), (2, 3, 4, 5), (3, 8, 6, 6)]


def samples(b, c, h, w, seed=0):
    """Features (B, C, H, W), templates (B, C) and maps (B, H, W) that sum to 1, float64."""
    rng = np.random.default_rng(seed)
    top = rng.gamma(0.5, 1, (b, h, w))
    top /= top.sum((1, 2), keepdims=True)
    return rng.normal(size=(b, c, h, w)), rng.normal(size=(b, c)), top


def slow_pool(features, weights):
    b, c, h, w = features.shape
    out = np.zeros((b, c))
    for i in range(b):
        for y in range(h):
            for x in range(w):
                out[i] += weights[i, y, x] * features[i, :, y, x]
    return out


def slow_cosine(a, b):
    norms = math.sqrt(sum(v * v for v in a)) * math.sqrt(sum(v * v for v in b))
    return sum(v * u for v, u in zip(a, b, strict=True)) / norms


def slow_similarity(template, features):
    b, _, h, w = features.shape
    return np.array([[[slow_cosine(template[i], features[i, :, y, x]) for x in range(w)] for y in range(h)]
                     for i in range(b)])  # fmt: skip


def slow_background(scores, fraction):
    return np.array([[[value < fraction * one.max() for value in row] for row in one] for one in scores])


def slow_hard(similarity, mask, tau):
    out = np.zeros_like(similarity)
    for i in range(len(out)):
        cells = [tuple(cell) for cell in np.argwhere(mask[i])]
        total = sum(math.exp(similarity[i][cell] / tau) for cell in cells)
        for cell in cells:
            out[i][cell] = math.exp(similarity[i][cell] / tau) / total
    return out


def tensors(*arrays):
    return tuple(torch.from_numpy(a) for a in arrays)


@pytest.mark.parametrize("size", SIZES)
def test_soft_pool_and_gst_are_the_weighted_sum(size):
    features, _, top = samples(*size)
    for pool in (soft_pool, global_soft_template):
        np.testing.assert_allclose(pool(*tensors(features, top)), slow_pool(features, top), rtol=1e-12)


@pytest.mark.parametrize("fraction", [0.01, 0.05, 0.5, 0.99])
@pytest.mark.parametrize("size", SIZES)
def test_background_is_below_a_share_of_each_maps_own_maximum(size, fraction):
    top = samples(*size)[2]
    top[0] *= 100  # another map's maximum must not matter
    found = background(torch.from_numpy(top), fraction)
    assert found.dtype == torch.bool
    np.testing.assert_array_equal(found, slow_background(top, fraction))


@pytest.mark.parametrize("size", SIZES)
def test_similarity_is_the_cosine_of_every_cell(size):
    features, template, _ = samples(*size)
    found = similarity_map(*tensors(template, features))
    np.testing.assert_allclose(found, slow_similarity(template, features), rtol=1e-10)
    np.testing.assert_allclose(similarity_map(*tensors(7 * template, 0.1 * features)), found)


@pytest.mark.parametrize("tau", [0.05, 0.1, 1.0])
@pytest.mark.parametrize("size", SIZES)
def test_hard_negative_map_is_the_softmax_over_background_alone(size, tau):
    features, template, top = samples(*size)
    similarity, mask = slow_similarity(template, features), slow_background(top, 0.3)
    found = hard_negative_map(*tensors(similarity, mask), tau).numpy()
    np.testing.assert_allclose(found, slow_hard(similarity, mask, tau), rtol=1e-9)
    assert (found[~mask] == 0).all()  # the target gets no weight at all
    np.testing.assert_allclose(found.sum((1, 2)), mask.any((1, 2)), rtol=1e-12)


def test_without_background_the_map_is_zero_and_so_are_its_gradients():
    similarity = torch.zeros(2, 3, 3, dtype=torch.float64)
    similarity[0, 0, 0] = 0.5
    similarity.requires_grad_()
    mask = torch.zeros(2, 3, 3, dtype=torch.bool)
    mask[0, 0] = True  # the first sample has background, the second has none
    hard = hard_negative_map(similarity, mask, 0.1)
    np.testing.assert_array_equal(hard[1].detach(), 0)
    assert float(hard[0].sum().detach()) == pytest.approx(1)
    (hard * torch.arange(9.0, dtype=torch.float64).reshape(3, 3)).sum().backward()
    assert torch.isfinite(similarity.grad).all()
    assert similarity.grad[0, 0].abs().max() > 0 and (similarity.grad[1] == 0).all()


@pytest.mark.parametrize("tau", [0.05, 0.1, 1.0])
@pytest.mark.parametrize("fraction", [0.05, 0.5])
@pytest.mark.parametrize("size", SIZES)
def test_sns_is_the_four_steps_in_their_order(size, fraction, tau):
    features, template, top = samples(*size)
    sns, hard = soft_negative_sample(*tensors(template, features, top), tau, fraction)
    expected = slow_hard(slow_similarity(template, features), slow_background(top, fraction), tau)
    np.testing.assert_allclose(hard, expected, rtol=1e-8, atol=1e-300)
    np.testing.assert_allclose(sns, slow_pool(features, expected), rtol=1e-8, atol=1e-12)


def test_gradient_reaches_features_through_the_pooling_alone():
    features, template, top = tensors(*samples(2, 3, 4, 5))
    features.requires_grad_(), template.requires_grad_()
    sns, hard = soft_negative_sample(template, features, top, 0.1, 0.3)
    sns.sum().backward()
    assert not hard.requires_grad and template.grad is None
    np.testing.assert_allclose(features.grad, hard[:, None].expand_as(features))


def slow_local(features, other, top, tau, fraction):
    """The softly matched target of the other frame, one cell at a time."""
    b, c, h, w = features.shape
    out, hidden = np.zeros_like(features), slow_background(top, fraction)
    for i in range(b):
        target = [other[i, :, y, x] for y in range(h) for x in range(w) if not hidden[i, y, x]]
        for y in range(h):
            for x in range(w):
                weights = [math.exp(slow_cosine(features[i, :, y, x], cell) / tau) for cell in target]
                out[i, :, y, x] = sum(weight * cell for weight, cell in zip(weights, target)) / sum(weights)
    return out


@pytest.mark.parametrize("b, c, h, w", SIZES)
@pytest.mark.parametrize("tau", [0.1, 1.0])
@pytest.mark.parametrize("fraction", [0.05, 0.5])
def test_local_templates_are_the_loop_over_cells(b, c, h, w, tau, fraction):
    features, _, top = samples(b, c, h, w)
    other = samples(b, c, h, w, seed=1)[0]
    found = local_soft_templates(*map(torch.from_numpy, (features, other, top)), tau, fraction)
    np.testing.assert_allclose(found, slow_local(features, other, top, tau, fraction), rtol=1e-6, atol=1e-9)


def test_no_gradient_runs_through_the_matching():
    torch.manual_seed(0)
    own, other = (torch.randn(1, 4, 2, 2, requires_grad=True) for _ in range(2))
    local_soft_templates(own, other, torch.full((1, 2, 2), 0.25), 0.1, 0.05).sum().backward()
    assert own.grad is None and other.grad.abs().sum() > 0
