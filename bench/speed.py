"""Where time goes: tracking, training, objectness, scoring. Prints it, and with --record keeps it for the book's page.

    python bench/speed.py [--peers ENVIRONMENT/bin/python] [--record]

All is processor time of one core but what a GPU does, in turns with what it is compared with: neither other work on the
machine nor its speed changes a ratio much. In ENVIRONMENT, `pip install -r bench/peers.txt` brings OpenCV's CSRT.
"""

import argparse
import contextlib
import json
import os
import statistics
import time
from collections import Counter
from pathlib import Path

import cv2
import lockstep
import numpy as np
import siamfc
import torch
import trackers

from socl_core import data
from socl_core.data.workers import in_workers
from socl_core.geometry import SEARCH, context_side, crop
from socl_core.methods.batches import Batches
from socl_core.methods.crops import CropStore
from socl_core.methods.training import Training
from socl_core.models.device import Compute
from socl_core.prior.objectness import cue_values, objectness, released_measure, superpixels, work_image
from socl_core.prior.windows import random_windows
from socl_core.runs.spec import make_spec

OUT = Path(__file__).parents[1] / "recorded" / "speed.json"
ROUNDS = 7


def random_store(videos: int = 16, frames: int = 4) -> CropStore:
    """Crops of noise, with boxes: the time of a step does not depend on what they show."""
    rng = np.random.default_rng(0)
    rows = videos * frames
    images = rng.integers(0, 256, (rows, 255, 255, 3), dtype=np.uint8)
    scores = rng.random((rows, 64, 64), dtype=np.float32) * 40
    video = np.repeat(np.arange(videos), frames)
    boxes = np.tile([0.0, 0.0, 60.0, 60.0], (rows, 1))
    return CropStore(images, scores, video, np.tile(np.arange(frames), videos), np.full(rows, 80.0), boxes)


def step_parts(method: str, compute: Compute) -> dict[str, float]:
    """Milliseconds of the parts of a training step at the laptop protocol, medians over some steps."""
    spec, spent = make_spec("laptop", method), Counter()
    training = Training(spec, Batches(random_store(), spec, compute), compute)

    @contextlib.contextmanager
    def counted(part: str):
        start = time.process_time()
        yield
        spent[part] += 1000 * (time.process_time() - start)

    def counting(part: str, work):
        def counted_work(*values, **more):
            with counted(part):
                return work(*values, **more)

        return counted_work

    training.batches.crops = counting("crops", training.batches.crops)
    for name in ("tokens", "match") if hasattr(training.network, "tokens") else ("forward",):  # of TransT, of others
        setattr(training.network, name, counting("forward", getattr(training.network, name)))
    rounds = []
    for step in range(ROUNDS + 1):
        spent.clear()
        with counted("step"):
            values = spec.step(training.batches, step, training.network)
        with counted("backward"):
            values["loss"].backward()
        with counted("optimiser"):
            training.optimiser.step()
            training.optimiser.zero_grad(set_to_none=True)
        spent["loss"] = spent.pop("step") - spent["crops"] - spent["forward"]
        rounds.append(dict(spent))
    names = ("crops", "forward", "loss", "backward", "optimiser")
    return {name: statistics.median(each[name] for each in rounds[1:]) for name in names}


def windows_of(images: np.ndarray, count: int = 1000) -> np.ndarray:
    """Windows (B, count, 4) around the middle of images (B, H, W, 3)."""
    height, width = images.shape[1:3]
    middle, rng = np.array([width, height]) / 2, np.random.default_rng(0)
    return np.stack([random_windows(middle, width, height, count, rng) for _ in images])


def objectness_parts(sequence) -> dict[str, float]:
    """Milliseconds of the objectness of a search crop with 1,000 windows, and of all windows of a larger frame."""
    image, point, side = sequence.frames[0], sequence.points[0], context_side(*sequence.boxes[0, 2:])
    view, large = crop(image, point, 2 * side, SEARCH), cv2.resize(image, (640, 480))

    def of_crop():
        small = work_image(view)[0][None]
        released_measure().posterior(cue_values(small, windows_of(small)))

    cases = {"255 px crop, 1,000 windows": of_crop, "640 x 480 frame": lambda: objectness(large, (320, 240))}
    return {name: statistics.median(timed(work) for _ in range(ROUNDS)) for name, work in cases.items()}


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
    return 1000 * crops / statistics.median(timed(whole, time.perf_counter) for _ in range(rounds))


def timed(work, clock=time.process_time) -> float:
    """Milliseconds of some work."""
    start = clock()
    work()
    return 1000 * (clock() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", type=Path, help="Python of an environment with OpenCV's CSRT")
    parser.add_argument("--record", action="store_true", help=f"write recorded/{OUT.name}")
    options = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    compute = Compute.choose("cpu")
    found = {"device": compute.describe()}
    found["trackers"] = trackers.compare(options.peers)
    found["full width"] = siamfc.compare_with_plain()
    found["lockstep"] = lockstep.compare(compute, [4])
    found["steps"] = {method: step_parts(method, compute) for method in ("socl-siam", "box-siam", "socl-cf", "transt")}
    found["objectness"] = objectness_parts(data.load("composite", "dev", videos=1, frames=1)[0])
    if torch.cuda.is_available():
        rate = batched_objectness(data.load("composite", "dev", frames=4))
        found["crops a second on a GPU"] = rate
    found = json.loads(json.dumps(found), parse_float=lambda text: round(float(text), 3))
    print(json.dumps(found, indent=1))
    if options.record:
        kept = json.loads(OUT.read_text()) if OUT.exists() else {}  # bench/int8.py keeps its figures there as well
        OUT.write_text(json.dumps(kept | found, indent=1) + "\n")


if __name__ == "__main__":
    main()
