"""What the clip does and where soft negatives look, on videos and maps with known answers."""

import warnings
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tiny import disc_video

from socl_book import evidence
from socl_book.views import soft_sample_maps, video_views
from socl_core.methods import soft_samples
from socl_core.methods.batches import Batch, Batches
from socl_core.methods.crops import CropStore
from socl_core.methods.training import new_network
from socl_core.models.alexnet import GRID
from socl_core.models.device import Compute
from socl_core.runs.spec import make_spec


def test_shares_of_a_flat_map_are_those_of_chance_and_mass_on_the_target_counts_against():
    target, others = np.zeros((2, 5, 5), bool)
    target[1, 1], others[4, 3:] = True, True
    boundary, counterparts, on_target = evidence.sample_shares(np.full((5, 5), 1 / 25), target, others)
    assert on_target == pytest.approx(1 / 25)
    assert boundary == pytest.approx(8 / 25 - 8 / 24) and counterparts == pytest.approx(2 / 25 - 2 / 24)
    peak = np.zeros((5, 5))
    peak[1, 1], peak[4, 4] = 0.75, 0.25
    assert evidence.sample_shares(peak, target, others) == pytest.approx((-8 / 24, 0.25 - 2 / 24, 0.75))
    assert np.isnan(evidence.sample_shares(peak, target, np.zeros((5, 5), bool))[1])
    assert np.isnan(evidence.sample_shares(np.zeros((5, 5)), target, others)).all()


def test_measures_of_the_clip_by_hand():
    top = torch.full((6, 6), 0.004, dtype=torch.float64)
    top[1:5, 1:5] = 0.01
    top[2:4, 2:4] = torch.tensor([[0.2, 0.3], [0.1, 0.11]])
    top[2, 4] = 0.09
    inside = torch.zeros(6, 6, dtype=torch.float64)
    inside[2:4, 2:5] = 1
    cells, near, background, covered, box_cells = evidence._clip_measures(top, inside)
    assert cells == pytest.approx(np.exp(-sum(p * np.log(p) for p in top.ravel().tolist())))
    assert near == pytest.approx(0.71 + 0.09 + 11 * 0.01)  # four by four cells
    assert background == pytest.approx(1 - 0.71 - 0.09 - 0.01)
    assert covered == pytest.approx(2 / 6) and box_cells == 6  # half of the peak is .15


def test_the_clip_widens_the_map_of_each_video():
    found = evidence.clip_effect([disc_video(0), disc_video(1)], [evidence.UNCLIPPED, 0.05, 0.2], 2)
    assert {values.shape for values in found.values()} == {(2, 3)}
    assert (np.diff(found["cells"]) > 0).all() and (np.diff(found["near"]) < 0).all()
    np.testing.assert_array_equal(found["box_cells"][:, 0], found["box_cells"][:, 2])


def with_masks(video):
    discs = [np.abs(image.astype(int) - image[0, 0]).any(-1) for image in video.frames]
    return replace(video, masks=discs, others=[np.zeros_like(disc) for disc in discs])


def test_a_video_where_nothing_can_be_measured_is_left_out(monkeypatch):
    """The map is of one value, but no other body is in sight: `counterparts` is NaN in every pair."""
    flat = [{"hard": np.full((10, 10), 1 / 100)}] * 2
    monkeypatch.setattr(evidence, "soft_sample_maps", lambda *_: flat)
    network, spec = SimpleNamespace(backbone=SimpleNamespace(grid=GRID)), make_spec("smoke", "socl-siam")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = evidence.sample_evidence([with_masks(disc_video(0, 3)), disc_video(1, 1)], network, spec, None)
    assert found["target"].shape == (1,) and 0 < found["target"][0] < 100
    assert found["boundary"] <= 0 and not len(found["counterparts"])


def test_soft_samples_are_those_of_a_training_step():
    """Maps and similarities of a pair, against the numbers that a step of SoCL-Siam logs for the same crops."""
    spec, compute = make_spec("smoke", "socl-siam", shift=0.0, zoom=0.0), Compute.choose("cpu")
    views = video_views(disc_video(0), range(4), spec.scale_rule)
    images, scores = (np.stack([getattr(view, name) for view in views]) for name in ("image", "scores"))
    store = CropStore(images, scores.astype(np.float32), np.zeros(4, int), np.arange(4), np.ones(4))
    two_videos = CropStore.join([store, store])
    network = new_network(spec).eval()
    batches = Batches(two_videos, spec, compute)
    plain = Batch.plain(torch.tensor([0, 1]))
    features = network(batches.crops(plain, spec.crop)).float()
    scores, top = batches.clipped_scores(plain, spec.crop), batches.top_maps(plain, spec.crop)
    template = soft_samples.global_soft_template(features, top).flip(0)
    _, hard = soft_samples.soft_negative_sample(template, features, scores, spec.tau_n, spec.background)
    for maps, wanted_top, wanted_hard in zip(soft_sample_maps(views[:2], network, compute, spec), top, hard):
        np.testing.assert_allclose(maps["top"], wanted_top, rtol=1e-4, atol=1e-7)
        np.testing.assert_allclose(maps["hard"], wanted_hard, rtol=1e-3, atol=1e-6)
        np.testing.assert_array_equal(np.isnan(maps["similarity"]), maps["hard"] == 0)
