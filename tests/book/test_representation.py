import math

import numpy as np
import pytest
import torch
from tiny import CPU, random_store

from socl_book.representation import alignment, effective_rank, feature_statistics, uniformity, video_pairs
from socl_core.methods.batches import Batch, Batches
from socl_core.methods.training import new_network
from socl_core.runs.spec import make_spec


def unit(row):
    return row / math.sqrt(sum(v * v for v in row))


@pytest.mark.parametrize("count, channels", [(2, 3), (7, 5)])
def test_alignment_and_uniformity_are_the_loops(count, channels):
    rng = np.random.default_rng(count)
    a, b = rng.normal(size=(2, count, channels))
    slow = np.mean([sum((p - q) ** 2 for p, q in zip(unit(x), unit(y))) for x, y in zip(a, b)])
    assert alignment(torch.from_numpy(a), torch.from_numpy(b)) == pytest.approx(slow)
    pairs = [math.exp(-2 * sum((p - q) ** 2 for p, q in zip(unit(a[i]), unit(a[j]))))
             for i in range(count) for j in range(i)]  # fmt: skip
    assert uniformity(torch.from_numpy(a)) == pytest.approx(math.log(np.mean(pairs)))


@pytest.mark.parametrize("shape", [(6, 4), (4, 6)])
def test_effective_rank_is_the_entropy_of_the_spectrum(shape):
    features = np.random.default_rng(0).normal(size=shape) @ np.diag(np.arange(1.0, shape[1] + 1))
    centred = features - features.mean(0)
    values = np.sqrt(np.clip(np.linalg.eigvalsh(centred.T @ centred), 0, None))
    share = values[values > 1e-9] / values.sum()
    assert effective_rank(torch.from_numpy(features)) == pytest.approx(
        math.exp(-(share * np.log(share)).sum()), rel=1e-6
    )


@pytest.mark.parametrize("backbone, crop", [("alexnet", 127), ("resnet18", 129)])
@pytest.mark.parametrize("head, outputs", [(False, ["backbone"]), (True, ["backbone", "head"])])
def test_statistics_are_of_the_backbone_and_of_the_head(head, outputs, backbone, crop):
    store = random_store(videos=3, frames=4)
    pairs = video_pairs(store, 2)
    assert pairs.tolist() == [[0, 1, 4, 5, 8, 9], [2, 3, 6, 7, 10, 11]]
    spec = make_spec("laptop", "socl-siam", backbone=backbone, width=0.0625, crop=crop, head=head)
    network, batches = new_network(spec).eval(), Batches(store, spec, CPU)
    found = feature_statistics(network, batches, pairs)
    assert list(found) == outputs
    first = (255 - crop) // 2
    images = torch.from_numpy(store.images[pairs.ravel(), first : first + crop, first : first + crop]).permute(
        0, 3, 1, 2
    )
    with torch.inference_mode():
        features = network(images.float())
    cells = features.permute(0, 2, 3, 1).flatten(0, 2)
    assert found[outputs[-1]]["effective rank"] == pytest.approx(effective_rank(cells), rel=1e-3)
    top = batches.top_maps(Batch.plain(torch.from_numpy(pairs.ravel())), crop)
    gst = (features * top[:, None]).sum((2, 3))
    assert found[outputs[-1]]["alignment"] == pytest.approx(alignment(gst[:6], gst[6:]), rel=1e-3)
    assert found[outputs[-1]]["uniformity"] == pytest.approx(uniformity(gst), rel=1e-3)
