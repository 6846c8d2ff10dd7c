"""What a run would take here, before it is begun: rates measured by a rehearsal of it, times what it has to do."""

import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from socl_core import data
from socl_core.data.reading import ImageFiles
from socl_core.data.sequence import Sequence
from socl_core.errors import UsageError
from socl_core.methods.batches import Batches
from socl_core.methods.crops import build_store
from socl_core.methods.spec import BoxLabels, PointLabels, RunSpec
from socl_core.methods.training import Training
from socl_core.models.device import Compute, threads
from socl_core.prior.store import build_priors

# Videos and frames of the splits as the benchmarks publish them, rounded: for those that are not on this machine.
PUBLISHED = {
    ("got10k", "train"): (9335, 1_400_000), ("got10k", "val"): (180, 21_000), ("lasot", "train"): (1120, 2_800_000),
    ("lasot", "test"): (280, 685_000), ("otb", "test"): (100, 59_000),
}  # fmt: skip
FRAME, FRAMES = (1280, 720), 3  # of each video of the rehearsal
STEPS, TRACKED = 2, 4  # that are timed, after one more


@dataclass
class Need:
    """What one run needs. seconds: of each of its parts. disk, memory: bytes of each; of crops, also on the device.
    frames: of a training video, in the mean."""

    seconds: dict[str, float]
    disk: dict[str, float]
    memory: dict[str, float]
    frames: float = 0.0

    def fitting(self, available: float) -> int:
        """Frames of each video whose crops would take three quarters of some bytes of memory."""
        return int(self.frames * 0.75 * available / self.memory["crops"])


def size_of(name: str, split: str, videos: int | None = None, frames: int | None = None) -> tuple[int, int]:
    """Videos and frames of a split, at most so many of each: counted where the data set is there, else as published.

    Raises `UsageError` for a data set that is neither.
    """
    if not data.available(name):
        lengths = [int(each.valid.sum()) for each in data.load(name, split, videos=videos)]
        return len(lengths), sum(min(length, frames or length) for length in lengths)
    if (name, split) not in PUBLISHED:
        raise UsageError(f"the size of {name} is not known here; put it below the data root to have it counted")
    count, total = PUBLISHED[name, split]
    kept = min(count, videos or count)
    return kept, round(kept * min(total / count, frames or np.inf))


def rehearse(spec: RunSpec, compute: Compute, folder: Path) -> Need:
    """Does a little of a run in a folder, with its network and crops at their sizes, and says what all of it needs.

    The videos of the rehearsal are composed ones, enlarged to `FRAME`.
    """
    seconds, disk, memory, rates, mean = {}, {}, {}, {}, 0.0
    sequences = _enlarged(data.load("composite", "train", videos=min(spec.batch, 16), frames=FRAMES), folder)
    frames = sum(map(len, sequences))
    with threads(spec.threads):
        if spec.training_sets:
            from_points = isinstance(spec, PointLabels)
            videos, total = np.sum([size_of(name, "train", spec.videos, spec.frames) for name in spec.data], 0)
            if from_points:
                with _timed(rates, "objectness"):
                    build_priors([each.point_view() for each in sequences], folder / "priors")
                disk["objectness"] = float(total) * _bytes(folder / "priors") / frames
            with _timed(rates, "crops"):
                views = [each.point_view() for each in sequences] if from_points else sequences
                store = build_store(views, folder / "crops", spec.cut(), folder / "priors")
            disk["crops"] = float(total) * _bytes(folder / "crops") / frames
            share = spec.share * (spec.labelled if isinstance(spec, BoxLabels) else 1)
            memory["crops"] = disk["crops"] * share
            mean = float(total / videos)
            seconds |= {part: float(total) * rate / frames for part, rate in rates.items()}
            seconds["training"] = spec.steps * _seconds_a_step(spec, store, compute)
        tested = sum(
            size_of(name, data.evaluation_split(name, spec.split), spec.test_videos, spec.test_frames)[1]
            for name in spec.test
        )
        seconds["evaluation"] = tested * _seconds_a_frame(spec, sequences[0], compute)
    memory["program"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return Need(seconds, disk, memory, mean)


def _enlarged(sequences: list[Sequence], folder: Path) -> list[Sequence]:
    """The sequences as JPEG files of the size of `FRAME`."""
    found = []
    for each in sequences:
        scale = np.array(FRAME) / each.frames[0].shape[1::-1]
        paths = [folder / f"{each.name}-{number}.jpg" for number in range(len(each))]
        for path, image in zip(paths, each.frames):
            cv2.imwrite(str(path), cv2.resize(image, FRAME))
        boxes = each.boxes * np.tile(scale, 2)
        found.append(Sequence(each.name, ImageFiles(paths), each.points * scale, boxes, each.valid))
    return found


def _seconds_a_step(spec: RunSpec, store, compute: Compute) -> float:
    training = Training(spec.model_copy(update={"steps": STEPS + 1}), Batches(store, spec, compute), compute)
    times: list[float] = []
    training.run(lambda entry: None, 1, lambda _: times.append(time.perf_counter()))
    return (times[-1] - times[0]) / STEPS


def _seconds_a_frame(spec: RunSpec, sequence: Sequence, compute: Compute) -> float:
    network = type(spec).network and compute.module(spec.network()).eval()
    tracker, images = spec.tracker(network, compute), [*sequence.frames]
    tracker.init(images[0], sequence.boxes[0])
    tracker.update(images[1])
    start = time.perf_counter()
    for number in range(TRACKED):
        tracker.update(images[number % len(images)])
    return (time.perf_counter() - start) / TRACKED


@contextmanager
def _timed(rates: dict[str, float], part: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    rates[part] = time.perf_counter() - start


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
