"""The embedded benchmark: repeatable, exact annotation, hard but followable."""

import inspect
import pickle
from dataclasses import replace

import numpy as np
import pytest

from socl_core import data
from socl_core.data import composite
from socl_core.data.composite import scene as scenes
from socl_core.data.composite import textures
from socl_core.data.composite.bodies import FRAME_SIZE
from socl_core.data.composite.scene import SPLITS
from socl_core.errors import DataError

WIDTH, HEIGHT = FRAME_SIZE
PHOTOGRAPHS = [name for plan in SPLITS.values() for name in plan.photographs + plan.scenery]


def load(split, videos=None, frames=None, **options):
    return data.load("composite", split, videos=videos, frames=frames, **options)


@pytest.fixture(scope="module")
def test_videos():
    return load("test", 12)


@pytest.fixture(scope="module")
def dev_videos():
    return load("dev")


@pytest.fixture(scope="module", params=sorted(SPLITS))
def videos(request, test_videos, dev_videos):
    """Some videos of each split, of dev the long ones among them."""
    return {"train": load("train", 12), "dev": dev_videos[6:14], "test": test_videos}[request.param]


def scene_of(video):
    return video.frames.draw.__self__


def test_default_sizes(test_videos):
    sizes = {split: (plan.videos, plan.frames) for split, plan in SPLITS.items()}
    assert sizes == {"train": (64, 27), "dev": (16, 60), "test": (48, 80)}
    assert [(video.name, len(video)) for video in test_videos] == [(f"test_{k:03d}", 80) for k in range(12)]
    for images, shape, dtype in ((test_videos[0].frames, (HEIGHT, WIDTH, 3), np.uint8),
                                 (test_videos[0].masks, (HEIGHT, WIDTH), bool)):  # fmt: skip
        assert len(images) == 80 and images[0].shape == shape and images[0].dtype == dtype


def test_dev_has_long_videos_whose_target_leaves_the_frame(dev_videos):
    long = dev_videos[-4:]
    assert [len(video) for video in long] == [400] * 4
    for video in long:
        gone = ~video.boxes.any(1)
        assert gone.any() and gone.mean() < 0.4 and not video.valid[gone].any() and video.valid[0]
        back = np.flatnonzero(np.diff(gone.astype(int)) == -1)
        assert len(back) and any(video.masks[int(i) + 1].any() for i in back)


# Boxes of three frames of a video, and the mean of each picture; another processor may round a little differently.
DRAWN = {
    ("train", 0): ([[98, 96, 44, 28], [80, 80, 35, 47], [75, 139, 40, 37]], [83.6, 67.3, 143.6]),
    ("dev", 1): ([[83, 78, 40, 28], [73, 101, 61, 39], [64, 117, 47, 50]], [80.0, 133.7, 63.9]),
    ("test", 1): ([[192, 60, 64, 62], [208, 53, 84, 58], [197, 37, 86, 72]], [81.7, 111.0, 145.2]),
}


@pytest.mark.parametrize(("split", "number"), DRAWN)
def test_whoever_changes_the_videos_raises_the_version(split, number):
    assert scenes.VERSION == 3, "renew the numbers of DRAWN with the version"
    video, (boxes, means) = composite.draw_video(split, number, frames=21), DRAWN[split, number]
    np.testing.assert_allclose(video.boxes[[0, 7, 20]], boxes, atol=1)
    np.testing.assert_allclose([video.frames[i].mean() for i in (0, 7, 20)], means, atol=0.5)


def test_order_of_frames_does_not_matter():
    first, second = (load("dev", 1, 6)[0] for _ in range(2))
    forward = [first.frames[i] for i in range(6)]
    backward = [second.frames[i] for i in reversed(range(6))][::-1]
    assert np.array_equal(forward, backward) and np.array_equal(forward[2:5], first.frames[2:5])
    assert not any(np.array_equal(a, b) for a, b in zip(forward, forward[1:]))


def test_fewer_videos_and_frames_are_a_prefix(test_videos):
    few = load("test", 3, 10)
    assert [len(video) for video in few] == [10] * 3
    for short, long in zip(few, test_videos):
        assert short.name == long.name
        assert np.array_equal(short.boxes, long.boxes[:10]) and np.array_equal(short.valid, long.valid[:10])
        assert np.array_equal(short.frames[9], long.frames[9])
    cut = test_videos[0].first(10)
    assert len(cut.masks) == len(cut.others) == 10 and np.array_equal(cut.masks[9], few[0].masks[9])


def test_videos_differ_and_pickling_changes_none():
    video, other = (composite.draw_video("test", number, frames=5) for number in (0, 1))
    assert not np.array_equal(other.boxes, video.boxes) and not np.array_equal(other.frames[0], video.frames[0])
    assert np.array_equal(pickle.loads(pickle.dumps(video)).frames[1], video.frames[1])


def test_splits_share_no_photograph():
    assert len(PHOTOGRAPHS) == len(set(PHOTOGRAPHS))
    pair = {"motorcycle_left.png", "motorcycle_right.png"}  # of one scene
    assert all(len(pair & set(plan.photographs)) in (0, 2) for plan in SPLITS.values())


@pytest.mark.parametrize("split", SPLITS)
def test_scenes_use_only_the_photographs_of_their_split(split, monkeypatch):
    plan, used = SPLITS[split], set()
    original = textures.draw_texture
    monkeypatch.setattr(scenes, "draw_texture", lambda rng, name, *size: used.add(name) or original(rng, name, *size))
    for number in range(6):
        _ = scenes.draw_scene(split, number).canvas
    assert {None, plan.photographs[0]} <= used <= {None, *plan.photographs, *plan.scenery}


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
    scene = replace(scene, noise=0.0)
    changed = (scene.frame(0) != replace(scene, target=gone).frame(0)).any(axis=2)
    assert (changed & mask).sum() > 0.9 * mask.sum()
    assert (changed & ~mask).sum() < 0.35 * mask.sum()  # the soft, motion-blurred edge


def test_points_are_box_centres_inside_the_frame(videos):
    for video in videos:
        corners, sizes = video.boxes[video.valid, :2], video.boxes[video.valid, 2:]
        assert np.array_equal(video.points[video.valid], corners + (sizes - 1) / 2)
        assert (corners >= 0).all() and (corners + sizes <= [WIDTH, HEIGHT]).all() and (sizes > 0).all()


def test_targets_can_be_followed_but_do_move(videos):
    for video in videos:
        whole = (video.boxes[:, :2] > 0).all(1) & (video.boxes[:, :2] + video.boxes[:, 2:] < FRAME_SIZE).all(1)
        whole &= video.boxes[:, 2] > 0
        size = np.sqrt(video.boxes[:, 2:].prod(1))
        followed = whole[1:] & whole[:-1]
        step = (np.hypot(*np.diff(video.points, axis=0).T) / size[0])[followed]
        assert step.max() < 0.7 and step.mean() > 0.04
        assert (size[whole] >= 15).all() and (size[whole] <= 120).all()
        assert (size[whole] / size[0] > 0.5).all() and (size[whole] / size[0] < 2).all()


def test_valid_means_a_fifth_is_visible(test_videos):
    """The area in and outside of the frame, counted on a copy that is moved to the middle."""
    for video in test_videos[::3]:
        target = scene_of(video).target
        middle = replace(target, centre=np.zeros_like(target.centre) + np.array(FRAME_SIZE) / 2)
        for i in range(0, len(video), 4):
            share = video.masks[i].sum() / middle.cover(i).sum()
            if abs(share - 0.2) > 0.02:  # bending leaves the area as it is but for rounding
                assert video.valid[i] == (share > 0.2)


def test_others_are_what_moves_beside_the_target(videos):
    video = videos[1]
    scene, others, mask = scene_of(video), video.others[5], video.masks[5]
    time = video.frames.times[5]
    slow = np.zeros_like(others)
    for body in scene.behind + scene.front:
        slow |= body.cover(time)
    assert others.any() and np.array_equal(others, slow & ~mask)


def test_every_split_has_distractors_twins_and_occlusion(videos):
    drawn = [scene_of(video) for video in videos]
    assert any(body.alpha is s.target.alpha for s in drawn for body in s.behind + s.front)  # a twin
    assert all(video.valid[0] for video in videos) and not all(video.valid.all() for video in videos)


def test_missing_photograph_is_named(monkeypatch):
    monkeypatch.setattr(textures, "FOLDERS", (("skimage", "nowhere"),))
    with pytest.raises(DataError, match="chelsea.png is missing: .* skimage/nowhere"):
        load("test", 1)


def test_manifest_follows_version_and_photographs(monkeypatch, tmp_path):
    before = data.manifest("composite", "test")
    assert before.startswith(f"composite-{scenes.VERSION}-")
    files = {name: textures.photograph_path(name) for name in PHOTOGRAPHS} | {"coffee.png": tmp_path / "coffee.png"}
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
