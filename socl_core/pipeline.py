"""What a run does: crops, training, evaluation, record. `run_or_load` is the one way to a result."""

import json
import os
import time
from pathlib import Path

import cv2
import numpy as np
import torch
from safetensors.torch import load_file, save_file
from tqdm import tqdm

from socl_core import data
from socl_core.annotation import budget_videos, labelled_frames
from socl_core.data.crops import CropStore, build_store, spread
from socl_core.device import Compute
from socl_core.errors import DataError
from socl_core.evaluate import evaluate, mean_scores
from socl_core.models.siamese import SiameseNetwork
from socl_core.runs import Run, code_hash, data_hashes
from socl_core.spec import RunSpec
from socl_core.trackers.mil import MilTracker
from socl_core.trackers.siam import SiamOptions, SiamTracker
from socl_core.train import Batches, Training, new_network

CACHE = Path("cache")
CHECKPOINT_SECONDS = 20
# Tags of random streams, beyond any step of a training, whose stream is tagged with its number.
VIDEO_ORDER, LABEL_CHOICE = 10**9, 10**9 + 1


def run_or_load(spec: RunSpec, device: str = "auto") -> Run:
    """The finished run of a spec: from the store where it is there, else trained, evaluated and stored now.

    A run that was killed goes on from its last checkpoint and its last evaluated sequence.
    Raises `DataError` for absent data, `SoclError` when another process works on the run.
    """
    run = Run.of(spec)
    if run.state != "ok":
        work(run, spec, device)
    return run


def work(run: Run, spec: RunSpec, device: str = "auto") -> None:
    """Everything a run does, in its folder."""
    for name in (*spec.data, *spec.test) if spec.steps else spec.test:
        if missing := data.available(name):
            raise DataError(missing)
    compute = Compute.choose(device)
    with run.working():
        run.write("spec.json", spec.model_dump(mode="json"))
        start = time.perf_counter()
        network, label = None, f"{spec.method} seed {spec.seed}"
        if spec.method != "mil":
            network = trained_network(run, spec, compute, label)
        trained = time.perf_counter()
        scores = {name: evaluate_on(name, spec, network, compute, run.folder, label) for name in spec.test}
        run.write(
            "result.json",
            {
                "id": run.id,
                "spec": spec.model_dump(mode="json"),
                "mean": {name: mean_scores(each) for name, each in scores.items()},
                "sequences": scores,
                "seconds": {
                    "training": round(trained - start, 1),
                    "evaluation": round(time.perf_counter() - trained, 1),
                },
                "provenance": {
                    "code": code_hash(),
                    "data": data_hashes(spec),
                    "device": compute.describe(),
                    "threads": torch.get_num_threads(),
                    "numpy": np.__version__,
                    "opencv": cv2.__version__,
                },
            },
        )


def trained_network(run: Run, spec: RunSpec, compute: Compute, label: str) -> SiameseNetwork:
    """The network of a run: read when its weights are there, else trained, from the checkpoint if there is one."""
    weights = run.folder / "weights.safetensors"
    if weights.exists():
        return read_weights(weights, compute)
    if not spec.steps:
        network = compute.module(new_network(spec))
    else:
        training = Training(spec, Batches(training_crops(spec), spec, compute), compute)
        _train(training, run, label)
        network = training.network
    save_weights(network, spec, weights)
    (run.folder / "checkpoint.pt").unlink(missing_ok=True)
    return network


def _train(training: Training, run: Run, label: str) -> None:
    checkpoint, entries = run.folder / "checkpoint.pt", []
    if checkpoint.exists():
        training.restore(torch.load(checkpoint, map_location=training.compute.device, weights_only=True))
        entries = [entry for entry in run.log() if entry["step"] <= training.step]
    saved = time.monotonic()
    with (
        open(run.folder / "log.jsonl", "w") as file,
        tqdm(
            total=training.spec.steps,
            initial=training.step,
            desc=f"train {label}",
            unit="step",
            mininterval=1,
        ) as bar,
    ):

        def log(entry: dict) -> None:
            print(json.dumps(entry), file=file, flush=True)
            bar.set_postfix(loss=f"{entry['loss']:.3f}")

        def each_step(training: Training) -> None:
            nonlocal saved
            bar.update()
            if time.monotonic() - saved > CHECKPOINT_SECONDS:
                temporary = checkpoint.with_suffix(".tmp")
                torch.save(training.state(), temporary)
                os.replace(temporary, checkpoint)
                saved = time.monotonic()

        for entry in entries:
            log(entry)
        training.run(log, log_every=max(1, training.spec.steps // 40), each_step=each_step)


def save_weights(network: SiameseNetwork, spec: RunSpec, path: Path) -> None:
    """Weights with what is needed to rebuild the network and its tracker, as safetensors; atomic."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    temporary = path.with_suffix(".tmp")
    save_file(tensors, temporary, {"spec": spec.model_dump_json()})
    os.replace(temporary, path)


def read_weights(path: Path, compute: Compute) -> SiameseNetwork:
    """The network in a weights file. Raises `DataError` when it is missing, damaged or of another network."""
    spec = weights_spec(path)
    network = SiameseNetwork(spec.width, spec.head, spec.correlation)
    try:
        network.load_state_dict(load_file(path))
    except RuntimeError as error:
        raise DataError(f"{path} does not fit the network it names: {error}") from error
    return compute.module(network).eval()


def weights_spec(path: Path) -> RunSpec:
    """The spec of the run that wrote a weights file."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            return RunSpec.model_validate_json(file.metadata()["spec"])
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{path} is no weights file of this package ({error}); expected safetensors written by `socl train`"
        ) from error


def make_tracker(spec: RunSpec, network: SiameseNetwork | None, compute: Compute):
    """The tracker of a spec, ready for `init`."""
    if spec.method == "mil":
        return MilTracker(spec.seed)
    options = SiamOptions(correlation=spec.correlation, scales=spec.scales, window_influence=spec.window_influence)
    return SiamTracker(network.backbone, compute, options)


def evaluate_on(name: str, spec: RunSpec, network, compute: Compute, folder: Path | None, label: str = "") -> dict:
    """Scores by sequence of a network, or of a method without one, on the evaluation split of a data set."""
    split = data.evaluation_split(name, spec.split)
    sequences = data.load(name, split, videos=spec.test_videos, frames=spec.test_frames, cache=CACHE)
    boxes = folder / "boxes" / name.replace(":", "_").replace("/", "_") if folder else None
    with tqdm(total=sum(map(len, sequences)), desc=f"track {label} {name}", unit="frame", mininterval=1) as bar:
        return evaluate(lambda: make_tracker(spec, network, compute), sequences, boxes, bar.update)


def training_crops(spec: RunSpec) -> CropStore:
    """The crops a spec trains on: the stores of its data sets, with the rows that the budget pays for."""
    rule = "box" if spec.method == "box-siam" else spec.scale_rule
    rng = np.random.default_rng([spec.seed, VIDEO_ORDER])
    parts = []
    for name in spec.data:
        store = open_store(name, spec, rule)
        rows = affordable_rows(store, spec, rng)
        parts.append(store.rows(rows))
    return CropStore.join(parts)


def open_store(name: str, spec: RunSpec, rule: str) -> CropStore:
    """The crop store of a training set, built first where it is not there. Point rules see points only."""
    key = "-".join(
        [
            code_hash("socl_core.data"),
            code_hash("socl_core.data.crops"),
            data.manifest(name, "train"),
            rule,
            f"{spec.videos}x{spec.frames}",
        ]
    )
    folder = CACHE / "crops" / key
    if (folder / "index.json").exists():
        return CropStore.open(folder)
    sequences = [spread(s, spec.frames) for s in data.load(name, "train", videos=spec.videos, cache=CACHE)]
    if rule != "box":
        sequences = [sequence.point_view() for sequence in sequences]
    return build_store(sequences, folder, rule)


def affordable_rows(store: CropStore, spec: RunSpec, rng: np.random.Generator) -> np.ndarray:
    """Rows of a store that a run may use: all frames of its share of the videos, or the labelled ones of them.

    The order of the videos depends on the seed alone, so that both conditions get the same videos and a
    larger share holds the smaller one.
    """
    videos = rng.permutation(np.unique(store.video))
    rows = []
    for video in np.sort(videos[: budget_videos(len(videos), spec.share)]):
        own = np.flatnonzero(store.video == video)
        if spec.method == "box-siam":
            own = own[labelled_frames(len(own), spec.labelled, np.random.default_rng([spec.seed, LABEL_CHOICE, video]))]
        rows.append(own)
    return np.concatenate(rows)
