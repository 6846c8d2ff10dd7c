"""The package's trackers beside others on the same OTB targets: AUC, and frames a second of one core in one run.

    python bench/peers.py --data-root DATA --python ENVIRONMENT/bin/python

DATA holds `otb`, `reference_results/otb_boxes` (boxes that authors published) and `peers/nanotrack_v2`; in ENVIRONMENT
`pip install -r bench/peers.txt` was done. It writes `recorded/peers.json`, which the pages read. Speed is processor
time on all frames, reading images left out; published boxes have none.
"""

import argparse
import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

PUBLISHED = {"SiamFC-3s": "boxes", "SRDCF": "none", "KCF-GaussHog": "none"}
OPENCV = {"CSRT": "none", "MIL": "none", "Nano": "boxes"}
OUT = Path(__file__).parents[1] / "recorded" / "peers.json"


class OpenCv:
    """A tracker of OpenCV by its name there, under the package's contract; one that has lost its target stays."""

    def __init__(self, name: str, models: Path):
        if name == "Nano":
            parameters = cv2.TrackerNano.Params()
            parameters.backbone = str(models / "nanotrack_backbone_sim.onnx")
            parameters.neckhead = str(models / "nanotrack_head_sim.onnx")
            self.tracker = cv2.TrackerNano.create(parameters)
        else:
            self.tracker = getattr(cv2, f"Tracker{name}").create()

    def init(self, image, box) -> None:
        self.box = box
        self.tracker.init(image, [round(value) for value in box])

    def update(self, image):
        found, box = self.tracker.update(image)
        self.box = box if found else self.box
        return self.box


def track(tracker, paths: list[str], box: list[float]) -> tuple[list, float]:
    """Boxes of a tracker on a sequence's images, and the processor time that it took for them."""
    image, boxes = cv2.imread(paths[0]), [box]
    start = time.process_time()
    tracker.init(image, np.array(box))
    seconds = time.process_time() - start
    for path in paths[1:]:
        image = cv2.imread(path)
        start = time.process_time()
        boxes.append([float(value) for value in tracker.update(image)])
        seconds += time.process_time() - start
    return boxes, seconds


def run_all(makers: dict[str, Callable], targets: dict) -> dict:
    """Boxes and seconds of every tracker on every target."""
    return {name: {target: track(make(), *own) for target, own in targets.items()} for name, make in makers.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-root", type=Path, required=True)
    parser.add_argument("--python", type=Path, help="of an environment with OpenCV's contrib trackers")
    parser.add_argument("--targets", type=Path, help=argparse.SUPPRESS)  # given to that Python
    options = parser.parse_args()
    cv2.setNumThreads(1)
    models = options.data_root / "peers" / "nanotrack_v2"
    if options.targets:
        makers = {name: lambda name=name: OpenCv(name, models) for name in OPENCV}
        print(json.dumps(run_all(makers, json.loads(options.targets.read_text()))))
        return

    import torch

    from socl_core import data
    from socl_core.data.files import write_atomic
    from socl_core.models.device import Compute
    from socl_core.scoring.evaluation import score_boxes
    from socl_core.scoring.results import read_results, read_truth, score_results
    from socl_core.use import SHIPPED
    from socl_core.use.tracker import tracker_maker

    torch.set_num_threads(1)
    os.environ["SOCL_DATA"] = str(options.data_root)
    sequences = {sequence.name: sequence for sequence in data.load("otb", "test")}
    targets = {name: ([str(path) for path in s.frames.paths], s.boxes[0].tolist()) for name, s in sequences.items()}
    folder = options.data_root / "reference_results" / "otb_boxes"
    truth, rows = read_truth(folder / "_groundtruth_TB100.npz"), {}
    for name, labels in PUBLISHED.items():
        scored = score_results("otb", read_results(folder / f"{name}.npz"), truth, ",".join(sequences))
        auc = {target: round(scores["auc"], 4) for target, scores in scored.sequences.items()}
        rows[name] = {"labels": labels, "by": "published boxes", "auc": auc}
    ours = {name: tracker_maker(name, "cpu") for name in SHIPPED}
    found = {name: ("clicks", own) for name, own in run_all(ours, targets).items()}
    if options.python:
        file = OUT.with_name(".targets.json")
        file.write_text(json.dumps(targets))
        command = [options.python, Path(__file__).resolve(), "--data-root", options.data_root, "--targets", file]
        run = subprocess.run(command, check=True, capture_output=True, text=True)
        file.unlink()
        found |= {name: (OPENCV[name], own) for name, own in json.loads(run.stdout).items()}
    for name, (labels, own) in found.items():
        auc = {target: round(score_boxes(np.array(own[target][0]), s)["auc"], 4) for target, s in sequences.items()}
        fps = sum(len(s) for s in sequences.values()) / sum(seconds for _, seconds in own.values())
        rows[name] = {"labels": labels, "by": "run here", "fps": round(fps, 1), "auc": auc}
    content = {"data": "otb", "device": Compute.choose("cpu").describe(), "trackers": rows}
    write_atomic(OUT, json.dumps(content, indent=1) + "\n")
    for name, row in rows.items():
        print(f"{name:14}{row['labels']:8}{100 * np.mean(list(row['auc'].values())):6.1f}{row.get('fps', '-'):>8}")


if __name__ == "__main__":
    main()
