"""The paper protocol from folders in the official layouts to a run's scores and to the files for the servers."""

import json

import numpy as np
import pytest
from layouts import got10k_split, lasot_sequence, some_boxes, text, trackingnet_sequence
from program import socl
from tiny import TINY_TRANST

from socl_core.runs.pipeline import run_or_load
from socl_core.runs.spec import make_spec

pytestmark = pytest.mark.slow
# What makes a run of the protocol small. It names no data set: those are the protocol's.
TINY = TINY_TRANST | {"steps": 2, "batch": 2}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """GOT-10k, LaSOT and TrackingNet as they are distributed, with small videos: 200 to train on."""
    root = tmp_path_factory.mktemp("data")
    got10k_split(root / "got10k", "train", [f"GOT-10k_Train_{number:06d}" for number in range(1, 201)], frames=4)
    got10k_split(root / "got10k", "val", ("v", "w"), frames=4)
    got10k_split(root / "got10k", "test", ("GOT-10k_Test_000001",), frames=4)
    (root / "got10k/test/GOT-10k_Test_000001/groundtruth.txt").write_text(text(some_boxes(1)))
    for label in (root / "got10k/test/GOT-10k_Test_000001").glob("*.label"):
        label.unlink()
    lasot_sequence(root / "lasot", "airplane-1", frames=5, hidden=(3,))
    trackingnet_sequence(root / "trackingnet", "TEST", "x_0", frames=5)
    return root


@pytest.fixture(scope="module")
def trained(root, tmp_path_factory):
    """A folder with the runs of Table 1 at the paper protocol."""
    cwd = tmp_path_factory.mktemp("paper")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(cwd)
        patch.setenv("SOCL_DATA", str(root))
        runs = {method: run_or_load(make_spec("paper", method, **TINY), "cpu") for method in ("transt", "socl-transt")}
    return cwd, {method: (cwd / run.folder, run.id) for method, run in runs.items()}


@pytest.mark.parametrize("method", ["transt", "socl-transt"])
def test_a_run_is_scored_on_the_annotated_benchmarks(trained, method):
    result = json.loads((trained[1][method][0] / "result.json").read_text())
    sets = result["sequences"]
    assert {name: list(each) for name, each in sets.items()} == {"got10k": ["v", "w"], "lasot": ["airplane-1"]}
    assert sets["got10k"]["v"]["got10k_frames"] == 3
    assert 0 <= sets["lasot"]["airplane-1"]["lasot_precision"] <= 4 / 5  # the hidden frame counts in the length alone


@pytest.mark.parametrize("data, name, rows", [("got10k", "GOT-10k_Test_000001", 4), ("trackingnet", "x_0", 5)])
def test_boxes_for_the_servers_are_exported(root, trained, data, name, rows):
    cwd, runs = trained
    weights = runs["socl-transt"][0] / "weights.safetensors"
    done = socl("evaluate", "--weights", weights, "--data", data, "--data-root", root, "--split", "test",
                "--export", f"{data}:sent", "--device", "cpu", cwd=cwd)  # fmt: skip
    assert done.returncode == 0, done.stderr
    path = cwd / "sent" / (f"{name}/{name}_001.txt" if data == "got10k" else f"{name}.txt")
    boxes = np.loadtxt(path, delimiter=",")
    assert boxes.shape == (rows, 4) and np.isfinite(boxes).all()
    np.testing.assert_array_equal(boxes[0], some_boxes(1)[0])
