"""Exact drawing for the composite benchmark: cutting, warping and blending photographs in integers.

Every value that reaches a pixel is an integer or comes from +, -, *, /, sqrt (exact in IEEE arithmetic) or
from a sine, cosine or power that is rounded to a coarse grid at once, so each CPU makes the same frames.
Fixed point: positions are in 1/32 px, matrices in 1/4096, angles in 1/4096 of a turn.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np

FRAME_SIZE = (320, 240)  # width, height
SUBPIXELS = 32
UNIT = 4096
TURN = 4096
_ANGLES = np.arange(TURN) * (2 * np.pi / TURN)
COSINE, SINE = (np.rint(f(_ANGLES) * UNIT).astype(np.int32) for f in (np.cos, np.sin))
WAVE = SINE[:: TURN // 256] >> 4  # one period in 256 steps, amplitude 256


@dataclass(frozen=True)
class Tint:
    """A change of colour: a new order of the channels, saturation and channel gains in 1/64.

    A grey photograph is first mapped to the colours between `low` and `high` (BGR).
    """

    order: tuple[int, ...]
    saturation: int
    gains: tuple[int, ...]
    low: tuple[int, ...]
    high: tuple[int, ...]

    def apply(self, image: np.ndarray) -> np.ndarray:
        """`image` BGR uint8 (H, W, 3) in other colours."""
        pixels = image.astype(np.int32)
        if np.array_equal(image[..., 0], image[..., 1]) and np.array_equal(image[..., 1], image[..., 2]):
            low, high = np.array(self.low), np.array(self.high)
            pixels = low + (pixels * (high - low) + 127) // 255
        pixels = pixels[..., list(self.order)]
        grey = (pixels[..., :1] + 2 * pixels[..., 1:2] + pixels[..., 2:]) >> 2
        pixels = grey + ((pixels - grey) * self.saturation >> 6)
        return np.clip(pixels * np.array(self.gains) >> 6, 0, 255).astype(np.uint8)


@dataclass(frozen=True)
class Cut:
    """A rectangle of a photograph: the one with most contrast among `corners` (x, y in 1/1024 of its size).

    photograph: file name. factor: whole-number reduction by averaging. mirror: flip left-right.
    """

    photograph: str
    corners: tuple[tuple[int, int], ...]
    factor: int
    mirror: bool
    tint: Tint

    def take(self, image: np.ndarray, width: int, height: int) -> np.ndarray:
        """`width` x `height` px cut from the photograph `image`, which is mirrored beyond its borders."""
        best, contrast = None, -1
        for x, y in self.corners:
            rows = _mirrored(y * image.shape[0] >> 10, height * self.factor, image.shape[0])
            columns = _mirrored(x * image.shape[1] >> 10, width * self.factor, image.shape[1])
            patch = image[rows[:, None], columns].astype(np.int32)
            patch = patch.reshape(height, self.factor, width, self.factor, 3).sum(axis=(1, 3))
            patch = (patch // self.factor**2).astype(np.uint8)
            found = int(np.abs(np.diff(patch.astype(np.int32), axis=1)).sum())
            if found > contrast:
                best, contrast = patch, found
        return self.tint.apply(best[:, ::-1] if self.mirror else best)


@dataclass(frozen=True, eq=False)
class Motion:
    """Where a body is at each of T time steps, all int32.

    centre (T, 2): x, y in 1/32 px. inverse (T, 2, 2): image offset to texture offset, in 1/4096.
    waves (T, 2, 2): amplitude in 1/32 px and phase in 1/256 period of the bending along u and along v.
    slide (T, 2): shift of the texture inside the outline in 1/32 px, as of a surface that turns.
    reach (T, 2): half width and half height in px of a rectangle that holds the body. blur (T, 2): px.
    """

    centre: np.ndarray
    inverse: np.ndarray
    waves: np.ndarray
    slide: np.ndarray
    reach: np.ndarray
    blur: np.ndarray


@dataclass(frozen=True, eq=False)
class Body:
    """A moving thing: outline `alpha` uint8 (h, w), its texture `cut`, its motion, and the wave numbers
    (in 1/256 period per 8 px) of its bending."""

    alpha: np.ndarray
    cut: Cut
    margin: int  # px of texture around the outline, room for the slide
    wave_numbers: tuple[int, int]
    motion: Motion

    def texture(self, photograph: np.ndarray) -> np.ndarray:
        """The texture with its margin, BGR uint8, from the photograph of `cut`."""
        height, width = self.alpha.shape
        return self.cut.take(photograph, width + 2 * self.margin, height + 2 * self.margin)


class Seen(NamedTuple):
    """A body at a time step: corner of a patch in frame pixels (it may lie outside the frame), the body's alpha in the
    patch, uint8 (h, w), and the texture positions u, v (h, w) in 1/32 px."""

    left: int
    top: int
    alpha: np.ndarray
    u: np.ndarray
    v: np.ndarray


def to_int32(values: np.ndarray) -> np.ndarray:
    """`values` rounded to int32."""
    return np.rint(values).astype(np.int32)


def _mirrored(start: int, length: int, size: int) -> np.ndarray:
    """`length` indices from `start` on into an axis of `size`, reflected at both ends."""
    index = np.arange(start, start + length) % (2 * size)
    return np.where(index < size, index, 2 * size - 1 - index)


def _corners(u: np.ndarray, v: np.ndarray, shape: tuple[int, ...]):
    """Flat indices and weights (sum 1024) of the four neighbours of texture positions u, v in 1/32 px."""
    height, width = shape[:2]
    u, v = np.clip(u, 0, (width - 1) * SUBPIXELS - 1), np.clip(v, 0, (height - 1) * SUBPIXELS - 1)
    index = (v >> 5) * width + (u >> 5)
    right, down = u & 31, v & 31
    both = right * down
    return (
        (index, 1024 - (right << 5) - (down << 5) + both),
        (index + 1, (right << 5) - both),
        (index + width, (down << 5) - both),
        (index + width + 1, both),
    )


@lru_cache(maxsize=64)  # frame, masks and annotation of one time step ask for the same bodies
def outline(body: Body, time: int) -> Seen | None:
    """The body at a time step, None if it is out of sight."""
    motion = body.motion
    cx, cy = (int(c) for c in motion.centre[time])
    rx, ry = (int(r) for r in motion.reach[time])
    left, top = (cx >> 5) - rx, (cy >> 5) - ry
    if left >= FRAME_SIZE[0] or top >= FRAME_SIZE[1] or left + 2 * rx < 0 or top + 2 * ry < 0:
        return None
    x = (np.arange(left, left + 2 * rx + 1, dtype=np.int32) << 5) - cx
    y = ((np.arange(top, top + 2 * ry + 1, dtype=np.int32) << 5) - cy)[:, None]
    (ux, uy), (vx, vy) = motion.inverse[time]
    u, v = (ux * x + uy * y) >> 12, (vx * x + vy * y) >> 12
    (amplitude_u, phase_u), (amplitude_v, phase_v) = motion.waves[time]
    number_u, number_v = body.wave_numbers
    u, v = (
        u + (amplitude_u * WAVE[((v * number_u >> 8) + phase_u) & 255] >> 8),
        v + (amplitude_v * WAVE[((u * number_v >> 8) + phase_v) & 255] >> 8),
    )
    height, width = body.alpha.shape
    u, v = u + (width - 1) * SUBPIXELS // 2, v + (height - 1) * SUBPIXELS // 2
    flat = body.alpha.ravel()
    total = sum(flat[index] * weight for index, weight in _corners(u, v, body.alpha.shape))
    return Seen(left, top, (total >> 10).astype(np.uint8), u, v)


def cover(body: Body, time: int) -> np.ndarray:
    """Where in the frame a body is opaque at a time step: bool (H, W)."""
    covered = np.zeros(FRAME_SIZE[::-1], bool)
    if seen := outline(body, time):
        place, part = in_frame(seen.left, seen.top, seen.alpha)
        covered[place] = seen.alpha[part] >= 128
    return covered


def may_meet(one: Body, other: Body, time: int) -> bool:
    """Whether the rectangles that hold two bodies meet at a time step; if not, neither hides the other."""
    gap = np.abs(one.motion.centre[time] - other.motion.centre[time]) // SUBPIXELS
    return bool((gap <= one.motion.reach[time] + other.motion.reach[time] + 1).all())


def in_frame(left: int, top: int, patch: np.ndarray) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """The part of the frame that a patch at (left, top) covers, and that part of the patch."""
    height, width = patch.shape[:2]
    x0, x1 = max(left, 0), max(min(left + width, FRAME_SIZE[0]), 0)
    y0, y1 = max(top, 0), max(min(top + height, FRAME_SIZE[1]), 0)
    return (slice(y0, y1), slice(x0, x1)), (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left))


def paint(frame: np.ndarray, body: Body, texture: np.ndarray, time: int) -> None:
    """Draw a body over `frame` (BGR uint8, changed in place), blurred along its movement."""
    if not (seen := outline(body, time)):
        return
    left, top, alpha, u, v = seen
    rows, columns = np.nonzero(alpha)
    slide = body.motion.slide[time] + body.margin * SUBPIXELS
    flat = texture.reshape(-1, 3)
    colour = sum(
        flat[index] * weight[:, None]
        for index, weight in _corners(u[rows, columns] + slide[0], v[rows, columns] + slide[1], texture.shape)
    )
    layer = np.zeros((*alpha.shape, 4), np.int32)  # colour times alpha, alpha
    layer[..., 3] = alpha
    layer[rows, columns, :3] = (colour >> 10) * alpha[rows, columns, None].astype(np.int32)
    dx, dy = (int(d) for d in body.motion.blur[time])
    layer = 2 * layer + np.roll(layer, (dy, dx), (0, 1)) + np.roll(layer, (-dy, -dx), (0, 1))
    place, part = in_frame(left, top, layer)
    layer = layer[part]
    frame[place] = (frame[place] * (1020 - layer[..., 3:]) + layer[..., :3] + 510) // 1020


def view(canvas: np.ndarray, left: int, top: int, step: int) -> np.ndarray:
    """The frame with its corner at (left, top) in `canvas`, in 1/32 px, and `step` / 4096 canvas px a px."""
    x = left + (np.arange(FRAME_SIZE[0], dtype=np.int32) * step >> 7)
    y = top + (np.arange(FRAME_SIZE[1], dtype=np.int32) * step >> 7)
    down, right = (y & 31).astype(np.uint16)[:, None, None], (x & 31).astype(np.uint16)[:, None]
    first, last = int(x[0]) >> 5, (int(x[-1]) >> 5) + 2
    columns = canvas[:, first:last]
    rows = (columns[y >> 5] * (32 - down) + columns[(y >> 5) + 1] * down + 16) >> 5
    x = (x >> 5) - first
    return ((rows[:, x] * (32 - right) + rows[:, x + 1] * right + 16) >> 5).astype(np.uint8)


def expose(frame: np.ndarray, gains: np.ndarray, gamma: float) -> np.ndarray:
    """`frame` under another light: per channel 255 * gain * (value / 255) ** gamma, gains in 1/256."""
    curve = np.rint(UNIT * (np.arange(256) / 255) ** gamma).astype(np.int32)
    tables = np.minimum(curve[:, None] * gains * 255 >> 20, 255).astype(np.uint8)
    return np.stack([tables[:, c][frame[..., c]] for c in range(3)], axis=-1)


def add_noise(frame: np.ndarray, level: int, rng: np.random.Generator) -> np.ndarray:
    """`frame` plus the sum of two uniform 4-bit numbers, centred, times level / 16 (sd 0.41 * level)."""
    draws = np.arange(256)
    table = (((draws & 15) + (draws >> 4) - 15) * level + 8 >> 4).astype(np.int16)
    noisy = frame + table[rng.integers(0, 256, frame.shape, dtype=np.uint8)]
    return np.clip(noisy, 0, 255).astype(np.uint8)
