"""What the videos of each split are made of, and one video: its bodies, background, camera and light."""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from socl_core.data.composite.bodies import (
    FRAME_SIZE,
    SLIDE,
    Body,
    cross,
    draw_body,
    draw_outline,
    smooth_curve,
    wander,
)
from socl_core.data.composite.textures import draw_texture

VERSION = 3
ROOM = (320, 240)  # px of the background that the camera can pan over
CANVAS = (720, 540)  # the room and the widest view, with some to spare
VISIBLE_SHARE = 0.2  # a frame with less of the target in sight is not valid
KINDS = ("ellipse", "star", "blob")
DISTRACTORS = (2, 4)  # fewest and most in a video
TWINS = 1  # of the distractors, at most, have the target's texture
OCCLUDERS = (0, 2)  # fewest and most bodies, in 80 frames, that are sent across the target's path


@dataclass(frozen=True)
class SplitPlan:
    """What a split is made of.

    photographs: file names, for objects and backgrounds; every second video has drawn textures in their place.
    scenery: more photographs, too plain for objects. videos, frames: how many videos, and how many frames in each.
    long, long_frames: how many of them, the last ones, are longer; there, targets also leave the frame.
    stride: time steps between frames. speed: the longest way of a body in a time step, as a share of its size.
    """

    photographs: tuple[str, ...]
    videos: int
    frames: int
    scenery: tuple[str, ...] = ()
    long: int = 0
    long_frames: int = 0
    stride: int = 1
    speed: float = 0.17

    def is_long(self, number: int) -> bool:
        """Whether a video of the split is one of the long ones."""
        return number >= self.videos - self.long

    def frames_of(self, number: int) -> int:
        """How many frames a video of the split has."""
        return self.long_frames if self.is_long(number) else self.frames

    def photograph_of(self, number: int) -> str | None:
        """The photograph that a video's target is cut from; None for a drawn texture."""
        return None if number % 2 else self.photographs[number // 2 % len(self.photographs)]


SPLITS: dict[str, SplitPlan] = {
    "train": SplitPlan(
        photographs=(
            "astronaut.png", "motorcycle_left.png", "motorcycle_right.png", "china.jpg", "retina.jpg",
            "camera.png", "grass.png", "coins.png",
        ),
        scenery=("hubble_deep_field.jpg", "text.png", "moon.png"),
        videos=64, frames=27, stride=3, speed=0.13,
    ),
    "dev": SplitPlan(
        photographs=("flower.jpg", "rocket.jpg", "brick.png"), videos=16, frames=60, long=4, long_frames=400
    ),
    "test": SplitPlan(photographs=("chelsea.png", "coffee.png", "ihc.png", "gravel.png"), videos=48, frames=80),
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Scene:
    """All that one video of T time steps depends on.

    behind, target, front: the bodies from back to front. background: the photograph it is cut from; None: drawn.
    camera (T, 3): the part of the background in sight, x, y px and zoom. gains (T, 3), gamma (T,): the light.
    noise: its standard deviation. seed: of background and noise.
    """

    behind: list[Body]
    target: Body
    front: list[Body]
    background: str | None
    camera: np.ndarray
    gains: np.ndarray
    gamma: np.ndarray
    noise: float
    seed: tuple[int, ...]

    @cached_property
    def canvas(self) -> np.ndarray:
        """The whole background, BGR uint8."""
        return draw_texture(np.random.default_rng(self.seed), self.background, *CANVAS)

    def frame(self, time: int) -> np.ndarray:
        """The frame at a time step, BGR uint8 (H, W, 3)."""
        left, top, zoom = self.camera[time]
        view = np.array([[zoom, 0, left], [0, zoom, top]])
        frame = cv2.warpAffine(self.canvas, view, FRAME_SIZE, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
        frame = frame.astype(np.float32)
        for body in (*self.behind, self.target, *self.front):
            body.paint(frame, time)
        frame = 255 * self.gains[time] * (frame / 255) ** self.gamma[time]
        frame += np.random.default_rng([*self.seed, time]).normal(0, self.noise, frame.shape)
        return np.clip(np.rint(frame), 0, 255).astype(np.uint8)

    def mask(self, time: int) -> np.ndarray:
        """The visible part of the target at a time step, bool (H, W)."""
        return self._visible(self.target.cover(time), time)

    def _visible(self, amodal: np.ndarray, time: int) -> np.ndarray:
        visible = amodal.copy()
        for body in self.front:
            gap = np.abs(body.centre[time] - self.target.centre[time]).max()
            if gap < 2 * (body.size * body.scale[time].max() + self.target.size * self.target.scale[time].max()):
                visible &= ~body.cover(time)
        return visible

    def others(self, time: int) -> np.ndarray:
        """Where distractors and occluders are at a time step, and not hidden by the target: bool (H, W)."""
        return np.any([body.cover(time) for body in (*self.behind, *self.front)], 0) & ~self.mask(time)

    def annotate(self, time: int) -> tuple[list[int], bool]:
        """The target's box x, y, w, h at a time step, all 0 where it is out of sight, and whether enough is visible."""
        amodal = self.target.cover(time)
        if not amodal.any():
            return [0, 0, 0, 0], False
        rows, columns = np.flatnonzero(amodal.any(1)).tolist(), np.flatnonzero(amodal.any(0)).tolist()
        box = [columns[0], rows[0], columns[-1] - columns[0] + 1, rows[-1] - rows[0] + 1]
        return box, bool(self._visible(amodal, time).sum() >= VISIBLE_SHARE * self.target.area(time))


def draw_scene(split: str, number: int) -> Scene:
    """Scene of a video; it depends on the split and the video's number alone."""
    plan, entropy = SPLITS[split], (VERSION, 0, sorted(SPLITS).index(split), number)
    rng, steps = np.random.default_rng(entropy), plan.stride * plan.frames_of(number)
    behind, target, front = _draw_bodies(rng, plan, number, steps)
    pan = [smooth_curve(rng, steps, 16, 0, room) for room in ROOM]
    light = smooth_curve(rng, steps, 12, 0.5, 1.3)
    return Scene(
        behind=behind,
        target=target,
        front=front,
        background=_choose_background(rng, plan, number),
        camera=np.stack([*pan, smooth_curve(rng, steps, 20, 0.75, 1.2)], 1),
        gains=np.stack([light * smooth_curve(rng, steps, 14, 0.7, 1.35) for _ in "BGR"], 1),
        gamma=smooth_curve(rng, steps, 16, 0.7, 1.4),
        noise=rng.uniform(1.5, 8),
        seed=entropy,
    )


def _draw_bodies(
    rng: np.random.Generator, plan: SplitPlan, number: int, steps: int
) -> tuple[list[Body], Body, list[Body]]:
    """The bodies behind the target, the target, and the bodies in front of it."""
    target = _draw_target(rng, plan, number, steps)
    behind, front = [], []
    twins = int(rng.integers(TWINS + 1))
    for i in range(int(rng.integers(DISTRACTORS[0], DISTRACTORS[1] + 1))):
        (behind, front)[rng.integers(2)].append(_draw_distractor(rng, plan, target, i < twins))
    for _ in range(max(1, steps // (80 * plan.stride)) * int(rng.integers(OCCLUDERS[0], OCCLUDERS[1] + 1))):
        front.append(_draw_occluder(rng, plan, target))
    return behind, target, front


def _draw_target(rng: np.random.Generator, plan: SplitPlan, number: int, steps: int) -> Body:
    """The body that is tracked. Its scale is between .72 and 1.4 times that of the first frame."""
    size, root = rng.uniform(32, 58), np.sqrt(rng.uniform(0.65, 1.55))
    alpha = draw_outline(rng, size * root, size / root, KINDS[rng.integers(len(KINDS))])
    start, leaves = np.array(FRAME_SIZE) * rng.uniform(0.25, 0.75, 2), plan.is_long(number)
    scale = smooth_curve(rng, steps, 18, 0.72, 1.4, start=1)
    texture = _cover(rng, plan.photograph_of(number), alpha)
    return draw_body(rng, alpha, texture, scale, lambda s: wander(rng, s, start, plan.speed, leaves))


def _draw_distractor(rng: np.random.Generator, plan: SplitPlan, target: Body, twin: bool) -> Body:
    """A body of about the target's size on a path of its own; a twin has the target's texture in nearly its colours."""
    size, root = target.size * (1 if twin else rng.uniform(0.7, 1.3)), np.sqrt(rng.uniform(0.6, 1.6))
    alpha = target.alpha if twin else draw_outline(rng, size * root, size / root, KINDS[rng.integers(len(KINDS))])
    if twin:
        texture = np.clip(target.texture * rng.uniform(0.9, 1.1, 3), 0, 255).astype(np.uint8)
    else:
        texture = _cover(rng, _any_photograph(rng, plan), alpha)
    starts = np.array(FRAME_SIZE) * rng.uniform(0.1, 0.9, (6, 2))
    start = starts[((starts - target.centre[0]) ** 2).sum(1).argmax()]
    scale = smooth_curve(rng, len(target.angle), 18, 0.75, 1.35)
    return draw_body(rng, alpha, texture, scale, lambda s: wander(rng, s, start, plan.speed))


def _draw_occluder(rng: np.random.Generator, plan: SplitPlan, target: Body) -> Body:
    """A bar or another object that crosses the target's path in front of it."""
    if rng.integers(2):
        kind, size, aspect = "bar", rng.uniform(0.9, 1.3), rng.uniform(3, 5) ** rng.choice([-1, 1])
    else:
        kind, size, aspect = KINDS[rng.integers(len(KINDS))], rng.uniform(0.8, 1.2), rng.uniform(0.6, 1.6)
    size, root = size * target.size, np.sqrt(aspect)
    alpha = draw_outline(rng, size * root, size / root, kind)
    texture = _cover(rng, _any_photograph(rng, plan), alpha)
    return draw_body(rng, alpha, texture, np.ones(len(target.angle)), lambda _: cross(rng, target.centre))


def _choose_background(rng: np.random.Generator, plan: SplitPlan, number: int) -> str | None:
    """Half of the backgrounds are of the target's material: its photograph, or drawn as it is."""
    names = (*plan.photographs, *plan.scenery)
    return plan.photograph_of(number) if rng.integers(2) else names[rng.integers(len(names))]


def _cover(rng: np.random.Generator, photograph: str | None, alpha: np.ndarray) -> np.ndarray:
    """A texture for an outline, with room to slide."""
    height, width = alpha.shape
    return draw_texture(rng, photograph, width + 2 * SLIDE, height + 2 * SLIDE)


def _any_photograph(rng: np.random.Generator, plan: SplitPlan) -> str | None:
    """A photograph of a split, or none for a drawn texture, both as often."""
    return plan.photographs[rng.integers(len(plan.photographs))] if rng.integers(2) else None
