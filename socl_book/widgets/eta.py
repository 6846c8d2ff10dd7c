"""The clip fraction eta and the click, to play with: score map, clipped map and TOP map of a frame."""

import base64

import anywidget
import numpy as np
import traitlets

from socl_book.widgets.source import script, style
from socl_core.errors import UsageError
from socl_core.geometry import SEARCH
from socl_core.models.alexnet import GRID
from socl_core.prior.top import (
    LATTICE,
    check_eta,
    clip_level,
    clip_scores,
    entropy,
    mass_inside,
    scores_at_cells,
    softmax_map,
)

CELLS = GRID.cells(SEARCH)  # along one side of the feature grid of a search crop
PLACES = CELLS * GRID.stride // LATTICE  # along one side of the score map that these cells cover


class EtaWidget(anywidget.AnyWidget):
    """A slider for eta over some frames, in which the annotated point can be dragged.

    frames: list of dicts:
        name    shown in the chooser
        image   data URL of the square search crop
        size    side of the crop in px
        points  P places of the click, [x, y] in px of the crop; the first is the annotated one
        scores  their score maps S where feature cells lie, (P, 44, 44); kept and compared as float32
        cells   [x, y, w, h] in px of the crop that the 22 x 22 cells cover; the whole crop if left out
        box     [x, y, w, h] in px of the crop, or None; shown to the reader, used by no step of the method
    eta: 0 < eta <= 1. frame: index into `frames`. point: index into the frame's points. temperature: T > 0 of
    softmax(S / T), which the paper does not have [R]; 1 leaves it out. compact: only the slider, frame and TOP map.

    Raises `UsageError` for a frame that is incomplete, and for an eta or a temperature out of range.
    """

    _esm = script("eta.js")
    _css = style()

    frames = traitlets.List(traitlets.Dict()).tag(sync=True)
    eta = traitlets.Float(0.1).tag(sync=True)
    frame = traitlets.Int(0).tag(sync=True)
    point = traitlets.Int(0).tag(sync=True)
    temperature = traitlets.Float(1.0).tag(sync=True)
    compact = traitlets.Bool(False).tag(sync=True)

    def __init__(self, frames: list[dict], **traits):
        super().__init__(frames=[plain_frame(frame) for frame in frames], **traits)

    @traitlets.validate("eta")
    def _valid_eta(self, proposal):
        return check_eta(proposal["value"])

    @traitlets.validate("temperature")
    def _valid_temperature(self, proposal):
        return check_temperature(proposal["value"])

    @staticmethod
    def compute(frame: dict, eta: float, point: int = 0, temperature: float = 1.0) -> dict:
        """The numbers that the page shows, from the Python side: clip, entropy (nats), effective, mass.

        frame: one of a widget's `frames`. `mass` is the share of the TOP map inside the box, None without one.
        """
        scores = score_maps(frame)[point]
        clipped = scores_at_cells(clip_scores(scores, GRID, eta), GRID)
        top = softmax_map(clipped / check_temperature(temperature))
        nats = float(entropy(top))
        mass = None if frame["mask"] is None else float(mass_inside(top, np.reshape(frame["mask"], top.shape)))
        return {"clip": float(clip_level(scores, eta)), "entropy": nats, "effective": float(np.exp(nats)), "mass": mass}


def check_temperature(temperature: float) -> float:
    """`temperature` itself, or `UsageError` unless it is a positive number."""
    if not 0 < temperature < np.inf:
        raise UsageError(f"temperature: expected a positive number, found {temperature}")
    return temperature


def plain_frame(frame: dict) -> dict:
    """The frame as the page gets it, checked: plain JSON, score maps as base64 of little-endian float32."""
    missing = {"name", "image", "size", "scores", "points"} - frame.keys()
    if missing:
        raise UsageError(f"frame for EtaWidget: {', '.join(sorted(missing))} missing")
    scores, points = np.asarray(frame["scores"], "<f4"), np.asarray(frame["points"], np.float64)
    expected = (len(points), PLACES, PLACES)
    if scores.shape != expected or points.shape != (len(points), 2) or not scores.size or not np.isfinite(scores).all():
        raise UsageError(
            f"frame '{frame['name']}': expected P points and P x {PLACES} x {PLACES} finite scores, "
            f"found {points.shape} and {scores.shape}"
        )
    size = float(frame["size"])
    cells = _floats(frame.get("cells")) or [0.0, 0.0, size, size]
    box = _floats(frame.get("box"))
    return {
        "name": str(frame["name"]),
        "image": str(frame["image"]),
        "size": size,
        "scores": base64.b64encode(scores.tobytes()).decode(),
        "places": PLACES,
        "grid": CELLS,
        "cells": cells,
        "points": points.tolist(),
        "box": box,
        "mask": None if box is None else coverage(box, cells, CELLS).ravel().tolist(),
    }


def score_maps(frame: dict) -> np.ndarray:
    """The score maps (P, 44, 44) float64 of a plain frame."""
    scores = np.frombuffer(base64.b64decode(frame["scores"]), "<f4")
    return scores.reshape(-1, PLACES, PLACES).astype(np.float64)


def coverage(box: list[float], cells: list[float], grid: int) -> np.ndarray:
    """Part of each cell inside `box`, (grid, grid) in [0, 1]. box, cells: x, y, w, h in the same frame."""

    def along(start, length, first, extent):
        edges = first + extent * np.arange(grid + 1) / grid
        inside = np.minimum(edges[1:], start + length) - np.maximum(edges[:-1], start)
        return np.clip(inside, 0, None) / (extent / grid)

    return np.outer(along(box[1], box[3], cells[1], cells[3]), along(box[0], box[2], cells[0], cells[2]))


def _floats(values) -> list[float] | None:
    return None if values is None else np.asarray(values, dtype=np.float64).ravel().tolist()
