"""What the clip does and where soft negatives look, on videos and maps with known answers."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny import disc_video

from socl_book import evidence
from socl_book.views import CELLS, COVERED
from socl_core import data
from socl_core.data.sequence import Sequence
from socl_core.methods.spec import make_spec
from socl_core.models.device import Compute
from socl_core.models.siamese import SiameseNetwork


def test_box_cells_are_those_whose_centre_is_inside():
    x0, stride = COVERED[0], 8
    cells = evidence.box_cells([x0 + stride, x0 + 2 * stride, 3 * stride, 2 * stride])
    expected = np.zeros((CELLS, CELLS))
    expected[2:4, 1:4] = 1
    np.testing.assert_array_equal(cells, expected)


def test_excess_is_zero_for_a_flat_map_and_the_rest_for_a_peak():
    background, region = np.ones((4, 4), bool), np.zeros((4, 4), bool)
    region[0, :2] = True  # an eighth of the background
    assert evidence._excess(np.full((4, 4), 1 / 16), region, background) == pytest.approx(0)
    peak = np.zeros((4, 4))
    peak[0, 0] = 1
    assert evidence._excess(peak, region, background) == pytest.approx(7 / 8)
    peak[0, 0], peak[3, 3] = 0, 1
    assert evidence._excess(peak, region, background) == pytest.approx(-1 / 8)
    assert np.isnan(evidence._excess(peak, np.zeros((4, 4), bool), background))


def test_the_clip_is_measured_in_percent_of_the_map():
    found = evidence.clip_evidence([disc_video(0), disc_video(1)], frames=2)
    assert set(found) == {"collapse", "widening", "spill"}
    for values in found.values():
        assert values.shape == (2,) and (np.abs(values) <= 100).all()
    assert (found["collapse"] <= 50).all() and (found["widening"] >= 0).all()


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


def test_a_video_where_nothing_can_be_measured_is_left_out(monkeypatch):
    """The map is of one value, but no other body is in sight: `counterparts` is NaN in every pair."""
    video = disc_video(0, 3)
    discs = [np.abs(image.astype(int) - image[0, 0]).any(-1) for image in video.frames]
    video = replace(video, masks=discs, others=[np.zeros_like(disc) for disc in discs])
    flat = [{"hard": np.full((CELLS, CELLS), 1 / CELLS**2)}] * 2
    monkeypatch.setattr(evidence, "soft_sample_maps", lambda *_: flat)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = evidence.sample_evidence([video, disc_video(1, 1)], None, None, None)
    assert found["boundary"] == pytest.approx([0], abs=1e-9) and not len(found["counterparts"])


@pytest.mark.slow
def test_samples_are_measured_on_videos_with_masks():
    video = data.load("composite", "dev", videos=1, frames=24)[0]
    spec, compute = make_spec("smoke", "socl-siam"), Compute.choose("cpu")
    torch.manual_seed(0)
    network = SiameseNetwork("alexnet", 0.125, False, "cosine")
    found = evidence.sample_evidence([video], network, spec, compute, pairs=2)
    assert set(found) == {"boundary", "counterparts"}
    for values in found.values():
        assert len(values) <= 1 and (np.abs(values) <= 100).all()


def test_masks_of_other_bodies_leave_the_target_alone():
    video = data.load("composite", "dev", videos=2, frames=12)[1]
    others = np.array([video.others[i] for i in range(0, 12, 4)])
    target = np.array([video.masks[i] for i in range(0, 12, 4)])
    assert others.shape == target.shape and others.dtype == bool
    assert others.any() and not (others & target).any()
    assert isinstance(video, Sequence) and video.point_view().others is None
