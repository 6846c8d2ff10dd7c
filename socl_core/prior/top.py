"""Target objectness prior (TOP): scored windows -> score map -> clip -> feature cells -> softmax.

    scores = score_map(windows, point, side)  # S on a lattice of 4 pixels over a search crop
    clipped = clip_scores(scores, grid, eta)  # min(S, c), c the mean of the top eta fraction
    cells = scores_at_cells(clipped, grid)    # at the centres of the feature cells
    top = softmax_map(cells)                  # the last three steps are `top_at_cells`

Training, measurements and pages all take this way, so that the map shown is the map that trains.
Maps are anything `torch.as_tensor` takes, batched over leading axes; tensors keep their precision and device.
"""

import math

import numpy as np
import torch

from socl_core.errors import UsageError
from socl_core.geometry import SEARCH, Grid, resample, to_frame

LATTICE = 4  # pixels between two points of a stored score map
SHARPNESS = 16.0  # highest score of a map; the median clip level of raw sums on composite videos is 15


def check_eta(eta: float) -> float:
    """`eta` itself, or `UsageError` unless 0 < eta <= 1."""
    if not 0 < eta <= 1:
        raise UsageError(
            f"eta is the fraction of locations whose mean is the clip level: expected 0 < eta <= 1, found {eta}"
        )
    return eta


def _as_floats(values) -> torch.Tensor:
    values = torch.as_tensor(values)
    return values if values.is_floating_point() else values.double()


def window_sum(windows, scores, xs, ys) -> torch.Tensor:
    """Score map `S(p) = sum_k s_k 1[p in b_k]` on the lattice of points (ys x xs). [R]

    A sum, not a mean: only a sum has the large range for which the softmax collapses on the annotated
    point, which is what the clip is there for.

    windows: (K, 4) x, y, w, h, where a window covers x <= p < x + w. scores: (K,).
    xs: (X,) and ys: (Y,) coordinates in the frame of the windows. Returns (Y, X).
    """
    windows, scores, xs, ys = (torch.as_tensor(a, dtype=torch.float64) for a in (windows, scores, xs, ys))
    x, y, w, h = windows.unbind(1)
    in_x = ((xs >= x[:, None]) & (xs < (x + w)[:, None])).double()
    in_y = ((ys >= y[:, None]) & (ys < (y + h)[:, None])).double()
    return in_y.T @ (scores[:, None] * in_x)


def lattice() -> np.ndarray:
    """Crop pixels, along one axis of a search crop, at which score maps are stored: symmetric about its middle."""
    count = SEARCH // LATTICE + 1  # even, so that pairs of points fall onto the feature cells
    return (SEARCH - 1) / 2 + (np.arange(count) - (count - 1) / 2) * LATTICE


def score_map(windows, centre, side: float) -> np.ndarray:
    """Score map of scored windows on the lattice of the search crop at `centre`, `side`: (G, G) float64, scaled. [R]

    S(p) is `SHARPNESS` times the share of the objectness whose windows hold p. All of them hold the click, so that
    there it is `SHARPNESS` on every frame. Raw sums depend on how many windows a frame likes: with them the same clip
    fraction is a wide plateau on one frame and a single cell on another.
    """
    x, y = (to_frame(lattice(), c, side, SEARCH) + 0.5 for c in centre)
    shares = np.asarray(windows.scores) / max(float(np.sum(windows.scores)), np.finfo(float).tiny)
    return SHARPNESS * window_sum(windows.boxes, shares, x, y).numpy()


def feature_region(scores, grid: Grid) -> torch.Tensor:
    """The part (..., n, n) of score maps (..., G, G) that the features of a whole search crop cover.

    The clip level is a fraction of these places, whatever the size of a training crop.
    """
    scores = _as_floats(scores)
    places = grid.cells(SEARCH) * grid.stride // LATTICE
    margin = (scores.shape[-1] - places) // 2
    return scores[..., margin : margin + places, margin : margin + places]


def clip_level(scores, eta: float) -> torch.Tensor:
    """Clip level c: mean of the top eta fraction of the scores. [S]

    scores: (..., H, W). Returns (...,). At least one score is taken.
    """
    scores = _as_floats(scores).flatten(-2)
    count = max(1, math.ceil(check_eta(eta) * scores.shape[-1] - 1e-9))
    return scores.topk(count, dim=-1).values.mean(-1)


def clip_scores(scores, grid: Grid, eta: float) -> torch.Tensor:
    """min(S, c) of score maps (..., G, G), with the clip level c of their `feature_region`. [S]"""
    scores = _as_floats(scores)
    return scores.minimum(clip_level(feature_region(scores, grid), eta)[..., None, None])


def scores_at_cells(scores, grid: Grid, pixels: int | None = None, zoom=None, shift=None) -> torch.Tensor:
    """Score maps (..., G, G), or their `feature_region`, interpolated at the feature cells of a crop: (..., h, w).

    pixels: side of the crop about the middle of the search crop; else the largest one whose cells are centred.
    zoom (N,), shift (N, 2): how each of the N maps is augmented, as `resample` has it; both or none.
    """
    scores, pixels = _as_floats(scores), pixels or grid.centred(SEARCH)
    flat = scores.reshape(-1, 1, *scores.shape[-2:])
    zoom = flat.new_ones(len(flat)) if zoom is None else zoom
    shift = flat.new_zeros(len(flat), 2) if shift is None else shift
    offsets = torch.from_numpy(grid.offsets(pixels)).to(flat)
    cells = resample(flat, offsets, scores.shape[-1] * LATTICE, zoom, shift)
    return cells.reshape(*scores.shape[:-2], len(offsets), len(offsets))


def softmax_map(scores) -> torch.Tensor:
    """Softmax over the two last axes. scores: (..., H, W), sums to 1 over H x W."""
    scores = _as_floats(scores)
    return scores.flatten(-2).softmax(-1).reshape(scores.shape)


def top_at_cells(scores, grid: Grid, eta: float = 0.1) -> torch.Tensor:
    """TOP maps (..., h, w) on the feature cells of a search crop, of score maps (..., G, G). [S]

    Each sums to 1. Raises `UsageError` unless 0 < eta <= 1.
    """
    return softmax_map(scores_at_cells(clip_scores(scores, grid, eta), grid))


def entropy(top) -> torch.Tensor:
    """Entropy in nats of maps (..., H, W) that sum to 1; exp of it is the effective number of cells."""
    return torch.special.entr(torch.as_tensor(top)).sum((-2, -1))


def mass_inside(top, mask) -> torch.Tensor:
    """Share of the map that lies on `mask`: sum of top * mask. Both (..., H, W), mask in [0, 1]."""
    return (torch.as_tensor(top) * torch.as_tensor(mask)).sum((-2, -1))
