import contextlib
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny import CPU, TINY_TRANST, box_store, random_store

from socl_core.errors import DataError, SoclError
from socl_core.geometry import SEARCH, resample
from socl_core.methods import siam
from socl_core.methods.batches import Batch, Batches
from socl_core.methods.crops import CropStore
from socl_core.methods.siam import box_step, socl_step
from socl_core.methods.training import Training, new_network
from socl_core.models.alexnet import GRID
from socl_core.models.device import Compute
from socl_core.prior.top import LATTICE, clip_scores, lattice, scores_at_cells, softmax_map
from socl_core.runs.spec import make_spec


def spec_of(method="socl-siam", **changes):
    return make_spec("laptop", method, **{"width": 0.125, "crop": 127, "steps": 6, "batch": 3, "seed": 1} | changes)


@pytest.fixture(scope="module")
def store():
    return random_store()


def test_pairs_are_of_distinct_videos_and_within_the_gap():
    store = random_store(videos=5, frames=6)
    store = replace(store, frame=store.frame * 10)
    batches = Batches(store, spec_of(batch=4, max_gap=25), CPU)
    starts = set()
    for step in range(40):
        batch = batches.draw(step)
        rows = batch.rows.numpy()
        assert rows.shape == batch.zoom.shape == batch.gain.shape == (2, 4) and batch.shift.shape == (2, 4, 2)
        videos = store.video[rows]
        assert (videos[0] == videos[1]).all() and len(set(videos[0])) == 4
        gaps = np.abs(np.diff(store.frame[rows], axis=0))
        assert (gaps > 0).all() and (gaps < 25).all()
        assert (batch.shift.abs() <= 16).all() and (batch.zoom.log().abs() <= math.log(1.1) + 1e-6).all()
        starts |= set(rows[0].tolist())
    assert len(starts) == 30  # every frame gets its turn


def test_a_step_is_drawn_from_seed_and_step_alone(store):
    first, second = (Batches(store, spec_of(), CPU) for _ in range(2))
    first.draw(3)
    batch, again = first.draw(7), second.draw(7)
    for name, values in vars(batch).items():
        assert torch.equal(values, getattr(again, name))
    for other in (first.draw(8), Batches(store, spec_of(seed=2), CPU).draw(7)):
        assert not torch.equal(other.shift, batch.shift)


def test_a_batch_is_reduced_to_the_number_of_videos(store):
    batches = Batches(store, spec_of(batch=64), CPU)
    assert batches.size == 4 and sorted(store.video[batches.draw(0).rows[0]]) == [0, 1, 2, 3]


def test_too_few_videos_are_refused(store):
    one_frame_each = store.rows(np.array([0, 3, 6, 9]))
    for few in (store.rows(np.arange(3)), one_frame_each, store.rows(np.array([0, 1, 2, 3]))):
        with pytest.raises(DataError, match="at least 2 videos"):
            Batches(few, spec_of(), CPU)


def painted_store():
    """A bright disc and a score map with a peak, both at the middle of the crop."""
    y, x = np.indices((SEARCH, SEARCH)) - (SEARCH - 1) / 2
    image = np.where((np.hypot(x, y) < 12)[..., None], 250, 20).astype(np.uint8).repeat(3, 2)
    grid = len(lattice())
    y, x = (np.indices((grid, grid)) - (grid - 1) / 2) * LATTICE
    score = np.maximum(0, 20 - np.hypot(x, y)).astype(np.float32)
    video = np.repeat(np.arange(4), 2)
    return CropStore(np.tile(image, (8, 1, 1, 1)), np.tile(score, (8, 1, 1)), video, np.tile([0, 1], 4), np.ones(8))


@pytest.mark.parametrize("size", [127, 191, 255])
def test_top_maps_lie_on_the_target_after_augmentation(size):
    batches = Batches(painted_store(), spec_of(crop=size, batch=4, zoom=0.3, eta=0.02), CPU)
    for step in range(4):
        batch = batches.draw(step).flatten()
        crops, top = batches.crops(batch, size), batches.top_maps(batch, size)
        assert crops.shape == (8, 3, size, size) and top.shape == (8, *[len(GRID.centres(size))] * 2)
        torch.testing.assert_close(top.sum((1, 2)), torch.ones(8))
        for image, one, zoom, shift in zip(crops, top, batch.zoom, batch.shift, strict=True):
            y, x = (w.float().mean() for w in torch.where(image[0] > image[0].amax() / 2))
            centre = (size - 1) / 2 + zoom * shift  # where the augmentation puts the target
            torch.testing.assert_close(torch.stack([x, y]), centre, atol=0.6, rtol=0)
            cells = torch.from_numpy(GRID.centres(size))
            mass = torch.stack([(one.sum(0) * cells).sum(), (one.sum(1) * cells).sum()])
            assert (mass - centre).abs().max() < 4  # half a cell


@pytest.mark.parametrize("side", [128, 255])
@pytest.mark.parametrize("size, zoom, shift", [(63, 0.0, 0.0), (63, 0.3, 20.0), (127, 0.3, 90.0)])
def test_crops_are_those_of_whole_stored_images(store, side, size, zoom, shift):
    """`crops` reads but a part of them; beyond their edge the last pixel goes on."""
    small = replace(store, images=store.images[:, :side, :side])
    batches = Batches(small, spec_of(zoom=zoom, shift=shift), CPU)
    batch = batches.draw(0)[1]
    whole = torch.from_numpy(small.images[batch.rows]).permute(0, 3, 1, 2).float()
    expected = resample(whole, torch.arange(size) - (size - 1) / 2, side, batch.zoom, batch.shift)
    expected = (expected * batch.gain[:, None, None, None]).clamp(0, 255)
    torch.testing.assert_close(batches.crops(batch, size), expected, atol=0.02, rtol=0)


def overfit(step, spec, store, steps=15):
    """Losses of one batch, trained on again and again."""
    torch.manual_seed(0)
    batches, network = Batches(store, spec, CPU), new_network(spec).train()
    optimiser = torch.optim.AdamW(network.parameters(), lr=0.002)
    losses = []
    for _ in range(steps):
        values = step(batches, 0, network)
        optimiser.zero_grad()
        values["loss"].backward()
        optimiser.step()
        losses.append(float(values["loss"].detach()))
    assert all(torch.isfinite(v).all() for v in values.values())
    return losses


@pytest.mark.parametrize("step, spec, factor", [
    (socl_step, spec_of(lst=0.0), 0.8),
    (socl_step, spec_of(lst=1.0), 0.8),
    (box_step, spec_of("box-siam", crop=191, shift=4.0, correlation="dot"), 0.9),
    (box_step, spec_of("box-siam", crop=191, shift=4.0, correlation="cosine"), 0.9),
])  # fmt: skip
def test_the_loss_falls_on_one_batch(store, step, spec, factor):
    losses = overfit(step, spec, store)
    assert np.isfinite(losses).all() and np.mean(losses[-3:]) < factor * losses[0]


def test_the_local_part_is_added_with_its_weight(store):
    losses = [float(socl_step(Batches(store, spec, CPU), 0, new_network(spec))["loss"].detach())
              for spec in (spec_of(lst=weight) for weight in (0.0, 1.0, 2.0))]  # fmt: skip
    assert losses[1] - losses[0] > 0.1
    assert losses[2] - losses[1] == pytest.approx(losses[1] - losses[0], rel=1e-4)


def test_box_step_at_the_smallest_crop(store):
    spec = spec_of("box-siam", crop=151, shift=0.0)
    assert torch.isfinite(box_step(Batches(store, spec, CPU), 0, new_network(spec))["loss"])


def test_labels_are_where_the_shifted_template_matches_the_shifted_search(monkeypatch):
    """Template shifted by a, search by b: centred windows agree at b - a. A peak of the labels must lie there."""
    seen, store = [], random_store()
    spec = spec_of("box-siam", crop=255, zoom=0.0)
    batches = Batches(store, spec, CPU)
    labels = siam.losses.response_labels
    monkeypatch.setattr(siam.losses, "response_labels", lambda *a: seen.append(a[0]) or labels(*a))
    drawn = []
    crops = batches.crops
    batches.crops = lambda batch, pixels: drawn.append(batch.shift) or crops(batch, pixels)
    box_step(batches, 0, new_network(spec))
    template, search = drawn
    torch.testing.assert_close(seen[0], search - template)


def run(training, until=None):
    """Entries of a training that stops before step `until`."""
    entries = []

    class Stop(Exception):
        pass

    def each_step(training):
        if training.step == until:
            raise Stop

    with contextlib.suppress(Stop):
        training.run(entries.append, 2, each_step)
    return entries


@pytest.mark.parametrize("spec", [
    spec_of(), spec_of("box-siam", crop=159),
    make_spec("laptop", "transt", **TINY_TRANST, steps=6, batch=3, dropout=0.3),  # dropped by seed and step too
], ids=lambda spec: spec.method)  # fmt: skip
def test_a_resumed_training_ends_bit_equal(spec, tmp_path):
    store = random_store() if spec.method != "transt" else box_store()
    whole = Training(spec, Batches(store, spec, CPU), CPU)
    entries = run(whole)
    assert [entry["step"] for entry in entries] == [2, 4, 6]
    half = Training(spec, Batches(store, spec, CPU), CPU)
    run(half, until=3)
    torch.save(half.state(), tmp_path / "checkpoint.pt")
    again = Training(spec, Batches(store, spec, CPU), CPU)
    again.restore(torch.load(tmp_path / "checkpoint.pt", weights_only=True))
    assert again.step == 3
    run(again)
    start = new_network(spec).state_dict()
    for name, tensor in whole.network.state_dict().items():
        assert torch.equal(again.network.state_dict()[name], tensor), name
    learnt = [name for name, tensor in whole.network.state_dict().items() if not torch.equal(start[name], tensor)]
    assert len(learnt) > 10


def test_the_learning_rate_warms_up_and_falls_to_nothing(store):
    training = Training(spec_of(steps=100, lr=0.1), Batches(store, spec_of(), CPU), CPU)
    rates = []
    for training.step in range(100):
        rates.append(training.learning_rate())
    peak = int(np.argmax(rates))
    assert 3 <= peak <= 5 and rates[0] == pytest.approx(0.02)
    assert max(rates) <= 0.1 and max(rates) > 0.099
    assert (np.diff(rates[peak:]) < 0).all() and rates[-1] < 1e-4


def test_a_loss_that_is_not_finite_names_the_step(store, monkeypatch):
    def bad(batches, step, network):
        loss = socl_step(batches, step, network)["loss"]
        return {"loss": loss * (math.nan if step == 2 else 1.0)}

    monkeypatch.setattr(siam.SoclTraining, "step", staticmethod(bad))
    with pytest.raises(SoclError, match=r"not finite at step 2, on the videos number \[\d"):
        run(Training(spec_of(), Batches(store, spec_of(), CPU), CPU))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("method", ["socl-siam", "box-siam"])
def test_one_step_on_cuda(store, method):
    compute, spec = Compute.choose("cuda"), spec_of(method, crop=191, steps=1)
    training = Training(spec, Batches(store, spec, compute), compute)
    entries = []
    training.run(entries.append, 1)
    assert len(entries) == 1 and math.isfinite(entries[0]["loss"])
    assert next(training.network.parameters()).device.type == "cuda"


@pytest.mark.parametrize("size", [127, 159])
def test_a_smaller_crop_has_the_inner_cells_of_the_same_clipped_map(store, size):
    batches, batch = Batches(store, spec_of(crop=size), CPU), Batch.plain(torch.tensor([0]))
    inner = (GRID.cells(SEARCH) - GRID.cells(size)) // 2
    whole = scores_at_cells(clip_scores(store.scores[:1], GRID, 0.1), GRID)[:, inner:-inner, inner:-inner]
    torch.testing.assert_close(batches.top_maps(batch, size), softmax_map(whole))
