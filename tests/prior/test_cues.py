"""Each cue against its formula, written out pixel by pixel in NumPy."""

import cv2
import numpy as np
import pytest
import torch

from socl_core.prior import cues
from socl_core.prior.objectness import CUES, cue_values


def some_rectangles(rng, height, width, count):
    """Rectangles x0, y0, x1, y1 with at least a pixel, the whole image among them."""
    corners = [np.sort(rng.integers(0, side + 1, (count, 2)), 1) for side in (width, height)]
    (x0, x1), (y0, y1) = (c.T for c in corners)
    found = np.stack([x0, y0, x1, y1], 1)[(x0 < x1) & (y0 < y1)]
    return np.concatenate([found, [[0, 0, width, height]]])


def inside_of(shape, rectangle):
    x0, y0, x1, y1 = rectangle
    inside = np.zeros(shape, bool)
    inside[y0:y1, x0:x1] = True
    return inside


def slow_straddling(labels, rectangle):
    inside = inside_of(labels.shape, rectangle)
    lost = sum(min((inside & (labels == s)).sum(), (~inside & (labels == s)).sum()) for s in np.unique(labels))
    return 1 - lost / inside.sum()


def slow_chi_square(first, second):
    """Half the sum of (p - q)^2 / (p + q) over bins, of normalised histograms."""
    if not sum(second):
        return 0.0
    p, q = [a / sum(first) for a in first], [b / sum(second) for b in second]
    return 0.5 * sum((a - b) ** 2 / (a + b) for a, b in zip(p, q, strict=True) if a + b)


def slow_saliency(small):
    """Spectral residual of an image (3, s, s): log spectrum less its 3 x 3 mean, |IFFT|^2, disk blur over zeros."""
    total, side = 0, small.shape[-1]
    for channel in small.astype(np.float64):
        spectrum = np.fft.fft2(channel)
        log = np.log(np.abs(spectrum))
        padded = np.pad(log, 1, mode="edge")
        smooth = sum(padded[i : i + side, j : j + side] for i in range(3) for j in range(3)) / 9
        total = total + np.abs(np.fft.ifft2(np.exp(log - smooth + 1j * np.angle(spectrum)))) ** 2
    y, x = np.mgrid[-3:4, -3:4]
    disk = (x**2 + y**2 <= 9).astype(float)
    blurred = cv2.filter2D(total / 3, cv2.CV_64F, disk / disk.sum(), borderType=cv2.BORDER_CONSTANT)
    return (blurred - blurred.min()) / (blurred.max() - blurred.min())


def planes_of(labels):
    return cues.one_hot_planes(torch.from_numpy(labels))


def sums_of(planes, rectangles):
    return cues.rectangle_sums(cues.integral_images(planes), torch.from_numpy(rectangles))


@pytest.mark.parametrize("height, width", [(1, 1), (5, 9), (12, 7)])
def test_rectangle_sums_are_sums_over_pixels(height, width):
    rng = np.random.default_rng(height)
    planes = rng.random((2, height, width, 3)).astype(np.float32)
    rectangles = some_rectangles(rng, height, width, 30)
    found = sums_of(torch.from_numpy(planes), np.stack([rectangles, rectangles[::-1]]))
    for image, order in enumerate((rectangles, rectangles[::-1])):
        expected = [planes[image, y0:y1, x0:x1].sum((0, 1)) for x0, y0, x1, y1 in order]
        np.testing.assert_allclose(found[image], expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kinds", [1, 2, 6])
def test_superpixel_straddling_is_its_formula(kinds):
    rng = np.random.default_rng(kinds)
    labels = rng.integers(0, kinds, (2, 9, 11))
    rectangles = np.stack([some_rectangles(rng, 9, 11, 40)[-20:] for _ in range(2)])
    inside, area = sums_of(planes_of(labels), rectangles), cues.area(torch.from_numpy(rectangles))
    found = cues.superpixel_straddling(inside, planes_of(labels).sum((1, 2)), area)
    expected = [[slow_straddling(image, r) for r in rows] for image, rows in zip(labels, rectangles, strict=True)]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_colour_contrast_is_the_chi_square_distance():
    rng = np.random.default_rng(0)
    inside, ring = rng.integers(0, 5, (20, 6)), rng.integers(0, 5, (20, 6)) * rng.integers(1, 9, (20, 1))
    inside[:, 0] += 1  # a window holds a pixel at least
    ring[3] = 0
    found = cues.colour_contrast(torch.from_numpy(inside).float(), torch.from_numpy(ring).float())
    expected = [slow_chi_square(*map(list, rows)) for rows in zip(inside, ring, strict=True)]
    np.testing.assert_allclose(found, expected, atol=1e-6)
    known = cues.colour_contrast(torch.tensor([[4.0, 0], [2, 6]]), torch.tensor([[0.0, 9], [1, 3]]))
    np.testing.assert_allclose(known, [1, 0])


def test_colour_bins_stay_in_the_histogram_and_tell_colours_apart():
    corners = np.array(np.meshgrid(*[[0, 85, 170, 255]] * 3), np.uint8).reshape(3, 1, -1).transpose(1, 2, 0)

    def labels(bgr):
        return cues.lab_labels(torch.from_numpy(cv2.cvtColor(bgr, cv2.COLOR_BGR2LAB))[None]).numpy()

    found = labels(np.ascontiguousarray(corners))
    assert found.min() >= 0 and found.max() < np.prod(cues.LAB_BINS)
    assert len(np.unique(found)) > 20
    greys = labels(np.array([[[10] * 3, [90] * 3, [160] * 3, [250] * 3]], np.uint8))
    assert len(np.unique(greys)) == 4
    # One pixel by hand: each channel's place in its range, times its number of bins.
    assert cues.lab_labels(torch.tensor([[[[130, 100, 175]]]], dtype=torch.uint8)).item() == (2 * 8 + 1) * 8 + 7


def test_saliency_maps_are_the_spectral_residual():
    """Images of one of the scales are not resized, so the map at that scale is the formula itself."""
    for number, side in enumerate(cues.SALIENCY_SCALES):
        image = np.random.default_rng(side).integers(0, 256, (3, side, side)).astype(np.float32)
        found = cues.saliency_maps(torch.from_numpy(image)[None])[0, number]
        np.testing.assert_allclose(found, slow_saliency(image), atol=1e-5)


@pytest.mark.parametrize("value", [0, 37, 128, 255])
@pytest.mark.parametrize("shape", [(112, 149), (40, 1), (1, 1)])
def test_a_plain_image_has_no_saliency(value, shape):
    assert float(cues.saliency_maps(torch.full((1, 3, *shape), float(value))).abs().max()) < 1e-3


def test_multi_scale_saliency_is_its_formula():
    rng = np.random.default_rng(0)
    maps = rng.random((2, 5, 8, 9)).astype(np.float32)
    rectangles = np.stack([some_rectangles(rng, 8, 9, 30)[-12:] for _ in range(2)])
    planes = cues.saliency_planes(torch.from_numpy(maps))
    area = cues.area(torch.from_numpy(rectangles))
    found = cues.multi_scale_saliency(sums_of(planes, rectangles), area)
    for image, k, scale in np.ndindex(2, 12, 5):
        x0, y0, x1, y1 = rectangles[image, k]
        inside = maps[image, scale, y0:y1, x0:x1]
        salient = inside[inside >= np.float32(cues.SALIENCY_THRESHOLDS[scale])]
        expected = salient.sum(dtype=float) * len(salient) / inside.size
        assert float(found[image, k, scale]) == pytest.approx(expected, rel=1e-4, abs=1e-5)


def slow_cues(image, box):
    """The four cues of one window on whole pixels, by masks instead of integral images."""
    from skimage.segmentation import felzenszwalb

    height, width = image.shape[:2]
    x, y, w, h = (int(v) for v in box)
    window = inside_of((height, width), (x, y, x + w, y + h))
    mx, my = round(w / 4) + 1, round(h / 4) + 1
    around = inside_of((height, width), (max(0, x - mx), max(0, y - my), x + w + mx, y + h + my)) & ~window
    rx, ry = max(1, round(w / 8)), max(1, round(h / 8))
    core = inside_of((height, width), (x + rx, y + ry, max(x + rx, x + w - rx), max(y + ry, y + h - ry)))
    lab = cv2.cvtColor(image, cv2.COLOR_BGR2LAB).astype(int)
    bins = np.clip((lab - [0, 80, 80]) * [4, 8, 8] // [256, 96, 96], 0, [3, 7, 7]) @ [64, 8, 1]
    maps = cues.saliency_maps(torch.from_numpy(image).permute(2, 0, 1)[None].float())[0].numpy()
    ms = 0
    for saliency, threshold in zip(maps, np.float32(cues.SALIENCY_THRESHOLDS), strict=True):
        salient = saliency[window & (saliency >= threshold)]
        ms += salient.sum(dtype=float) * len(salient) / window.sum()
    pieces = felzenszwalb(image, scale=150, sigma=0.5, min_size=max(4, height * width // 600))
    edges = cv2.Canny(image, 100, 200) > 0
    return {
        "ms": ms / (height * width),
        "cc": slow_chi_square(*([(bins[mask] == b).sum() for b in range(256)] for mask in (window, around))),
        "ss": slow_straddling(pieces, (x, y, x + w, y + h)),
        "ed": (edges & window & ~core).sum() / (2 * (w + h)),
    }


def textured(seed, height=50, width=70):
    rng = np.random.default_rng(seed)
    image = cv2.GaussianBlur(rng.integers(0, 256, (height, width, 3), np.uint8), (9, 9), 0) // 2
    image[15:35, 20:45] = cv2.GaussianBlur(rng.integers(0, 256, (20, 25, 3), np.uint8), (3, 3), 0)
    return image


BOXES = np.array([[20, 15, 25, 20], [21, 16, 10, 6], [0, 0, 70, 50], [50, 30, 12, 20], [60, 0, 10, 4], [5, 5, 1, 1.0]])


def test_cue_values_are_the_cues_counted_by_masks():
    image = textured(0)
    found = cue_values(image[None], BOXES[None], CUES)
    for k, box in enumerate(BOXES):
        for name, value in slow_cues(image, box).items():
            assert float(found[name][0, k]) == pytest.approx(value, rel=1e-4, abs=2e-6), (name, box)
    for name in CUES:  # a cue is the same alone and beside others
        np.testing.assert_allclose(cue_values(image[None], BOXES[None], (name,))[name], found[name], rtol=1e-5)


def test_a_batch_is_its_images_one_by_one():
    images = np.stack([textured(seed) for seed in range(3)])
    boxes = np.stack([BOXES, BOXES[::-1], BOXES + [1, 0, -1, 0] * (BOXES[:, 2:3] > 1)])
    together = cue_values(images, boxes, CUES)
    for i in range(3):
        alone = cue_values(images[i : i + 1], boxes[i : i + 1], CUES)
        for name in CUES:
            np.testing.assert_allclose(together[name][i], alone[name][0], rtol=1e-5, atol=1e-7)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA device")
def test_the_device_gives_the_same_cues():
    images, boxes = np.stack([textured(seed) for seed in range(2)]), np.stack([BOXES] * 2)
    here, there = cue_values(images, boxes, CUES), cue_values(images, boxes, CUES, "cuda")
    for name in CUES:
        np.testing.assert_allclose(there[name].cpu(), here[name], rtol=1e-3, atol=1e-5)
