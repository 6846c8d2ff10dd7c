"""What eight bits do to SoCL-Siam: AUC and processor time of the ONNX example, in float32 and in int8.

    python bench/int8.py [--frames N] [--out siam8.onnx] [--record]

Weights and activations are quantised by onnxruntime, with ranges from crops of composite's training videos. Both track
the development videos from their first box; their passes through the network take turns and are timed on one core.
"""

import argparse
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import onnxruntime
from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from socl_core import data
from socl_core.geometry import EXEMPLAR, SEARCH, box_centres, context_side, crop
from socl_core.scoring.evaluation import evaluate, mean_scores
from socl_core.scoring.statistics import estimate
from socl_core.use import SHIPPED
from socl_core.use.onnx import write_onnx

ROOT = Path(__file__).parents[1]
OUT = ROOT / "recorded" / "speed.json"
ROUNDS = 15

sys.path.append(str(ROOT / "book/examples"))
from onnx_tracker import Tracker  # noqa: E402


class Crops(CalibrationDataReader):
    """Search crops of composite's training videos, from the first frame of each."""

    def __init__(self, videos: int | None = None):
        self.left = (self.crop_of(video) for video in data.load("composite", "train", videos=videos))

    def crop_of(self, video) -> dict:
        box = video.boxes[0]
        side = context_side(*box[2:]) * SEARCH / EXEMPLAR
        picture = crop(video.frames[0], box_centres(box), side, SEARCH, (0, 0, 0))
        return {"images": picture.transpose(2, 0, 1)[None].astype(np.float32)}

    def get_next(self):
        return next(self.left, None)


class OneCore(Tracker):
    """The example of the book, with one thread."""

    def __init__(self, path: Path):
        super().__init__(path)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(path, options)


def write_int8(source: Path, path: Path, videos: int | None = None) -> None:
    """Write the network of an ONNX file in int8, with the same metadata; ranges are those seen in so many videos."""
    prepared = path.with_suffix(".prepared.onnx")
    quant_pre_process(source, prepared)
    kinds = {"activation_type": QuantType.QUInt8, "weight_type": QuantType.QInt8}
    operators = {"op_types_to_quantize": ["Conv", "MaxPool", "Relu"], "per_channel": True}
    quantize_static(prepared, path, Crops(videos), **operators, **kinds)


def milliseconds(trackers: dict[str, Tracker]) -> dict[str, float]:
    """Least processor time of a pass over three search crops, in turns."""
    images = np.random.default_rng(0).integers(0, 256, (3, 3, SEARCH, SEARCH)).astype(np.float32)
    taken = {name: [] for name in trackers}
    for _ in range(ROUNDS):
        for name, tracker in trackers.items():
            started = time.process_time()
            tracker.session.run(["stage4"], {"images": images})
            taken[name].append(1000 * (time.process_time() - started))
    return {name: round(min(own), 2) for name, own in taken.items()}


def compare(frames: int | None, out: Path | None) -> dict:
    """AUC by data set and form of the network, the difference over all videos, and the times.

    out: where the int8 network is kept.
    """
    with tempfile.TemporaryDirectory() as folder:
        paths = {name: Path(folder) / f"{name}.onnx" for name in ("float32", "int8")}
        write_onnx(SHIPPED["socl-siam"], paths["float32"])
        write_int8(paths["float32"], paths["int8"])
        if out:
            shutil.copyfile(paths["int8"], out)
        kilobytes = {name: round(path.stat().st_size / 1000) for name, path in paths.items()}
        auc, differences = {}, []
        for name in ("composite", "otb_dev"):
            videos = data.load(name, data.evaluation_split(name, "dev"), frames=frames)
            scores = {form: evaluate(lambda p=path: OneCore(p), videos) for form, path in paths.items()}
            auc[name] = {form: round(100 * mean_scores(own)["auc"], 2) for form, own in scores.items()}
            pairs = zip(scores["int8"].values(), scores["float32"].values())
            differences += [100 * (ours["auc"] - theirs["auc"]) for ours, theirs in pairs]
        lost = estimate(differences)
        return {
            "auc": auc,
            "difference": {"mean": round(lost.mean, 2), "low": round(lost.low, 2), "high": round(lost.high, 2)},
            "videos": len(differences),
            "milliseconds": milliseconds({name: OneCore(path) for name, path in paths.items()}),
            "kilobytes": kilobytes,
        }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, help="at most the first so many frames of each video")
    parser.add_argument("--record", action="store_true", help="keep the figures for the page How fast it is")
    parser.add_argument("--out", type=Path, help="where to keep the network in int8")
    options = parser.parse_args()
    found = compare(options.frames, options.out)
    print(json.dumps(found, indent=1))
    if options.record:
        OUT.write_text(json.dumps(json.loads(OUT.read_text()) | {"int8": found}, indent=1) + "\n")
