"""The bench of the filter's variants: what they see lies where the target is, and each follows it."""

import cv2
import filters
import numpy as np
import pytest
import torch

from socl_core.data.sequence import Sequence
from socl_core.geometry import box_centres


def widening(number: int, frames: int = 14, growth: float = 1.03) -> Sequence:
    """A textured square that moves over a smooth background and becomes a wide rectangle."""
    rng = np.random.default_rng(number)
    back = cv2.GaussianBlur(rng.integers(90, 160, (180, 260, 3), np.uint8), (9, 9), 0)
    texture = cv2.GaussianBlur(rng.integers(0, 256, (60, 60, 3), np.uint8), (7, 7), 0)
    images, boxes = [], []
    for frame in range(frames):
        x, y, width = 70 + frame, 50 + frame, round(40 * growth**frame)
        images.append(back.copy())
        images[-1][y : y + 40, x : x + width] = cv2.resize(texture, (width, 40), interpolation=cv2.INTER_AREA)
        boxes.append([x, y, width, 40.0])
    boxes = np.array(boxes)
    return Sequence(f"wide-{number}", images, box_centres(boxes), boxes, np.ones(frames, bool))


@pytest.mark.parametrize("kind", [filters.gradients, filters.colours])
def test_histograms_move_with_the_picture(kind):
    noise = np.random.default_rng(0).integers(0, 256, (129, 129, 3)).astype(np.uint8)
    picture = cv2.GaussianBlur(noise, (0, 0), 3)
    still, moved = (kind(each, 33) for each in (picture, np.roll(picture, filters.PATCH, 1)))
    torch.testing.assert_close(moved[:, 2:-2, 3:-2], still[:, 2:-2, 2:-3], atol=1e-4, rtol=0)


def test_colours_lie_about_the_middle():
    """A mirrored picture has the mirrored map, so both have one middle; so it is in a larger crop."""
    noise = np.random.default_rng(1).integers(0, 256, (129, 129, 3)).astype(np.uint8)
    for cells in (33, 65):
        mirrored = filters.colours(np.ascontiguousarray(noise[:, ::-1]), cells).flip(2)
        torch.testing.assert_close(mirrored, filters.colours(noise, cells), atol=1e-4, rtol=0)


def test_half_a_picture_keeps_its_middle():
    picture = np.zeros((257, 257, 3), np.uint8)
    picture[128, 128] = 255
    small = filters.half(picture)
    assert small.shape == (129, 129, 3) and np.unravel_index(small[..., 0].argmax(), (129, 129)) == (64, 64)


def test_variants_are_compared_on_the_same_videos(monkeypatch):
    """All follow a target that widens; only the variant with a filter for each side widens with it."""
    monkeypatch.setattr(filters, "videos", lambda frames: [widening(0), widening(1)])
    rows = dict(filters.compare(list(filters.VARIANTS)[-3:], None, 1))
    first = rows["as it is"]
    assert first["videos"] == 2 and first["starts"] == 1 and first["auc"] > 60
    assert rows["width and height by filters of their own"]["mean"] > 1
    for name in list(filters.VARIANTS)[-2:]:
        assert abs(rows[name]["mean"]) < 10 and rows[name]["low"] <= rows[name]["mean"] <= rows[name]["high"]
