"""Objectness around every annotated point of a data set: computed once, kept, and picked up where it stopped.

One file a video, `<video>.npz`, holding the scores of the windows around the point of each annotated frame. The
windows themselves follow from the point and the size of the frame, so a frame takes about 1 kB.
"""

import io
import zlib
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from socl_core.data.files import write_atomic
from socl_core.data.sequence import Sequence
from socl_core.data.workers import in_workers
from socl_core.errors import DataError
from socl_core.prior.objectness import objectness
from socl_core.prior.windows import Windows, windows_in_frame


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
    path = folder / f"{sequence.name}.npz"
    try:
        with np.load(path) as file:  # a zip file, which holds a checksum of each array
            arrays = {name: file[name] for name in ("frames", "points", "scores", "shapes")}
    except (OSError, EOFError, BadZipFile, zlib.error, ValueError, KeyError, TypeError, MemoryError) as error:
        raise DataError(
            f"{path} is damaged or no file of `socl prior build` ({error}); delete it to have it built again"
        ) from error
    frames = np.flatnonzero(sequence.valid)
    if not (np.array_equal(arrays["frames"], frames) and np.array_equal(arrays["points"], sequence.points[frames])):
        raise DataError(
            f"{path} holds other frames or points than sequence {sequence.name} has; delete it to have it built again"
        )
    return [
        Windows(windows_in_frame(point, shape), scores.astype(np.float64))
        for point, shape, scores in zip(arrays["points"], arrays["shapes"], arrays["scores"])
    ]


def _finished(sequence: Sequence, folder: Path) -> bool:
    try:
        read_prior(sequence, folder)
    except DataError:
        return False
    return True


def _build_video(job: tuple[Sequence, Path]) -> None:
    sequence, folder = job
    frames = np.flatnonzero(sequence.valid)
    images, points = [sequence.frames[i] for i in frames], np.asarray(sequence.points[frames], np.float64)
    scores = [objectness(image, point).scores for image, point in zip(images, points)]
    shapes = [image.shape[:2] for image in images]
    np.savez_compressed(content := io.BytesIO(), frames=frames, points=points, shapes=shapes, scores=np.float16(scores))
    write_atomic(folder / f"{sequence.name}.npz", content.getvalue())
