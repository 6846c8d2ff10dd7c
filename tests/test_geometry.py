"""Frame, crop and grid coordinates."""

import numpy as np
import pytest
import torch
from tiny import noise

from socl_core.geometry import EXEMPLAR, SEARCH, context_side, crop, resample, to_frame
from socl_core.models import alexnet, resnet


def bilinear(image, x, y):
    x0, y0 = int(np.floor(x)), int(np.floor(y))
    fx, fy = x - x0, y - y0
    rows = image.astype(float)
    top = rows[y0, x0] * (1 - fx) + rows[y0, x0 + 1] * fx
    return top * (1 - fy) + (rows[y0 + 1, x0] * (1 - fx) + rows[y0 + 1, x0 + 1] * fx) * fy


@pytest.mark.parametrize("w, h", [(10, 10), (30, 50), (8, 3)])
def test_context_side_is_siamfcs(w, h):
    """An exemplar region adds a quarter of w + h on each side: that of a square is twice as wide."""
    margin = (w + h) / 4
    assert context_side(w, h) == pytest.approx(((w + 2 * margin) * (h + 2 * margin)) ** 0.5)


@pytest.mark.parametrize("size, side", [(127, 127.0), (127, 40.0), (255, 300.0), (64, 31.7)])
def test_to_frame_knows_the_middle_and_the_corners(size, side):
    centre = 50.25
    assert to_frame((size - 1) / 2, centre, side, size) == centre
    # Pixel -1/2 and size - 1/2 are the edges of the crop: `side` frame pixels apart.
    assert to_frame(-0.5, centre, side, size) == pytest.approx(centre - side / 2)
    assert to_frame(size - 0.5, centre, side, size) == pytest.approx(centre + side / 2)


def test_a_crop_of_its_own_size_is_a_cut():
    image = noise(np.random.default_rng(0), 60, 80)
    np.testing.assert_array_equal(crop(image, (40, 30), 21, 21), image[20:41, 30:51])
    np.testing.assert_array_equal(crop(image, (39.5, 29.5), 20, 20), image[20:40, 30:50])


@pytest.mark.parametrize("centre, side, size", [((40, 30), 15.0, 45), ((41.3, 28.6), 33.0, 127), ((40, 30), 50.0, 25)])
def test_every_crop_pixel_shows_the_frame_pixel_of_to_frame(centre, side, size):
    image = noise(np.random.default_rng(0), 80, 90, 11)
    found = crop(image, centre, side, size)
    pixels = np.random.default_rng(1).integers(0, size, (60, 2))
    for u, v in [*pixels, (0, 0), (size - 1, 0), (0, size - 1), (size - 1, size - 1)]:
        x, y = to_frame(u, centre[0], side, size), to_frame(v, centre[1], side, size)
        # OpenCV interpolates at thirty-seconds of a pixel.
        np.testing.assert_allclose(found[v, u], bilinear(image, x, y), atol=4)


def test_outside_is_the_fill_or_the_mean_colour():
    image = noise(np.random.default_rng(0), 40, 50)
    found = crop(image, (0, 0), 60, 60)
    np.testing.assert_allclose(found[0, 0], image.mean((0, 1)), atol=1)
    np.testing.assert_array_equal(crop(image, (-0.5, -0.5), 60, 60)[30:, 30:], image[:30, :30])
    np.testing.assert_array_equal(crop(image, (0, 0), 60, 60, (1, 2, 3))[0, 0], [1, 2, 3])
    np.testing.assert_allclose(crop(image, (500, 500), 30, 9), np.tile(image.mean((0, 1)), (9, 9, 1)), atol=1)


def test_exemplar_is_the_middle_of_the_search_crop():
    """Training cuts templates out of the stored search crops; tracking crops them from the frame."""
    image = noise(np.random.default_rng(0), 120, 160, 11)
    inner = crop(image, (80.4, 60.2), 40, EXEMPLAR)
    outer = crop(image, (80.4, 60.2), 40 * SEARCH / EXEMPLAR, SEARCH)
    margin = (SEARCH - EXEMPLAR) // 2
    np.testing.assert_allclose(outer[margin:-margin, margin:-margin].astype(int), inner, atol=3)


def slow_resample(image, zoom, dx, dy, offsets, span):
    """Bilinear value of a map (S, S) at each output offset: o shows o / zoom - d; borders are repeated."""
    side, (shown_x, shown_y) = len(image), (offsets / zoom - d for d in (dx, dy))
    x, y = (np.clip(shown * side / span + (side - 1) / 2, 0, side - 1 - 1e-9) for shown in (shown_x, shown_y))
    return np.array([[bilinear(image, column, row) for column in x] for row in y])


@pytest.mark.parametrize("zoom, dx, dy", [(1, 0, 0), (1, 5, -3), (1.2, 0, 0), (0.9, 2.5, -7.25), (1, 60, 0)])
@pytest.mark.parametrize("side, span", [(31, 31), (15, 60)])
def test_resample_is_the_loop(side, span, zoom, dx, dy):
    image, offsets = np.random.default_rng(0).random((side, side)), np.arange(9) - 4.0
    zooms, shifts = torch.tensor([zoom], dtype=torch.float64), torch.tensor([[dx, dy]], dtype=torch.float64)
    found = resample(torch.from_numpy(image)[None, None], torch.from_numpy(offsets), span, zooms, shifts)
    np.testing.assert_allclose(found[0, 0], slow_resample(image, zoom, dx, dy, offsets, span), atol=1e-9)


@pytest.mark.parametrize("grid", [alexnet.GRID, resnet.GRID])
def test_the_cells_cover_the_middle_of_a_centred_crop(grid):
    pixels = grid.centred(SEARCH)
    start, length = grid.covered(pixels)
    assert start + length / 2 == pixels / 2 and length == grid.stride * grid.cells(pixels)
