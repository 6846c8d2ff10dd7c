"""What tracking several videos in lockstep gains over one at a time: ratio of seconds, and how far boxes differ.

    python bench/lockstep.py [--device cuda] [--lanes 2 8 32]

Both ways take turns on the same frames, which lie in memory; on a CPU one core works.
"""

import argparse
import statistics
import time
from copy import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from socl_core import data
from socl_core.models.device import Compute
from socl_core.runs.weights import read_weights, weights_spec
from socl_core.scoring.evaluation import track_together

FRAMES, ROUNDS = 30, 3
WEIGHTS = Path(__file__).parents[1] / "socl_core" / "weights"


def track(tracker, videos: list, lanes: int) -> tuple[float, np.ndarray]:
    """Seconds of the processor, and the boxes of all frames."""
    start, boxes = time.process_time(), []
    for begin in range(0, len(videos), lanes):
        some = videos[begin : begin + lanes]
        boxes += [found for found, _ in track_together([copy(tracker) for _ in some], some)]
    return time.process_time() - start, np.concatenate(boxes)


def compare(compute: Compute, lanes: list[int]) -> dict[str, dict[int, dict[str, float]]]:
    """Of each tracker of the package and number of lanes: how many times as fast as one at a time, and the largest
    difference of a box in pixels."""
    videos = data.load("composite", "test", videos=max(lanes), frames=FRAMES)
    videos = [
        replace(video, frames=[video.frames[i] for i in range(FRAMES)], masks=None, others=None) for video in videos
    ]
    found = {}
    for file in sorted(WEIGHTS.glob("*.safetensors")):
        tracker, found[file.stem] = weights_spec(file).tracker(read_weights(file, compute), compute), {}
        for count in lanes:
            rounds = [(track(tracker, videos, 1), track(tracker, videos, count)) for _ in range(ROUNDS)]
            found[file.stem][count] = {
                "times as fast": statistics.median(alone[0] / together[0] for alone, together in rounds),
                "pixels apart": max(float(np.abs(alone[1] - together[1]).max()) for alone, together in rounds),
            }
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--lanes", type=int, nargs="+", default=[2, 8, 32])
    options = parser.parse_args()
    torch.set_num_threads(1)
    compute = Compute.choose(options.device)
    print(f"{compute.describe()}; medians of {ROUNDS} rounds of {max(options.lanes)} videos, {FRAMES} frames each")
    for name, by_lanes in compare(compute, options.lanes).items():
        for lanes, row in by_lanes.items():
            print(f"{name:12} {lanes:3} lanes: {row['times as fast']:.2f} x, {row['pixels apart']:.1e} pixels apart")


if __name__ == "__main__":
    main()
