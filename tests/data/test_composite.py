"""The embedded benchmark: the same everywhere, exact annotation, hard but followable."""

import hashlib
import inspect
import pickle
from dataclasses import replace

import numpy as np
import pytest

from socl_core import data
from socl_core.data import composite
from socl_core.data.composite import render
from socl_core.data.composite import scene as scenes
from socl_core.data.composite.scene import SPLITS, draw_scene
from socl_core.errors import DataError, UsageError

WIDTH, HEIGHT = render.FRAME_SIZE
PHOTOGRAPHS = [name for plan in SPLITS.values() for name in plan.photographs + plan.scenery]
# Of four videos and four frames of each. Test holds PNG photographs alone; train and dev also depend on the
# JPEG decoder. Whoever changes the generator on purpose raises scene.VERSION and renews these.
HASHES = {
    "dev": "2539750f9b36447653f5ad07126cf2e1764464dcaf01f6b04441e4944620e6b7",
    "test": "a24965ab58f6ec9c321c2ae76be7c95527995dd02113d33deef7a5b60b4288e4",
    "train": "f18f96a31d964cda693447692f8905d98053db5609279456d571026588af1b72",
}


def load(split, videos=None, frames=None, **options):
    return data.load("composite", split, videos=videos, frames=frames, **options)


@pytest.fixture(scope="module")
def all_test_videos():
    return load("test")


@pytest.fixture(scope="module", params=sorted(SPLITS))
def videos(request, all_test_videos):
    """All of test, and enough of the others to meet each property without waiting for all of train."""
    return all_test_videos if request.param == "test" else load(request.param, 8)


def scene_of(video):
    return video.frames.draw.__self__


@pytest.mark.parametrize("split", SPLITS)
def test_same_pixels_on_any_machine(split):
    digest = hashlib.sha256()
    for video in load(split, 4):
        digest.update(np.rint(video.boxes * 64).astype("<i8").tobytes() + video.valid.tobytes())
        for i in (0, 3, 11, -1):
            digest.update(video.frames[i].tobytes() + np.packbits(video.masks[i]).tobytes())
    assert digest.hexdigest() == HASHES[split]


def test_default_sizes(all_test_videos):
    sizes = {split: (plan.videos, plan.frames) for split, plan in SPLITS.items()}
    assert sizes == {"train": (64, 27), "dev": (8, 60), "test": (12, 80)}
    assert [video.name for video in all_test_videos] == [f"test_{k:03d}" for k in range(12)]
    assert all(len(video.frames) == len(video.masks) == len(video) == 80 for video in all_test_videos)
    frame, mask = all_test_videos[0].frames[0], all_test_videos[0].masks[0]
    assert frame.shape == (HEIGHT, WIDTH, 3) and frame.dtype == np.uint8
    assert mask.shape == (HEIGHT, WIDTH) and mask.dtype == bool


def test_order_of_frames_does_not_matter():
    first, second = (load("dev", 1, 6)[0] for _ in range(2))
    forward = [first.frames[i] for i in range(6)]
    backward = [second.frames[i] for i in reversed(range(6))][::-1]
    assert np.array_equal(forward, backward) and np.array_equal(forward[2:5], first.frames[2:5])
    assert not any(np.array_equal(a, b) for a, b in zip(forward, forward[1:]))


def test_fewer_videos_and_frames_are_a_prefix(all_test_videos):
    few = load("test", 3, 10)
    assert [len(video) for video in few] == [10] * 3
    for short, long in zip(few, all_test_videos):
        assert short.name == long.name
        assert np.array_equal(short.boxes, long.boxes[:10]) and np.array_equal(short.valid, long.valid[:10])
        assert np.array_equal(short.frames[9], long.frames[9])
    cut = all_test_videos[0].first(10)
    assert len(cut.masks) == len(cut.others) == 10 and np.array_equal(cut.masks[9], few[0].masks[9])


def test_the_seed_changes_a_video_and_pickling_does_not():
    video, other = (composite.draw_video("test", 0, frames=5, seed=seed) for seed in (0, 1))
    assert not np.array_equal(other.boxes, video.boxes) and not np.array_equal(other.frames[0], video.frames[0])
    assert np.array_equal(pickle.loads(pickle.dumps(video)).frames[1], video.frames[1])


def test_splits_share_no_photograph():
    assert len(PHOTOGRAPHS) == len(set(PHOTOGRAPHS))
    pair = {"motorcycle_left.png", "motorcycle_right.png"}  # of one scene
    assert all(len(pair & set(plan.photographs)) in (0, 2) for plan in SPLITS.values())


@pytest.mark.parametrize("split", SPLITS)
def test_scenes_use_only_the_photographs_of_their_split(split):
    plan = SPLITS[split]
    for number in range(plan.videos):
        scene = draw_scene(split, number, seed=0)
        bodies = [*scene.behind, scene.target, *scene.front]
        assert {body.cut.photograph for body in bodies} <= set(plan.photographs)
        assert scene.background.photograph in plan.photographs + plan.scenery


def test_boxes_are_tight_around_the_mask(videos):
    checked = 0
    for video in videos:
        for i in range(0, len(video), 7):
            if not (mask := video.masks[i]).any():
                continue
            x, y, w, h = video.boxes[i]
            rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
            gaps = [columns[0] - x, x + w - 1 - columns[-1], rows[0] - y, y + h - 1 - rows[-1]]
            assert min(gaps) >= 0
            alone = replace(scene_of(video), front=[]).mask(video.frames.times[i])
            if np.array_equal(alone, mask):  # nothing hides the target, so the box fits without a gap
                assert max(gaps) <= 1
                checked += 1
    assert checked > 20


def test_the_mask_covers_the_pixels_that_the_target_changes():
    (video,) = load("test", 1, 1)
    scene, mask = scene_of(video), video.masks[0]
    gone = replace(scene.target, alpha=np.zeros_like(scene.target.alpha))
    changed = (scene.frame(0) != replace(scene, target=gone).frame(0)).any(axis=2)
    assert (changed & mask).sum() > 0.9 * mask.sum()
    assert (changed & ~mask).sum() < 0.35 * mask.sum()  # the soft, motion-blurred edge


def test_points_are_box_centres_inside_the_frame(videos):
    for video in videos:
        corners, sizes = video.boxes[:, :2], video.boxes[:, 2:]
        assert np.array_equal(video.points, corners + (sizes - 1) / 2)
        assert (corners >= 0).all() and (corners + sizes <= [WIDTH, HEIGHT]).all()


def test_targets_can_be_followed_but_do_move(videos):
    for video in videos:
        width, height = video.boxes[:, 2], video.boxes[:, 3]
        size = np.sqrt(width * height)
        step = np.hypot(*np.diff(video.points, axis=0).T) / size[:-1]
        assert step.max() < 0.5 and step.mean() > 0.04
        assert (size >= 20).all() and (size <= 105).all()
        assert (size / size[0] > 0.6).all() and (size / size[0] < 1.7).all()
        assert (width / height > 0.4).all() and (width / height < 2.5).all()


def test_valid_means_a_fifth_is_visible(all_test_videos):
    for video in all_test_videos[::3]:
        for i in range(0, len(video), 4):
            area = (render.outline(scene_of(video).target, i).alpha >= 128).sum()
            assert video.valid[i] == (video.masks[i].sum() / area >= 0.2)


def test_others_are_what_moves_beside_the_target(videos):
    video = videos[1]
    scene, others, mask = scene_of(video), video.others[5], video.masks[5]
    time = video.frames.times[5]
    slow = np.zeros_like(others)
    for body in scene.behind + scene.front:
        slow |= render.cover(body, time)
    assert others.any() and np.array_equal(others, slow & ~mask)


def test_every_split_has_distractors_twins_and_occlusion(videos):
    plan = SPLITS[videos[0].name.partition("_")[0]]
    assert plan.distractors[0] >= 2 and plan.twins >= 1 and plan.occluders[1] >= 1
    drawn = [scene_of(video) for video in videos]
    assert any(body.cut.corners == s.target.cut.corners for s in drawn for body in s.behind + s.front)  # a twin
    assert all(video.valid[0] for video in videos) and not all(video.valid.all() for video in videos)


def test_videos_by_name_and_where_there_are_fewer():
    videos = load("dev", 99, 99, sequences=["dev_004", "dev_001"])
    assert [(video.name, len(video)) for video in videos] == [("dev_001", 60), ("dev_004", 60)]
    assert [video.name for video in load("dev", 1, 2, sequences=["dev_004", "dev_001"])] == ["dev_001"]
    for split, names in (("tets", None), ("test", ["test_012"])):
        with pytest.raises(UsageError, match="did you mean 'test"):
            load(split, sequences=names)


def test_missing_photograph_is_named(monkeypatch):
    monkeypatch.setattr(scenes, "PHOTOGRAPH_FOLDERS", (("skimage", "nowhere"),))
    with pytest.raises(DataError, match="chelsea.png is missing: .* skimage/nowhere"):
        load("test", 1)


def test_manifest_follows_version_and_photographs(monkeypatch, tmp_path):
    before = data.manifest("composite", "test")
    assert before.startswith(f"composite-{scenes.VERSION}-")
    files = {name: scenes.photograph_path(name) for name in PHOTOGRAPHS} | {"coffee.png": tmp_path / "coffee.png"}
    files["coffee.png"].write_bytes(b"another photograph")
    monkeypatch.setattr(composite, "photograph_path", files.__getitem__)
    assert inspect.unwrap(composite.manifest)() != before  # unwrapped, as the result is remembered for the process


def test_kept_frames_are_the_drawn_frames(tmp_path):
    (drawn,) = load("dev", 1, 3)
    for _ in range(2):  # drawn and stored, then read
        (kept,) = load("dev", 1, 3, cache=tmp_path)
        assert np.array_equal(list(kept.frames), list(drawn.frames))
    (path,) = (tmp_path / "frames").iterdir()
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(DataError, match="damaged"):
        load("dev", 1, 3, cache=tmp_path)[0].frames[0]
