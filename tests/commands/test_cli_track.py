"""`socl track` from clicks and boxes, several at once."""

import csv

import cv2
import numpy as np
import pytest
from moving import video
from program import socl

from socl_core.data.files import read_boxes
from socl_core.data.video import read_frames
from socl_core.errors import DataError
from socl_core.scoring.metrics import iou

IMAGES, BOXES = video(8)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "my").mkdir()
    for number, image in enumerate(IMAGES):
        cv2.imwrite(str(tmp_path / f"my/{number:04d}.png"), image)
    return tmp_path


@pytest.mark.parametrize("choice", [[], ["--weights", "socl-siam"], ["--weights", "socl-cf"]])
def test_the_trackers_of_the_package_are_there_by_name(folder, choice):
    done = socl("track", *choice, "--frames", "my", "--init", "70,50,30,30", "--out", "b.txt", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert iou(read_boxes(folder / "b.txt"), BOXES).min() > 0.6


def test_a_click_and_a_box_are_followed_from_a_later_frame(folder):
    done = socl("track", "--frames", "my", "--start", 2, "--point", "90,68", "--init", "76,54,30,30", "--out", "b.csv",
                "--render-start", "start.png", "--render", "b.mp4", cwd=folder)  # fmt: skip
    assert done.returncode == 0 and "6 frames" in done.stdout, done.stderr
    rows = list(csv.DictReader((folder / "b.csv").open()))
    assert [(row["frame"], row["target"]) for row in rows] == [(str(f), t) for f in range(2, 8) for t in "12"]
    for row in rows:
        assert iou([float(row[name]) for name in "xywh"], BOXES[int(row["frame"])]) > (0.6, 0.3)[int(row["target"]) - 1]
        assert 0 <= float(row["confidence"]) <= 1
    assert "2.1  --init" in done.stdout and "1.1  --init" not in done.stdout  # a box has no other candidate
    assert (cv2.imread(str(folder / "start.png")) != IMAGES[2]).any() and read_frames(folder / "b.mp4")[1] == 6


def test_the_start_alone_can_be_shown_and_a_lost_target_left(folder):
    assert socl("track", "--frames", "my", "--point", "90,68", "--render-start", "s.png", cwd=folder).returncode == 0
    assert sorted(path.name for path in folder.iterdir()) == ["my", "s.png"]
    for number in range(4, 8):
        cv2.imwrite(str(folder / f"my/{number:04d}.png"), np.full_like(IMAGES[0], 90))
    done = socl("track", "--frames", "my", "--init", "70,50,30,30", "--out", "b.txt", "--stop-below", 0.4, cwd=folder)
    assert done.returncode == 0 and len(read_boxes(folder / "b.txt")) == 4, done.stderr


@pytest.mark.parametrize("words, cause", [
    (["--out", "b.txt"], "expected --init x,y,w,h or --point x,y"),
    (["--init", "1,2,3,4"], "expected --out"),
    (["--point", "1,2,3", "--out", "b.txt"], "expected --point x,y, found '1,2,3'"),
    (["--point", "500,2", "--out", "b.txt"], "outside of the image"),
    (["--init", "1,2,3,4", "--init", "1,2,3,4", "--out", "b.txt"], "several targets"),
    (["--init", "1,2,3,4", "--start", "8", "--out", "b.txt"], "no frame 8; expected --start below 8"),
])  # fmt: skip
def test_a_start_that_cannot_be_is_refused(folder, words, cause):
    done = socl("track", "--frames", "my", *words, cwd=folder)
    assert done.returncode == 2 and cause in done.stderr and not list(folder.glob("b.*"))


def test_a_camera_that_is_not_there_is_named():
    with pytest.raises(DataError, match="camera 97 cannot be opened"):
        next(read_frames("camera:97")[0])
