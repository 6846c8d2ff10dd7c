import math

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from moving import video
from siamfc import PlainSiamFC, whole_pixels
from tiny import CPU

from socl_core.errors import DataError, SoclError
from socl_core.models.alexnet import AlexNetV1
from socl_core.trackers import search
from socl_core.trackers.siam import SiamOptions, SiamTracker, correlate


def slow_correlate(template, features, cosine):
    """Inner products, or mean cosines over the template's cells, position by position."""
    b, c, h, w = template.shape
    rows, columns = features.shape[2] - h + 1, features.shape[3] - w + 1
    out = np.zeros((b, rows, columns))
    for i, row, column in np.ndindex(b, rows, columns):
        for y, x in np.ndindex(h, w):
            t, f = template[i, :, y, x], features[i, :, row + y, column + x]
            value = float(t @ f)
            if cosine:
                value /= math.sqrt(t @ t) * math.sqrt(f @ f) * h * w
            out[i, row, column] += value
    return out


@pytest.fixture(scope="module")
def backbone():
    torch.manual_seed(0)
    return AlexNetV1(0.125)


def tracker_of(backbone, **options):
    return SiamTracker(backbone, CPU, SiamOptions(**options))


@pytest.mark.parametrize("correlation", ["dot", "cosine"])
@pytest.mark.parametrize("b, c, h, w, rows, columns", [(1, 4, 6, 6, 6, 6), (3, 5, 2, 3, 5, 7), (2, 8, 6, 6, 9, 9)])
def test_correlate_is_the_loop(b, c, h, w, rows, columns, correlation):
    rng = np.random.default_rng(b)
    template, features = rng.normal(size=(b, c, h, w)), 5 * rng.normal(size=(b, c, rows, columns))
    found = correlate(torch.from_numpy(template), torch.from_numpy(features), correlation)
    assert found.shape == (b, rows - h + 1, columns - w + 1) and found.dtype == torch.float32
    np.testing.assert_allclose(found, slow_correlate(template, features, correlation == "cosine"), rtol=1e-3, atol=1e-4)


def test_cosine_of_empty_cells_is_zero_and_not_nan():
    assert (correlate(torch.zeros(1, 4, 2, 2), torch.randn(1, 4, 5, 5), "cosine") == 0).all()


@pytest.mark.parametrize("shift", [(8, 0), (0, 8), (-16, 8)])
def test_the_box_moves_by_the_frame_pixels_of_the_shift(backbone, shift):
    """x and y are not exchanged, and a cell of the response is worth its frame pixels."""
    rng = np.random.default_rng(0)
    wide = cv2.GaussianBlur(rng.integers(0, 256, (240, 280, 3), np.uint8), (7, 7), 0)
    first = wide[40:200, 40:240]
    second = wide[40 - shift[1] : 200 - shift[1], 40 - shift[0] : 240 - shift[0]]
    tracker = tracker_of(backbone, scales=1, window_influence=0.0)
    tracker.init(first, [85, 65, 31, 31])
    found = tracker.update(second)
    np.testing.assert_allclose(found, [85 + shift[0], 65 + shift[1], 31, 31], atol=1.0)


@pytest.mark.parametrize("best", [0, 1, 2])
def test_size_follows_the_best_scale_at_its_rate(backbone, monkeypatch, best):
    """Scales 1.0375^(-1, 0, 1), followed at a rate of .59; template and search region grow alike."""
    images, boxes = video(2)
    tracker = tracker_of(backbone)
    tracker.init(images[0], boxes[0])
    side = tracker.side
    monkeypatch.setattr(tracker, "_peak", lambda response: (best, np.zeros(2)))
    found = tracker.update(images[1])
    factor = 1 - 0.59 + 0.59 * 1.0375 ** (best - 1)
    np.testing.assert_allclose(found[2:], boxes[0, 2:] * factor)
    assert tracker.side == pytest.approx(side * factor)
    np.testing.assert_allclose(found[:2] + (found[2:] - 1) / 2, boxes[0, :2] + (boxes[0, 2:] - 1) / 2)


def test_another_scale_must_beat_the_penalty(backbone):
    images, boxes = video(1)
    tracker = tracker_of(backbone)
    tracker.init(images[0], boxes[0])
    response = torch.zeros(3, 17, 17)
    response[:, 8, 8] = torch.tensor([1.0, 0.98, 1.0])  # 1 x .9745 < .98
    assert tracker._peak(response)[0] == 1
    response[2, 8, 8] = 1.1
    best, cells = tracker._peak(response)
    assert best == 2 and abs(cells).max() <= 1 / 16


def test_a_response_is_raised_as_bicubic_interpolation_does(backbone):
    tracker = tracker_of(backbone, window_influence=0.0)
    response = torch.randn(3, 17, 17, generator=torch.manual_seed(0))
    expected = F.interpolate(response[None], size=(272, 272), mode="bicubic")[0]
    best, cells = tracker._peak(response)
    assert best == int((expected.amax((1, 2)) * torch.from_numpy(tracker.penalties)).argmax())
    torch.testing.assert_close(tracker.bicubic @ response @ tracker.bicubic.T, expected, atol=1e-4, rtol=1e-4)
    assert (16 * cells + 135.5).tolist() == list(divmod(int(expected[best].argmax()), 272))[::-1]


@pytest.mark.parametrize("pyramid", ["search", "template"])
@pytest.mark.parametrize("factor", [1.08, 1 / 1.08])
def test_a_target_that_grows_is_found_at_a_larger_scale(pyramid, factor):
    """With three templates of the first frame as with three crops of this one."""
    torch.manual_seed(0)
    tracker = tracker_of(AlexNetV1(0.25), pyramid=pyramid, scale_step=1.08, scale_penalty=0.99)
    wide = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (240, 280, 3), np.uint8), (9, 9), 0)
    tracker.init(wide, [120, 100, 41, 41])
    turn = cv2.getRotationMatrix2D((140, 120), 0, factor)
    found = tracker.update(cv2.warpAffine(wide, turn, (280, 240), borderMode=cv2.BORDER_REFLECT))
    assert found[2] == pytest.approx(41 * (1 - 0.59 + 0.59 * factor))


@pytest.mark.parametrize(
    "box", [[10, 10, 0, 5], [10, 10, 5, 0], [10, 10, -5, 5], [math.nan, 1, 5, 5], [1, 1, 5, math.inf], [1, 2, 3],
            [200, 10, 5, 5], [10, 150, 5, 5], [-6, 10, 5, 5], [10, -5, 5, 5], [[1, 1, 5, 5]]],
)  # fmt: skip
def test_a_box_that_is_none_is_refused(backbone, box):
    with pytest.raises(DataError, match=r"box \["):
        tracker_of(backbone).init(video(1)[0][0], box)


def test_a_grey_image_is_refused_with_a_clear_error(backbone):
    with pytest.raises(SoclError):
        tracker_of(backbone).init(video(1)[0][0][..., 0], [80, 60, 30, 30])


def test_boxes_are_those_of_siamfc_but_for_its_crops_of_whole_pixels(backbone, monkeypatch):
    images, boxes = video(frames=8)
    images = [
        cv2.resize(image, None, fx=1.04**number, fy=1.04**number) for number, image in enumerate(images)
    ]  # it grows
    ours = SiamTracker(backbone, CPU, SiamOptions(correlation="dot"))
    monkeypatch.setattr(search, "crop", whole_pixels)
    plain = PlainSiamFC(backbone)
    for tracker in (ours, plain):
        tracker.init(images[0], boxes[0])
    for image in images[1:]:
        np.testing.assert_allclose(ours.update(image), plain.update(image), atol=0.1)
    assert (plain.target > 1.02 * boxes[0, 2:]).all()
