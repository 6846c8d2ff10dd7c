"""What the clip does and where soft negatives look, on videos and maps with known answers."""

import numpy as np
import pytest
import torch
from tiny import disc_video

from socl_core import evidence
from socl_core.data import composite
from socl_core.data.sequence import Sequence
from socl_core.device import Compute
from socl_core.models.siamese import SiameseNetwork
from socl_core.spec import make_spec
from socl_core.views import CELLS, COVERED


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


@pytest.mark.slow
def test_samples_are_measured_on_videos_with_masks():
    video = composite.load("dev", videos=1, frames=24)[0]
    spec, compute = make_spec("smoke", "socl-siam"), Compute.choose("cpu")
    torch.manual_seed(0)
    network = SiameseNetwork("alexnet", 0.125, False, "cosine")
    found = evidence.sample_evidence([video], network, spec, compute, pairs=2)
    assert set(found) == {"boundary", "counterparts"}
    for values in found.values():
        assert len(values) <= 1 and (np.abs(values) <= 100).all()


def test_masks_of_other_bodies_leave_the_target_alone():
    video = composite.load("dev", videos=2, frames=12)[1]
    others = np.array([video.others[i] for i in range(0, 12, 4)])
    target = np.array([video.masks[i] for i in range(0, 12, 4)])
    assert others.shape == target.shape and others.dtype == bool
    assert others.any() and not (others & target).any()
    assert isinstance(video, Sequence) and video.point_view().others is None
