"""Bodies of the composite benchmark: a texture inside an outline that moves, turns, bends and changes its size."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from scipy.interpolate import CubicSpline

FRAME_SIZE = (320, 240)  # width, height
SLIDE = 8  # px that a texture shifts inside its outline, at most, as that of a surface that turns
SHUTTER = 0.2  # of a time step, during which it is open


class Patch(NamedTuple):
    """A body at a time step: the frame pixel of its left top corner, where its texture is read, and its opacity."""

    corner: tuple[int, int]
    columns: np.ndarray  # of the texture without its margin, (h, w) float32
    rows: np.ndarray
    alpha: np.ndarray  # (h, w) float32 in [0, 1]


@dataclass(frozen=True, eq=False)
class Body:
    """A moving thing over T time steps.

    alpha: outline, float32 (h, w) in [0, 1]. texture: BGR uint8, `SLIDE` px larger on each side.
    centre (T, 2): x, y in px. scale (T, 2): along its width and height. angle (T,): rad. slide (T, 2): px.
    bend (T,): amplitude in px. phase (T, 2), waves (2,): of the bending along its width and height, in periods.
    """

    alpha: np.ndarray
    texture: np.ndarray
    centre: np.ndarray
    scale: np.ndarray
    angle: np.ndarray
    slide: np.ndarray
    bend: np.ndarray
    phase: np.ndarray
    waves: np.ndarray

    @property
    def size(self) -> float:
        """Square root of its area at scale 1, px."""
        return float(np.sqrt(self.alpha.size))

    def patch(self, time: int) -> Patch | None:
        """The body at a time step, None where it is out of sight."""
        height, width = self.alpha.shape
        (x0, y0), (scale_u, scale_v) = self.centre[time].tolist(), self.scale[time].tolist()
        bend = float(self.bend[time])
        reach = np.hypot(width, height) / 2 * max(scale_u, scale_v) + bend + 3
        low, high = (np.floor(self.centre[time] + sign * reach).astype(int) for sign in (-1, 1))
        if (high < 0).any() or (low >= FRAME_SIZE).any():
            return None
        x, y = (np.arange(a, b + 1, dtype=np.float32) - c for a, b, c in zip(low, high, (x0, y0)))
        cosine, sine = math.cos(self.angle[time]), math.sin(self.angle[time])
        u = (cosine * x + sine * y[:, None]) / scale_u
        v = (cosine * y[:, None] - sine * x) / scale_v
        (wave_u, wave_v), (phase_u, phase_v), turn = self.waves.tolist(), self.phase[time].tolist(), 2 * math.pi
        columns = u + bend * np.sin(turn * (wave_u / height * v + phase_u)) + (width - 1) / 2
        rows = v + bend * np.sin(turn * (wave_v / width * u + phase_v)) + (height - 1) / 2
        return Patch((int(low[0]), int(low[1])), columns, rows, cv2.remap(self.alpha, columns, rows, cv2.INTER_LINEAR))

    def cover(self, time: int) -> np.ndarray:
        """Where in the frame the body is opaque at a time step: bool (H, W)."""
        covered = np.zeros(FRAME_SIZE[::-1], bool)
        if patch := self.patch(time):
            place, part = _in_frame(patch)
            covered[place] = patch.alpha[part] >= 0.5
        return covered

    def area(self, time: int) -> float:
        """Opaque px at a time step, in and outside of the frame; turning and bending leave it as it is."""
        return float((self.alpha >= 0.5).sum() * self.scale[time].prod())

    def paint(self, frame: np.ndarray, time: int) -> None:
        """Draws the body over a frame (BGR float32, changed in place), blurred along its movement."""
        if not (patch := self.patch(time)):
            return
        dx, dy = self.slide[time].tolist()
        where = patch.columns + (SLIDE + dx), patch.rows + (SLIDE + dy)
        colour = cv2.remap(self.texture, *where, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        layer = np.dstack([colour * patch.alpha[..., None], patch.alpha])
        step = self.centre[min(time + 1, len(self.centre) - 1)] - self.centre[time]
        shift = tuple(np.rint(SHUTTER * step).astype(int)[::-1])
        layer = (2 * layer + np.roll(layer, shift, (0, 1)) + np.roll(layer, (-shift[0], -shift[1]), (0, 1))) / 4
        place, part = _in_frame(patch)
        frame[place] = frame[place] * (1 - layer[part][..., 3:]) + layer[part][..., :3]


def _in_frame(patch: Patch) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """The part of the frame that a patch covers, and that part of the patch."""
    (left, top), (height, width) = patch.corner, patch.alpha.shape
    x0, x1 = max(left, 0), max(min(left + width, FRAME_SIZE[0]), 0)
    y0, y1 = max(top, 0), max(min(top + height, FRAME_SIZE[1]), 0)
    return (slice(y0, y1), slice(x0, x1)), (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left))


def smooth_curve(rng: np.random.Generator, steps: int, spacing: int, low: float, high: float, start=None) -> np.ndarray:
    """Values (steps,) in low..high: a cubic spline through random knots `spacing` steps apart; `start` is the first."""
    knots = rng.uniform(low, high, steps // spacing + 2)
    knots[0] = knots[0] if start is None else start
    return np.clip(CubicSpline(np.arange(len(knots)) * spacing, knots)(np.arange(steps)), low, high)


def wander(
    rng: np.random.Generator, size: np.ndarray, start: np.ndarray, speed: float, leaves: bool = False
) -> np.ndarray:
    """Centres (T, 2) of a body of `size` (T,) px that keeps changing its direction and speed.

    It goes from `start` in steps of at most `speed` times its size. Its centre stays inside of the frame, unless it
    `leaves`: then all of it may be out of sight for a while.
    """
    path, position, velocity, turn = np.empty((len(size), 2)), start.copy(), _direction(rng) * speed / 2, 0
    for t in range(len(size)):
        path[t] = position
        if t == turn:
            aim = _direction(rng) * rng.uniform(0.3, 1) * speed
            turn += int(rng.integers(4, 14))
        velocity += (aim - velocity) / 3
        room = (-0.5 if leaves else 0.4) * size[t]
        outward = ((position < room) & (velocity < 0)) | ((position > np.array(FRAME_SIZE) - 1 - room) & (velocity > 0))
        velocity, aim = np.where(outward, -velocity, velocity), np.where(outward, -aim, aim)
        position = position + velocity * size[t]
    return path


def cross(rng: np.random.Generator, target: np.ndarray) -> np.ndarray:
    """Centres (T, 2) of a body that crosses the frame and meets the path `target` (T, 2) on its way.

    Trackers start in the first frame, so of six ways it takes the one that begins farthest from the target.
    """
    steps = len(target)
    time = int(rng.integers(steps // 4, steps))
    since = (np.arange(steps) - time)[:, None]
    ways = [target[time] + since * _direction(rng) * rng.uniform(2, 5) for _ in range(6)]
    return max(ways, key=lambda path: float(((path[0] - target[0]) ** 2).sum()))


def _direction(rng: np.random.Generator) -> np.ndarray:
    angle = rng.uniform(0, 2 * np.pi)
    return np.array([np.cos(angle), np.sin(angle)])


def draw_outline(rng: np.random.Generator, width: float, height: float, kind: str) -> np.ndarray:
    """Alpha float32 of a random "ellipse" (or superellipse), "star", "blob" or "bar" of about the given sides in px."""
    shape = max(8, round(height)) + 4, max(8, round(width)) + 4  # two px of border: outside is transparent
    y, x = np.meshgrid(*(np.linspace(-1, 1, side) * (side - 1) / (side - 5) for side in shape), indexing="ij")
    if kind == "ellipse":
        power = 2 * rng.integers(1, 4)
        depth = 1 - x**power - y**power
    elif kind == "bar":
        depth = 1 - np.maximum(np.abs(x), np.abs(y))
    elif kind == "star":
        angle, harmonics = np.arctan2(y, x), rng.uniform(-0.1, 0.1, (4, 2))
        waves = (a * np.cos(k * angle) + b * np.sin(k * angle) for k, (a, b) in enumerate(harmonics, 2))
        depth = 0.85 + sum(waves) - np.hypot(x, y)
    else:  # discs that flow into each other
        discs = [(*rng.uniform(-0.5, 0.5, 2), rng.uniform(0.3, 0.5)) for _ in range(rng.integers(3, 6))]
        depth = sum(r * r / ((x - cx) ** 2 + (y - cy) ** 2 + 1e-3) for cx, cy, r in discs) - 1
    alpha = np.clip(0.5 + depth * min(shape) / 4, 0, 1).astype(np.float32)
    alpha[[0, -1]], alpha[:, [0, -1]] = 0, 0
    return alpha


def draw_body(
    rng: np.random.Generator, alpha: np.ndarray, texture: np.ndarray, scale: np.ndarray,
    path_of: Callable[[np.ndarray], np.ndarray],
) -> Body:  # fmt: skip
    """A body on a random smooth motion: `path_of(size)` gives its centres (T, 2) from its size (T,) in px."""
    steps, (height, width) = len(scale), alpha.shape
    stretch = smooth_curve(rng, steps, 10, 0.95, 1.05)
    return Body(
        alpha=alpha,
        texture=texture,
        centre=path_of(np.sqrt(alpha.size) * scale),
        scale=np.stack([scale * stretch, scale / stretch], 1),
        angle=2 * np.pi * (rng.uniform(-0.06, 0.06) + smooth_curve(rng, steps, 12, -0.25, 0.25)),
        slide=np.stack([smooth_curve(rng, steps, 12, -SLIDE, SLIDE) for _ in "xy"], 1),
        bend=smooth_curve(rng, steps, 8, 0.02, 0.09) * min(width, height),
        phase=np.stack([smooth_curve(rng, steps, 10, 0, 1) for _ in "xy"], 1),
        waves=rng.uniform(0.5, 1.2, 2),
    )
