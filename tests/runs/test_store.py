import signal
import subprocess
import sys

import pytest

from socl_core.errors import DataError, SoclError, UsageError
from socl_core.runs import identity, locks
from socl_core.runs.spec import make_spec
from socl_core.runs.store import Run, all_runs

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
    with pytest.raises(DataError, match="cannot read .*result.json"):
        run.read("result.json")


def test_a_folder_that_holds_another_run_is_left_as_it_is(tmp_path):
    run, first, other = Run(tmp_path / "run"), make_spec("smoke", "mil"), make_spec("smoke", "mil", seed=1)
    run.claim(first)
    run.claim(other)  # nothing had been done yet
    run.write("result.json", {})
    before = {path.name: path.read_bytes() for path in run.folder.iterdir()}
    with pytest.raises(UsageError, match="holds another run .*parameter seed"):
        run.claim(first)
    assert {path.name: path.read_bytes() for path in run.folder.iterdir()} == before
    run.claim(other)


def test_no_two_data_sets_share_a_folder_of_boxes(tmp_path):
    names = ["otb", "otb:col/a/b", "otb:col/a_b", "otb_col_a_b", "otb:/abs", "got10k:../x"]
    folders = {Run(tmp_path).boxes(name) for name in names}
    assert len(folders) == len(names) and all(folder.parent == tmp_path / "boxes" for folder in folders)


def test_a_run_is_stale_once_a_definition_it_executes_changes(tmp_path, monkeypatch):
    spec, run = make_spec("smoke", "mil"), Run(tmp_path / "abc")
    run.queue(spec)
    assert run.staleness() == []
    original = identity._definition_hashes
    edited = {
        "socl_core.scoring.evaluation": "start_frames",
        "socl_book.figures": "style",
    }  # no run executes the second
    monkeypatch.setattr(
        identity,
        "_definition_hashes",
        lambda name: original(name) | ({f"{name}.{edited[name]}": "new"} if name in edited else {}),
    )
    assert run.staleness() == ["code of socl_core.scoring.evaluation.start_frames changed"]


@pytest.mark.parametrize("content", ['{"spec": {"method": "none"}}', '{"spec": 3}', "{}", "[]", "{", "3"])
def test_a_run_that_does_not_say_what_it_was_made_from_is_stale(tmp_path, content):
    run = Run(tmp_path / "abc")
    run.queue(make_spec("smoke", "mil"))
    (run.folder / "identity.json").write_text(content)
    assert len(run.staleness()) == 1
