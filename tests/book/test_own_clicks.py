"""The worked example of own videos: what its files hold, and that no training sees what judges it."""

import numpy as np

from socl_book.own_clicks import heat, write_videos
from socl_core import data
from socl_core.use.judge import judged_videos


def test_its_videos_are_written_once_as_a_user_would_have_them(tmp_path):
    clicked, judged = write_videos(2, 3, 1, tmp_path)
    videos = data.load(f"clicks:{clicked}", "train")
    assert [len(video) for video in videos] == [3, 3] and all(video.valid.all() for video in videos)
    (name,) = judged_videos(judged)
    assert name.startswith("test") and not {video.name for video in videos} & {name}
    truth = data.load("composite", "test", videos=1)[0]
    boxes = judged_videos(judged)[name][1]
    np.testing.assert_allclose(boxes[0], truth.boxes[0], atol=0.06)
    assert np.isnan(boxes[1:5]).all()
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.*")}
    write_videos(2, 3, 1, tmp_path)
    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.*")}


def test_the_camera_shows_a_negative_in_grey():
    seen = heat(np.dstack([np.full((40, 40), 250, np.uint8)] * 3), np.random.default_rng(0))
    assert seen.mean() < 80 and (seen[..., 0] == seen[..., 2]).all() and seen.std() > 1
