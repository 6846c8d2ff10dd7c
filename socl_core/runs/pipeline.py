"""What a run does: crops, training, evaluation, record. `run_or_load` is the one way to a result."""

import io
import json
import math
import pickle
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import torch
from safetensors.torch import load_file, save
from torch import nn
from tqdm import tqdm

from socl_core import data, methods
from socl_core.data.annotation import add_click_noise, budget_videos, labelled_frames, whole_videos
from socl_core.data.files import append, write_atomic
from socl_core.errors import DataError
from socl_core.methods import distributed
from socl_core.methods.crops import CropStore, Cut, build_store, spread
from socl_core.methods.spec import RunSpec
from socl_core.methods.training import Batches, Training, new_network
from socl_core.models.device import Compute, threads
from socl_core.runs.identity import code_hash, data_hashes, run_code
from socl_core.runs.locks import lock
from socl_core.runs.store import Run
from socl_core.scoring.evaluation import evaluate, mean_scores

CACHE = Path("cache")
CHECKPOINT_SECONDS = 20
WRITING_SECONDS = 3600  # nothing takes longer to write, so that what is older was left by a killed process
CROP_CODE = ("socl_core.data", "socl_core.methods.crops")
PRIOR_CODE = ("socl_core.data", "socl_core.prior.store")
# Tags of random streams, beyond any step of a training, whose stream is tagged with its number.
VIDEO_ORDER, LABEL_CHOICE = 10**9, 10**9 + 1


def run_or_load(spec: RunSpec, device: str = "auto") -> Run:
    """The finished run of a spec: from the store where it is there, else trained, evaluated and stored now.

    A run that was killed goes on from its last checkpoint and its last evaluated sequence.
    Raises `DataError` for absent data, `SoclError` when another process works on the run.
    """
    run = Run.of(spec)
    if not run.finished:
        work(run, spec, device)
    return run


def work(run: Run, spec: RunSpec, device: str = "auto") -> None:
    """Everything a run does, in its folder."""
    for name in (*spec.data, *spec.test) if spec.steps else spec.test:
        if missing := data.available(name):
            raise DataError(missing)
    compute, label = Compute.choose(device), f"{spec.method} seed {spec.seed}"
    with threads(spec.threads):
        if not distributed.rank():
            with run.working():
                _train_and_evaluate(run, spec, compute, label)
        elif methods.find(spec.method).network:  # it helps to train; the first process does all the rest
            trained_network(run, spec, compute, label)


def _train_and_evaluate(run: Run, spec: RunSpec, compute: Compute, label: str) -> None:
    run.describe(spec)
    start, network = time.perf_counter(), None
    if methods.find(spec.method).network:
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
                "code": run_code(spec),
                "data": data_hashes(spec),
                "device": compute.describe(),
                "processes": distributed.size(),
                "threads": torch.get_num_threads(),
                "numpy": np.__version__,
                "opencv": cv2.__version__,
            },
        },
    )


def trained_network(run: Run, spec: RunSpec, compute: Compute, label: str) -> nn.Module:
    """The network of a run: read when its weights are there, else trained, from the checkpoint if there is one."""
    weights = run.folder / "weights.safetensors"
    if weights.exists():
        return read_weights(weights, compute)
    if not spec.steps:
        network = compute.module(new_network(spec))
    else:
        with distributed.first_then_others():
            crops = training_crops(spec)
        training = Training(spec, Batches(crops, spec, compute), compute)
        _train(training, run, label)
        network = training.network
    if not distributed.rank():
        save_weights(network, spec, weights)
        (run.folder / "checkpoint.pt").unlink(missing_ok=True)
    return network


def _train(training: Training, run: Run, label: str) -> None:
    checkpoint, log = run.folder / "checkpoint.pt", run.folder / "log.jsonl"
    if state := read_checkpoint(checkpoint, training.compute):
        training.restore(state)
    every = max(1, training.spec.steps // 40)
    if distributed.rank():
        return training.run(lambda entry: None, every)
    # The checkpoint holds the log as well: lines that the disk lost, or of steps beyond it, do no harm.
    write_atomic(log, "".join(map(_line, training.entries)))
    saved = time.monotonic()
    with tqdm(
        total=training.spec.steps, initial=training.step, desc=f"train {label}", unit="step", mininterval=1
    ) as bar:

        def note(entry: dict) -> None:
            bar.set_postfix(loss=f"{entry['loss']:.3f}")
            append(log, _line(entry))

        def each_step(training: Training) -> None:
            nonlocal saved
            bar.update()
            if time.monotonic() - saved > CHECKPOINT_SECONDS:
                training.check_finite()  # a checkpoint is always one to go on from
                content = io.BytesIO()
                torch.save(training.state(), content)
                write_atomic(checkpoint, content.getvalue())
                saved = time.monotonic()

        training.run(note, every, each_step)


def _line(entry: dict) -> str:
    return json.dumps(entry) + "\n"


def read_checkpoint(path: Path, compute: Compute) -> dict | None:
    """The state in a checkpoint; None where there is none, or a damaged one, which is then removed."""
    if not path.exists():
        return None
    try:
        return torch.load(path, map_location=compute.device, weights_only=True)
    except (RuntimeError, EOFError, pickle.UnpicklingError) as error:
        print(f"socl: {path} is damaged ({type(error).__name__}); the training starts again", file=sys.stderr)
        path.unlink(missing_ok=True)
        return None


def save_weights(network: nn.Module, spec: RunSpec, path: Path) -> None:
    """Weights with what is needed to rebuild the network and its tracker, as safetensors; atomic."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    write_atomic(path, save(tensors, {"spec": spec.model_dump_json()}))


def read_weights(path: Path, compute: Compute) -> nn.Module:
    """The network in a weights file. Raises `DataError` when it is missing, damaged or of another network."""
    spec = weights_spec(path)
    network = methods.find(spec.method).network(spec)
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


def make_tracker(spec: RunSpec, network: nn.Module | None, compute: Compute):
    """The tracker of a spec, ready for `init`."""
    return methods.find(spec.method).tracker(spec, network, compute)


def evaluate_on(name: str, spec: RunSpec, network, compute: Compute, folder: Path | None, label: str = "") -> dict:
    """Scores by sequence of a network, or of a method without one, on the evaluation split of a data set."""
    split = data.evaluation_split(name, spec.split)
    sequences = data.load(name, split, videos=spec.test_videos, frames=spec.test_frames, cache=CACHE)
    boxes = folder / "boxes" / name.replace(":", "_").replace("/", "_") if folder else None
    with tqdm(total=sum(map(len, sequences)), desc=f"track {label} {name}", unit="frame", mininterval=1) as bar:
        scores = evaluate(lambda: make_tracker(spec, network, compute), sequences, boxes, bar.update)
    if probe := methods.find(spec.method).probe:
        for sequence, more in probe(spec, network, sequences, compute).items():
            scores[sequence] |= more
    return scores


def training_crops(spec: RunSpec) -> CropStore:
    """The crops a spec trains on: the stores of its data sets, with the rows that the budget pays for."""
    cut = methods.find(spec.method).cut(spec)
    rng = np.random.default_rng([spec.seed, VIDEO_ORDER])
    parts = []
    for name in spec.data:
        store = open_store(name, spec, cut)
        rows = affordable_rows(store, spec, rng)
        parts.append(store.rows(rows))
    return CropStore.join(parts)


def open_store(name: str, spec: RunSpec, cut: Cut, split: str = "train") -> CropStore:
    """The crop store of a data set's split, built first where it is not there. Point rules see points only."""
    content = training_content(name, split, spec.videos, spec.frames)
    if spec.point_noise and cut.rule != "box":
        content += f"-noise{spec.point_noise:g}"
    kind = f"{cut.rule}-{cut.pixels}-{cut.exemplars:.3g}"
    folder = CACHE / "crops" / f"{code_hash(*CROP_CODE, data.layout_module(name))}-{content}-{kind}"
    if (folder / "index.json").exists():
        return CropStore.open(folder)
    # Runs side by side often need the same: crops of boxes, or the objectness behind all crops of points.
    priors = prior_folder(name, content)
    shared = folder if cut.rule == "box" else priors
    with lock(CACHE / "locks" / shared.name, "builds crops", patience=math.inf):
        sequences = [spread(s, spec.frames) for s in data.load(name, split, videos=spec.videos, cache=CACHE)]
        if cut.rule != "box":
            clicked = [add_click_noise(sequence, spec.point_noise, video) for video, sequence in enumerate(sequences)]
            sequences = [sequence.point_view() for sequence in clicked]
        return build_store(sequences, folder, cut, priors)


def training_content(name: str, split: str, videos: int | None, frames: int | None) -> str:
    """What a training set consists of: its manifest and how much of it is taken."""
    return f"{data.manifest(name, split)}-{split}-{videos}x{frames}"


def prior_folder(name: str, content: str) -> Path:
    """Where the objectness of a training set is kept, by its content and by the code that makes it."""
    return CACHE / "priors" / f"{code_hash(*PRIOR_CODE, data.layout_module(name))}-{content}"


def stale_caches() -> dict[Path, str]:
    """Frames, crop stores and priors that no present code reads, and halves of killed builds, with the reason."""
    current = {"frames": (data.manifest("composite", "train"),)}
    for kind, code in (("crops", CROP_CODE), ("priors", PRIOR_CODE)):
        current[kind] = tuple(code_hash(*code, layout) for layout in data.layout_modules())
    found = {}
    for kind, code in current.items():
        for path in sorted((CACHE / kind).glob("*")):
            if path.name.startswith("."):
                if time.time() - path.stat().st_mtime > WRITING_SECONDS:
                    found[path] = "half a build; it was killed"
            elif not path.name.startswith(code):
                found[path] = "made by other code"
    return found


def affordable_rows(store: CropStore, spec: RunSpec, rng: np.random.Generator) -> np.ndarray:
    """Rows of a store that a run may use: all frames of its share of the videos, or the labelled ones of them.

    The order of the videos depends on the seed alone, so that all conditions get the same videos and a
    larger share holds the smaller one. Boxes are on some frames of each video, or on whole videos.
    """
    videos = rng.permutation(np.unique(store.video))
    videos = videos[: budget_videos(len(videos), spec.share)]
    rows = {video: np.flatnonzero(store.video == video) for video in videos}
    if methods.find(spec.method).labels == "boxes":
        if spec.boxed == "videos":
            count = whole_videos([len(rows[video]) for video in videos], spec.labelled)
            rows = {video: rows[video] for video in videos[:count]}
        else:
            for video, own in rows.items():
                rng = np.random.default_rng([spec.seed, LABEL_CHOICE, video])
                rows[video] = own[labelled_frames(len(own), spec.labelled, rng)]
    return np.concatenate([rows[video] for video in sorted(rows)])
