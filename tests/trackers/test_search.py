import numpy as np
import pytest
import torch
from test_siam import video

from socl_core.device import Compute
from socl_core.models.alexnet import AlexNetV1
from socl_core.models.resnet import ResNet18
from socl_core.trackers.cf import CfOptions, CfTracker
from socl_core.trackers.siam import SiamOptions, SiamTracker

CPU = Compute(torch.device("cpu"), False)


@pytest.fixture(params=["siam", "cf"])
def tracker(request):
    torch.manual_seed(0)
    if request.param == "siam":
        return SiamTracker(AlexNetV1(0.125), CPU, SiamOptions(correlation="cosine", scales=1, window_influence=0.0))
    network = ResNet18(0.125)
    network(255 * torch.rand(8, 3, 129, 129))  # statistics of the last normalisation
    return CfTracker(network, CPU, CfOptions(scales=1))


def test_the_view_says_where_the_peak_of_the_response_lies_in_the_frame(tracker):
    images, boxes = video(4, step=(6, -4))
    tracker.init(images[0], boxes[0])
    for image in images[1:]:
        before = tracker.centre
        found = tracker.update(image)
        view = tracker.view
        np.testing.assert_array_equal(view.centre, before)
        assert view.features.ndim == 3 and view.response.ndim == 2
        y, x = divmod(int(view.response.argmax()), view.response.shape[1])
        peak = view.centre + (np.array([x, y]) - (len(view.response) - 1) / 2) * view.step
        assert np.abs(found[:2] + (found[2:] - 1) / 2 - peak).max() <= 0.75 * view.step


def test_a_template_is_found_in_its_own_frame_at_the_middle(tracker):
    """Cells of the search features lie symmetric about the target, whatever the padding of the backbone."""
    images, boxes = video(1)
    tracker.init(images[0], boxes[0])
    found = tracker.update(images[0])
    np.testing.assert_allclose(found, boxes[0], atol=1.0)
