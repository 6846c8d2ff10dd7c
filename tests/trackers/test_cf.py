import numpy as np
import pytest
import torch
from moving import video

from socl_core.errors import DataError
from socl_core.models.alexnet import AlexNetV1
from socl_core.models.device import Compute
from socl_core.models.resnet import ResNet18
from socl_core.trackers.cf import CfOptions, CfTracker, Projection, Stage

CPU = Compute(torch.device("cpu"), False)


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
def test_stages_lie_where_their_cells_are(backbone, make, pixels):
    """A map whose values are the places of its cells keeps them on the filter's grid, 8 pixels apart."""
    tracker = tracker_of(make(0.125))
    inside = (torch.arange(33) - 16).abs() * 8 < 75
    for stage, grid in enumerate(make.stage_grids):
        places = torch.from_numpy(grid.offsets(pixels))
        found = tracker._place(torch.stack(torch.meshgrid(places, places, indexing="xy")), stage)
        assert found.shape == (2, 33, 33)
        expected = (torch.arange(33.0)[inside] - 16) * 8
        torch.testing.assert_close(found[0][inside][:, inside], expected.expand(len(expected), -1), atol=1e-3, rtol=0)
        torch.testing.assert_close(found[1][inside][:, inside].T, expected.expand(len(expected), -1), atol=1e-3, rtol=0)


def test_the_target_fills_its_pictures_at_its_own_size(backbone, monkeypatch):
    image = np.zeros((120, 160, 3), np.uint8)
    image[40:60, 50:90] = 255
    tracker = tracker_of(backbone, scales=3, scale_step=2.0)
    tracker.init(image, [50, 40, 40, 20])
    monkeypatch.setattr(tracker, "stages", lambda pictures, last: [pictures])
    bright = [(picture > 127).mean() for picture in tracker._sizes(image)]
    np.testing.assert_allclose(bright, [1, 1, 0.25], atol=0.03)


def test_a_box_outside_of_the_frame_is_refused(backbone):
    with pytest.raises(DataError, match="outside of the frame"):
        tracker_of(backbone).init(np.zeros((150, 200, 3), np.uint8), [300, 10, 5, 5])


def test_stages_and_channels_are_options(backbone):
    images, boxes = video(2)
    tracker = tracker_of(backbone, stages=(Stage(0, 5, 1.0), Stage(3, 7, 0.3)))
    tracker.init(images[0], boxes[0])
    assert tracker.filter.memory.samples.shape == (1, 12, 33, 33)
    energy = tracker.filter.memory.samples[0].square().mean((1, 2))
    assert float(energy[:5].sum()) == pytest.approx(1, rel=1e-4)
    assert float(energy[5:].sum()) == pytest.approx(0.09, rel=1e-4)
