import ast
import json
import os
import signal
import subprocess
import sys
import textwrap

import cv2
import numpy as np
import pytest
import torch

from socl_core.errors import DataError, SoclError
from socl_core.methods.spec import make_spec
from socl_core.models.device import Compute
from socl_core.runs import identity, locks, pipeline
from socl_core.runs.identity import code_hash, imported_modules, run_id
from socl_core.runs.store import Run, all_runs

SOURCE = '''"""A module."""
import math


def area(w, h):
    """Area of a box."""
    # one side times the other
    return w * h
'''


@pytest.fixture
def code_of(tmp_path, monkeypatch):
    """Hash of a package `tiny_pkg` with module `main`, which imports `helper`, of given sources."""
    package = tmp_path / "tiny_pkg"
    package.mkdir()
    monkeypatch.setattr(identity, "ROOT", tmp_path)
    monkeypatch.setattr(identity, "PACKAGES", ("tiny_pkg",))

    def of(main, helper="x = 1\n", other=""):
        (package / "__init__.py").write_text("")
        (package / "main.py").write_text("def late():\n    from tiny_pkg.helper import x\n    return x\n" + main)
        (package / "helper.py").write_text(helper)
        (package / "other.py").write_text(other)
        imported_modules.cache_clear()
        identity._module_hash.cache_clear()
        return code_hash("tiny_pkg.main")

    yield of
    imported_modules.cache_clear()
    identity._module_hash.cache_clear()


def test_comments_docstrings_and_layout_do_not_change_the_code_hash(code_of):
    first = code_of(SOURCE)
    for same in (
        SOURCE.replace("# one side times the other", "# w times h"),
        SOURCE.replace("Area of a box.", "Its area."),
        SOURCE.replace("w, h", "w,   h").replace("\n\n\n", "\n"),
    ):
        assert same != SOURCE and code_of(same) == first


def test_code_changes_the_code_hash_and_code_that_is_not_imported_does_not(code_of):
    first = code_of(SOURCE)
    assert code_of(SOURCE.replace("w * h", "w + h")) != first
    assert code_of(SOURCE.replace('"""Area of a box."""', "w = 2 * w")) != first
    assert code_of(SOURCE, helper="x = 2\n") != first  # imported inside a function
    assert code_of(SOURCE, other="y = 1\n") == first


def test_a_docstring_more_or_less_does_not_change_the_code_hash(code_of):
    assert code_of(SOURCE.replace('    """Area of a box."""\n', "")) == code_of(SOURCE)


def test_what_a_run_executes_is_hashed():
    modules = identity.run_modules(make_spec("laptop", "socl-siam", test=("otb",)))
    for name in ("prior.top", "prior.objectness", "methods.soft_samples", "methods.losses", "methods.training",
                 "scoring.evaluation", "scoring.metrics", "models.alexnet", "trackers.siam", "methods.siam",
                 "methods.crops", "data.annotation", "data.composite", "data.layouts.otb", "geometry"):  # fmt: skip
        assert f"socl_core.{name}" in modules
    assert not any("commands" in name or "book" in name for name in modules)
    assert not {"socl_core.data.layouts.lasot", "socl_core.trackers.mil"} & modules.keys()
    assert all(ast.parse(identity.module_path(name).read_text()) for name in modules)


def test_a_run_is_hashed_with_its_own_method_alone(monkeypatch):
    siam, mil = (make_spec("laptop", name) for name in ("socl-siam", "mil"))
    assert "socl_core.trackers.mil" not in imported_modules(identity.EXECUTED)
    before = identity.run_code(siam), identity.run_code(mil)
    original = identity.imported_modules
    monkeypatch.setattr(identity, "imported_modules", lambda name: original(name) - {"socl_core.trackers.mil"})
    identity._module_hash.cache_clear()
    assert identity.run_code(siam) == before[0] and identity.run_code(mil) != before[1]
    identity._module_hash.cache_clear()


def test_the_id_follows_every_field_of_the_spec_and_the_code(monkeypatch):
    spec = make_spec("laptop", "socl-siam")
    first = run_id(spec)
    assert first == run_id(make_spec("laptop", "socl-siam")) and len(first) == 12
    changes = {"seed": 1, "eta": 0.2, "steps": 7, "head": True, "tau": 0.2, "share": 0.5, "test_frames": 3}
    ids = {run_id(make_spec("laptop", "socl-siam", **{name: value})) for name, value in changes.items()}
    assert len(ids | {first, run_id(make_spec("laptop", "box-siam"))}) == len(changes) + 2
    monkeypatch.setattr(identity, "module_hashes", lambda *modules: {"m": "another"})
    assert run_id(spec) != first


HOLD = """
import sys, time
from pathlib import Path
from socl_core.runs.store import Run
with Run(Path(sys.argv[1])).working():
    print("working", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def other_process(tmp_path):
    """Starts another process that works on a run; it is there when the call returns."""
    started = []

    def start(run):
        process = subprocess.Popen([sys.executable, "-c", HOLD, str(run.folder)], stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout.readline() == "working\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_the_states_of_a_run(tmp_path, other_process, monkeypatch):
    monkeypatch.setattr(locks, "PATIENCE", 0.1)
    run, spec = Run(tmp_path / "smoke" / "abc"), make_spec("smoke", "mil")
    assert run.state == "absent" and run.log() == []
    run.queue(spec)
    assert run.state == "queued" and [r.id for r in all_runs(tmp_path)] == ["abc"]
    worker = other_process(run)
    assert run.state == "running"
    with pytest.raises(SoclError, match=rf"another process \({worker.pid} on .*\) works on run abc"), run.working():
        raise AssertionError("two processes work on one run")
    assert run.state == "running"  # the refusal left the other's state alone
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    assert run.state == "killed"
    with pytest.raises(ZeroDivisionError), run.working():
        raise ZeroDivisionError("by zero")
    assert run.state == "failed" and run.read("state.json")["cause"] == "ZeroDivisionError: by zero"
    with run.working():
        assert run.state == "running"
    assert run.state == "ok" and not run.finished  # until its result can be read
    run.queue(spec)  # a finished run is not queued again
    assert run.state == "ok"


def test_a_run_uses_the_threads_of_its_spec(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    before, found = torch.get_num_threads(), []
    monkeypatch.setattr(pipeline, "_train_and_evaluate", lambda *_: found.append(torch.get_num_threads()))
    for count in (1, 3):
        spec = make_spec("smoke", "mil", threads=count)
        pipeline.work(Run.of(spec), spec, "cpu")
    assert found == [1, 3] and torch.get_num_threads() == before


def test_an_interrupt_leaves_the_run_killed(tmp_path):
    run = Run(tmp_path / "abc")
    with pytest.raises(KeyboardInterrupt), run.working():
        raise KeyboardInterrupt
    assert run.state == "killed"


def test_a_damaged_state_counts_as_killed_and_a_damaged_file_is_named(tmp_path):
    run = Run(tmp_path / "abc")
    run.write("state.json", {"state": "ok"})
    (run.folder / "state.json").write_text('{"sta')
    assert run.state == "killed"
    with pytest.raises(DataError, match="state.json cannot be read"):
        run.read("state.json")
    with pytest.raises(DataError, match="result.json cannot be read"):
        run.read("result.json")


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


@pytest.mark.slow
def test_a_run_killed_after_training_goes_on_with_the_evaluation(tiny_run, monkeypatch):
    code = textwrap.dedent("""
        import os, signal, sys
        from socl_core.runs import pipeline
        from socl_core.methods.spec import RunSpec
        pipeline.evaluate_on = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
        pipeline.run_or_load(RunSpec.model_validate_json(sys.argv[1]), "cpu")
    """)
    ended = subprocess.run([sys.executable, "-c", code, tiny_run.model_dump_json()], capture_output=True)
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()
    run = Run.of(tiny_run)
    assert run.state == "killed" and not (run.folder / "result.json").exists()
    weights = (run.folder / "weights.safetensors").read_bytes()
    monkeypatch.setattr(pipeline, "_train", lambda *_: pytest.fail("trained again"))
    assert pipeline.run_or_load(tiny_run, "cpu").state == "ok"
    assert (run.folder / "weights.safetensors").read_bytes() == weights
    assert 0 <= run.read("result.json")["mean"]["composite"]["auc"] <= 1


@pytest.mark.slow
def test_a_run_killed_while_training_ends_with_the_weights_of_one_that_was_not(tiny_run, monkeypatch, tmp_path):
    whole = pipeline.run_or_load(tiny_run, "cpu")
    expected, log = (whole.folder / "weights.safetensors").read_bytes(), whole.log()
    os.rename(whole.folder, tmp_path / "kept")
    code = textwrap.dedent("""
        import os, signal, sys
        from socl_core.runs import pipeline
        from socl_core.methods.spec import RunSpec
        pipeline.CHECKPOINT_SECONDS = -1
        step, run = pipeline.Training.learning_rate, []
        def rate(training):
            if training.step == 3:
                os.kill(os.getpid(), signal.SIGKILL)
            return step(training)
        pipeline.Training.learning_rate = rate
        pipeline.run_or_load(RunSpec.model_validate_json(sys.argv[1]), "cpu")
    """)
    ended = subprocess.run([sys.executable, "-c", code, tiny_run.model_dump_json()], capture_output=True)
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()
    run = Run.of(tiny_run)
    assert run.state == "killed" and (run.folder / "checkpoint.pt").exists()
    assert pipeline.run_or_load(tiny_run, "cpu").state == "ok"
    assert (run.folder / "weights.safetensors").read_bytes() == expected
    assert run.log() == log


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


def test_weights_that_are_damaged_are_named(tmp_path):
    path = tmp_path / "weights.safetensors"
    for content in (None, b"", b"no weights at all"):
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(DataError, match=str(path)):
            pipeline.weights_spec(path)


def test_what_changed_is_named_input_by_input():
    before = {"spec": {"lr": 0.1, "old": 1}, "code": {"a": "1", "b": "1"}, "data": {"composite/train": "x"}}
    now = {"spec": {"lr": 0.2, "new": 1}, "code": {"a": "1", "b": "2"}, "data": {"composite/train": "x"}}
    assert identity.changes(before, before) == []
    assert identity.changes(before, now) == [
        "parameter lr changed: 0.1 -> 0.2",
        "parameter new is new",
        "parameter old is not used any more",
        "module b changed",
    ]


def test_a_run_is_stale_once_a_module_it_executes_changes(tmp_path, monkeypatch):
    spec, run = make_spec("smoke", "mil"), Run(tmp_path / "abc")
    run.queue(spec)
    assert run.staleness() == []
    original = identity._module_hash
    edited = {"socl_core.scoring.evaluation", "socl_book.figures"}  # the second is executed by no run
    monkeypatch.setattr(identity, "_module_hash", lambda name: "new" if name in edited else original(name))
    assert run.staleness() == ["module socl_core.scoring.evaluation changed"]
    run.write("identity.json", {"spec": {"method": "none"}})
    assert "not valid any more" in run.staleness()[0]
    (run.folder / "identity.json").write_text("{")
    assert run.staleness() == ["it does not say what it was made from"]


@pytest.mark.parametrize("keep", [0, 100])
def test_a_damaged_checkpoint_starts_the_training_again(tmp_path, capsys, keep):
    path = tmp_path / "checkpoint.pt"
    torch.save({"step": 3, "network": torch.zeros(100)}, path)
    compute = Compute.choose("cpu")
    assert pipeline.read_checkpoint(path, compute)["step"] == 3
    path.write_bytes(path.read_bytes()[:keep])
    assert pipeline.read_checkpoint(path, compute) is None
    assert "is damaged" in capsys.readouterr().err and not path.exists()


def test_a_hostile_checkpoint_executes_nothing(tmp_path):
    path, mark = tmp_path / "checkpoint.pt", tmp_path / "mark"

    class Hostile:
        def __reduce__(self):
            return os.system, (f"touch {mark}",)

    torch.save({"step": Hostile()}, path)
    assert pipeline.read_checkpoint(path, Compute.choose("cpu")) is None
    assert not mark.exists()
