"""Objectness of windows around an annotated point: the measure of Alexe, Deselaers, Ferrari (TPAMI 2012).

Cues of each window (`cues.py`) are combined by naive Bayes, with likelihoods learned by `bench/fit_objectness.py`
from boxes of training videos. [S for the measure; R for the windows, which all hold the point, and the fit]
"""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import torch
from skimage.segmentation import felzenszwalb

from socl_core.errors import DataError, UsageError, known
from socl_core.prior import cues

CUES = ("ms", "cc", "ss", "ed")
RELEASED = ("ms", "cc", "ss")  # the combination that the authors released
LIKELIHOODS = Path(__file__).with_suffix(".json")
WORK_SIDE = 112  # pixels of the image's short side while its windows are scored
RING = 1.5  # sides of the surround of colour contrast over those of the window
INNER_RING = 0.125  # width of the inner ring of edge density over the window's sides
CENTRE_OFFSETS = (-0.2, 0.0, 0.2)  # of the window's side: annotators click near the middle
LATTICE_SIZES = 12  # sides of the windows of the lattice, as many
SAMPLINGS = ("lattice", "saliency")


@dataclass(frozen=True)
class Windows:
    """Scored windows: boxes (K, 4) x, y, w, h in the frame, clipped to it; scores (K,) in [0, 1]."""

    boxes: np.ndarray
    scores: np.ndarray

    def size(self, power: float = 8.0) -> float:
        """Side (square root of area) of the target: geometric mean over windows weighted by score^power. [R]"""
        weights = (self.scores / max(self.scores.max(), 1e-12)) ** power + 1e-12
        return float(np.exp(0.5 * np.average(np.log(self.boxes[:, 2] * self.boxes[:, 3]), weights=weights)))

    def best(self, overlap: float = 0.5, count: int = 10) -> "Windows":
        """At most `count` windows by falling score, none over `overlap` IoU with a better one (NMS)."""
        kept = cv2.dnn.NMSBoxes(self.boxes.tolist(), self.scores.tolist(), 0.0, overlap, top_k=len(self.boxes))
        kept = np.array(kept, int)[:count]
        return Windows(self.boxes[kept], self.scores[kept])


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
            tables = {name: [fitted["cues"][name][part] for part in ("edges", "log_ratios")] for name in use}
            tables = {name: tuple(torch.tensor(part, dtype=torch.float64) for part in t) for name, t in tables.items()}
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


def check_point(point, shape) -> np.ndarray:
    """`point` as float64 (2,), or `DataError` unless it lies in an image of `shape` (H, W, ...)."""
    point = np.asarray(point, np.float64)
    height, width = shape[:2]
    if (
        point.shape != (2,)
        or not np.isfinite(point).all()
        or not (0 <= point[0] <= width - 1 and 0 <= point[1] <= height - 1)
    ):
        raise DataError(
            f"point {point.tolist()} is outside of the image: expected 0 <= x <= {width - 1} and 0 <= y <= {height - 1}"
        )
    return point


def window_lattice(point: np.ndarray, width: int, height: int, sizes: int = LATTICE_SIZES) -> np.ndarray:
    """Windows that contain the point, at all sizes, five aspects and nine offsets of the centre.

    Sides (square roots of area) run geometrically from 6 % to 70 % of the image's short side.
    Returns (K, 4) float64, clipped to the image.
    """
    sides = np.geomspace(0.06, 0.7, sizes) * min(width, height)
    aspects = 2.0 ** np.array([-1.2, -0.6, 0, 0.6, 1.2])
    side, aspect, dx, dy = (
        a.ravel() for a in np.meshgrid(sides, aspects, CENTRE_OFFSETS, CENTRE_OFFSETS, indexing="ij")
    )
    w, h = side * np.sqrt(aspect), side / np.sqrt(aspect)
    x0, y0 = point[0] + dx * w - w / 2, point[1] + dy * h - h / 2
    x1, y1 = np.minimum(x0 + w, width), np.minimum(y0 + h, height)
    x0, y0 = np.maximum(x0, 0), np.maximum(y0, 0)
    return np.stack([x0, y0, x1 - x0, y1 - y0], 1)


def random_windows(point: np.ndarray | None, width: int, height: int, count: int, rng) -> np.ndarray:
    """Windows with uniform corners, all holding the point where one is given: (count, 4), at least 2 pixels a side."""
    low = np.zeros((2, count)) if point is None else rng.uniform(0, 1, (2, count)) * point[:, None]
    limit = np.array([[width], [height]], float)
    if point is None:
        ends = np.sort(rng.uniform(0, 1, (2, 2, count)), 1) * limit[:, None]
        low, high = ends[:, 0], ends[:, 1]
    else:
        high = point[:, None] + rng.uniform(0, 1, (2, count)) * (limit - point[:, None])
    high = np.minimum(np.maximum(high, low + 2), limit)
    low = np.minimum(low, np.maximum(high - 2, 0))
    return np.concatenate([low, high - low]).T


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
    window, surround, core = (r.to(device) for r in _rectangles(boxes, width, height))
    planes = {}
    if "ms" in use:
        maps = cues.saliency_maps(torch.from_numpy(images).to(device).permute(0, 3, 1, 2).float())
        planes["ms"] = cues.saliency_planes(maps)
    if "cc" in use:
        lab = np.stack([cv2.cvtColor(image, cv2.COLOR_BGR2LAB) for image in images])
        planes["cc"] = cues.one_hot_planes(cues.lab_labels(torch.from_numpy(lab).to(device)))
    if "ss" in use:
        pieces = np.stack([superpixels(image) for image in images]) if pieces is None else pieces
        planes["ss"] = cues.one_hot_planes(torch.from_numpy(pieces).to(device))
    if "ed" in use:
        edges = np.stack([edge_map(image) for image in images])
        planes["ed"] = torch.from_numpy(edges).to(device)[..., None].float()
    integral = cues.integral_images(torch.cat(list(planes.values()), -1))
    parts = [plane.shape[-1] for plane in planes.values()]
    sums = dict(zip(planes, cues.rectangle_sums(integral, window).split(parts, -1)))
    integrals, area = dict(zip(planes, integral.split(parts, -1))), cues.area(window)
    values = {}
    if "ms" in use:
        values["ms"] = cues.multi_scale_saliency(sums["ms"], area).sum(-1) / (height * width)
    if "cc" in use:
        ring = cues.rectangle_sums(integrals["cc"], surround) - sums["cc"]
        values["cc"] = cues.colour_contrast(sums["cc"], ring)
    if "ss" in use:
        values["ss"] = cues.superpixel_straddling(sums["ss"], integrals["ss"][:, -1, -1], area)
    if "ed" in use:
        ring = sums["ed"] - cues.rectangle_sums(integrals["ed"], core)
        perimeter = 2 * (window[..., 2:] - window[..., :2]).sum(-1)
        values["ed"] = cues.edge_density(ring[..., 0], perimeter)
    return values


def work_size(shape) -> tuple[tuple[int, int], np.ndarray]:
    """Width and height of a frame (H, W, ...) with its short side reduced to `WORK_SIDE`, and the factors (x, y)."""
    scale = min(1.0, WORK_SIDE / min(shape[:2]))
    size = tuple(max(1, round(side * scale)) for side in shape[1::-1])
    return size, np.array(size) / shape[1::-1]  # rounding makes the two axes differ a little


def lattice_in_frame(point, shape) -> np.ndarray:
    """The window lattice around a point, in pixels of a frame of `shape` (H, W, ...): (K, 4)."""
    size, scales = work_size(shape)
    return window_lattice((np.asarray(point) + 0.5) * scales, *size) / np.tile(scales, 2)


def work_image(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The image at its `work_size`, and the factors (x, y). Raises `UsageError` unless BGR uint8 (H, W, 3)."""
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
        raise UsageError(f"expected a BGR uint8 image (H, W, 3), found {image.dtype} {image.shape}")
    size, scales = work_size(image.shape)
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA), scales


def objectness(image: np.ndarray, point=None, measure: Measure | None = None, sampling: str = "lattice") -> Windows:
    """Windows with their objectness, around an annotated point or, without one, all over the image.

    image: BGR uint8 (H, W, 3). point: x, y in its pixels. measure: else the shipped one of MS, CC and SS.
    sampling: "lattice" scores a fixed lattice of windows around the point; "saliency" scores 1,000 of 10,000
    random windows, drawn in proportion to their multi-scale saliency, as the authors do; it is the only one
    without a point. Windows are returned in pixels of `image`.
    Raises `DataError` for a point outside of the image, `UsageError` for a wrong array or sampling.
    """
    known("sampling", sampling, SAMPLINGS)
    small, scales = work_image(image)
    (height, width), measure = small.shape[:2], measure or released_measure()
    if point is not None:
        point = (check_point(point, image.shape) + 0.5) * scales
    if sampling == "lattice" and point is not None:
        boxes = window_lattice(point, width, height)
    else:
        boxes = _salient_windows(small, point)
    scores = measure.posterior(cue_values(small[None], boxes[None], tuple(measure.tables)))[0]
    return Windows(boxes / np.tile(scales, 2), scores.numpy())


def objectness_of_clicks(image: np.ndarray, points: np.ndarray) -> list[Windows]:
    """`objectness` around each of some points (P, 2) of one image, whose saliency and superpixels are found once."""
    small, scales = work_image(image)
    boxes = np.concatenate([lattice_in_frame(check_point(point, image.shape), image.shape) for point in points])
    scores = released_measure().posterior(cue_values(small[None], boxes[None] * np.tile(scales, 2)))[0].numpy()
    return [Windows(*pair) for pair in zip(np.split(boxes, len(points)), np.split(scores, len(points)))]


def _salient_windows(image: np.ndarray, point) -> np.ndarray:
    """Windows drawn without replacement in proportion to their multi-scale saliency: (1000, 4). Deterministic."""
    rng, candidates = np.random.default_rng(0), 10_000
    boxes = random_windows(point, image.shape[1], image.shape[0], candidates, rng)
    weights = cue_values(image[None], boxes[None], ("ms",))["ms"][0].double().numpy() + 1e-12
    return boxes[rng.choice(candidates, 1_000, replace=False, p=weights / weights.sum())]
