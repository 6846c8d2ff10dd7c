"""Where the time of a laptop run goes: training step, tracking, objectness, each as a ratio to a reference.

Run `make bench`. The machine's speed cancels in the ratios: each is measured against a float32 matrix
product of fixed size in the same process, alternating with it.
"""

import statistics
import time

import numpy as np
import torch

from socl_core import data
from socl_core.data.crops import CropStore
from socl_core.device import Compute
from socl_core.objectness import objectness
from socl_core.spec import make_spec
from socl_core.trackers.siam import SiamOptions, SiamTracker
from socl_core.train import STEPS, Batches, Training, new_network


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


def cases(compute: Compute) -> dict[str, tuple]:
    """Name -> work of one round, and how many units it does."""
    socl, box = make_spec("laptop", "socl-siam"), make_spec("laptop", "box-siam")
    store = random_store()
    trainings = {spec.method: Training(spec, Batches(store, spec, compute), compute) for spec in (socl, box)}

    def step(method):
        training = trainings[method]
        values = STEPS[method](training.batches, 0, training.network)
        training.optimiser.zero_grad(set_to_none=True)
        values["loss"].backward()
        training.optimiser.step()

    sequence = data.load("composite", "dev", videos=1, frames=12)[0]
    frames = [sequence.frames[i] for i in range(len(sequence))]
    tracker = SiamTracker(compute.module(new_network(socl)).backbone, compute, SiamOptions(correlation="cosine"))
    tracker.init(frames[0], sequence.boxes[0])
    return {
        "SoCL-Siam training step": (lambda: step("socl-siam"), 1),
        "Box-Siam training step": (lambda: step("box-siam"), 1),
        "tracked frame": (lambda: [tracker.update(frame) for frame in frames], len(frames)),
        "objectness of a frame": (lambda: [objectness(f, p) for f, p in zip(frames, sequence.points)], len(frames)),
    }


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


if __name__ == "__main__":
    main()
