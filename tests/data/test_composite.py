"""The embedded benchmark: the same everywhere, exact annotation, hard but followable."""

import hashlib
import inspect
import pickle
from dataclasses import replace

import numpy as np
import pytest

from socl_core.data import composite
from socl_core.data.composite import render
from socl_core.errors import DataError, UsageError

WIDTH, HEIGHT = render.FRAME_SIZE
SPLITS = sorted(composite.SPLITS)
# Of four videos and four frames of each. Test holds PNG photographs alone; train and dev also depend on the
# JPEG decoder. Whoever changes the generator on purpose raises composite.VERSION and renews these.
HASHES = {
    "dev": "2539750f9b36447653f5ad07126cf2e1764464dcaf01f6b04441e4944620e6b7",
    "test": "a24965ab58f6ec9c321c2ae76be7c95527995dd02113d33deef7a5b60b4288e4",
    "train": "f18f96a31d964cda693447692f8905d98053db5609279456d571026588af1b72",
}


@pytest.fixture(scope="module")
def all_test_videos():
    return composite.load("test")


@pytest.fixture(scope="module", params=SPLITS)
def videos(request, all_test_videos):
    """All of test, and enough of the others to meet each property without waiting for all of train."""
    return all_test_videos if request.param == "test" else composite.load(request.param, videos=8)


def scene_of(video):
    return video.frames.draw.__self__


def all_photographs():
    return [name for plan in composite.SPLITS.values() for name in plan.photographs + plan.scenery]


def digest(videos, indices):
    found = hashlib.sha256()
    for video in videos:
        found.update(np.rint(video.boxes * 64).astype("<i8").tobytes())
        found.update(video.valid.tobytes())
        for i in indices:
            found.update(video.frames[i].tobytes())
            found.update(np.packbits(video.masks[i]).tobytes())
    return found.hexdigest()


@pytest.mark.parametrize("split", SPLITS)
def test_same_pixels_on_any_machine(split):
    assert digest(composite.load(split, videos=4), (0, 3, 11, -1)) == HASHES[split]


def test_default_sizes(all_test_videos):
    assert {split: (plan.videos, plan.frames) for split, plan in composite.SPLITS.items()} == {
        "train": (64, 27),
        "dev": (8, 60),
        "test": (12, 80),
    }
    assert [video.name for video in all_test_videos] == [f"test_{k:03d}" for k in range(12)]
    for video in all_test_videos:
        assert len(video.frames) == len(video.masks) == len(video) == 80
    frame, mask = all_test_videos[0].frames[0], all_test_videos[0].masks[0]
    assert frame.shape == (HEIGHT, WIDTH, 3) and frame.dtype == np.uint8
    assert mask.shape == (HEIGHT, WIDTH) and mask.dtype == bool


def test_order_of_frames_does_not_matter():
    first, second = (composite.load("dev", videos=1, frames=6)[0] for _ in range(2))
    forward = [first.frames[i] for i in range(6)]
    backward = [second.frames[i] for i in reversed(range(6))][::-1]
    assert all(np.array_equal(a, b) for a, b in zip(forward, backward))
    assert all(np.array_equal(a, b) for a, b in zip(forward[2:5], first.frames[2:5]))
    assert not any(np.array_equal(a, b) for a, b in zip(forward, forward[1:]))


def test_fewer_videos_and_frames_are_a_prefix(all_test_videos):
    few = composite.load("test", videos=3, frames=10)
    assert [len(video) for video in few] == [10] * 3
    for short, long in zip(few, all_test_videos):
        assert short.name == long.name
        assert np.array_equal(short.boxes, long.boxes[:10]) and np.array_equal(short.valid, long.valid[:10])
        assert np.array_equal(short.frames[9], long.frames[9])


def test_seed_changes_the_videos(all_test_videos):
    other = composite.load("test", videos=1, frames=5, seed=1)[0]
    assert not np.array_equal(other.boxes, all_test_videos[0].boxes[:5])
    assert not np.array_equal(other.frames[0], all_test_videos[0].frames[0])


def test_videos_survive_pickling():
    video = composite.load("dev", videos=1, frames=2)[0]
    assert np.array_equal(pickle.loads(pickle.dumps(video)).frames[1], video.frames[1])


def test_splits_share_no_photograph():
    names = all_photographs()
    assert len(names) == len(set(names))
    # The pair of one scene may not be torn apart.
    pair = {"motorcycle_left.png", "motorcycle_right.png"}
    assert all(len(pair & set(plan.photographs)) in (0, 2) for plan in composite.SPLITS.values())


@pytest.mark.parametrize("split", SPLITS)
def test_scenes_use_only_the_photographs_of_their_split(split):
    plan = composite.SPLITS[split]
    for k in range(plan.videos):
        scene = composite._draw_scene(split, k, seed=0)
        bodies = [*scene.behind, scene.target, *scene.front]
        assert {body.cut.photograph for body in bodies} <= set(plan.photographs)
        assert scene.background.photograph in plan.photographs + plan.scenery


def test_boxes_are_tight_around_the_mask(videos):
    checked = 0
    for video in videos:
        for i in range(0, len(video), 7):
            mask = video.masks[i]
            if not mask.any():
                continue
            x, y, w, h = video.boxes[i]
            rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
            assert columns[0] >= x and columns[-1] <= x + w - 1 and rows[0] >= y and rows[-1] <= y + h - 1
            scene = scene_of(video)
            alone = replace(scene, front=[]).mask(video.frames.times[i])
            if np.array_equal(alone, mask):  # nothing hides the target, so the box fits without a gap
                sides = [columns[0] - x, x + w - 1 - columns[-1], rows[0] - y, y + h - 1 - rows[-1]]
                assert max(sides) <= 1
                checked += 1
    assert checked > 20


def test_the_mask_covers_the_pixels_that_the_target_changes():
    video = composite.load("test", videos=1, frames=1)[0]
    scene = scene_of(video)
    gone = replace(scene.target, alpha=np.zeros_like(scene.target.alpha))
    changed = (scene.frame(0) != replace(scene, target=gone).frame(0)).any(axis=2)
    mask = video.masks[0]
    assert (changed & mask).sum() > 0.9 * mask.sum()
    assert (changed & ~mask).sum() < 0.35 * mask.sum()  # the soft, motion-blurred edge


def test_points_are_box_centres_inside_the_frame(videos):
    for video in videos:
        assert np.array_equal(video.points, video.boxes[:, :2] + (video.boxes[:, 2:] - 1) / 2)
        assert (video.points >= 0).all() and (video.points <= [WIDTH - 1, HEIGHT - 1]).all()
        assert (video.boxes[:, :2] >= 0).all()
        assert (video.boxes[:, :2] + video.boxes[:, 2:] <= [WIDTH, HEIGHT]).all()


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
        scene = scene_of(video)
        for i in range(0, len(video), 4):
            _, _, alpha, _, _ = render.outline(scene.target, i)
            share = video.masks[i].sum() / (alpha >= 128).sum()
            assert video.valid[i] == (share >= 0.2)


def test_every_split_has_distractors_twins_and_occlusion(videos):
    split = videos[0].name.rsplit("_", 1)[0]
    plan = composite.SPLITS[split]
    assert plan.distractors[0] >= 2 and plan.twins >= 1 and plan.occluders[1] >= 1
    scenes = [scene_of(video) for video in videos]
    twins = [
        body for scene in scenes for body in scene.behind + scene.front if body.cut.corners == scene.target.cut.corners
    ]
    assert twins
    assert all(video.valid[0] for video in videos)
    assert not all(video.valid.all() for video in videos)


def test_unknown_split_names_the_nearest():
    with pytest.raises(UsageError, match="unknown composite split 'tets': did you mean 'test'"):
        composite.load("tets")


def test_where_there_are_fewer_all_are_taken():
    videos = composite.load("dev", 99, 99, wanted=["dev_004", "dev_001"])
    assert [(video.name, len(video)) for video in videos] == [("dev_001", 60), ("dev_004", 60)]
    assert [video.name for video in composite.load("dev", 1, 2, wanted=["dev_004", "dev_001"])] == ["dev_001"]


def test_missing_photograph_is_named(monkeypatch):
    monkeypatch.setattr(composite, "PHOTOGRAPH_FOLDERS", (("skimage", "nowhere"),))
    with pytest.raises(DataError, match="chelsea.png is missing: expected it in .* skimage/nowhere"):
        composite.load("test", videos=1)


def test_manifest_follows_version_and_photographs(monkeypatch, tmp_path):
    manifest = composite.manifest()
    assert manifest.startswith(f"composite-{composite.VERSION}-")
    files = {name: composite.photograph_path(name) for name in all_photographs()}
    files["coffee.png"] = tmp_path / "coffee.png"
    files["coffee.png"].write_bytes(b"another photograph")
    monkeypatch.setattr(composite, "photograph_path", files.__getitem__)
    # Unwrapped, as the result is remembered for the process.
    assert inspect.unwrap(composite.manifest)() != manifest


def test_kept_frames_are_the_drawn_frames(tmp_path):
    drawn = composite.load("dev", videos=1, frames=3)[0]
    for _ in range(2):  # drawn and stored, then read
        kept = composite.load("dev", videos=1, frames=3, cache=tmp_path)[0]
        assert all(np.array_equal(a, b) for a, b in zip(kept.frames, drawn.frames))
    (path,) = (tmp_path / "frames").iterdir()
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(DataError, match="damaged"):
        composite.load("dev", videos=1, frames=3, cache=tmp_path)[0].frames[0]
