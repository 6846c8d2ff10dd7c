import contextlib
import itertools
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tiny import disc_video

from socl_core.data.sequence import Sequence
from socl_core.errors import DataError
from socl_core.geometry import EXEMPLAR, SEARCH, crop
from socl_core.methods.crops import CropStore, Cut, build_store
from socl_core.prior.objectness import objectness
from socl_core.prior.pseudo_boxes import GROWTH, SCALE_RULES, point_sides
from socl_core.prior.top import lattice, score_map
from socl_core.prior.windows import Windows


class Guarded(list):
    """Frames of which the second must not be decoded."""

    def __getitem__(self, index):
        assert index != 1, "an invalid frame was decoded"
        return super().__getitem__(index)


def test_point_sides_of_the_rules():
    images, points = [np.zeros((60, 90, 3), np.uint8)] * 3, np.full((3, 2), 20.0)
    windows = [Windows(np.array([[0, 0, s, s]]), np.ones(1)) for s in (10.0, 14.0, 90.0)]
    rng = np.random.default_rng(0)
    found = point_sides("window", images, windows, points, rng)
    np.testing.assert_allclose(found, [28, 28, 28])  # context of the median size
    sides = [point_sides("free", images, [], points, rng)[0] for _ in range(300)]
    assert 0.35 * 60 <= min(sides) < 0.4 * 60 and 1.1 * 60 < max(sides) <= 1.2 * 60
    assert abs(np.mean(np.log(sides)) - np.mean(np.log([21, 72]))) < 0.07


def test_sides_of_pseudo_boxes_follow_a_target_that_grows():
    sizes, points = np.linspace(10, 40, 9), np.full((9, 2), 30.0)
    images = [np.zeros((60, 90, 3), np.uint8)] * 9
    windows = [Windows(np.array([[30 - s / 2, 30 - s / 2, s, s], [30 - s, 10, s, s]]), np.ones(2)) for s in sizes]
    found = point_sides("pseudo", images, windows, points, np.random.default_rng(0))
    # Of two windows with one score the central one counts; the ends follow the running median of five.
    np.testing.assert_allclose(found[2:-2], 2 * GROWTH * sizes[2:-2], rtol=0.02)


@pytest.fixture
def videos():
    return [disc_video(number, frames=3) for number in range(3)]


@pytest.mark.parametrize("rule", SCALE_RULES)
def test_a_store_of_point_views(videos, tmp_path, rule):
    views = build_store([v.point_view() for v in videos], tmp_path / "views", Cut(rule))
    assert views.images.shape == (9, SEARCH, SEARCH, 3) and views.images.dtype == np.uint8
    assert views.scores.shape == (9, len(lattice()), len(lattice())) and views.scores.dtype == np.float32
    np.testing.assert_array_equal(views.video, np.repeat([0, 1, 2], 3))
    np.testing.assert_array_equal(views.frame, np.tile([0, 1, 2], 3))
    for rows in np.split(views.side, 3):
        assert (rows == rows[0]).all() or rule == "pseudo"  # all others have one side a video


def test_crops_and_maps_are_where_the_point_is(videos, tmp_path):
    store = build_store([v.point_view() for v in videos], tmp_path / "store", Cut("window"))
    middle = (SEARCH - 1) // 2
    for row, (video, frame) in enumerate(zip(store.video, store.frame, strict=True)):
        source, side = videos[video], float(store.side[row])
        shown = crop(source.frames[frame], source.points[frame], side * SEARCH / EXEMPLAR, SEARCH)
        np.testing.assert_array_equal(store.images[row], shown)
        windows = objectness(source.frames[frame], source.points[frame])
        expected = score_map(windows, source.points[frame], side * SEARCH / EXEMPLAR)
        np.testing.assert_allclose(store.scores[row], expected, rtol=1e-3, atol=1e-3)  # kept as float16
        weight = np.maximum(store.scores[row] - 0.5 * store.scores[row].max(), 0)
        assert (abs((weight.sum(0) * lattice()).sum() / weight.sum() - middle)) < 12
    assert 0.6 * 46 < store.side.mean() < 1.5 * 46  # twice the side of the disc of 23 pixels


def test_oracle_crops_by_the_box(videos, tmp_path):
    store = build_store(videos, tmp_path / "store", Cut("box"))
    assert store.scores is None
    np.testing.assert_allclose(store.side, 46)
    with pytest.raises(DataError, match="disc-1.*needs boxes"):
        build_store([videos[0], videos[1].point_view()], tmp_path / "none", Cut("box"))
    assert not (tmp_path / "none").exists()
    assert not list(tmp_path.glob(".building-*"))  # nothing half-made is left


def test_only_valid_frames_are_read(videos, tmp_path):
    one = videos[0]
    hidden = Sequence("hidden", Guarded(one.frames), one.points, None, np.array([True, False, True]))
    store = build_store([hidden, videos[1].point_view()], tmp_path / "store", Cut("free"))
    np.testing.assert_array_equal(store.frame, [0, 2, 0, 1, 2])
    np.testing.assert_array_equal(store.video, [0, 0, 1, 1, 1])


@pytest.fixture
def stored(tmp_path):
    """A store of one two-frame video without objectness, and its folder."""
    store = build_store([disc_video(0, 2), disc_video(1, 2)], tmp_path / "store", Cut("box"))
    return store, tmp_path / "store"


def test_a_reopened_store_is_equal_and_not_built_again(stored):
    store, folder = stored
    again = CropStore.open(folder)
    unused = build_store([], folder, Cut("box"))  # there already: nothing is drawn
    for name in vars(store):
        np.testing.assert_array_equal(getattr(again, name), getattr(store, name))
        np.testing.assert_array_equal(getattr(unused, name), getattr(store, name))


def flip_last_byte(content):
    return content[:-1] + bytes([content[-1] ^ 1])


@pytest.mark.parametrize("name, damage", [
    *itertools.product(
        ("images.npy", "video.npy", "side.npy", "index.json"),
        (None, lambda content: content[: len(content) // 2], lambda content: b"no store"),
    ),
    ("video.npy", lambda content: b""),
    ("images.npy", flip_last_byte),
    ("index.json", lambda content: b"[]"),
    ("index.json", lambda content: content.replace(b"video", b"other")),
])  # fmt: skip
def test_a_damaged_store_is_named(stored, name, damage):
    path = stored[1] / name
    content = path.read_bytes()
    path.unlink()
    if damage:
        path.write_bytes(damage(content))
    with pytest.raises(DataError, match=str(stored[1])):
        CropStore.open(stored[1])


def test_rows_and_join(videos, tmp_path):
    first = build_store([v.point_view() for v in videos[:2]], tmp_path / "first", Cut("free"))
    second = build_store([videos[2].point_view()], tmp_path / "second", Cut("free"))
    part = first.rows(np.array([1, 4, 5]))
    np.testing.assert_array_equal(part.video, [0, 1, 1])
    np.testing.assert_array_equal(part.frame, [1, 1, 2])
    np.testing.assert_array_equal(part.images[1], first.images[4])
    np.testing.assert_array_equal(part.scores[2], first.scores[5])
    joined = CropStore.join([part, second])
    np.testing.assert_array_equal(joined.video, [0, 1, 1, 2, 2, 2])
    np.testing.assert_array_equal(joined.frame, [1, 1, 2, 0, 1, 2])
    np.testing.assert_array_equal(joined.images[3:], second.images)
    np.testing.assert_array_equal(joined.scores[:3], part.scores)


def test_rows_and_join_without_score_maps(stored):
    joined = CropStore.join([stored[0].rows(np.array([0, 2])), stored[0]])
    assert joined.scores is None
    np.testing.assert_array_equal(joined.video, [0, 1, 2, 2, 3, 3])


AFTER_OPENCV = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import cv2, numpy as np
from tiny import disc_video
cv2.setNumThreads(2)
from socl_core.geometry import crop
from socl_core.methods.crops import Cut, build_store
video = disc_video(0, 2)
for _ in range(20):
    crop(np.zeros((240, 320, 3), np.uint8), (100, 100), 100, 255)
build_store([video, video], Path(sys.argv[2]) / "store", Cut("box"))
"""


@pytest.mark.slow
def test_a_store_is_built_in_a_process_that_has_used_opencvs_threads(tmp_path):
    tests = Path(__file__).parents[1]
    process = subprocess.Popen([sys.executable, "-c", AFTER_OPENCV, str(tests), str(tmp_path)], start_new_session=True)
    try:
        assert process.wait(timeout=25) == 0
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # its workers as well
