"""What a run would take: `socl plan`."""

import json

import pytest
from program import socl

from socl_core.errors import UsageError
from socl_core.models.device import Compute
from socl_core.runs.spec import make_spec
from socl_core.use.plan import Need, rehearse, size_of

SMALL = {"width": 0.05, "batch": 2, "videos": 4, "test_videos": 1, "data": ["composite"], "test": ["composite"]}


def test_sizes_are_counted_or_published(tmp_path, monkeypatch):
    monkeypatch.setenv("SOCL_DATA", str(tmp_path))
    videos, frames = size_of("composite", "train", videos=3, frames=5)
    assert (videos, frames) == (3, 15)
    assert size_of("got10k", "train") == (9335, 1_400_000) and size_of("got10k", "train", 10, 20) == (10, 200)
    with pytest.raises(UsageError, match="size of real_mini is not known"):
        size_of("real_mini", "val")


def test_needs_grow_with_the_run(tmp_path):
    needs = []
    for number, changes in enumerate(({"frames": 2, "steps": 10}, {"frames": 4, "steps": 1000})):
        (folder := tmp_path / str(number)).mkdir()
        needs.append(rehearse(make_spec("paper", "socl-siam", **SMALL | changes), Compute.choose("cpu"), folder))
    few, many = needs
    assert many.disk["crops"] == pytest.approx(2 * few.disk["crops"]) and many.memory["crops"] == many.disk["crops"]
    assert many.seconds["training"] > 10 * few.seconds["training"] > 0
    assert set(few.seconds) == {"objectness", "crops", "training", "evaluation"} and few.frames == 2
    assert Need({}, {}, {"crops": 200.0}, 40.0).fitting(100.0) == 15


def test_the_plan_ends_with_the_commands(tmp_path, monkeypatch):
    monkeypatch.setenv("SOCL_DATA", str(tmp_path))
    words = ["plan", "--method", "socl-siam", "--set", "width=0.05", "--set", "batch=2", "--price", "2"]
    done = socl(*words, "--set", "frames=150", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for text in ("socl-siam", "Cost of", "do not fit", "`--set frames=", "socl table 2 --protocol paper --run"):
        assert text in done.stdout
    content = json.loads(socl(*words, "--set", "frames=2", "--json", cwd=tmp_path).stdout)
    assert content["runs"]["socl-siam"]["frames"] == 2 and content["hours"] > 0
    assert not list(tmp_path.glob("runs"))
