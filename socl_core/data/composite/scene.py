"""What the videos of each split are made of, and one video: its bodies, background, camera and light."""

from dataclasses import dataclass, replace
from functools import cache, cached_property
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from socl_core.data.composite.bodies import draw_cut, draw_distractor, draw_occluder, draw_target, smooth_curve
from socl_core.data.composite.render import (
    SUBPIXELS,
    UNIT,
    Body,
    Cut,
    add_noise,
    cover,
    expose,
    may_meet,
    outline,
    paint,
    to_int32,
    view,
)
from socl_core.data.sequence import read_image
from socl_core.errors import DataError

VERSION = 2
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
    "test": SplitPlan(photographs=("chelsea.png", "coffee.png", "ihc.png", "gravel.png"), videos=12, frames=80),
}  # fmt: skip


def photograph_path(name: str) -> Path:
    """The file of a photograph. Raises `DataError` if no installed package ships it."""
    for package, folder in PHOTOGRAPH_FOLDERS:
        spec = find_spec(package)
        if spec and spec.origin and (path := Path(spec.origin).parent / folder / name).is_file():
            return path
    packages = " or ".join(f"{package}/{folder}" for package, folder in PHOTOGRAPH_FOLDERS)
    raise DataError(f"photograph {name} is missing: expected it in the installed {packages}")


@cache
def read_photograph(name: str) -> np.ndarray:
    """A photograph, BGR uint8 (H, W, 3)."""
    return read_image(photograph_path(name))


@dataclass(frozen=True, eq=False)
class Scene:
    """All that one video of T time steps depends on.

    behind, target, front: the bodies from back to front. background: where it is cut from its photograph.
    camera (T, 3): what `view` shows of it. gains (T, 3) in 1/256 and gamma (T,): the light.
    noise: level for `add_noise`. entropy: seeds the noise.
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
        frame = view(canvas, *(int(value) for value in self.camera[time]))
        for body, texture in textures:
            paint(frame, body, texture, time)
        frame = expose(frame, self.gains[time], float(self.gamma[time]))
        rng = np.random.default_rng(np.random.SeedSequence([*self.entropy, time + 1]))
        return add_noise(frame, self.noise, rng)

    @cached_property
    def _textures(self) -> tuple[np.ndarray, list[tuple[Body, np.ndarray]]]:
        """The background and, from back to front, each body with its texture."""
        canvas = self.background.take(read_photograph(self.background.photograph), *CANVAS_SIZE)
        bodies = (*self.behind, self.target, *self.front)
        return canvas, [(body, body.texture(read_photograph(body.cut.photograph))) for body in bodies]

    def mask(self, time: int) -> np.ndarray:
        """The visible part of the target at a time step, bool (H, W)."""
        visible = cover(self.target, time)
        for body in self.front:
            if may_meet(self.target, body, time):
                visible &= ~cover(body, time)
        return visible

    def others(self, time: int) -> np.ndarray:
        """Where distractors and occluders are at a time step, and not hidden by the target: bool (H, W)."""
        return np.any([cover(body, time) for body in (*self.behind, *self.front)], 0) & ~self.mask(time)

    def annotate(self, time: int) -> tuple[list[int], bool]:
        """The target's box x, y, w, h at a time step and whether enough of it is visible."""
        amodal = cover(self.target, time)
        rows, columns = np.flatnonzero(amodal.any(axis=1)), np.flatnonzero(amodal.any(axis=0))
        box = [columns[0], rows[0], columns[-1] - columns[0] + 1, rows[-1] - rows[0] + 1]
        area = (outline(self.target, time).alpha >= 128).sum()  # in and outside of the frame
        return [int(value) for value in box], bool(self.mask(time).sum() >= VISIBLE_SHARE * area)


def draw_scene(split: str, number: int, seed: int) -> Scene:
    """Scene of a video; it depends on the split, the video's number and the seed alone."""
    plan = SPLITS[split]
    entropy = (VERSION, seed, sorted(SPLITS).index(split), number)
    rng = np.random.default_rng(np.random.SeedSequence(entropy))
    steps = plan.stride * plan.frames
    behind, target, front = _draw_bodies(rng, plan, plan.photographs[number % len(plan.photographs)], steps)
    background = _draw_background(rng, plan, target)
    corner = [smooth_curve(rng, steps, 16, 0, room * SUBPIXELS) for room in CANVAS_ROOM]
    step = smooth_curve(rng, steps, 20, 0.75, 1.2) * UNIT
    light = smooth_curve(rng, steps, 12, 0.5, 1.3)
    gains = [light * smooth_curve(rng, steps, 14, 0.7, 1.35) * 256 for _ in range(3)]
    return Scene(
        behind=behind,
        target=target,
        front=front,
        background=background,
        camera=to_int32(np.stack([*corner, step], axis=1)),
        gains=to_int32(np.stack(gains, axis=1)),
        gamma=to_int32(smooth_curve(rng, steps, 16, 0.7, 1.4) * 64) / 64,
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
        body = draw_distractor(rng, _draw_cut(rng, plan), target, i < twins, plan.speed, steps)
        (front if rng.random() < 0.5 else behind).append(body)
    for _ in range(int(rng.integers(plan.occluders[0], plan.occluders[1] + 1))):
        front.append(draw_occluder(rng, _draw_cut(rng, plan), target, steps))
    return behind, target, front


def _draw_cut(rng, plan: SplitPlan) -> Cut:
    name = plan.photographs[int(rng.integers(len(plan.photographs)))]
    return draw_cut(rng, name, candidates=4, factor=int(rng.integers(1, 4)))


def _draw_background(rng, plan: SplitPlan, target: Body) -> Cut:
    """Half of the backgrounds come from the target's photograph, and half of these in its colours."""
    same, tint = rng.random() < 0.5, rng.random() < 0.5
    names = plan.photographs + plan.scenery
    cut = draw_cut(rng, names[int(rng.integers(len(names)))], candidates=1, factor=1)
    if same:
        cut = replace(cut, photograph=target.cut.photograph, tint=target.cut.tint if tint else cut.tint)
    return cut
