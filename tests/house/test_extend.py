"""The recipes of book/extend.md, followed word by word in a copy of the packages."""

import json
import shutil

import cv2
import numpy as np
import pytest
from program import ROOT, socl_apart

pytestmark = pytest.mark.slow
EXAMPLES = {
    "patch.py": "socl_core/methods",
    "margin_siam.py": "socl_core/methods",
    "boxed.py": "socl_core/data/layouts",
    "far_clicks.yaml": "socl_book/tables",
}
SMALL = "--protocol smoke --set videos=4 --set steps=2 --set test_videos=2 --set test_frames=8"
LINES = (
    "parameters --method patch",
    "train --method patch --protocol smoke --set test_frames=8 --out patch",
    f"train --method margin-siam {SMALL} --set margin=1 --out margin",
    "evaluate --weights margin/weights.safetensors --data composite --split dev --sequences dev_000",
    "data check boxed videos --json",
    f"train --method box-siam {SMALL} --data boxed:videos --set test=boxed:videos --out boxed",
    "table far_clicks --protocol smoke --run --json",
    "claims --protocol smoke --json",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A copy of the packages, each example put where its recipe says, and three videos."""
    folder, rng = tmp_path_factory.mktemp("copy"), np.random.default_rng(0)
    for name in ("socl_core", "socl_book"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for example, room in EXAMPLES.items():
        shutil.copy(ROOT / "book/examples" / example, folder / room)
    for video in ("train/a", "train/b", "test/c"):
        (folder / "videos" / video).mkdir(parents=True)
        for number in range(3):
            image = rng.integers(0, 256, (90, 120, 3), np.uint8)
            cv2.imwrite(str(folder / "videos" / video / f"{number}.jpg"), image)
        (folder / "videos" / video / "boxes.txt").write_text("40,30,24,20\n" * 3)
    return folder


@pytest.fixture(scope="module")
def printed(folder):
    """What each of the commands printed; none failed."""
    done = dict(zip(LINES, socl_apart(folder, *LINES, packages=folder), strict=True))
    assert {line: each.stderr for line, each in done.items() if each.returncode} == {}
    return {line: each.stdout for line, each in done.items()}


def result(folder, run):
    return json.loads((folder / run / "result.json").read_text())


def test_a_tracker_is_one_file(folder, printed):
    assert "pixels it may move in a frame" in printed[LINES[0]]
    assert result(folder, "patch")["mean"]["composite"]["auc"] > 0.3  # targets move slowly at first


def test_a_loss_is_one_file(folder, printed):
    log = [json.loads(line) for line in (folder / "margin/log.jsonl").read_text().splitlines()]
    assert [entry["step"] for entry in log] == [1, 2] and all(0 <= entry["loss"] <= 3 for entry in log)
    assert "hard_negative" not in log[0]  # it is not the loss of SoCL-Siam
    assert "AUC" in printed[LINES[3]]


def test_a_data_set_is_one_file(folder, printed):
    splits = json.loads(printed[LINES[4]])["splits"]
    assert {name: row["complete"] for name, row in splits.items()} == {"train": 2, "test": 1}
    assert result(folder, "boxed")["sequences"]["boxed:videos"]["c"]["frames"] == 3


def test_a_claim_is_one_block_of_yaml(printed):
    cells = json.loads(printed[LINES[6]])["cells"]
    measured = [cell["measured"] for cell in cells]
    assert [cell["n"] for cell in cells] == [1, 1] and all(0 < value < 100 for value in measured)
    claims = json.loads(printed[LINES[7]])["claims"]
    (mine,) = [claim for claim in claims if claim["claim"] == "exact clicks are above clicks off by 40 %"]
    assert mine["difference"] == pytest.approx(measured[0] - measured[1], abs=0.06)
