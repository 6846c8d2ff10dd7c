import cv2
import numpy as np
import pytest
import torch
from moving import video
from tiny import CPU

from socl_core.errors import DataError
from socl_core.models.alexnet import AlexNetV1
from socl_core.models.resnet import ResNet18
from socl_core.trackers.cf import CfOptions, CfTracker, Projection, Stage, place
from socl_core.trackers.lockstep import answer


@pytest.fixture(scope="module")
def backbone():
    torch.manual_seed(0)
    network = ResNet18(0.125)
    network(255 * torch.rand(8, 3, 129, 129))  # statistics of the last normalisation
    return network


def tracker_of(backbone, **options):
    return CfTracker(backbone, CPU, CfOptions(**options))


@pytest.mark.parametrize("peak, shift", [((16, 16), (0, 0)), ((20, 16), (4, 0)), ((16, 10), (0, -6))])
def test_a_peak_moves_the_box_by_its_cells(backbone, monkeypatch, peak, shift):
    """33 x 33 cells 8 crop pixels apart; 127 of them show the context of the target, 60 frame pixels."""
    images, _ = video(2)
    tracker = tracker_of(backbone, learn_every=1)
    tracker.init(images[0], [70, 50, 30, 30])
    response = torch.zeros(33, 33)
    response[peak[1], peak[0]] = 1
    labels = []
    monkeypatch.setattr(tracker.filter, "respond", lambda sample: response)
    monkeypatch.setattr(tracker.filter.memory, "add", lambda sample, label: labels.append(label))
    monkeypatch.setattr(tracker.scale, "find", lambda features: 1.0)
    found = tracker.update(images[1])
    np.testing.assert_allclose(found, [70 + shift[0] * 8 * 60 / 127, 50 + shift[1] * 8 * 60 / 127, 30, 30])
    assert divmod(int(labels[0].argmax()), 33) == (peak[1], peak[0])  # the sample's label is where the target was


def test_the_size_found_is_followed(backbone, monkeypatch):
    images, boxes = video(2)
    tracker = tracker_of(backbone)
    tracker.init(images[0], boxes[0])
    side = tracker.side
    monkeypatch.setattr(tracker.scale, "find", lambda features: 1.1)
    np.testing.assert_allclose(tracker.update(images[1])[2:], [33, 33])
    assert tracker.side == pytest.approx(1.1 * side)


def test_every_nth_frame_is_learnt(backbone):
    images, boxes = video(6)
    tracker = tracker_of(backbone, learn_every=2)
    tracker.init(images[0], boxes[0])
    sizes = []
    for image in images[1:]:
        tracker.update(image)
        sizes.append(len(tracker.filter.memory.weights))
    assert sizes == [1, 2, 2, 3, 3]


def test_main_axes_are_those_of_the_covariance():
    torch.manual_seed(0)
    features = torch.randn(4, 5, 5) * torch.tensor([3.0, 1.0, 2.0, 0.1])[:, None, None]
    found = Projection(features, 2)(features).flatten(1).numpy()
    values = features.flatten(1).numpy()
    centred = values - values.mean(1, keepdims=True)
    left, spread, _ = np.linalg.svd(centred, full_matrices=False)
    np.testing.assert_allclose(np.abs(found), np.abs((left.T @ centred)[:2][::-1]), atol=1e-4)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), spread[:2][::-1], rtol=1e-4)


@pytest.mark.parametrize("make, pixels", [(ResNet18, 257), (AlexNetV1, 255)])
def test_stages_lie_where_their_cells_are(make, pixels):
    """A map whose values are the places of its cells keeps them on the filter's grid, 8 pixels apart."""
    expected = (torch.arange(33.0) - 16) * 8
    inside = expected.abs() < 75
    for grid in make.stage_grids:
        places = torch.from_numpy(grid.offsets(pixels))
        found = place(torch.stack(torch.meshgrid(places, places, indexing="xy")), grid, 33)
        assert found.shape == (2, 33, 33)
        for axis in (found[0], found[1].T):
            rows = expected[inside].expand(int(inside.sum()), -1)
            torch.testing.assert_close(axis[inside][:, inside], rows, atol=1e-3, rtol=0)


def test_a_target_that_has_left_the_search_crop_is_found_again(backbone):
    """A jump of 1.5 search sides: out of the crop of 257 pixels, inside that of 513."""
    back = cv2.GaussianBlur(np.random.default_rng(1).integers(90, 160, (300, 400, 3), np.uint8), (9, 9), 0)
    texture = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (30, 30, 3), np.uint8), (5, 5), 0)
    images = []
    for x, y in [(100, 150)] * 3 + [(185, 130)]:
        images.append(back.copy())
        images[-1][y : y + 30, x : x + 30] = texture
    ends = []
    for lost in (0.0, 0.3):
        tracker = tracker_of(backbone, lost_below=lost)
        tracker.init(images[0], [100, 150, 30, 30])
        ends.append([tracker.update(image) for image in images[1:]][-1])
    assert abs(ends[0][0] - 185) > 20
    np.testing.assert_allclose(ends[1], [185, 130, 30, 30], atol=3)


def test_a_crop_in_which_nothing_is_as_high_as_usual_moves_nothing(backbone):
    images, boxes = video(2)
    tracker = tracker_of(backbone)
    tracker.init(images[0], boxes[0])
    before = tracker.centre
    tracker.mean_peak = 100.0
    assert answer([tracker._look_further(images[1])]) == [False]
    np.testing.assert_array_equal(tracker.centre, before)


def test_the_target_fills_its_pictures_at_its_own_size(backbone, monkeypatch):
    image = np.zeros((120, 160, 3), np.uint8)
    image[40:60, 50:90] = 255
    tracker = tracker_of(backbone, scales=3, scale_step=2.0)
    tracker.init(image, [50, 40, 40, 20])

    def stages(pictures, last):
        yield from ()
        return [pictures]

    monkeypatch.setattr(tracker, "stages", stages)
    bright = [(picture > 127).mean() for picture in answer([tracker._sizes(image)])[0]]
    np.testing.assert_allclose(bright, [1, 1, 0.25], atol=0.03)


def test_a_box_outside_of_the_frame_is_refused(backbone):
    with pytest.raises(DataError, match="outside of the frame"):
        tracker_of(backbone).init(np.zeros((150, 200, 3), np.uint8), [300, 10, 5, 5])


def test_stages_and_channels_are_options(backbone):
    images, boxes = video(2)
    tracker = tracker_of(backbone, filter_stages=(Stage(0, 5, 1.0), Stage(3, 7, 0.3)))
    tracker.init(images[0], boxes[0])
    assert tracker.filter.memory.samples.shape == (1, 12, 33, 33)
    energy = tracker.filter.memory.samples[0].square().mean((1, 2))
    assert float(energy[:5].sum()) == pytest.approx(1, rel=1e-4)
    assert float(energy[5:].sum()) == pytest.approx(0.09, rel=1e-4)
