"""What a training bought, by a few boxes of one's own videos."""

import cv2
import numpy as np
import pytest
from moving import video
from program import socl

from socl_core.errors import DataError
from socl_core.trackers.identity import IdentityTracker
from socl_core.use.judge import auc_by_video, judged_videos, judged_words


@pytest.fixture
def folder(tmp_path):
    """Two clicked videos of eight frames, the second to fifth and the seventh of which have boxes."""
    for name in "ab":
        (home := tmp_path / "own" / name).mkdir(parents=True)
        images, boxes = video(8, seed=ord(name))
        for number, image in enumerate(images):
            cv2.imwrite(str(home / f"{number}.png"), image)
        rows = [f"{n}.png," + ",".join(map(str, boxes[n])) for n in (1, 2, 3, 4, 6)]
        (home / "boxes.csv").write_text("\n".join(["image,x,y,w,h", *rows]) + "\n")
        rows = [f"{n}.png,{boxes[n, 0] + 15},{boxes[n, 1] + 15}" for n in range(8)]
        (home / "clicks.csv").write_text("\n".join(["image,x,y", *rows]) + "\n")
    return tmp_path


def test_a_tracker_runs_from_the_first_box_to_the_last(folder):
    videos = judged_videos(folder / "own")
    assert [path.name for path in videos["a"][0]] == [f"{n}.png" for n in range(1, 7)]
    assert np.isnan(videos["a"][1][4]).all() and videos["a"][1][5].tolist() == [88, 62, 30, 30]
    found = auc_by_video(IdentityTracker, videos)
    assert found["a"] == found["b"] and 0.3 < found["a"] < 0.8  # it stays where the target was


def test_the_gain_is_told_with_its_interval():
    words = judged_words({"a": 0.5, "b": 0.6}, {"a": 0.6, "b": 0.72})
    assert "AUC 66.0 over 2 videos; before 55.0, gain +11.0" in words and "-1.7 to +23.7" in words
    assert judged_words({"a": 0.5}, {"a": 0.6}).endswith("gain +10.0")
    assert judged_words(None, {"a": 0.6}) == "AUC 60.0 over 1 video"


def test_train_says_what_clicks_bought(folder):
    done = socl("train", "--protocol", "smoke", "--init", "socl-siam", "--data", "clicks:own", "--judge", "own",
                "--set", "steps=2", "--set", "batch=2", "--set", "test_videos=1", "--set", "test_frames=3",
                "--out", "mine", cwd=folder)  # fmt: skip
    assert done.returncode == 0 and "over 2 videos; before" in done.stdout, done.stderr


@pytest.mark.parametrize("row, cause", [
    ("1.png,1,2,0,4", "boxes.csv, row 3: expected a box x,y,w,h"),
    ("9.png,1,2,3,4", "row 3: expected the name of an image"),
    ("", "expected a box to start from and others, found 1"),
])  # fmt: skip
def test_boxes_that_cannot_judge_are_refused(folder, row, cause):
    (folder / "own/a/boxes.csv").write_text(f"image,x,y,w,h\n0.png,1,2,3,4\n{row}\n")
    with pytest.raises(DataError, match=cause):
        judged_videos(folder / "own")
    with pytest.raises(DataError, match="no video to judge by"):
        judged_videos(folder)
