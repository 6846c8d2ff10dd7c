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


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train", "--method", "socl-sim", "--out", "x"], ["socl-sim", "did you mean 'socl-siam'"]),
        (["train", "--set", "etaa=0.1", "--out", "x"], ["etaa", "did you mean 'eta'"]),
        (["train", "--set", "eta=0", "--out", "x"], ["eta", "greater than 0"]),
        (["train", "--set", "eta", "--out", "x"], ["name=value"]),
        (["train", "--data", "otbb", "--out", "x"], ["did you mean 'otb'"]),
        (["train", "--device", "cuda", "--out", "x"], ["CUDA"]),
        (["train", "--sede", "1", "--out", "x"], ["--seed"]),
        (["table", "7"], ["unknown table '7'"]),
        (["table", "2", "--seeds", "a"], ["--seeds"]),
        (["select", "--try", "lrr=0.1"], ["lrr", "did you mean 'lr'"]),
        (["select", "--try", "lr=0.1", "--on", "otb"], ["otb is test data"]),
        (["top", "--image", "none.jpg", "--point", "1,2", "--out", "x.png"], ["none.jpg"]),
        (["top", "--image", "none.jpg", "--point", "1,2", "--eta", "1.5", "--out", "x.png"], ["0 < eta <= 1"]),
        (["evaluate", "--weights", "none", "--data", "composite"], ["none", "socl train"]),
        (["evaluate", "--weights", "none", "--data", "composite", "--export", "otbb:x"], ["did you mean 'otb'"]),
        (["metrics", "--convention", "otb", "--boxes", "none", "--annotations", "none"], ["none holds no boxes"]),
        (["evaluate", "--data", "composite", "--split", "banana"], ["unknown split of composite 'banana'"]),
        (["track", "--frames", "x", "--init", "1,2,3,4", "--out", "."], [". is a folder"]),
        (["track", "--frames", "x", "--init", "1,2,3,4", "--out", "b", "--render", "c.gif"], ["c.gif", ".mp4"]),
        (["why", "3f2a"], ["no runs in ./runs"]),
        (["track", "--frames", "x", "--init", "1,2,3,4", "--out", "/dev/null"], ["/dev/null is no regular file"]),
        (["train", "--out", ""], ["the current folder"]),
        (["evaluate", "--data", "composite", "--sequences", ""], ["--sequences names none"]),
        (["weights", "3f2a", "--out", "/dev/stdout"], ["/dev/stdout is no regular file"]),
        (["evaluate", "--weights", "socl-cff", "--data", "composite"], ["socl-cff is no weights file"]),
        (["tarck"], ["unknown command 'tarck'", "did you mean 'track'"]),
    ],
)  # fmt: skip
def test_a_mistake_exits_with_2_and_names_what_was_expected(arguments, words, tmp_path):
    if "--device" in arguments:
        torch = pytest.importorskip("torch")
        if torch.cuda.is_available():
            pytest.skip("CUDA is available here")
    done = socl(*arguments, cwd=tmp_path)
    assert done.returncode == 2, (done.returncode, done.stderr)
    for word in words:
        assert word in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "x").exists() or not any((tmp_path / "x").glob("weights*"))


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


def test_clicks_are_no_boxes_to_score(tmp_path):
    (tmp_path / "own/a").mkdir(parents=True)
    for number in (1, 2):
        cv2.imwrite(str(tmp_path / f"own/a/{number}.png"), np.zeros((30, 40, 3), np.uint8))
    (tmp_path / "own/a/clicks.csv").write_text("image,x,y\n1.png,3,4\n2.png,3,4\n")
    done = socl("evaluate", "--data", "clicks:own", cwd=tmp_path)
    assert done.returncode == 2 and "has clicks alone" in done.stderr


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


def test_frames_of_one_video_are_not_mixed_with_another_s(tmp_path):
    (tmp_path / "cut").mkdir()
    cv2.imwrite(str(tmp_path / "cut/000001.jpg"), np.zeros((30, 40, 3), np.uint8))
    (tmp_path / "b.mp4").touch()
    done = socl("data", "frames", "b.mp4", "--out", "cut", cwd=tmp_path)
    assert done.returncode == 2 and "cut holds images already" in done.stderr
    assert len(list((tmp_path / "cut").iterdir())) == 1


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
