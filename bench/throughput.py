"""Where the time of a laptop run goes: training step, tracking, objectness, each as a ratio to a reference.

Run `make bench`. The machine's speed cancels in the ratios: each is measured against a float32 matrix
product of fixed size in the same process, alternating with it.
"""

import contextlib
import os
import statistics
import time

import cv2
import numpy as np
import torch

from socl_core import data
from socl_core.data.workers import in_workers
from socl_core.geometry import SEARCH, context_side, crop
from socl_core.methods.batches import Batches
from socl_core.methods.crops import CropStore
from socl_core.methods.training import Training, new_network
from socl_core.models.device import Compute
from socl_core.prior.objectness import (
    cue_values,
    objectness,
    released_measure,
    superpixels,
    work_image,
)
from socl_core.prior.windows import random_windows
from socl_core.runs.spec import make_spec
from socl_core.trackers.siam import SiamTracker


def timed(work) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def random_store(videos: int = 16, frames: int = 4) -> CropStore:
    """Crops of noise: the time of a step does not depend on what they show."""
    rng = np.random.default_rng(0)
    rows = videos * frames
    images = rng.integers(0, 256, (rows, 255, 255, 3), dtype=np.uint8)
    scores = rng.random((rows, 64, 64), dtype=np.float32) * 40
    video = np.repeat(np.arange(videos), frames)
    return CropStore(images, scores, video, np.tile(np.arange(frames), videos), np.full(rows, 80.0))


@contextlib.contextmanager
def one_thread():
    """Torch and OpenCV on one core."""
    threads = torch.get_num_threads(), cv2.getNumThreads()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads[0])
        cv2.setNumThreads(threads[1])


def windows_of(images: np.ndarray, count: int = 1000) -> np.ndarray:
    """Windows (B, count, 4) around the middle of images (B, H, W, 3)."""
    height, width = images.shape[1:3]
    middle, rng = np.array([width, height]) / 2, np.random.default_rng(0)
    return np.stack([random_windows(middle, width, height, count, rng) for _ in images])


def objectness_cases(sequence) -> dict[str, tuple]:
    """Objectness on one core: of a search crop with 1,000 windows (20 ms are allowed), of a large frame (80 ms)."""
    image, point, side = sequence.frames[0], sequence.points[0], context_side(*sequence.boxes[0, 2:])
    view, large = crop(image, point, 2 * side, SEARCH), cv2.resize(image, (640, 480))

    def of_crop():
        with one_thread():
            small = work_image(view)[0][None]
            released_measure().posterior(cue_values(small, windows_of(small)))

    def of_frame():
        with one_thread():
            objectness(large, (320, 240))

    return {"1,000 windows, 255 px crop": (of_crop, 1), "640 x 480 frame": (of_frame, 1)}


def batched_objectness(sequences, device: str = "cuda", crops: int = 256, rounds: int = 5) -> float:
    """Search crops a second, 1,000 windows each, in batches on a device; worker processes make the superpixels."""
    views = [
        crop(s.frames[i], s.points[i], 2 * context_side(*s.boxes[i, 2:]), SEARCH)
        for s in sequences
        for i in range(len(s))
    ]
    images = np.stack([work_image(views[i % len(views)])[0] for i in range(crops)])
    windows, measure = windows_of(images), released_measure()

    def whole():
        pieces = np.stack(in_workers(superpixels, list(images), os.cpu_count(), "superpixels", "crop"))
        for part in np.array_split(np.arange(crops), max(1, crops // 32)):
            measure.posterior(cue_values(images[part], windows[part], device=device, pieces=pieces[part])).cpu()

    whole()
    return crops / statistics.median(timed(whole) for _ in range(rounds))


def cases(compute: Compute) -> dict[str, tuple]:
    """Name -> work of one round, and how many units it does."""
    socl, box = make_spec("laptop", "socl-siam"), make_spec("laptop", "box-siam")
    store = random_store()
    trainings = {spec.method: Training(spec, Batches(store, spec, compute), compute) for spec in (socl, box)}

    def step(method):
        training = trainings[method]
        values = training.spec.step(training.batches, 0, training.network)
        training.optimiser.zero_grad(set_to_none=True)
        values["loss"].backward()
        training.optimiser.step()

    sequence = data.load("composite", "dev", videos=1, frames=12)[0]
    frames = [sequence.frames[i] for i in range(len(sequence))]
    tracker = SiamTracker(compute.module(new_network(socl)).backbone, compute, socl)
    tracker.init(frames[0], sequence.boxes[0])
    return {
        "SoCL-Siam training step": (lambda: step("socl-siam"), 1),
        "Box-Siam training step": (lambda: step("box-siam"), 1),
        "tracked frame": (lambda: [tracker.update(frame) for frame in frames], len(frames)),
        "objectness of a frame": (lambda: [objectness(f, p) for f, p in zip(frames, sequence.points)], len(frames)),
    } | objectness_cases(sequence)


def main(rounds: int = 7) -> None:
    compute = Compute.choose()
    print(f"{compute.describe()}, {torch.get_num_threads()} threads; medians of {rounds} rounds")
    matrix = torch.randn(1024, 1024)
    print(f"{'':28}{'ms each':>10}{'ratio to a 1024^3 product':>28}")
    for name, (work, units) in cases(compute).items():
        work()
        times, ratios = [], []
        for _ in range(rounds):
            reference = timed(lambda: [matrix @ matrix for _ in range(4)]) / 4
            times.append(timed(work) / units)
            ratios.append(times[-1] / reference)
        print(f"{name:28}{1000 * statistics.median(times):10.1f}{statistics.median(ratios):28.1f}")
    if torch.cuda.is_available():
        print(
            f"objectness in batches: {batched_objectness(data.load('composite', 'dev', frames=4)):.0f} crops a second"
        )
    else:
        print("objectness in batches: not measured, this machine has no CUDA device")


if __name__ == "__main__":
    main()
