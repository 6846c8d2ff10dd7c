import math

import numpy as np
import pytest
import torch

from socl_core.methods.losses import (
    balanced_bce,
    cells_inside,
    generalised_iou,
    local_loss,
    mismatch_loss,
    response_labels,
    socl_loss,
    transt_losses,
)


def cosine(a, b):
    return float(a @ b / (math.sqrt(a @ a) * math.sqrt(b @ b)))


def slow_socl_loss(gst_a, gst_b, sns, tau):
    """-log of the positive's share, over every query of both frames, one query at a time."""
    total = 0.0
    for queries, keys in ((gst_a, gst_b), (gst_b, gst_a)):
        for i, query in enumerate(queries):
            positive = math.exp(cosine(query, keys[i]) / tau)
            negatives = sum(math.exp(cosine(query, key) / tau) for j, key in enumerate(keys) if j != i)
            negatives += sum(math.exp(cosine(query, sample) / tau) for sample in sns)
            total += -math.log(positive / (positive + negatives))
    return total / (2 * len(gst_a))


def slow_labels(offsets, size, stride, radius):
    labels = np.zeros((len(offsets), size, size))
    for i, (ox, oy) in enumerate(offsets):
        for row in range(size):
            for column in range(size):
                x, y = (column - (size - 1) / 2) * stride, (row - (size - 1) / 2) * stride
                labels[i, row, column] = math.dist((x, y), (ox, oy)) <= radius
    return labels


def slow_bce(response, labels):
    sides = {1: [], 0: []}
    for score, label in zip(response.ravel(), labels.ravel(), strict=True):
        p = 1 / (1 + math.exp(-score))
        sides[int(label)].append(-math.log(p) if label else -math.log(1 - p))
    return sum(0.5 * sum(losses) / len(losses) for losses in sides.values() if losses)


@pytest.mark.parametrize("tau", [0.05, 0.1, 0.5, 1.0])
@pytest.mark.parametrize("b, m, c", [(1, 1, 4), (2, 4, 3), (5, 10, 8), (4, 1, 16), (3, 0, 8)])
def test_socl_loss_is_the_loop_over_queries(b, m, c, tau):
    rng = np.random.default_rng(b)
    a, p, n = rng.normal(size=(b, c)), rng.normal(size=(b, c)), rng.normal(size=(m, c))
    found = socl_loss(*map(torch.from_numpy, (a, p, n)), tau)
    assert found.shape == ()
    assert float(found) == pytest.approx(slow_socl_loss(a, p, n, tau), rel=2e-5)


def slow_local_loss(cells, lst, weights, video, negatives, owner, tau):
    """-log of the positive's share, one cell of one frame at a time."""
    found = []
    for frame in range(len(cells)):
        total = 0.0
        for cell in range(cells.shape[2]):
            query = cells[frame, :, cell]
            positive = math.exp(cosine(query, lst[frame, :, cell]) / tau)
            wrong = sum(math.exp(cosine(query, n) / tau) for n, of in zip(negatives, owner) if of != video[frame])
            total += weights[frame, cell] * -math.log(positive / (positive + wrong))
        found.append(total)
    return found


@pytest.mark.parametrize("tau", [0.05, 0.5])
@pytest.mark.parametrize("m, c, p, k", [(1, 4, 1, 3), (4, 8, 9, 6), (2, 3, 4, 0)])
def test_local_loss_is_the_loop_over_cells(m, c, p, k, tau):
    rng = np.random.default_rng(m)
    cells, lst = rng.normal(size=(2, m, c, p))
    weights = rng.dirichlet(np.ones(p), m)
    video, owner = np.arange(m) % 2, rng.integers(-1, 2, k)
    values = cells, lst, weights, video, rng.normal(size=(k, c)), owner
    found = local_loss(*map(torch.from_numpy, values), tau)
    np.testing.assert_allclose(found, slow_local_loss(*values, tau), rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_gradient_of_socl_loss_is_finite_even_for_zero_vectors(dtype):
    generator = torch.manual_seed(0)
    a, b, n = (torch.randn(4, 8, generator=generator).to(dtype).requires_grad_() for _ in range(3))
    with torch.no_grad():
        n[1] = 0  # the SNS of a map without background
    loss = socl_loss(a, b, n, 0.05)
    loss.backward()
    assert loss.dtype == torch.float32 and torch.isfinite(loss)
    for x in (a, b, n):
        assert torch.isfinite(x.grad).all() and x.grad.abs().max() > 0


@pytest.mark.parametrize("size, stride, radius", [(17, 8, 16), (1, 8, 16), (9, 8, 12.5), (6, 4, 3)])
def test_response_labels_are_the_loop_over_cells(size, stride, radius):
    offsets = np.array([[0, 0], [8, -16], [-3.5, 20.25], [500, 0]])
    found = response_labels(torch.from_numpy(offsets), size, stride, radius)
    np.testing.assert_array_equal(found, slow_labels(offsets, size, stride, radius))


def test_a_centred_target_has_the_thirteen_positives_of_siamfc():
    assert float(response_labels(torch.zeros(1, 2), 17, 8, 16).sum()) == 13


@pytest.mark.parametrize("positives", [0, 1, 5, 18])
def test_balanced_bce_is_the_mean_of_each_class_by_half(positives):
    rng = np.random.default_rng(positives)
    response, labels = rng.normal(size=(2, 3, 3)) * 3, np.zeros(18)
    labels[rng.permutation(18)[:positives]] = 1
    labels = labels.reshape(2, 3, 3)
    found = balanced_bce(torch.from_numpy(response), torch.from_numpy(labels).float())
    assert float(found) == pytest.approx(slow_bce(response, labels), rel=1e-5)


def test_the_gradient_of_balanced_bce_is_finite_for_great_responses():
    response = torch.tensor([[[1e4, -1e4, 0.0]]], requires_grad=True)
    loss = balanced_bce(response, torch.tensor([[[0.0, 1.0, 1.0]]]))
    loss.backward()
    assert torch.isfinite(loss) and torch.isfinite(response.grad).all()
    assert response.grad[0, 0, 0] > 0 > response.grad[0, 0, 1]


def box(x0, y0, x1, y1):
    return torch.tensor([(x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0], dtype=torch.float64)


@pytest.mark.parametrize("a, b, expected", [
    (box(0, 0, 2, 2), box(0, 0, 2, 2), 1.0),
    (box(0, 0, 2, 2), box(1, 0, 3, 2), 2 / 6),  # the hull is the union
    (box(0, 0, 2, 2), box(1, 1, 3, 3), 1 / 7 - 2 / 9),
    (box(0, 0, 1, 1), box(2, 0, 3, 1), 0 - 1 / 3),
    (box(0, 0, 4, 4), box(1, 1, 2, 2), 1 / 16),
])  # fmt: skip
def test_generalised_iou_by_hand(a, b, expected):
    assert float(generalised_iou(a, b)) == pytest.approx(expected)


def test_boxes_without_area_give_no_nan():
    point = torch.zeros(4, requires_grad=True)
    found = generalised_iou(point, point)
    found.backward()
    assert float(found.detach()) == 0 and torch.isfinite(point.grad).all()


@pytest.mark.parametrize("x, y, w, h", [(0.5, 0.5, 0.25, 0.25), (0.3, 0.8, 0.5, 0.2), (0.1, 0.1, 0.4, 0.9)])
def test_positive_cells_are_the_loop_over_cells(x, y, w, h):
    found = cells_inside(torch.tensor([[x, y, w, h]]), 8)[0]
    for i, inside in enumerate(found):
        cx, cy = (i % 8 + 0.5) / 8, (i // 8 + 0.5) / 8
        assert bool(inside) == (abs(cx - x) <= w / 2 and abs(cy - y) <= h / 2)


def test_a_tiny_box_has_a_cell_and_one_outside_has_none():
    assert cells_inside(torch.tensor([[0.52, 0.52, 1e-3, 1e-3]]), 8).sum() == 1
    assert not cells_inside(torch.tensor([[1.4, 0.5, 0.2, 0.2]]), 8).any()


def slow_transt(logits, boxes, truth):
    """The weighted sum of the three losses, a cell at a time."""
    cells = math.isqrt(len(logits[0]))
    shares, weights, l1, giou, count = 0.0, 0.0, 0.0, 0.0, 0
    for score, found, true in zip(logits, boxes, truth, strict=True):
        for i, (pair, one) in enumerate(zip(score, found, strict=True)):
            centre = np.array([(i % cells + 0.5) / cells, (i // cells + 0.5) / cells])
            positive = (np.abs(centre - true[:2]) <= true[2:] / 2).all()
            weight = 1.0 if positive else 0.0625
            shares -= weight * math.log(math.exp(pair[0 if positive else 1]) / np.exp(pair).sum())
            weights += weight
            if positive:
                l1 += np.abs(one - true).sum()
                giou += 1 - float(generalised_iou(torch.from_numpy(one), torch.from_numpy(true)))
                count += 1
    return 8.334 * shares / weights + 5 * l1 / count + 2 * giou / count


def test_transt_losses_are_the_loop_over_cells():
    rng = np.random.default_rng(0)
    logits, boxes = rng.normal(size=(3, 16, 2)), rng.uniform(0.1, 0.9, (3, 16, 4))
    truth = np.array([[0.5, 0.5, 0.5, 0.5], [0.2, 0.7, 0.4, 0.5], [0.9, 0.9, 0.6, 0.6]])
    found = transt_losses(*map(torch.from_numpy, (logits, boxes, truth)))
    assert float(found["loss"]) == pytest.approx(slow_transt(logits, boxes, truth), rel=1e-5)


def test_a_batch_without_a_positive_cell_has_a_finite_loss():
    logits = torch.zeros(1, 16, 2, requires_grad=True)
    found = transt_losses(logits, torch.rand(1, 16, 4), torch.tensor([[2.0, 2.0, 0.1, 0.1]]))
    found["loss"].backward()
    assert float(found["l1"]) == 0 and torch.isfinite(logits.grad).all()


def test_the_loss_of_a_mismatch_is_minus_the_log_of_background_in_each_cell():
    logits = torch.from_numpy(np.random.default_rng(0).normal(size=(2, 9, 2)))
    slow = [-math.log(math.exp(b) / (math.exp(a) + math.exp(b))) for a, b in logits.flatten(0, 1).tolist()]
    np.testing.assert_allclose(mismatch_loss(logits), slow, rtol=1e-5)
