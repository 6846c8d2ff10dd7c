"""`socl status`, `socl why`, `socl gc` and `socl weights` on small stores."""

import json
import os

import pytest
import torch
from typer.testing import CliRunner

from socl_core.commands.main import app
from socl_core.errors import DataError
from socl_core.methods.training import new_network
from socl_core.models.device import Compute
from socl_core.runs import identity
from socl_core.runs.spec import make_spec
from socl_core.runs.store import Run
from socl_core.runs.training_set import CROP_CODE
from socl_core.runs.weights import read_weights, save_weights, weights_spec

CHANGED = "code of socl_core.scoring.evaluation.start_frames changed"


@pytest.fixture
def store(tmp_path, monkeypatch):
    """A store of a current queued run, and of one made from a module that has changed since."""
    monkeypatch.chdir(tmp_path)
    current, stale = (make_spec("smoke", "mil", seed=seed) for seed in (0, 1))
    for spec in (current, stale):
        Run.of(spec).queue(spec)
    run = Run.of(stale)
    content = run.read("identity.json")
    content["code"]["socl_core.scoring.evaluation.start_frames"] = "before"
    run.write("identity.json", content)
    with run.working():
        run.write("result.json", {"mean": {"composite": {"auc": 0.5}}})
    return Run.of(current), run


def call(*arguments):
    return CliRunner().invoke(app, [*arguments], catch_exceptions=False)


def test_status_tells_state_age_and_staleness(store):
    current, stale = store
    rows = {row["run"]: row for row in json.loads(call("status", "--json").stdout)}
    assert rows[current.id]["state"] == "queued" and rows[current.id]["changed"] == []
    assert rows[stale.id]["state"] == "stale" and rows[stale.id]["changed"] == [CHANGED]
    assert 0 <= rows[stale.id]["hours"] < 1 and rows[stale.id]["auc"] == {"composite": 50.0}
    assert CHANGED in call("status").stdout


def test_why_names_the_inputs(store):
    current, stale = store
    assert "is current" in call("why", current.id).stdout
    assert call("why", stale.id[:6]).stdout.strip() == CHANGED
    from socl_core.errors import UsageError

    with pytest.raises(UsageError, match="unknown run"):
        call("why", "nothing")
    with pytest.raises(UsageError, match="names 2 runs"):
        call("why", "")


def test_weights_are_halved_with_their_spec(store, tmp_path):
    spec = make_spec("smoke", "socl-siam", width=0.125, seed=2)
    network, run = new_network(spec), Run.of(spec)
    run.queue(spec)
    save_weights(network.state_dict(), spec, run.folder / "weights.safetensors")
    assert "half.safetensors" in call("weights", run.id, "--out", "half.safetensors").stdout
    halved = tmp_path / "half.safetensors"
    assert weights_spec(halved) == spec
    assert halved.stat().st_size < 0.6 * (run.folder / "weights.safetensors").stat().st_size
    read = read_weights(halved, Compute(torch.device("cpu"), False)).state_dict()
    for name, tensor in network.state_dict().items():
        torch.testing.assert_close(read[name], tensor, rtol=1e-3, atol=1e-6)
    with pytest.raises(DataError, match="no weights file"):
        call("weights", store[1].id, "--out", "none.safetensors")


def test_gc_lists_first_and_deletes_only_what_is_stale(store, tmp_path):
    current, stale = store
    code = identity.code_hash(*CROP_CODE, "socl_core.data.composite")
    for name in (f"{code}-set", "0123-set", ".building-xyz"):
        (tmp_path / "cache" / "crops" / name).mkdir(parents=True)
    caches = tmp_path / "cache"
    (caches / "frames").mkdir()
    for name in ("of_other_photographs.npy", ".being_written.tmp", ".of_a_killed_process.tmp"):
        (caches / "frames" / name).touch()
    for old in ("crops/.building-xyz", "frames/.of_a_killed_process.tmp"):
        os.utime(caches / old, (0, 0))
    asked = CliRunner().invoke(app, ["gc"], input="n\n")
    assert "delete these 5?" in asked.stdout and str(stale.folder) in asked.stdout and "0123-set" in asked.stdout
    assert stale.folder.exists()
    assert "5 deleted" in call("gc", "--yes").stdout
    assert current.folder.exists() and not stale.folder.exists()
    assert [p.name for p in (caches / "crops").iterdir()] == [f"{code}-set"]
    assert [p.name for p in (caches / "frames").iterdir()] == [".being_written.tmp"]
    assert "nothing to delete" in call("gc", "--yes").stdout
