"""The embedded benchmark: videos composed from photographs inside the scikit-image and scikit-learn wheels.

A textured object cut out of a photograph moves, turns, bends and changes size and light over a moving
background, among distractors (some with the target's own texture) and behind occluders. Annotation is exact.
Boxes are tight around the target's amodal mask (as if nothing hid it) clipped to the image; points are box
centres; a frame is valid when at least a fifth of the target is visible. Train, dev and test share no
photograph. The same seed gives the same frames on any machine; for the JPEG photographs (train and dev) that
holds with the image decoder that constraints.txt pins.
"""

import hashlib
import io
from collections.abc import Iterable
from collections.abc import Sequence as AbstractSequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from socl_core.data.composite import render
from socl_core.data.composite.render import Body, Cut, Motion
from socl_core.data.composite.scene import draw_cut, draw_distractor, draw_occluder, draw_target, smooth_curve, whole
from socl_core.data.files import select, write_atomic
from socl_core.data.sequence import Sequence, read_image
from socl_core.errors import DataError, known
from socl_core.geometry import box_centres

VERSION = 2
EVALUATION = dict(dev="dev", test="test")
PHOTOGRAPH_FOLDERS = (("skimage", "data"), ("sklearn", "datasets/images"))  # package, folder inside it
CANVAS_ROOM = (320, 240)  # px that the background's view can pan
CANVAS_SIZE = (720, 540)  # the room and the widest view, with some to spare
VISIBLE_SHARE = 0.2  # a frame with less of the target in sight is not valid


@dataclass(frozen=True)
class SplitPlan:
    """What a split is made of.

    photographs: file names, for objects and backgrounds; scenery: more of them, too plain for objects.
    videos, frames: how many videos, and how many frames in each. stride: time steps between frames.
    speed: the longest way a body goes in one time step, as a share of its size.
    distractors: fewest and most in a video; twins: how many of them, at most, have the target's texture.
    occluders: fewest and most bodies that are sent across the target's path.
    """

    photographs: tuple[str, ...]
    videos: int
    frames: int
    scenery: tuple[str, ...] = ()
    stride: int = 1
    speed: float = 0.17
    distractors: tuple[int, int] = (2, 4)
    twins: int = 1
    occluders: tuple[int, int] = (0, 2)


SPLITS: dict[str, SplitPlan] = {
    "train": SplitPlan(
        photographs=(
            "astronaut.png", "motorcycle_left.png", "motorcycle_right.png", "china.jpg", "retina.jpg",
            "camera.png", "grass.png", "coins.png",
        ),
        scenery=("hubble_deep_field.jpg", "text.png", "moon.png"),
        videos=64, frames=27, stride=3, speed=0.13,
    ),
    "dev": SplitPlan(photographs=("flower.jpg", "rocket.jpg", "brick.png"), videos=8, frames=60),
    "test": SplitPlan(
        photographs=("chelsea.png", "coffee.png", "ihc.png", "gravel.png"), videos=12, frames=80
    ),
}  # fmt: skip


def load(
    split: str, videos: int | None = None, frames: int | None = None, seed: int = 0, cache: Path | None = None,
    wanted: Iterable[str] | None = None,
) -> list[Sequence]:  # fmt: skip
    """The first `videos` videos of a split, each cut to its first `frames` frames; all where there are no more.

    Frames and masks are drawn when they are asked for; boxes, points and valid are ready. cache: a folder in
    which the frames of a video are kept from the first time that one of them is drawn. wanted: only these, by name.
    Raises `UsageError` for an unknown split or name, `DataError` for a missing photograph.
    """
    plan = SPLITS[known("composite split", split, SPLITS)]
    for name in plan.photographs + plan.scenery:
        photograph_path(name)
    times = [plan.stride * i for i in range(plan.frames)][:frames]
    names = [f"{split}_{k:03d}" for k in range(plan.videos)]
    return [_sequence(split, names.index(name), seed, times, cache) for name in select(names, wanted)[:videos]]


def roles(_: None) -> dict[str, str]:
    """What each split may be used for."""
    return {name: name for name in SPLITS}


@cache
def manifest() -> str:
    """The generator's version and a hash of the photographs: whatever changes the videos changes it."""
    digest = hashlib.sha256()
    for name in sorted({name for plan in SPLITS.values() for name in plan.photographs + plan.scenery}):
        digest.update(f"{name} {hashlib.sha256(photograph_path(name).read_bytes()).hexdigest()}\n".encode())
    return f"composite-{VERSION}-{digest.hexdigest()[:16]}"


def photograph_path(name: str) -> Path:
    """The file of a photograph. Raises `DataError` if no installed package ships it."""
    for package, folder in PHOTOGRAPH_FOLDERS:
        spec = find_spec(package)
        if spec and spec.origin and (path := Path(spec.origin).parent / folder / name).is_file():
            return path
    packages = " or ".join(f"{package}/{folder}" for package, folder in PHOTOGRAPH_FOLDERS)
    raise DataError(f"photograph {name} is missing: expected it in the installed {packages}")


@cache
def _photograph(path: Path) -> np.ndarray:
    return read_image(path)


def _sequence(split: str, k: int, seed: int, times: list[int], cache: Path | None) -> Sequence:
    scene = _draw_scene(split, k, seed)
    boxes, valid = zip(*(scene.annotate(time) for time in times))
    boxes = np.array(boxes, np.float64)
    frames = _Rendered(scene.frame, times)
    if cache:
        frames = _Kept(frames, cache / "frames" / f"{manifest()}_{split}_{seed}_{k}_{len(times)}.npy")
    return Sequence(
        name=f"{split}_{k:03d}",
        frames=frames,
        points=box_centres(boxes),
        boxes=boxes,
        valid=np.array(valid),
        masks=_Rendered(scene.mask, times),
        others=_Rendered(scene.others, times),
    )


class _Rendered(AbstractSequence):
    """Arrays that `draw` makes on demand, one for each time step in `times`."""

    def __init__(self, draw, times: list[int]):
        self.draw, self.times = draw, times

    def __len__(self) -> int:
        return len(self.times)

    def __getitem__(self, index):
        if isinstance(index, slice):
            return _Rendered(self.draw, self.times[index])
        return self.draw(self.times[index])


class _Kept(AbstractSequence):
    """Rendered frames that are drawn once and then read from a file."""

    def __init__(self, rendered: _Rendered, path: Path):
        self.rendered, self.path = rendered, path

    def __len__(self) -> int:
        return len(self.rendered)

    def __getitem__(self, index):
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        return np.array(self._stored[index])

    @cached_property
    def _stored(self) -> np.ndarray:
        if not self.path.exists():
            drawn = io.BytesIO()
            np.save(drawn, np.stack([self.rendered[i] for i in range(len(self))]))
            write_atomic(self.path, drawn.getvalue())
        try:
            return np.load(self.path, mmap_mode="r")
        except (ValueError, EOFError, OSError) as error:
            raise DataError(f"{self.path} is damaged ({error}); delete it to have the frames drawn again") from error


@dataclass(frozen=True, eq=False)
class Scene:
    """All that one video of T time steps depends on.

    behind, target, front: the bodies from back to front. background: where it is cut from its photograph.
    camera (T, 3): what `render.view` shows of it. gains (T, 3) in 1/256 and gamma (T,): the light.
    noise: level for `render.add_noise`. entropy: seeds the noise.
    """

    behind: list[Body]
    target: Body
    front: list[Body]
    background: Cut
    camera: np.ndarray
    gains: np.ndarray
    gamma: np.ndarray
    noise: int
    entropy: tuple[int, ...]

    def frame(self, time: int) -> np.ndarray:
        """The frame at a time step, BGR uint8 (H, W, 3)."""
        canvas, textures = self._textures
        frame = render.view(canvas, *(int(value) for value in self.camera[time]))
        for body, texture in textures:
            render.paint(frame, body, texture, time)
        frame = render.expose(frame, self.gains[time], float(self.gamma[time]))
        rng = np.random.default_rng(np.random.SeedSequence([*self.entropy, time + 1]))
        return render.add_noise(frame, self.noise, rng)

    @cached_property
    def _textures(self) -> tuple[np.ndarray, list[tuple[Body, np.ndarray]]]:
        """The background and, from back to front, each body with its texture."""
        canvas = _take(self.background, *CANVAS_SIZE)
        return canvas, [(body, _texture(body)) for body in (*self.behind, self.target, *self.front)]

    def mask(self, time: int) -> np.ndarray:
        """The visible part of the target at a time step, bool (H, W)."""
        return self._masks(time)[2]

    def others(self, time: int) -> np.ndarray:
        """Where distractors and occluders are at a time step, and not hidden by the target: bool (H, W)."""
        bodies = [render.cover(render.outline(body, time)) for body in (*self.behind, *self.front)]
        return np.any(bodies, 0) & ~self.mask(time)

    def annotate(self, time: int) -> tuple[list[int], bool]:
        """The target's box x, y, w, h at a time step and whether enough of it is visible."""
        area, amodal, visible = self._masks(time)
        rows, columns = np.flatnonzero(amodal.any(axis=1)), np.flatnonzero(amodal.any(axis=0))
        box = [columns[0], rows[0], columns[-1] - columns[0] + 1, rows[-1] - rows[0] + 1]
        return [int(value) for value in box], bool(visible.sum() >= VISIBLE_SHARE * area)

    def _masks(self, time: int) -> tuple[int, np.ndarray, np.ndarray]:
        """The target's area in px in and outside the frame, its amodal and its visible mask."""
        target = render.outline(self.target, time)
        amodal = render.cover(target)
        visible = amodal.copy()
        for body in self.front:
            if not _apart(self.target.motion, body.motion, time):
                visible &= ~render.cover(render.outline(body, time))
        return int((target[2] >= 128).sum()), amodal, visible


def _take(cut: Cut, width: int, height: int) -> np.ndarray:
    return cut.take(_photograph(photograph_path(cut.photograph)), width, height)


def _texture(body: Body) -> np.ndarray:
    height, width = body.alpha.shape
    return _take(body.cut, width + 2 * body.margin, height + 2 * body.margin)


def _apart(one: Motion, other: Motion, time: int) -> bool:
    """Whether two bodies' rectangles do not meet, so that neither hides the other."""
    gap = np.abs(one.centre[time] - other.centre[time]) // render.SUBPIXELS
    return bool((gap > one.reach[time] + other.reach[time] + 1).any())


def _draw_scene(split: str, k: int, seed: int) -> Scene:
    """Scene of video k; it depends on the split, k and the seed alone."""
    plan = SPLITS[split]
    entropy = (VERSION, seed, sorted(SPLITS).index(split), k)
    rng = np.random.default_rng(np.random.SeedSequence(entropy))
    steps = plan.stride * plan.frames
    behind, target, front = _draw_bodies(rng, plan, plan.photographs[k % len(plan.photographs)], steps)
    background = _draw_background(rng, plan, target)
    corner = [smooth_curve(rng, steps, 16, 0, room * render.SUBPIXELS) for room in CANVAS_ROOM]
    step = smooth_curve(rng, steps, 20, 0.75, 1.2) * render.UNIT
    light = smooth_curve(rng, steps, 12, 0.5, 1.3)
    gains = [light * smooth_curve(rng, steps, 14, 0.7, 1.35) * 256 for _ in range(3)]
    return Scene(
        behind=behind,
        target=target,
        front=front,
        background=background,
        camera=whole(np.stack([*corner, step], axis=1)),
        gains=whole(np.stack(gains, axis=1)),
        gamma=whole(smooth_curve(rng, steps, 16, 0.7, 1.4) * 64) / 64,
        noise=int(rng.integers(4, 20)),
        entropy=entropy,
    )


def _draw_bodies(rng, plan: SplitPlan, photograph: str, steps: int) -> tuple[list[Body], Body, list[Body]]:
    """The bodies behind the target, the target, cut from `photograph`, and the bodies in front of it."""
    target = draw_target(rng, photograph, plan.speed, steps)
    behind, front = [], []
    count = int(rng.integers(plan.distractors[0], plan.distractors[1] + 1))
    twins = int(rng.integers(plan.twins + 1))
    for i in range(count):
        body = draw_distractor(rng, _any_cut(rng, plan), target, i < twins, plan.speed, steps)
        (front if rng.random() < 0.5 else behind).append(body)
    for _ in range(int(rng.integers(plan.occluders[0], plan.occluders[1] + 1))):
        front.append(draw_occluder(rng, _any_cut(rng, plan), target, steps))
    return behind, target, front


def _draw_background(rng, plan: SplitPlan, target: Body) -> Cut:
    """Half of the backgrounds come from the target's photograph, and half of these in its colours."""
    same, tint = rng.random() < 0.5, rng.random() < 0.5
    names = plan.photographs + plan.scenery
    cut = draw_cut(rng, names[int(rng.integers(len(names)))], candidates=1, factor=1)
    if same:
        cut = replace(cut, photograph=target.cut.photograph, tint=target.cut.tint if tint else cut.tint)
    return cut


def _any_cut(rng, plan: SplitPlan) -> Cut:
    name = plan.photographs[int(rng.integers(len(plan.photographs)))]
    return draw_cut(rng, name, candidates=4, factor=int(rng.integers(1, 4)))
