"""Videos of one's own with a click a frame."""

import cv2
import numpy as np
import pytest
from layouts import write_images
from typer.testing import CliRunner

from socl_core import data
from socl_core.commands.main import app
from socl_core.data.check import scan
from socl_core.data.video import write_clip
from socl_core.errors import DataError, UsageError
from socl_core.runs.spec import make_spec
from socl_core.runs.training_set import training_crops


def clicked(root, name, rows, numbers=range(1, 5)):
    write_images(root / name, numbers)
    (root / name / "clicks.csv").write_text("image,x,y\n" + "".join(f"{row}\n" for row in rows))
    return root / name


def test_a_click_belongs_to_the_image_it_names(tmp_path):
    clicked(tmp_path, "b", ["0003.jpg,39,29", "0001.jpg,2.5,0"])
    clicked(tmp_path, "a", ["0001.jpg,1,1", "", "0002.jpg,1,1", ""])
    write_images(tmp_path / "not clicked", [1, 2])
    first, second = data.load(f"clicks:{tmp_path}", "train")
    assert (first.name, second.name, len(second)) == ("a", "b", 4)
    assert second.valid.tolist() == [True, False, True, False] and second.boxes is None
    np.testing.assert_array_equal(second.points, [[2.5, 0], [np.nan] * 2, [39, 29], [np.nan] * 2])
    assert data.load(f"clicks:{tmp_path}", "train", frames=2)[1].valid.tolist() == [True, False]
    cv2.imwrite(str(tmp_path / "b" / "0003.jpg"), np.zeros((30, 39, 3), np.uint8))  # smaller than the others
    with pytest.raises(DataError, match="row 2: .* inside of 39 x 30"):
        data.load(f"clicks:{tmp_path}", "train")
    write_images(tmp_path / "b", [3])
    assert scan(f"clicks:{tmp_path}", "train").count("complete") == 2


@pytest.mark.parametrize("row, message", [
    ("0009.jpg,1,1", "row 3: expected the name of an image .*found '0009.jpg'"),
    (",1,1", "row 3: expected the name of an image"),
    ("0001.jpg,1,1", "row 3: 0001.jpg has been clicked before"),
    *((f"0002.jpg,{click}", "row 3: expected a click x,y inside") for click in ("40,1", "1,-1", "nan,1", "1", "a,1")),
    ("", "expected at least 2 clicked images, found 1"),
    ("0002.jpg," + "1" * 200_000, "field larger than"),
])  # fmt: skip
def test_a_bad_row_is_named(tmp_path, row, message):
    clicked(tmp_path, "a", ["0001.jpg,1,1", row])
    with pytest.raises(DataError, match=message):
        data.load(f"clicks:{tmp_path}", "train")


@pytest.mark.parametrize("content", ["", "0001.jpg,1,1\n", "image;x;y\n"])
def test_what_is_no_clicked_video_is_refused(tmp_path, content):
    assert "expected <video>/clicks.csv" in data.available(f"clicks:{tmp_path}")
    home = clicked(tmp_path, "a", [])
    (home / "clicks.csv").write_text(content)
    with pytest.raises(DataError, match="clicks.csv, row 1: expected the header image,x,y"):
        data.load(f"clicks:{tmp_path}", "train")
    with pytest.raises(DataError, match="no clicked video in .*; give the folder above it"):
        data.load(f"clicks:{home}", "train")


def test_a_video_is_cut_into_images_of_the_layout(tmp_path):
    write_clip(tmp_path / "my.mp4", [np.full((32, 48, 3), 20 * i, np.uint8) for i in range(7)])
    command = ["data", "frames", str(tmp_path / "my.mp4"), "--out", str(tmp_path / "own/my"), "--every", "3"]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0 and "3 images in" in done.output
    (tmp_path / "own/my/clicks.csv").write_text("image,x,y\n000004.jpg,5,6\n000007.jpg,5,6\n")
    (sequence,) = data.load(f"clicks:{tmp_path / 'own'}", "train")
    assert [path.stem for path in sequence.frames.paths] == ["000001", "000004", "000007"]
    assert np.abs(sequence.frames[1].astype(int) - 60).max() < 12 and sequence.valid.tolist() == [False, True, True]


def test_what_is_no_video_cannot_be_cut(tmp_path):
    (tmp_path / "my.mp4").write_text("no video")
    for name, message in (("my.mp4", "is no video that OpenCV can read"), ("none.mp4", "there is no video file")):
        with pytest.raises(DataError, match=message):
            CliRunner().invoke(
                app, ["data", "frames", str(tmp_path / name), "--out", str(tmp_path / "x")],
                catch_exceptions=False, standalone_mode=False,
            )  # fmt: skip
    assert not (tmp_path / "x").exists()


def test_clicks_train_and_boxes_are_missed(tmp_path, monkeypatch):
    monkeypatch.setattr("socl_core.runs.pipeline.CACHE", tmp_path / "cache")
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        clicked(tmp_path / "own", name, [f"000{i}.jpg,{60 + i},50" for i in (1, 2, 4)])
        for i in range(1, 5):
            frame = cv2.resize(rng.integers(0, 255, (12, 16, 3), np.uint8), (160, 120))
            cv2.imwrite(str(tmp_path / "own" / name / f"000{i}.jpg"), frame)
    own = {"data": (f"clicks:{tmp_path / 'own'}",), "videos": None, "frames": None}
    crops = training_crops(make_spec("smoke", "socl-siam", **own))
    assert crops.frame.tolist() == [0, 1, 3] * 2 and crops.boxes is None and crops.scores.shape[0] == 6
    with pytest.raises(DataError, match="the box condition needs boxes, found points only"):
        training_crops(make_spec("smoke", "box-siam", **own))
    with pytest.raises(UsageError, match="has clicks alone"):
        training_crops(make_spec("smoke", "socl-siam", point_noise=0.1, **own))
