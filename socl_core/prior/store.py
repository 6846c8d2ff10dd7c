"""Objectness around every annotated point of a data set: computed once, kept, and picked up where it stopped.

One file a video, `<video>.safetensors`, holding the scores of the window lattice of each annotated frame. The
windows themselves follow from the point and the size of the frame, so a frame takes about 1 kB.
"""

import hashlib
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from socl_core.data.files import write_atomic
from socl_core.data.sequence import Sequence
from socl_core.data.workers import in_workers
from socl_core.errors import DataError
from socl_core.prior.objectness import Windows, lattice_in_frame, objectness


def build_priors(sequences: list[Sequence], folder: Path, workers: int = 2) -> int:
    """Computes what is missing in `folder` for the valid frames of point views; returns how many videos that were.

    A video's file is written whole or not at all, so that a killed build goes on from the last finished
    video, and its result does not depend on how often it was killed. A damaged file is computed again.
    """
    jobs = [(sequence, folder) for sequence in sequences if sequence.valid.any() and not _finished(sequence, folder)]
    if jobs:
        in_workers(_build_video, jobs, workers, "objectness")
    return len(jobs)


def read_prior(sequence: Sequence, folder: Path) -> list[Windows]:
    """The windows of each valid frame of a video. Raises `DataError` for a missing, damaged or other video's file."""
    path = folder / f"{sequence.name}.safetensors"
    arrays = _read(path)
    frames = np.flatnonzero(sequence.valid)
    if not (np.array_equal(arrays["frames"], frames) and np.array_equal(arrays["points"], sequence.points[frames])):
        raise DataError(
            f"{path} holds other frames or points than sequence {sequence.name} has; delete it to have it built again"
        )
    return [
        Windows(lattice_in_frame(point, shape), scores.astype(np.float64))
        for point, shape, scores in zip(arrays["points"], arrays["shapes"], arrays["scores"])
    ]


def _build_video(job: tuple[Sequence, Path]) -> None:
    sequence, folder = job
    frames = np.flatnonzero(sequence.valid)
    images = [sequence.frames[i] for i in frames]
    scores = [objectness(image, point).scores for image, point in zip(images, sequence.points[frames])]
    arrays = {
        "frames": frames.astype(np.int64),
        "points": np.ascontiguousarray(sequence.points[frames], np.float64),
        "scores": np.stack(scores).astype(np.float16),
        "shapes": np.array([image.shape[:2] for image in images], np.int64),
    }
    write_atomic(folder / f"{sequence.name}.safetensors", save(arrays, {"sha256": _digest(arrays)}))


def _finished(sequence: Sequence, folder: Path) -> bool:
    try:
        read_prior(sequence, folder)
    except DataError:
        return False
    return True


def _read(path: Path) -> dict[str, np.ndarray]:
    try:
        with safe_open(path, "np") as file:
            arrays = {name: file.get_tensor(name) for name in ("frames", "points", "scores", "shapes")}
            intact = file.metadata()["sha256"] == _digest(arrays)
    except (OSError, SafetensorError, KeyError, TypeError) as error:
        raise DataError(f"{path} cannot be read ({error}); expected a file that `socl prior build` wrote") from error
    if not intact:
        raise DataError(f"{path} is damaged: its checksum differs; delete it to have it built again")
    return arrays


def _digest(arrays: dict[str, np.ndarray]) -> str:
    return hashlib.sha256(b"".join(arrays[name].tobytes() for name in sorted(arrays))).hexdigest()
