"""Damaged files, full disks, wrong clocks: each ends in the same numbers or in an error that names the file."""

import io
import json
import math
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import faults
import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from socl_core import data
from socl_core.commands.main import app
from socl_core.errors import DataError, SoclError
from socl_core.methods import siam
from socl_core.runs import pipeline, training_set, weights
from socl_core.runs.locks import PATIENCE, lock
from socl_core.runs.store import Run

pytestmark = pytest.mark.slow

CUTS = {"zero length": lambda n: 0, "half": lambda n: n // 2, "one byte short": lambda n: n - 1}
cut_off = pytest.mark.parametrize("cut", CUTS)


def truncate(path, cut):
    os.truncate(path, CUTS[cut](path.stat().st_size))


def same_or_named(read, expected, path):
    """`read` gives what is expected, or the error of somebody who knows which file it is."""
    try:
        found = read()
    except DataError as error:
        assert str(path) in str(error) or str(path.parent) in str(error), error
    else:
        assert found == expected


@cut_off
@pytest.mark.parametrize(
    "name", ["spec.json", "state.json", "identity.json", "log.jsonl", "weights.safetensors", "result.json", "boxes"]
)
def test_a_finished_run(copy, expected, name, cut):
    run = copy[1]
    path = next(run.folder.glob("boxes/*/*.txt")) if name == "boxes" else run.folder / name
    truncate(path, cut)

    def read():
        """A page: the run from the store, then all that it shows. Staleness is told, and no number."""
        found = pipeline.run_or_load(faults.SPEC, "cpu")
        return faults.numbers(found) | {"stale": []}

    same_or_named(read, expected, path)
    assert CliRunner().invoke(app, ["status"]).exit_code == 0


@cut_off
@pytest.mark.parametrize("name", ["checkpoint.pt", "log.jsonl", "state.json", "weights.safetensors", "boxes"])
def test_a_killed_run(copy, expected, name, cut):
    """As it is in the middle of the training, or of the evaluation; then one file is damaged."""
    run = copy[1]
    boxes = next(run.folder.glob("boxes/*/*.txt"))
    (run.folder / "result.json").unlink()
    run.write("state.json", {"state": "running"})
    if name in ("checkpoint.pt", "log.jsonl"):
        shutil.rmtree(run.folder / "boxes")
        (run.folder / "weights.safetensors").unlink()
        checkpoint(run, 41)
    path = boxes if name == "boxes" else run.folder / name
    truncate(path, cut)
    same_or_named(lambda: faults.numbers(pipeline.run_or_load(faults.SPEC, "cpu")), expected, path)


def checkpoint(run, step):
    """Trains to a step, and no further than its checkpoint."""

    class Stop(Exception):
        pass

    def stop(training):
        if training.step == step:
            torch.save(training.state(), run.folder / "checkpoint.pt")
            raise Stop

    training = pipeline.Training(
        faults.SPEC, pipeline.Batches(pipeline.training_crops(faults.SPEC), faults.SPEC, faults.CPU), faults.CPU
    )
    with pytest.raises(Stop):
        training.run(lambda entry: None, 2, stop)


@cut_off
@pytest.mark.parametrize("kind", ["frames", "priors", "crops"])
def test_a_cache(copy, kind, cut):
    """Each file in turn: frames as they are drawn, scores and crops as they were built."""
    sequences = data.load("composite", "train", videos=4, cache=pipeline.CACHE)

    def read():
        store = pipeline.training_crops(faults.SPEC)
        frames = [np.asarray(sequence.frames[0]).tobytes() for sequence in sequences]
        return [a.tobytes() for a in vars(store).values() if a is not None] + frames

    expected = read()
    for path in sorted(p for p in Path("cache", kind).rglob("*") if p.is_file()):
        content = path.read_bytes()
        truncate(path, cut)
        if kind == "priors":  # else nobody reads them
            shutil.rmtree("cache/crops")
        sequences = data.load("composite", "train", videos=4, cache=pipeline.CACHE)
        same_or_named(read, expected, path)
        path.write_bytes(content)


@pytest.mark.parametrize("size", [0, 400, 30_000, 500_000])
def test_a_full_disk(tmp_path, whole, expected, size):
    """Neither a checkpoint nor crops fit; once there is room again, the same command goes on."""
    process = faults.start(faults.limited, tmp_path, size)
    process.join(120)
    assert process.exitcode == 2 and "cannot write" in process.said.recv()
    faults.finish(faults.run, tmp_path)
    assert faults.numbers(Run.of(faults.SPEC, tmp_path / "runs")) == expected


def test_a_full_small_disk(tmp_path):
    """A file system without room, where it may be mounted: part of a file fits."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(tmp_path)]
    if (tried := subprocess.run(mount, capture_output=True, text=True)).returncode:
        pytest.skip(f"a tmpfs cannot be mounted here: {tried.stderr.strip()}")
    try:
        process = faults.start(faults.run, tmp_path)
        process.join(120)
        assert process.exitcode == 2 and "No space left on device" in process.said.recv()
        assert not list(tmp_path.rglob("*.tmp")) and not list(tmp_path.rglob(".building-*"))
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def test_a_folder_that_must_not_be_written_to():
    with tempfile.TemporaryDirectory() as name:  # not below pytest's folder, which others must not enter
        folder = Path(name)
        folder.chmod(0o555)
        process = faults.start(faults.unprivileged, folder)
        process.join(120)
        assert process.exitcode == 2 and "cannot write runs/" in process.said.recv()
        assert list(folder.iterdir()) == []


def test_a_clock_that_was_set_back(copy, expected, monkeypatch):
    root, run = copy
    for path in [root / "runs", *(root / "runs").rglob("*")]:
        os.utime(path, (2**33, 2**33))  # written in a far future
    monkeypatch.setattr(time, "time", lambda: 0.0)
    row = json.loads(CliRunner().invoke(app, ["status", "--json"]).stdout)[0]
    assert (row["state"], row["hours"], row["changed"]) == ("ok", 0.0, [])
    assert faults.numbers(pipeline.run_or_load(faults.SPEC, "cpu")) == expected
    shutil.rmtree(run.folder)
    assert faults.numbers(pipeline.run_or_load(faults.SPEC, "cpu")) == expected


def test_two_processes_on_one_run(whole, expected, tmp_path):
    shutil.copytree(whole[0] / "cache", tmp_path / "cache")
    both = [faults.start(faults.run, tmp_path) for _ in range(2)]
    for process in both:
        process.join(120)
    assert faults.numbers(Run.of(faults.SPEC, tmp_path / "runs")) == expected
    # The second was refused, or waited for the end of a short run.
    refused = [process for process in both if process.exitcode]
    assert len(refused) < 2 and all("works on run" in process.said.recv() for process in refused)


def test_crops_are_built_by_one_process_at_a_time(tmp_path):
    content = training_set.training_content("composite", "train", faults.SPEC.videos, faults.SPEC.frames)
    with lock(tmp_path / "cache" / "locks" / training_set.prior_folder("composite", content).name, "builds crops"):
        process = faults.start(faults.build, tmp_path)
        process.join(2 * PATIENCE)
        assert process.is_alive() and not (tmp_path / "cache" / "crops").exists()
    process.join(120)
    assert process.exitcode == 0 and len(list((tmp_path / "cache" / "crops").glob("*/index.json"))) == 1


def test_a_loss_that_is_not_finite_keeps_the_last_good_checkpoint(copy, expected, monkeypatch):
    run, bad = copy[1], 33
    shutil.rmtree(run.folder)

    def step(batches, number, network):
        values = siam.socl_step(batches, number, network)
        return values | {"loss": values["loss"] * (math.nan if number == bad else 1)}

    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "CHECKPOINT_SECONDS", -1)
        patch.setattr(siam.SoclTraining, "step", staticmethod(step))
        with pytest.raises(SoclError, match=rf"loss is not finite at step {bad}, on the videos number \[\d"):
            pipeline.run_or_load(faults.SPEC, "cpu")
    content = (run.folder / "checkpoint.pt").read_bytes()[weights.DIGEST :]
    state = torch.load(io.BytesIO(content), weights_only=True)
    assert state["step"] == bad and all(tensor.isfinite().all() for tensor in state["network"].values())
    assert run.state == "failed" and f"step {bad}" in run.read("state.json")["cause"]
    assert faults.numbers(pipeline.run_or_load(faults.SPEC, "cpu")) == expected
