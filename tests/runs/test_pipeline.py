import json

import cv2
import numpy as np
import pytest
import torch

from socl_core.errors import DataError
from socl_core.runs import pipeline
from socl_core.runs.identity import run_id
from socl_core.runs.spec import make_spec
from socl_core.runs.store import Run


def test_a_run_uses_the_threads_of_its_spec(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    before, found = torch.get_num_threads(), []
    monkeypatch.setattr(pipeline, "_train_and_evaluate", lambda *_: found.append(torch.get_num_threads()))
    for count in (1, 3):
        spec = make_spec("smoke", "mil", threads=count)
        pipeline.work(Run.of(spec), spec, "cpu")
    assert found == [1, 3] and torch.get_num_threads() == before


@pytest.fixture
def tiny_run(tmp_path, monkeypatch):
    """The spec of a run of seconds, in an empty working folder."""
    monkeypatch.chdir(tmp_path)
    cv2.setNumThreads(1)
    return make_spec("smoke", "socl-siam", videos=4, frames=4, width=0.125, steps=4, crop=127, batch=4,
                     test_videos=1, test_frames=4)  # fmt: skip


@pytest.mark.slow
def test_a_run_leaves_its_files_and_is_loaded_the_second_time(tiny_run, monkeypatch):
    run = pipeline.run_or_load(tiny_run, "cpu")
    assert run.state == "ok" and run.folder.parent.name == "smoke"
    result = run.read("result.json")
    assert result["id"] == run.id == run_id(tiny_run)
    scores = result["sequences"]["composite"]
    assert len(scores) == 1 and result["mean"]["composite"]["auc"] == next(iter(scores.values()))["auc"]
    boxes = list((run.folder / "boxes" / "composite").glob("*.txt"))
    assert len(boxes) == 1 and np.loadtxt(boxes[0], delimiter=",").shape == (4, 4)
    assert [entry["step"] for entry in run.log()] == [1, 2, 3, 4]
    assert not (run.folder / "checkpoint.pt").exists()
    assert not list(run.folder.rglob("*.tmp"))

    monkeypatch.setattr(pipeline, "work", lambda *_: pytest.fail("a finished run was worked on again"))
    before = (run.folder / "weights.safetensors").stat().st_mtime_ns
    assert pipeline.run_or_load(tiny_run, "cpu").read("result.json") == result
    assert (run.folder / "weights.safetensors").stat().st_mtime_ns == before


def test_a_failed_run_says_why_and_is_tried_again(tiny_run, monkeypatch):
    def broken(*_):
        raise DataError("no such crop")

    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "trained_network", broken)
        with pytest.raises(DataError, match="no such crop"):
            pipeline.run_or_load(tiny_run, "cpu")
    run = Run.of(tiny_run)
    assert run.state == "failed" and "no such crop" in json.loads((run.folder / "state.json").read_text())["cause"]
    again = []
    monkeypatch.setattr(pipeline, "work", lambda run, *_: again.append(run.id))
    pipeline.run_or_load(tiny_run, "cpu")
    assert again == [run.id]
