"""The quality of a prior: the Gaussian it is compared with, masses on a small grid, the variants."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar
from tiny import disc_video

from socl_core.errors import DataError, UsageError
from socl_core.geometry import EXEMPLAR, SEARCH, context_side
from socl_core.models.alexnet import GRID
from socl_core.prior.quality import cells_in_box, centre_gaussian, map_measures, quality
from socl_core.prior.top import entropy, mass_inside, score_map, top_at_cells
from socl_core.prior.windows import Windows


def slow_gaussian(cells, width):
    weights = np.zeros((cells, cells))
    for y, x in np.ndindex(cells, cells):
        weights[y, x] = np.exp(-((x - (cells - 1) / 2) ** 2 + (y - (cells - 1) / 2) ** 2) / (2 * width**2))
    return weights / weights.sum()


def slow_entropy(weights):
    return -sum(p * np.log(p) for p in weights.ravel() if p > 0)


@pytest.mark.parametrize("cells", [5, 22])
@pytest.mark.parametrize("nats", [1.5, 2.0, 3.0])
def test_the_gaussian_has_the_entropy_asked_for(cells, nats):
    found = centre_gaussian(cells, nats)
    assert float(entropy(found)) == pytest.approx(nats, abs=1e-6) and float(found.sum()) == pytest.approx(1)
    miss = lambda log_width: (slow_entropy(slow_gaussian(cells, np.exp(log_width))) - nats) ** 2  # noqa: E731
    width = np.exp(minimize_scalar(miss, bounds=(-1.5, 3), method="bounded", options={"xatol": 1e-9}).x)
    np.testing.assert_allclose(found, slow_gaussian(cells, width), atol=1e-5)


def test_an_entropy_that_no_gaussian_has_gives_the_nearest_one():
    assert float(entropy(centre_gaussian(4, 0.0))) == pytest.approx(np.log(4))  # four cells share the middle
    assert float(entropy(centre_gaussian(5, 0.0))) == pytest.approx(0, abs=1e-9)
    assert float(entropy(centre_gaussian(4, np.log(16)))) == pytest.approx(np.log(16), abs=1e-4)


def test_measures_of_a_tiny_map_by_hand():
    top = torch.tensor([[0.1, 0.2], [0.3, 0.4]], dtype=torch.float64)
    inside = torch.tensor([[0.0, 1], [0, 1]], dtype=torch.float64)
    found = map_measures(top, inside)
    assert found["in_box_mass"] == pytest.approx(0.6) and found["centre_hit"] == 1
    assert found["effective_cells"] == pytest.approx(np.exp(slow_entropy(top.numpy())))
    assert found["gaussian_in_box_mass"] == pytest.approx(0.5)  # any centre Gaussian on 2 x 2 cells is uniform
    assert map_measures(top, 1 - inside)["centre_hit"] == 0


def test_a_box_covers_the_cells_that_it_holds():
    video = disc_video(0)
    side = context_side(*video.boxes[0, 2:]) * SEARCH / EXEMPLAR
    inside = cells_in_box(video.boxes[0], video.points[0], side, GRID)
    # The target fills half of the template's side, a quarter of the search crop's: 255 / 4 / 8 = 8 cells.
    assert inside.shape == (22, 22) and 7**2 <= inside.sum() <= 9**2
    np.testing.assert_array_equal(inside, inside.flip(0, 1))


def test_what_is_measured_is_the_map_that_trains():
    video = disc_video(0, frames=1)
    side = context_side(*video.boxes[0, 2:]) * SEARCH / EXEMPLAR
    top = top_at_cells(score_map(windows_at(video.points[0]), video.points[0], side), GRID, 0.2)
    mass = mass_inside(top, cells_in_box(video.boxes[0], video.points[0], side, GRID))
    found = quality([video], GRID, eta=0.2, scale="box", find=find)
    assert found["in_box_mass"] == pytest.approx(float(mass)) and found["size_error"] == 0 and found["n"] == 1


def windows_at(point):
    """Windows of twice the disc's true side around a point, and smaller ones."""
    sides = np.array([46.0, 23, 12])
    boxes = np.stack([point[0] + 0.5 - sides / 2, point[1] + 0.5 - sides / 2, sides, sides], 1)
    return Windows(boxes, np.array([1.0, 0.2, 0.1]))


def find(image, point):
    return windows_at(point)


def test_the_oracle_lies_on_the_target_and_true_crops_have_no_error():
    videos = [disc_video(number) for number in range(2)]
    found = quality(videos, GRID, prior="oracle", scale="box", find=find, frames=2)
    assert found["in_box_mass"] == pytest.approx(1) and found["centre_hit"] == 1
    assert found["size_error"] == 0 and found["n"] == 4
    assert found["mass_ratio"] == pytest.approx(1 / found["gaussian_in_box_mass"])


def test_the_window_rule_takes_the_windows_size():
    """The best window has twice the side of the disc: the crop is twice too wide, one octave."""
    found = quality([disc_video(0)], GRID, scale="window", find=find)
    assert found["size_error"] == pytest.approx(1, abs=0.1)
    free = quality([disc_video(0)], GRID, scale="free", find=find)
    assert free["size_error"] != found["size_error"]


def test_videos_weigh_the_same_whatever_their_length():
    short, long = disc_video(0, 2), disc_video(5, 9)
    alone = [quality([video], GRID, scale="box", find=find)["in_box_mass"] for video in (short, long)]
    both = quality([short, long], GRID, scale="box", find=find)
    assert both["in_box_mass"] == pytest.approx(np.mean(alone)) and both["n"] == 11


def test_mistakes_are_named():
    with pytest.raises(UsageError, match="unknown prior 'gausian': did you mean 'gaussian'"):
        quality([disc_video(0)], GRID, prior="gausian")
    with pytest.raises(UsageError, match="unknown scale 'windows': did you mean 'window'"):
        quality([disc_video(0)], GRID, scale="windows")
    with pytest.raises(DataError, match="no video with a valid box"):
        quality([disc_video(0).point_view()], GRID)
