"""What clicks say about frames, as the pages show it: search crops, boxes in them, and soft samples."""

from collections.abc import Sequence as Rows
from itertools import product

import numpy as np
import torch

from socl_book.clips import data_url
from socl_book.figures import may_show
from socl_core import data
from socl_core.data.sequence import Sequence
from socl_core.geometry import EXEMPLAR, SEARCH, crop
from socl_core.methods import soft_samples
from socl_core.models.alexnet import GRID
from socl_core.models.device import Compute
from socl_core.prior.click import ClickView, view_click
from socl_core.prior.objectness import objectness, objectness_of_clicks
from socl_core.prior.pseudo_boxes import point_sides
from socl_core.prior.top import clip_scores, feature_region, score_map, scores_at_cells, softmax_map

MIDDLE = np.full(2, SEARCH / 2)  # of a search crop, where its click is, in pixels from its left top corner
CLICKS = (-48, -24, 0, 24, 48)  # offsets of the widget's clicks; a target is about 64 crop pixels wide


def example_frames(split: str = "dev", count: int = 3) -> list[tuple[str, Sequence, int]]:
    """Frames for the pages, composite ones and, in a private build with the data, real ones: name, sequence, index."""
    frames = [(f"composite {s.name}", s, len(s) // 2) for s in data.load("composite", split, videos=count)]
    if may_show("real_mini") and not data.available("real_mini"):
        frames += [(s.name, s, len(s) // 2) for s in data.load("real_mini", "val")[:count]]
    return frames


def video_views(sequence: Sequence, rows: Rows[int], rule: str) -> list[ClickView]:
    """Views of the clicks in some frames of a video, at the scale that a training takes from these frames.

    rule: its `scale_rule`.
    """
    images, points = [sequence.frames[i] for i in rows], sequence.points[list(rows)]
    windows = [objectness(image, point) for image, point in zip(images, points)]
    sides = point_sides(rule, images, windows, points, np.random.default_rng(0)) * SEARCH / EXEMPLAR
    return [
        ClickView(found, found.size(), side, crop(image, point, side, SEARCH), score_map(found, point, side))
        for image, point, found, side in zip(images, points, windows, sides)
    ]


def box_in_crop(box, point, side: float) -> list[float]:
    """A box x, y, w, h of the frame in pixels of the search crop at `point`, `side`, from its left top corner."""
    corner = (np.asarray(box[:2]) - 0.5 - point) * SEARCH / side + MIDDLE
    return [*corner.tolist(), *(np.asarray(box[2:]) * SEARCH / side).tolist()]


def soft_sample_maps(pair: list[ClickView], network, compute: Compute, spec) -> list[dict[str, np.ndarray]]:
    """Rows c to e of the paper's figure for two views of one video, on the crops of a training, not augmented.

    Each frame's template is the GST of the other. Returns per frame top, similarity (NaN on the target) and hard
    negative map, all (h, h): the cells of a crop of `spec.crop` pixels about the click.
    """
    grid, edge = network.backbone.grid, (SEARCH - spec.crop) // 2
    inner = slice(edge, SEARCH - edge)
    images = torch.from_numpy(np.stack([view.image[inner, inner] for view in pair])).permute(0, 3, 1, 2)
    with torch.inference_mode():
        features = network.eval()(compute.images(images)).float().cpu()
    clipped = clip_scores(np.stack([view.scores for view in pair]).astype(np.float32), grid, spec.eta)
    scores = scores_at_cells(clipped, grid, spec.crop)
    top = softmax_map(scores)
    template = soft_samples.global_soft_template(features, top).flip(0)
    similarity = soft_samples.similarity_map(template, features)
    background = soft_samples.background(scores, spec.background)
    hard = soft_samples.hard_negative_map(similarity, background, spec.tau_n)
    similarity = similarity.masked_fill(~background, torch.nan)
    return [{"top": t.numpy(), "similarity": s.numpy(), "hard": h.numpy()} for t, s, h in zip(top, similarity, hard)]


def widget_frame(sequence: Sequence, i: int, name: str) -> dict:
    """A frame for `EtaWidget`, with the score maps of clicks in and around the target, in one and the same crop."""
    image, point = sequence.frames[i], sequence.points[i]
    view = view_click(image, point)
    offsets = np.array(sorted(product(CLICKS, CLICKS), key=lambda offset: offset != (0, 0)))  # the annotated one first
    clicks = point + offsets * view.side / SEARCH
    inside = ((clicks >= 0) & (clicks <= np.array(image.shape[1::-1]) - 1)).all(1)
    windows = objectness_of_clicks(image, clicks[inside])
    start, length = GRID.covered(SEARCH)
    return {
        "name": name,
        "image": data_url(view.image),
        "size": SEARCH,
        "points": MIDDLE + offsets[inside],
        "scores": [feature_region(score_map(each, point, view.side), GRID).numpy() for each in windows],
        "cells": [start, start, length, length],
        "box": None if sequence.boxes is None else box_in_crop(sequence.boxes[i], point, view.side),
    }
