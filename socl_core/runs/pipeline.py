"""What a run does: crops, training, evaluation, record. `run_or_load` is the one way to a result."""

import json
import time

import cv2
import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from socl_core import data
from socl_core.data.files import append, write_atomic
from socl_core.methods import distributed
from socl_core.methods.batches import Batches
from socl_core.methods.spec import RunSpec
from socl_core.methods.training import Training, new_network
from socl_core.models.device import Compute, threads
from socl_core.runs.identity import data_hashes, run_code
from socl_core.runs.store import Run
from socl_core.runs.training_set import CACHE, training_crops
from socl_core.runs.weights import read_weights, resume, save_checkpoint, save_weights
from socl_core.scoring.evaluation import evaluate, mean_scores, start_frames

CHECKPOINT_SECONDS = 20
LOG_ENTRIES = 40
LANES = {"cuda": 32, "cpu": 4}  # starts tracked at once: bench/lockstep.py


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
    """Everything a run does, in its folder; nothing where its result is there.

    Raises as `run_or_load`, and `UsageError` where the folder holds another run.
    """
    for name in (*spec.training_sets, *spec.test):
        data.require(name)
    compute, label = Compute.choose(device), f"{spec.method} seed {spec.seed}"
    with threads(spec.threads):
        if not distributed.rank():
            with run.working():
                run.claim(spec)
                if not (run.folder / "result.json").exists():
                    _train_and_evaluate(run, spec, compute, label)
        elif spec.network:  # it helps to train; the first process does all the rest
            trained_network(run, spec, compute, label)


def _train_and_evaluate(run: Run, spec: RunSpec, compute: Compute, label: str) -> None:
    start, network = time.perf_counter(), None
    if spec.network:
        network = trained_network(run, spec, compute, label)
    trained = time.perf_counter()
    scores = {name: evaluate_on(name, spec, network, compute, run, label) for name in spec.test}
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
    if spec.training_sets:
        with distributed.first_then_others():
            crops = training_crops(spec)
        training = Training(spec, Batches(crops, spec, compute), compute)
        _train(training, run, label)
        network = training.network
    else:
        network = compute.module(new_network(spec))
    if not distributed.rank():
        save_weights(network.state_dict(), spec, weights)
        (run.folder / "checkpoint.pt").unlink(missing_ok=True)
    return network


def _train(training: Training, run: Run, label: str) -> None:
    checkpoint, log, steps = run.folder / "checkpoint.pt", run.folder / "log.jsonl", training.spec.steps
    resume(training, checkpoint)
    every = max(1, steps // LOG_ENTRIES)
    if distributed.rank():
        return training.run(lambda entry: None, every)
    # The checkpoint holds the log as well: lines that the disk lost, or of steps beyond it, do no harm.
    write_atomic(log, "".join(map(_line, training.entries)))
    saved = time.monotonic()
    with tqdm(total=steps, initial=training.step, desc=f"train {label}", unit="step", mininterval=1) as bar:

        def note(entry: dict) -> None:
            bar.set_postfix(loss=f"{entry['loss']:.3f}")
            append(log, _line(entry))

        def each_step(training: Training) -> None:
            nonlocal saved
            bar.update()
            if time.monotonic() - saved > CHECKPOINT_SECONDS:
                save_checkpoint(training, checkpoint)
                saved = time.monotonic()

        training.run(note, every, each_step)


def _line(entry: dict) -> str:
    return json.dumps(entry) + "\n"


def evaluate_on(name: str, spec: RunSpec, network, compute: Compute, run: Run | None = None, label: str = "") -> dict:
    """Scores by sequence of a network, or of a method without one, on the evaluation split of a data set.

    run: where the boxes of each sequence are kept, so that an evaluation goes on from the last one.
    """
    split = data.evaluation_split(name, spec.split)
    sequences = data.load(name, split, videos=spec.test_videos, frames=spec.test_frames, cache=CACHE)
    frames = sum(len(sequence) - first for sequence in sequences for first in start_frames(sequence, spec.starts))
    with tqdm(total=frames, desc=f"track {label} {name}", unit="frame", mininterval=1) as bar:
        return evaluate(
            lambda: spec.tracker(network, compute),
            sequences,
            run.boxes(name) if run else None,
            bar.update,
            starts=spec.starts,
            lanes=LANES[compute.device.type] if network else 1,
        )
