import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from socl_core.data.video import draw_box, read_frames, write_clip
from socl_core.errors import DataError, UsageError


def plain(count, height=32, width=44):
    return [np.full((height, width, 3), 20 * i, np.uint8) for i in range(1, count + 1)]


def names(folder):
    return [path.name for path in folder.iterdir()]


def test_a_clip_is_written_and_read_back(tmp_path):
    write_clip(tmp_path / "new" / "a.mp4", plain(7, 31, 43))
    frames, count = read_frames(tmp_path / "new" / "a.mp4")
    frames = list(frames)
    assert count == len(frames) == 7
    assert frames[0].shape == (32, 44, 3)  # even sides
    assert [round(float(frame.mean()) / 20) for frame in frames] == list(range(1, 8))
    assert names(tmp_path / "new") == ["a.mp4"]


def broken():
    yield from plain(1)
    raise RuntimeError("stop")


@pytest.mark.parametrize("frames, error, message", [
    (lambda: [], DataError, "no frame"),
    (lambda: plain(2) + plain(1, 64), DataError, "frame 3 has the shape"),
    (broken, RuntimeError, "stop"),
])  # fmt: skip
def test_a_failure_leaves_the_old_clip_alone(tmp_path, frames, error, message):
    (tmp_path / "a.mp4").write_text("before")
    with pytest.raises(error, match=message):
        write_clip(tmp_path / "a.mp4", frames())
    assert (tmp_path / "a.mp4").read_text() == "before" and names(tmp_path) == ["a.mp4"]


def test_a_clip_that_cannot_be_read_again_does_not_replace_the_old_one(tmp_path, monkeypatch):
    import imageio_ffmpeg

    def full_disk(path, *_, **__):
        Path(path).write_bytes(b"half a file")
        while True:
            yield

    (tmp_path / "a.mp4").write_text("before")
    monkeypatch.setattr(imageio_ffmpeg, "write_frames", full_disk)
    with pytest.raises(DataError, match="a.mp4"):
        write_clip(tmp_path / "a.mp4", plain(3))
    assert (tmp_path / "a.mp4").read_text() == "before" and names(tmp_path) == ["a.mp4"]


def test_a_clip_needs_its_encoder(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(UsageError, match="pip install imageio-ffmpeg"):
        write_clip(tmp_path / "a.mp4", plain(3))


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """A clip of 60 frames whose index stands before its frames, as of one that is made to be streamed."""
    from imageio_ffmpeg import get_ffmpeg_exe

    folder = tmp_path_factory.mktemp("clip")
    rng = np.random.default_rng(0)
    write_clip(folder / "a.mp4", rng.integers(0, 255, (60, 48, 64, 3), np.uint8))
    for target, options in {
        "b.mp4": "-c copy -movflags +faststart",
        "b.mkv": "-c copy",
        "vfr.mkv": "-vf select=not(mod(n\\,3))+lt(n\\,20) -fps_mode vfr",
    }.items():
        command = [get_ffmpeg_exe(), "-v", "error", "-i", folder / "a.mp4", *options.split(), folder / target]
        subprocess.run([str(word) for word in command], check=True)
    return folder


@pytest.mark.parametrize("name, count", [("b.mp4", 60), ("b.mkv", 60), ("vfr.mkv", 34)])
def test_a_whole_video_is_read_whatever_its_frame_rate(clip, name, count):
    assert abs(len(list(read_frames(clip / name)[0])) - count) <= 1


@pytest.mark.parametrize("name", ["b.mp4", "b.mkv"])
@pytest.mark.parametrize("damage", ["cut", "hole"])
def test_half_a_video_is_read_and_then_refused(clip, tmp_path, name, damage):
    content = (clip / name).read_bytes()
    half = len(content) // 2
    path = tmp_path / name
    path.write_bytes(content[:half] + (bytes(len(content) // 3) if damage == "hole" else b""))
    frames, count = read_frames(path)
    read = []
    with pytest.raises(DataError, match=f"{name} is cut or damaged: its header counts 60 frames"):
        read.extend(frame for frame in frames)
    assert count == 60


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
    assert drawn[12, 20].tolist() == drawn[26, 20].tolist() == [1, 2, 3]  # the box covers rows 12 .. 26
    assert np.array_equal(draw_box(image, [np.nan] * 4), image)
