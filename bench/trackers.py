"""How fast the trackers are: frames a second of one core, and their ratio to OpenCV's MIL on the same frames.

    python bench/trackers.py
    python bench/trackers.py --peers ENVIRONMENT/bin/python    # CSRT as well: `pip install -r bench/peers.txt` there

Trackers take turns, and what counts is processor time: neither other work on the machine nor its speed changes a ratio
much. In the other environment MIL runs again, for CSRT's ratio.
"""

import argparse
import json
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

FRAMES, ROUNDS = 40, 5


class OpenCv:
    """A tracker of OpenCV under the contract of the package's."""

    def __init__(self, name: str):
        self.tracker = getattr(cv2, f"Tracker{name}").create()

    def init(self, image, box) -> None:
        self.tracker.init(image, tuple(int(value) for value in box))

    def update(self, image):
        return self.tracker.update(image)[1]


def measure(makers: dict[str, Callable], frames: np.ndarray, box: np.ndarray) -> dict[str, list[float]]:
    """Seconds a frame of each tracker in each round; what follows the first frame is timed."""
    seconds = {name: [] for name in makers}
    for _ in range(ROUNDS):
        for name, make in makers.items():
            tracker = make()
            tracker.init(frames[0], box)
            start = time.process_time()
            for frame in frames[1:]:
                tracker.update(frame)
            seconds[name].append((time.process_time() - start) / (len(frames) - 1))
    return seconds


def our_makers() -> dict[str, Callable]:
    """Trackers of the package's weights, with the pyramid of templates too."""
    from socl_core.models.device import Compute
    from socl_core.runs.weights import read_weights, weights_spec

    compute, weights, makers = Compute.choose("cpu"), Path(__file__).parents[1] / "socl_core" / "weights", {}
    for title, name, changes in (
        ("SoCL-Siam", "socl-siam", {}),
        ("SoCL-Siam, pyramid of templates", "socl-siam", {"pyramid": "template"}),
        ("SoCL-CF", "socl-cf", {}),
    ):
        file = weights / f"{name}.safetensors"
        spec, network = weights_spec(file).model_copy(update=changes), read_weights(file, compute)
        makers[title] = lambda spec=spec, network=network: spec.tracker(network, compute)
    print(f"{compute.describe()}; processor time of one core, medians of {ROUNDS} rounds of {FRAMES} frames")
    return makers


def speeds(seconds: dict[str, list[float]]) -> dict[str, dict[str, float]]:
    """Of each tracker: frames a second, and how many times as fast as MIL it is."""
    return {
        name: {
            "fps": 1 / statistics.median(times),
            "times MIL": statistics.median(mil / own for mil, own in zip(seconds["MIL"], times)),
        }
        for name, times in seconds.items()
    }


def compare(peers: Path | None) -> dict[str, dict[str, float]]:
    """The speeds of the package's trackers and OpenCV's. peers: Python of an environment that has CSRT too."""
    from socl_core import data

    sequence = data.load("composite", "dev", videos=1, frames=FRAMES)[0]
    frames, box = np.stack([sequence.frames[i] for i in range(len(sequence))]), sequence.boxes[0]
    found = speeds(measure(our_makers() | opencv_makers(), frames, box))
    if peers:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "frames.npz"
            np.savez(file, frames=frames, box=box)
            command = [peers, Path(__file__).resolve(), "--frames", file]
            others = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        found["CSRT"] = speeds(others)["CSRT"]
    return found


def opencv_makers() -> dict[str, Callable]:
    """Those of OpenCV's trackers that are installed."""
    cv2.setNumThreads(1)
    return {name: lambda name=name: OpenCv(name) for name in ("MIL", "CSRT") if hasattr(cv2, f"Tracker{name}")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", type=Path, help="Python of an environment with OpenCV's CSRT")
    parser.add_argument("--frames", type=Path, help=argparse.SUPPRESS)  # given to that Python
    options = parser.parse_args()
    if options.frames:
        with np.load(options.frames) as file:
            print(json.dumps(measure(opencv_makers(), file["frames"], file["box"])))
        return

    import torch

    torch.set_num_threads(1)
    for name, speed in compare(options.peers).items():
        print(f"{name:34}{speed['fps']:8.0f} fps{speed['times MIL']:8.2f} x MIL")


if __name__ == "__main__":
    main()
