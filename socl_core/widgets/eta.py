"""The clip fraction eta, to play with: score map, clipped map and TOP map of a frame, with their numbers."""

from pathlib import Path

import anywidget
import numpy as np
import traitlets

from socl_core.errors import UsageError
from socl_core.prior import clip_level, top_map

HERE = Path(__file__).parent


class EtaWidget(anywidget.AnyWidget):
    """A slider for eta over some frames.

    frames: list of dicts, all values plain JSON:
        name    shown in the chooser
        image   data URL of the square search crop
        size    side of the crop in px
        score   score map S, G x G: flat, row by row, or an array
        grid    G; may be left out for an array
        cells   [x, y, w, h] in px of the crop that the G x G cells cover; the whole crop if left out
        point   [x, y] in px of the crop
        box     [x, y, w, h] in px of the crop, or None; shown to the reader, used by no step of the method
        mask    part of each cell inside the box, G x G; computed from `box` if left out
    eta: 0 < eta <= 1. frame: index into `frames`.

    Raises `UsageError` for a frame that is incomplete or an eta out of range.
    """

    _esm = HERE / "eta.js"
    _css = HERE / "eta.css"

    frames = traitlets.List(traitlets.Dict()).tag(sync=True)
    eta = traitlets.Float(0.1).tag(sync=True)
    frame = traitlets.Int(0).tag(sync=True)

    def __init__(self, frames: list[dict], **traits):
        super().__init__(frames=[plain_frame(frame) for frame in frames], **traits)

    @traitlets.validate("eta")
    def _valid_eta(self, proposal):
        if not 0 < proposal["value"] <= 1:
            raise UsageError(f"eta: expected 0 < eta <= 1, found {proposal['value']}")
        return proposal["value"]

    @staticmethod
    def compute(frame: dict, eta: float) -> dict:
        """The numbers that the page shows, from the Python side: clip, entropy (nats), effective, mass.

        `mass` is the share of the TOP map inside the box, None for a frame without one.
        """
        frame = plain_frame(frame)
        shape = (frame["grid"], frame["grid"])
        scores = np.array(frame["score"], dtype=np.float64).reshape(shape)
        top = np.asarray(top_map(scores, eta), dtype=np.float64)
        seen = top[top > 0]
        entropy = float(-(seen * np.log(seen)).sum())
        mask = frame["mask"]
        mass = None if mask is None else float((top.ravel() * np.array(mask)).sum())
        return {
            "clip": float(clip_level(scores, eta)),
            "entropy": entropy,
            "effective": float(np.exp(entropy)),
            "mass": mass,
        }


def plain_frame(frame: dict) -> dict:
    """The frame with every key present and every value plain JSON, checked."""
    missing = {"name", "image", "size", "score", "point"} - frame.keys()
    if missing:
        raise UsageError(f"frame for EtaWidget: {', '.join(sorted(missing))} missing")
    score = np.asarray(frame["score"], dtype=np.float64)
    grid = int(frame.get("grid") or round(score.size**0.5))
    if score.size != grid * grid or not np.isfinite(score).all():
        name = frame["name"]
        raise UsageError(f"frame '{name}': expected {grid} x {grid} finite scores, found {score.size}")
    size = float(frame["size"])
    cells = _floats(frame.get("cells")) or [0.0, 0.0, size, size]
    box, mask = _floats(frame.get("box")), _floats(frame.get("mask"))
    if mask is None and box is not None:
        mask = coverage(box, cells, grid).ravel().tolist()
    return {
        "name": str(frame["name"]),
        "image": str(frame["image"]),
        "size": size,
        "score": score.ravel().tolist(),
        "grid": grid,
        "cells": cells,
        "point": _floats(frame["point"]),
        "box": box,
        "mask": mask,
    }


def coverage(box: list[float], cells: list[float], grid: int) -> np.ndarray:
    """Part of each cell inside `box`, (grid, grid) in [0, 1]. box, cells: x, y, w, h in the same frame."""

    def along(start, length, first, extent):
        edges = first + extent * np.arange(grid + 1) / grid
        inside = np.minimum(edges[1:], start + length) - np.maximum(edges[:-1], start)
        return np.clip(inside, 0, None) / (extent / grid)

    return np.outer(along(box[1], box[3], cells[1], cells[3]), along(box[0], box[2], cells[0], cells[2]))


def _floats(values) -> list[float] | None:
    return None if values is None else np.asarray(values, dtype=np.float64).ravel().tolist()
