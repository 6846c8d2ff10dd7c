"""What one click says about a frame: search crop, score map and soft samples, on the feature grid of AlexNetV1."""

from itertools import product

import numpy as np
import torch

from socl_book.clips import data_url
from socl_core import data
from socl_core.data.sequence import Sequence
from socl_core.geometry import EXEMPLAR, SEARCH, context_side, crop
from socl_core.methods import soft_samples as samples
from socl_core.models.alexnet import GRID
from socl_core.models.device import Compute
from socl_core.prior import top as prior
from socl_core.prior.objectness import objectness, objectness_of_clicks
from socl_core.prior.top import LATTICE, score_map

CELLS = GRID.cells(SEARCH)
# Part of a search crop that its features cover: x, y, w, h in pixels from its left top corner.
COVERED = [float(GRID.centres(SEARCH)[0]) + 0.5 - GRID.stride / 2] * 2 + [float(CELLS * GRID.stride)] * 2
CLICKS = (-48, -32, -16, 0, 16, 32, 48)  # offsets of the widget's clicks; a target is about 64 crop pixels wide


def example_frames(split: str = "dev", count: int = 3) -> list[tuple[str, Sequence, int]]:
    """Frames for the pages, composite ones and, where the data is there, real ones: name, sequence, index."""
    frames = [(f"composite {s.name}", s, len(s) // 2) for s in data.load("composite", split, videos=count)]
    if not data.available("real_mini"):
        frames += [(s.name, s, len(s) // 2) for s in data.load("real_mini", "val")[:count]]
    return frames


def search_view(sequence: Sequence, i: int) -> dict:
    """What a point says about frame i: search crop, windows, score map on the feature grid, and where things are.

    The crop's scale comes from the windows; the box, where there is one, is given back for display only.
    Returns crop (255, 255, 3), scores (22, 22), point and box measured in pixels from the crop's left top
    corner (not from the middle of its first pixel), side of the search region.
    """
    image, point = sequence.frames[i], sequence.points[i]
    windows = objectness(image, point)
    side = context_side(windows.size(), windows.size()) * SEARCH / EXEMPLAR
    fine = score_map(windows, point, side)
    scale, middle = SEARCH / side, SEARCH / 2
    box = None
    if sequence.boxes is not None:
        x, y, w, h = sequence.boxes[i]
        box = [
            (x - 0.5 - point[0]) * scale + middle,
            (y - 0.5 - point[1]) * scale + middle,
            w * scale,
            h * scale,
        ]
    return {
        "image": crop(image, point, side, SEARCH),
        "scores": on_feature_grid(fine),
        "point": [middle, middle],
        "box": box,
        "size": windows.size(),
        "side": side,
    }


def on_feature_grid(fine: np.ndarray) -> np.ndarray:
    """A score map on the stored lattice (G, G) averaged onto the feature cells of a search crop (22, 22)."""
    per_cell = GRID.stride // LATTICE
    margin = (len(fine) - CELLS * per_cell) // 2
    inner = fine[margin : margin + CELLS * per_cell, margin : margin + CELLS * per_cell]
    # The lattice is symmetric about the crop's middle as the feature grid is, so blocks fall onto cells.
    return inner.reshape(CELLS, per_cell, CELLS, per_cell).mean((1, 3))


def soft_sample_maps(pair: list[dict], network, compute: Compute, spec) -> list[dict[str, np.ndarray]]:
    """Rows c to e of the paper's figure for a pair of views of one video.

    Each frame's template is the GST of the other. Returns per frame top, similarity (NaN on the target) and
    hard negative map, all (22, 22),.
    """
    batch = torch.stack([torch.from_numpy(view["image"]).permute(2, 0, 1) for view in pair])
    with torch.inference_mode():
        features = network.eval()(compute.images(batch)).float().cpu()
    top = prior.top_map(torch.stack([torch.as_tensor(view["scores"]) for view in pair]).float(), spec.eta)
    gst = samples.global_soft_template(features, top)
    other = gst.flip(0)
    similarity = samples.similarity_map(other, features)
    outside = samples.background(top, spec.background)
    hard = samples.hard_negative_map(similarity, outside, spec.tau_n)
    shown = similarity.masked_fill(~outside, torch.nan)
    return [{"top": t.numpy(), "similarity": s.numpy(), "hard": h.numpy()} for t, s, h in zip(top, shown, hard)]


def widget_frame(sequence: Sequence, i: int, name: str) -> dict:
    """A frame for `EtaWidget`, with the score maps of clicks in and around the target, in one and the same crop."""
    view, image, point = search_view(sequence, i), sequence.frames[i], sequence.points[i]
    offsets = sorted(product(CLICKS, CLICKS), key=lambda offset: offset != (0, 0))  # the annotated click comes first
    clicks = point + np.array(offsets) * view["side"] / SEARCH
    inside = ((clicks >= 0) & (clicks <= np.array(image.shape[1::-1]) - 1)).all(1)
    windows = objectness_of_clicks(image, clicks[inside])
    return {
        "name": name,
        "image": data_url(view["image"]),
        "size": SEARCH,
        "points": np.add(view["point"], offsets)[inside],
        "scores": [on_feature_grid(score_map(each, point, view["side"])) for each in windows],
        "cells": COVERED,
        "box": view["box"],
    }
