"""Clips of what trackers did: boxes over frames, and what each frame looked like to them."""

import base64
from collections.abc import Iterator

import cv2
import numpy as np
import torch

from socl_book.figures import may_show
from socl_core import data
from socl_core.data.files import read_own_boxes
from socl_core.data.sequence import Sequence
from socl_core.data.video import ORANGE, draw_box
from socl_core.geometry import EXEMPLAR, SEARCH
from socl_core.methods.soft_samples import similarity_map
from socl_core.models.device import Compute
from socl_core.runs.store import Run
from socl_core.runs.training_set import CACHE
from socl_core.runs.weights import read_weights, weights_spec
from socl_core.trackers.lockstep import answer
from socl_core.trackers.search import CropTracker, View

WHITE = (255, 255, 255)
BLANK = 96  # grey of a frame that belongs to others


def data_url(image: np.ndarray) -> str:
    """The BGR image as a JPEG in a data URL."""
    coded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 85])[1]
    return "data:image/jpeg;base64," + base64.b64encode(coded).decode()


def tracked_frames(run: Run, name: str, sequence: Sequence) -> Iterator[np.ndarray]:
    """`boxed_frames` with a run's boxes. name: the evaluation set of the sequence; frames that pages may not show are
    left blank."""
    boxes = read_own_boxes(run.boxes(name) / f"{sequence.name}.txt", len(sequence))
    return boxed_frames(sequence, boxes, may_show(name))


def boxed_frames(sequence: Sequence, boxes: np.ndarray, shown: bool = True) -> Iterator[np.ndarray]:
    """Yield a sequence's frames with boxes (N, 4) in orange and, where there is one, the true box in white."""
    for i, image in enumerate(sequence.frames):
        image = image if shown else np.full_like(image, BLANK)
        if sequence.boxes is not None and (sequence.boxes[i, 2:] > 0).all():
            image = draw_box(image, sequence.boxes[i], WHITE)
        yield draw_box(image, boxes[i], ORANGE, f"{sequence.name}  {i}")


def heads_clip(runs: dict[tuple[str, bool], Run], compute: Compute, frames: int = 24, width: int = 320) -> dict:
    """The first dev video of composite for `HeadsWidget`, tracked by the finished ones of `runs` by (tracker, head).

    Every second frame after the first is shown, at most `frames`, `width` pixels wide.
    """
    sequence = data.load("composite", "dev", videos=1, cache=CACHE)[0]
    rows = range(1, min(len(sequence), 2 * frames), 2)
    scale = width / sequence.frames[0].shape[1]
    size = [width, round(scale * sequence.frames[0].shape[0])]
    return {
        "name": f"composite {sequence.name}",
        "size": size,
        "frames": [data_url(cv2.resize(sequence.frames[i], size)) for i in rows],
        "truth": [np.round(sequence.boxes[i] * scale, 2).tolist() if sequence.valid[i] else None for i in rows],
        "runs": [
            {"tracker": tracker, "head": head} | tracked_views(run, sequence, rows, scale, compute)
            for (tracker, head), run in runs.items()
            if run.state == "ok"
        ],
    }


def tracked_views(run: Run, sequence: Sequence, rows: range, scale: float, compute: Compute) -> dict[str, list]:
    """Boxes, response and similarity maps of a run's tracker in some frames, for `HeadsWidget`.

    Similarity is the cosine of each cell with the mean feature of the target's cells in the first frame.
    """
    weights = run.folder / "weights.safetensors"
    tracker = weights_spec(weights).tracker(read_weights(weights, compute), compute)
    tracker.init(sequence.frames[0], sequence.boxes[0])
    template = target_feature(tracker, sequence.frames[0])
    views: dict[str, list] = {"boxes": [], "response": [], "similarity": []}
    for i in range(1, rows[-1] + 1):
        box, view = tracker.update(sequence.frames[i]), tracker.view
        if i in rows:
            response = view.response - view.response.min()
            similarity = similarity_map(template[None], view.features[None].float())[0]
            views["boxes"].append(np.round(box * scale, 2).tolist())
            views["response"].append(_plain_map(response / response.max().clamp(min=1e-12), view, scale))
            views["similarity"].append(_plain_map(similarity, view, scale))
    return views


def target_feature(tracker: CropTracker, image: np.ndarray) -> torch.Tensor:
    """Mean feature (C,) of the cells of a tracker's search crop whose centre lies in its target."""
    features = answer([tracker.features(image, [tracker.side * SEARCH / EXEMPLAR], SEARCH)])[0][0]
    count, step = features.shape[-1], tracker.grid.stride * tracker.side / EXEMPLAR
    distance = (torch.arange(count) - (count - 1) / 2).abs() * step
    width, height = (distance <= max(extent, step) / 2 + 1e-6 for extent in tracker.target)
    return features[:, torch.outer(height, width).to(features.device)].mean(1)


def _plain_map(values: torch.Tensor, view: View, scale: float) -> dict:
    """A tracker's map in percent, with the region that it covers of a frame scaled by `scale`."""
    side = len(values) * view.step * scale
    corner = (view.centre + 0.5) * scale - side / 2
    return {
        "grid": len(values),
        "region": [*np.round(corner, 2).tolist(), round(side, 2), round(side, 2)],
        "values": torch.round(100 * values).int().flatten().tolist(),
    }
