"""The `socl` command with the arguments a user types."""

import json
import os
import signal
import time

import cv2
import numpy as np
import pytest
from layouts import otb_sequence, trackingnet_sequence
from moving import video
from program import socl

TINY = [word for pair in ("videos=4", "steps=2", "test_videos=1", "test_frames=3") for word in ("--set", pair)]
TINY += ["--protocol", "smoke"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with a run that `socl train` made in it."""
    cwd = tmp_path_factory.mktemp("train")
    done = socl("train", *TINY, "--seed", 3, "--out", "my_run", cwd=cwd)
    assert done.returncode == 0, done.stderr
    return cwd


def test_train_writes_weights_log_and_scores(trained):
    result = json.loads((trained / "my_run/result.json").read_text())
    assert result["spec"]["seed"] == 3
    assert (trained / "my_run/weights.safetensors").stat().st_size > 1000
    log = [json.loads(line) for line in (trained / "my_run/log.jsonl").read_text().splitlines()]
    assert [entry["step"] for entry in log] == [1, 2]
    boxes = (trained / "my_run/boxes/composite/test_000.txt").read_text().splitlines()
    assert len(boxes) == 3


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_program_as_an_error_would(tmp_path, monkeypatch, number, code):
    cleaned = []

    def interrupted_work():
        try:
            os.kill(os.getpid(), number)
            time.sleep(5)
        finally:
            cleaned.append(True)

    monkeypatch.setattr("socl_core.runs.store.all_runs", interrupted_work)
    done = socl("status", cwd=tmp_path)
    assert done.returncode == code and cleaned and "Aborted" not in done.stderr
    assert ("interrupted" in done.stderr) == (number == signal.SIGINT)


def test_a_start_that_came_to_nothing_does_not_block_its_folder(tmp_path):
    for name in ("none", "nothing"):  # a typing error, and another
        done = socl("train", *TINY, "--data", f"clicks:{tmp_path / name}", "--out", "x", cwd=tmp_path)
        assert done.returncode == 2 and f"there is no folder {tmp_path / name}" in done.stderr


def test_parameters_are_listed_with_their_meaning(tmp_path):
    lines = socl("parameters", "--method", "transt", cwd=tmp_path).stdout.splitlines()
    assert any(line.split()[:2] == ["search_size", "96"] and "search crops" in line for line in lines)
    values = json.loads(socl("parameters", "--json", cwd=tmp_path).stdout)
    assert values["eta"] == 0.1 and values["test"] == ["composite"]


def test_track_writes_one_line_a_frame_and_a_clip_that_it_can_read(trained):
    (trained / "frames").mkdir()
    for number, image in enumerate(video(5)[0]):
        cv2.imwrite(str(trained / f"frames/{number:04d}.png"), image)
    for frames, written in (("frames", ["--out", "boxes.txt", "--render", "out.mp4"]), ("out.mp4", ["--out", "b.txt"])):
        command = ["track", "--weights", "my_run/weights.safetensors", "--frames", frames, "--init", "70,50,30,30"]
        done = socl(*command, *written, cwd=trained)
        assert done.returncode == 0, done.stderr
        boxes = np.loadtxt(trained / written[1], delimiter=",")
        assert boxes.shape == (5, 4) and boxes[0].tolist() == [70, 50, 30, 30] and np.isfinite(boxes).all()


@pytest.mark.parametrize("init", ["40,30,0,40", "nan,30,4,4", "1,2,3", "900,900,10,10"])
def test_track_refuses_a_bad_first_box(trained, init):
    frame = np.zeros((50, 60, 3), np.uint8)
    (trained / "one").mkdir(exist_ok=True)
    cv2.imwrite(str(trained / "one/0001.png"), frame)
    done = socl("track", "--weights", "my_run/weights.safetensors", "--frames", "one", "--init", init,
                "--out", "bad.txt", cwd=trained)  # fmt: skip
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert not (trained / "bad.txt").exists()


def test_evaluate_prints_one_object(trained):
    done = socl("evaluate", "--weights", "my_run/weights.safetensors", "--data", "composite", "--split", "dev",
                "--sequences", "dev_000", "--export", "got10k:sent", "--explain", "--json", cwd=trained)  # fmt: skip
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    sent = trained / "sent" / "dev_000"
    frames = result["sequences"]["dev_000"]["frames"]
    assert [len((sent / f"dev_000_{part}.txt").read_text().split()) for part in ("001", "time")] == [frames] * 2
    assert set(result) == {"auc", "precision", "sequences", "weights", "failures"}
    assert all(0 < failure["start"] < failure["end"] <= frames for failure in result["failures"]["dev_000"])
    assert result["auc"] == pytest.approx(result["sequences"]["dev_000"]["auc"])
    assert len(set((sent / "dev_000_time.txt").read_text().split())) > 1  # each frame has its own
    again = socl("evaluate", "--weights", "my_run/weights.safetensors", "--data", "composite", "--split", "dev",
                 "--sequences", "dev_000", "--export", "got10k:sent", cwd=trained)  # fmt: skip
    assert again.returncode == 2 and "is there already" in again.stderr and "track" not in again.stderr
    wrong = socl("evaluate", "--weights", "my_run/weights.safetensors", "--data", "compost", cwd=trained)
    assert wrong.returncode == 2
    assert "did you mean 'composite'" in wrong.stderr


def test_a_split_that_a_server_scores_is_exported_not_scored(trained):
    command = ("evaluate", "--weights", "my_run/weights.safetensors", "--data", "trackingnet:tn")
    trackingnet_sequence(trained / "tn", "TEST", "x", frames=3)
    default = socl(*command, cwd=trained)
    assert default.returncode == 2 and "no split that can be scored here" in default.stderr
    bare = socl(*command, "--split", "test", cwd=trained)
    assert bare.returncode == 2 and "x is annotated in its first frame alone; --export" in bare.stderr
    done = socl(*command, "--split", "test", "--export", "trackingnet:sent_tn", cwd=trained)
    assert done.returncode == 0, done.stderr
    assert "not scored" in done.stdout and "AUC" not in done.stdout
    assert len((trained / "sent_tn/x.txt").read_text().splitlines()) == 3


def test_damage_is_found_before_tracking(trained):
    for name in ("Boy", "Deer"):
        image = otb_sequence(trained / "otb", name) / "img" / "0003.jpg"
        image.write_bytes(image.read_bytes()[:-40])
    otb_sequence(trained / "otb", "Dog")
    command = ("evaluate", "--weights", "my_run/weights.safetensors", "--data", "otb:otb")
    done = socl(*command, cwd=trained)
    assert done.returncode == 2 and "track" not in done.stderr
    assert "2 of 3 sequences cannot be used" in done.stderr and "Deer is damaged: 1 of 4 images" in done.stderr
    assert socl(*command, "--sequences", "Dog", cwd=trained).returncode == 0


def test_top_draws_a_map(tmp_path):
    rng = np.random.default_rng(0)
    cv2.imwrite(str(tmp_path / "a.png"), rng.integers(0, 256, (90, 120, 3), dtype=np.uint8))
    done = socl("top", "--image", "a.png", "--point", "60,40", "--out", "top.png", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert cv2.imread(str(tmp_path / "top.png")).shape[1] > 500
    outside = socl("top", "--image", "a.png", "--point", "500,40", "--out", "no.png", cwd=tmp_path)
    assert outside.returncode == 2
    assert "outside" in outside.stderr
    assert not (tmp_path / "no.png").exists()


def test_select_orders_settings_by_their_score_on_dev(tmp_path):
    fixed = [word for pair in ("steps=1", "videos=4", "frames=3", "test_videos=1", "test_frames=4")
             for word in ("--set", pair)]  # fmt: skip
    done = socl("select", "--protocol", "smoke", "--try", "lr=0.001,0.1", *fixed, "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)
    assert {row["setting"] for row in rows} == {"lr=0.001", "lr=0.1"}
    assert rows[0]["mean"] >= rows[1]["mean"]
    results = [json.loads(path.read_text()) for path in tmp_path.glob("runs/*/*/result.json")]
    assert {name for result in results for name in result["sequences"]["composite"]} == {"dev_000"}


def test_status_and_table_say_what_is_there(tmp_path):
    assert "no runs in ./runs yet" in socl("status", cwd=tmp_path).stdout
    done = socl("table", "2", "--protocol", "smoke", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    cells = json.loads(done.stdout)["cells"]
    paper = {(cell["row"], cell["column"]): cell["paper"] for cell in cells}
    assert paper["SoCL-Siam", "880h"] == 60.9
    assert paper["Box-Siam", "110h"] == 52.2
    assert all(cell["n"] == 0 and cell["measured"] is None and cell["runs"] == [] for cell in cells)
