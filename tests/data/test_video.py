import cv2
import numpy as np
import pytest

from socl_core.data.video import draw_box, read_frames, write_clip
from socl_core.errors import DataError


def test_a_clip_is_written_and_read_back(tmp_path):
    frames = [np.full((31, 43, 3), 20 * i, np.uint8) for i in range(1, 8)]
    write_clip(tmp_path / "a.mp4", frames)
    read, count = read_frames(tmp_path / "a.mp4")
    read = list(read)
    assert count == len(read) == 7
    assert read[0].shape == (32, 44, 3)  # even sides
    assert [round(float(f.mean()) / 20) for f in read] == list(range(1, 8))
    assert [p.name for p in tmp_path.iterdir()] == ["a.mp4"]


def test_a_clip_without_frames_is_refused(tmp_path):
    with pytest.raises(DataError, match="no frame"):
        write_clip(tmp_path / "a.mp4", [])
    assert not list(tmp_path.iterdir())


def test_a_failure_half_way_leaves_the_old_clip(tmp_path):
    write_clip(tmp_path / "a.mp4", [np.zeros((32, 32, 3), np.uint8)] * 3)
    before = (tmp_path / "a.mp4").read_bytes()

    def broken():
        yield np.zeros((32, 32, 3), np.uint8)
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError):
        write_clip(tmp_path / "a.mp4", broken())
    assert (tmp_path / "a.mp4").read_bytes() == before


def test_frames_of_a_folder_and_of_nothing(tmp_path):
    with pytest.raises(DataError, match="no folder or video"):
        read_frames(tmp_path / "none.mp4")
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(DataError, match="no video"):
        read_frames(tmp_path / "text.mp4")
    (tmp_path / "img").mkdir()
    cv2.imwrite(str(tmp_path / "img/0001.png"), np.zeros((8, 9, 3), np.uint8))
    frames, count = read_frames(tmp_path)
    assert count == 1 and next(frames).shape == (8, 9, 3)


def test_a_box_is_drawn_on_a_copy():
    image = np.zeros((50, 60, 3), np.uint8)
    drawn = draw_box(image, [10, 12, 20, 15], (1, 2, 3))
    assert not image.any()
    assert drawn[12, 20].tolist() == [1, 2, 3]
    assert drawn[26, 20].tolist() == [1, 2, 3]  # the box covers rows 12 .. 26
    assert np.array_equal(draw_box(image, [np.nan] * 4), image)
