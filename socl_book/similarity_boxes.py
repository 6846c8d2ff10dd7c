"""Pseudo boxes that a trained backbone sees: where the features are like the target's. [R]

Compared with the rules of `pseudo_boxes`, and not used in training: it needs a network trained before.
"""

import numpy as np
import torch
import torch.nn.functional as F

from socl_core.geometry import EXEMPLAR, SEARCH, context_side, crop
from socl_core.methods import soft_samples
from socl_core.models.device import Compute
from socl_core.prior import top as prior
from socl_core.prior.objectness import Windows
from socl_core.prior.pseudo_boxes import boxes_around
from socl_core.prior.top import LATTICE, feature_region, score_map

SIDES = np.geomspace(20, 130, 16)  # of candidate windows, square roots of area, in pixels of the search crop
ASPECTS = 2.0 ** np.linspace(-1.5, 1.5, 7)
RING = 2**0.5  # sides of the surround over those of the window: equal areas


def similarity_boxes(images: list, windows: list[Windows], points: np.ndarray, network, compute: Compute, eta: float):
    """Boxes (N, 4) around points (N, 2): the windows with the largest similarity to the GST inside minus around.

    The GST is the mean over the video's frames. windows: objectness of each frame, for scale and TOP maps.
    network: a backbone trained by SoCL, with its `grid`.
    """
    size = float(np.median([w.size() for w in windows]))
    side = float(context_side(size, size)) * SEARCH / EXEMPLAR
    batch = np.stack([crop(image, point, side, SEARCH) for image, point in zip(images, points)])
    with torch.inference_mode(), compute.autocast():
        features = network(compute.images(torch.from_numpy(batch).permute(0, 3, 1, 2))).float().cpu()
    maps = torch.from_numpy(np.stack([score_map(w, point, side) for w, point in zip(windows, points)])).float()
    cells = F.avg_pool2d(feature_region(maps, network.grid)[:, None], network.grid.stride // LATTICE)[:, 0]
    gst = soft_samples.global_soft_template(features, prior.top_map(cells, eta)).mean(0, keepdim=True)
    similarity = soft_samples.similarity_map(gst.expand(len(features), -1), features)
    pixels = F.interpolate(similarity[:, None], scale_factor=network.grid.stride, mode="bilinear")[:, 0]
    return boxes_around(points, best_windows(pixels.numpy()) * side / SEARCH)


def best_windows(similarity: np.ndarray) -> np.ndarray:
    """Width and height, (N, 2) pixels, of the central windows with the largest mean inside minus mean in the ring.

    similarity: (N, S, S), the target in the middle.
    """
    span = similarity.shape[1]
    integral = np.pad(similarity, ((0, 0), (1, 0), (1, 0))).cumsum(1).cumsum(2)
    shapes = np.array([(side * a**0.5, side / a**0.5) for side in SIDES for a in ASPECTS])
    shapes = shapes[(shapes * RING < span).all(1)]

    def sums(sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        (x0, y0), (x1, y1) = (np.round((span + sign * sizes.T) / 2).astype(int) for sign in (-1, 1))
        total = integral[:, y1, x1] - integral[:, y0, x1] - integral[:, y1, x0] + integral[:, y0, x0]
        return total, (x1 - x0) * (y1 - y0)

    (inside, area), (both, hull) = sums(shapes), sums(shapes * RING)
    return shapes[np.argmax(inside / area - (both - inside) / (hull - area), 1)]
