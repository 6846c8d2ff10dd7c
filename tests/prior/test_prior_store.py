"""The store of objectness: whole files only, found again, rebuilt where damaged, and points alone."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest
from tiny import disc_video

from socl_core.errors import DataError
from socl_core.prior.objectness import objectness
from socl_core.prior.store import build_priors, read_prior


def view(number, frames=3):
    return disc_video(number, frames).point_view()


def hashes(folder):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.glob("*.npz"))}


@pytest.fixture
def built(tmp_path):
    """Priors of two videos, and their folder."""
    videos = [view(0), view(1)]
    assert build_priors(videos, tmp_path / "priors", 1) == 2
    return videos, tmp_path / "priors"


def test_what_is_read_is_the_objectness_of_each_valid_frame(tmp_path):
    video = replace(view(0), valid=np.array([True, False, True]))
    assert build_priors([video], tmp_path, 1) == 1
    found = read_prior(video, tmp_path)
    assert len(found) == 2
    for windows, i in zip(found, (0, 2), strict=True):
        expected = objectness(video.frames[i], video.points[i])
        np.testing.assert_array_equal(windows.boxes, expected.boxes)
        np.testing.assert_allclose(windows.scores, expected.scores, atol=5e-4)  # kept as float16
    size = next(tmp_path.glob("*.npz")).stat().st_size
    assert size < 2 * 1200 + 600


def test_what_is_finished_is_not_computed_again(built):
    videos, folder = built
    times = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert build_priors([*videos, view(2)], folder, 1) == 1
    assert {path: path.stat().st_mtime_ns for path in times} == times
    assert build_priors([*videos, view(2)], folder, 1) == 0


def test_the_number_of_workers_changes_nothing(built, tmp_path):
    videos, folder = built
    build_priors(videos[::-1], tmp_path / "more", 2)
    assert hashes(tmp_path / "more") == hashes(folder)


@pytest.mark.parametrize("damage", ["empty", "cut", "flipped", "words"])
def test_a_damaged_file_is_noticed_and_built_again(built, damage):
    videos, folder = built
    path, before = folder / f"{videos[0].name}.npz", hashes(folder)
    content = path.read_bytes()
    flipped = content[:-5] + bytes([content[-5] ^ 1]) + content[-4:]
    path.write_bytes(
        {"empty": b"", "cut": content[:-100], "flipped": flipped, "words": b"not a file of tensors"}[damage]
    )
    with pytest.raises(DataError, match=f"{videos[0].name}.npz"):
        read_prior(videos[0], folder)
    assert build_priors(videos, folder, 1) == 1
    assert hashes(folder) == before


def test_another_videos_file_is_noticed_and_built_again(built):
    videos, folder = built
    before = hashes(folder)
    first, second = (folder / f"{video.name}.npz" for video in videos)
    first.write_bytes(second.read_bytes())  # as many frames of the same size, other points
    with pytest.raises(DataError, match="holds other frames or points"):
        read_prior(videos[0], folder)
    assert build_priors(videos, folder, 1) == 1 and hashes(folder) == before
    fewer = replace(videos[0], valid=np.array([True, True, False]))
    with pytest.raises(DataError, match="holds other frames or points"):
        read_prior(fewer, folder)


def test_a_missing_file_is_named(built):
    with pytest.raises(DataError, match="disc-7.npz.*socl prior build"):
        read_prior(view(7), built[1])
