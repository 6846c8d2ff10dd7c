"""Objectness of windows: the measure of Alexe, Deselaers, Ferrari (TPAMI 2012).

Cues of each window (`cues.py`) are combined by naive Bayes, with likelihoods that `bench/fit_objectness.py` learned
from procedural scenes, which no data set holds. [S for the measure; R for the windows around a click, and the fit]
"""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import torch

from socl_core.errors import DataError, UsageError, known
from socl_core.prior import cues
from socl_core.prior.windows import Windows, check_point, random_windows, windows_around, work_size

CUES = ("ms", "cc", "ss", "ed")
RELEASED = ("ms", "cc", "ss")  # the combination that the authors released
LIKELIHOODS = Path(__file__).with_suffix(".json")
RING = 1.5  # sides of the surround of colour contrast over those of the window
INNER_RING = 0.125  # width of the inner ring of edge density over the window's sides
SAMPLINGS = ("lattice", "saliency")


@dataclass(frozen=True)
class Measure:
    """Naive Bayes: p(o|A) = p(o) prod p(c|o) / sum_y p(y) prod p(c|y), with histogram likelihoods. [Alexe et al.]

    prior: p(o). tables: cue -> (inner bin edges (n,), log p(bin|object) / p(bin|background) (n + 1,)).
    """

    prior: float
    tables: dict[str, tuple[torch.Tensor, torch.Tensor]]

    @classmethod
    def read(cls, use: tuple[str, ...] = RELEASED, path: Path = LIKELIHOODS) -> "Measure":
        """The fitted measure with some of its cues. `UsageError` for an unknown cue, `DataError` for a bad file."""
        for name in use:
            known("cue", name, CUES)
        try:
            fitted = json.loads(Path(path).read_text())
            tables = {}
            for name in use:
                parts = (fitted["cues"][name][part] for part in ("edges", "log_ratios"))
                tables[name] = tuple(torch.tensor(part, dtype=torch.float64) for part in parts)
            return cls(fitted["prior"], tables)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"{path} holds no fitted objectness ({error!r}); `bench/fit_objectness.py` writes one"
            ) from error

    def posterior(self, values: dict[str, torch.Tensor]) -> torch.Tensor:
        """p(o|A) from cue values, all of one shape; returns that shape, float64, in [0, 1]."""
        logit = torch.logit(torch.tensor(self.prior, dtype=torch.float64))
        for name, (edges, ratios) in self.tables.items():
            value = values[name].double()
            logit = logit + ratios.to(value.device)[torch.bucketize(value, edges.to(value.device))]
        return torch.sigmoid(logit)


@cache
def released_measure() -> Measure:
    """The shipped measure with the cues that the authors released: MS, CC and SS."""
    return Measure.read()


def _rectangles(boxes: np.ndarray, width: int, height: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Pixels of windows (B, K, 4), of them with their surround, and of them without their inner ring."""
    limit = np.array([width, height])
    low, high = np.floor(boxes[..., :2]).astype(int), np.ceil(boxes[..., :2] + boxes[..., 2:]).astype(int)
    high = np.maximum(high, low + 1)
    margin = (boxes[..., 2:] * (RING - 1) / 2).round().astype(int) + 1
    ring = (boxes[..., 2:] * INNER_RING).round().astype(int).clip(1)
    window = np.concatenate([low.clip(0, limit - 1), high.clip(1, limit)], -1)
    surround = np.concatenate([(low - margin).clip(0, limit - 1), (high + margin).clip(1, limit)], -1)
    core_low = np.minimum(window[..., :2] + ring, window[..., 2:])
    core = np.concatenate([core_low, np.maximum(window[..., 2:] - ring, core_low)], -1)
    return tuple(torch.from_numpy(r) for r in (window, surround, core))


def superpixels(image: np.ndarray) -> np.ndarray:
    """Superpixels (H, W) of Felzenszwalb and Huttenlocher, about as many whatever the size of the image."""
    from skimage.segmentation import felzenszwalb  # it takes a quarter of a second, which tracking is spared

    return felzenszwalb(image, scale=150, sigma=0.5, min_size=max(4, image.shape[0] * image.shape[1] // 600))


def edge_map(image: np.ndarray) -> np.ndarray:
    """Edge pixels (H, W) bool of Canny's detector."""
    return cv2.Canny(image, 100, 200) > 0


def cue_values(
    images: np.ndarray, boxes: np.ndarray, use=RELEASED, device="cpu", pieces: np.ndarray | None = None
) -> dict[str, torch.Tensor]:
    """Cue values of windows.

    images: (B, H, W, 3) BGR uint8. boxes: (B, K, 4) in their pixels. use: names in `CUES`.
    pieces: (B, H, W) `superpixels` of the images where they are known, as from worker processes.
    Returns cue -> (B, K) float32 on `device`. Superpixels and edges come from the CPU, all else runs on the device.
    ms: sum over scales, in units of the image's area; cc, ss in [0, 1]; ed: edge pixels a pixel of perimeter.
    """
    height, width = images.shape[1:3]
    window, surround, core = (rectangle.to(device) for rectangle in _rectangles(boxes, width, height))
    area, values = cues.area(window), {}
    if "ms" in use:
        maps = cues.saliency_maps(torch.from_numpy(images).to(device).permute(0, 3, 1, 2).float())
        integral = cues.integral_images(cues.saliency_planes(maps))
        salient = cues.multi_scale_saliency(cues.rectangle_sums(integral, window), area)
        values["ms"] = salient.sum(-1) / (height * width)
    if "cc" in use:
        lab = np.stack([cv2.cvtColor(image, cv2.COLOR_BGR2LAB) for image in images])
        integral = cues.integral_images(cues.one_hot_planes(cues.lab_labels(torch.from_numpy(lab).to(device))))
        inside = cues.rectangle_sums(integral, window)
        values["cc"] = cues.colour_contrast(inside, cues.rectangle_sums(integral, surround) - inside)
    if "ss" in use:
        pieces = np.stack([superpixels(image) for image in images]) if pieces is None else pieces
        integral = cues.integral_images(cues.one_hot_planes(torch.from_numpy(pieces).to(device)))
        inside = cues.rectangle_sums(integral, window)
        values["ss"] = cues.superpixel_straddling(inside, integral[:, -1, -1], area)
    if "ed" in use:
        edges = torch.from_numpy(np.stack([edge_map(image) for image in images])).to(device)
        integral = cues.integral_images(edges[..., None].float())
        ring = cues.rectangle_sums(integral, window) - cues.rectangle_sums(integral, core)
        perimeter = 2 * (window[..., 2:] - window[..., :2]).sum(-1)
        values["ed"] = cues.edge_density(ring[..., 0], perimeter)
    return values


def work_image(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The image at its `work_size`, and the factors (x, y). Raises `UsageError` unless BGR uint8 (H, W, 3)."""
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
        raise UsageError(f"expected a BGR uint8 image (H, W, 3), found {image.dtype} {image.shape}")
    size, scales = work_size(image.shape)
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA), scales


def objectness_of_clicks(image: np.ndarray, points, measure: Measure | None = None) -> list[Windows]:
    """Windows around each of some points (P, 2) of one image, whose saliency and superpixels are found once.

    image: BGR uint8 (H, W, 3). points: x, y in its pixels. measure: else the shipped one of MS, CC and SS.
    Windows are in pixels of the image. Raises `DataError` for a point outside of it, `UsageError` for a wrong array.
    """
    small, scales = work_image(image)
    points = [(check_point(point, image.shape) + 0.5) * scales for point in points]
    boxes = np.concatenate([windows_around(point, small.shape[1], small.shape[0]) for point in points])
    parts = boxes / np.tile(scales, 2), _score(small, boxes, measure)
    return [Windows(*pair) for pair in zip(*(np.split(part, len(points)) for part in parts))]


def objectness(image: np.ndarray, point=None, measure: Measure | None = None, sampling: str = "lattice") -> Windows:
    """Windows with their objectness, around an annotated point or, without one, all over the image.

    sampling: "lattice" scores fixed windows around the point; "saliency" scores 1,000 of 10,000 random windows, drawn
    in proportion to their multi-scale saliency, as the authors do; it is the only one without a point.
    All else as in `objectness_of_clicks`.
    """
    known("sampling", sampling, SAMPLINGS)
    if sampling == "lattice" and point is not None:
        return objectness_of_clicks(image, [point], measure)[0]
    small, scales = work_image(image)
    if point is not None:
        point = (check_point(point, image.shape) + 0.5) * scales
    boxes = _draw_salient_windows(small, point)
    return Windows(boxes / np.tile(scales, 2), _score(small, boxes, measure))


def _score(image: np.ndarray, boxes: np.ndarray, measure: Measure | None) -> np.ndarray:
    measure = measure or released_measure()
    return measure.posterior(cue_values(image[None], boxes[None], tuple(measure.tables)))[0].numpy()


def _draw_salient_windows(image: np.ndarray, point) -> np.ndarray:
    """Windows drawn without replacement in proportion to their multi-scale saliency: (1000, 4). Deterministic."""
    rng, candidates = np.random.default_rng(0), 10_000
    boxes = random_windows(point, image.shape[1], image.shape[0], candidates, rng)
    weights = cue_values(image[None], boxes[None], ("ms",))["ms"][0].double().numpy() + 1e-12
    return boxes[rng.choice(candidates, 1_000, replace=False, p=weights / weights.sum())]
