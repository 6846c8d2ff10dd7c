"""Random shapes, paths and textures of the bodies in the composite benchmark.

Curves use +, -, *, / and sqrt alone, so the same generator state gives the same numbers on any machine.
"""

from dataclasses import replace

import numpy as np

from socl_core.data.composite.render import (
    COSINE,
    FRAME_SIZE,
    SINE,
    SUBPIXELS,
    TURN,
    UNIT,
    Body,
    Cut,
    Motion,
    Tint,
    to_int32,
)

SLIDE = 8  # px that a texture shifts inside its outline, at most
KINDS = ("superellipse", "star", "blob")


def smooth_curve(rng, steps: int, spacing: int, low: float, high: float, start=None) -> np.ndarray:
    """Values (steps,) in low..high: a Catmull-Rom spline through random knots `spacing` steps apart.

    `start` sets the first value.
    """
    knots = rng.uniform(low, high, steps // spacing + 4)
    if start is not None:
        knots[1] = start
    knot, part = np.divmod(np.arange(steps), spacing)
    f = part / spacing
    a, b, c, d = (knots[knot + i] for i in range(4))
    curve = b + f / 2 * (c - a + f * (2 * a - 5 * b + 4 * c - d + f * (3 * (b - c) + d - a)))
    return np.clip(curve, low, high)


def bouncing_path(rng, size: np.ndarray, start: np.ndarray, speed: float) -> np.ndarray:
    """Centres (T, 2) in px of a body of `size` (T,) px that keeps changing its direction and speed.

    It goes from `start` in steps of at most `speed` times its size; the centre stays inside the frame.
    """
    path = np.empty((len(size), 2))
    position, velocity, turn = start.copy(), _direction(rng) * speed / 2, 0
    for t in range(len(size)):
        path[t] = position
        if t == turn:
            aim = _direction(rng) * rng.uniform(0.3, 1) * speed
            turn += int(rng.integers(4, 14))
        velocity += (aim - velocity) / 3
        room = 0.4 * size[t]
        low, high = np.array([room, room]), np.array(FRAME_SIZE) - 1 - room
        outward = ((position < low) & (velocity < 0)) | ((position > high) & (velocity > 0))
        velocity, aim = np.where(outward, -velocity, velocity), np.where(outward, -aim, aim)
        position = position + velocity * size[t]
    return path


def _direction(rng) -> np.ndarray:
    """A random unit vector; rejection instead of a sine keeps it exact."""
    while True:
        x, y = (float(value) for value in rng.uniform(-1, 1, 2))
        if 0.01 < x * x + y * y <= 1:
            return np.array([x, y]) / np.sqrt(x * x + y * y)


def crossing_path(rng, target: np.ndarray) -> np.ndarray:
    """Centres (T, 2) in px of a body that crosses the frame and meets the path `target` (T, 2) on its way."""
    steps = len(target)
    time = int(rng.integers(steps // 4, steps))
    tries = []
    for _ in range(6):
        velocity = _direction(rng) * rng.uniform(2, 5)
        tries.append(target[time] + (np.arange(steps) - time)[:, None] * velocity)
    # The tracker starts in the first frame, so of six ways the body takes the one that begins farthest away.
    return max(tries, key=lambda path: float(((path[0] - target[0]) ** 2).sum()))


def draw_outline(rng, half_width: float, half_height: float, kind: str) -> np.ndarray:
    """Alpha uint8 (h, w) of a random superellipse, star, blob or bar of about the given half sizes in px."""
    field = {"superellipse": _superellipse, "star": _star, "blob": _blob, "bar": _bar}[kind](rng)
    line = np.linspace(-2, 2, 97)
    inside = field(line, line[:, None]) < 1
    columns, rows = line[np.flatnonzero(inside.any(axis=0))], line[np.flatnonzero(inside.any(axis=1))]
    border = 2  # px without alpha, so that a sample outside is transparent
    width, height = int(2 * half_width) + 2 * border, int(2 * half_height) + 2 * border
    x = columns[0] + (columns[-1] - columns[0]) * (np.arange(width) - border) / (width - 2 * border - 1)
    y = rows[0] + (rows[-1] - rows[0]) * (np.arange(height) - border) / (height - 2 * border - 1)
    depth = (1 - field(x, y[:, None])) * min(half_width, half_height)  # roughly px inside the border
    alpha = np.clip(128 + 128 * depth, 0, 255).astype(np.uint8)
    alpha[[0, -1]], alpha[:, [0, -1]] = 0, 0
    return alpha


def _superellipse(rng):
    power = int(rng.integers(1, 4))

    def field(x, y):
        x, y = x * x, y * y
        for _ in range(power - 1):
            x, y = x * x, y * y
        return x + y

    return field


def _bar(rng):
    return lambda x, y: np.maximum(np.abs(x), np.abs(y))


def _star(rng):
    """Radius 1 + sum of a_k cos(k t) + b_k sin(k t), with cos and sin of k t from powers of (x + iy) / r."""
    waves = rng.uniform(-0.16, 0.16, (4, 2))

    def field(x, y):
        radius = np.sqrt(x * x + y * y) + 1e-6
        cosine, sine = x / radius, y / radius
        edge, real, imaginary = 1.0, cosine, sine
        for a, b in waves:
            real, imaginary = real * cosine - imaginary * sine, real * sine + imaginary * cosine
            edge = edge + a * real + b * imaginary
        return radius / np.maximum(edge, 0.3)

    return field


def _blob(rng):
    """Three to five discs that flow into each other."""
    discs = [(*rng.uniform(-0.55, 0.55, 2), rng.uniform(0.3, 0.5)) for _ in range(rng.integers(3, 6))]

    def field(x, y):
        total = sum(r * r / ((x - cx) * (x - cx) + (y - cy) * (y - cy) + 1e-6) for cx, cy, r in discs)
        return 1 / total

    return field


def draw_tint(rng) -> Tint:
    """A random change of colour; half of them keep the order of the channels."""
    order = rng.permutation(3) if rng.random() < 0.5 else np.arange(3)
    return Tint(
        order=tuple(int(c) for c in order),
        saturation=int(rng.integers(32, 80)),
        gains=tuple(int(g) for g in rng.integers(48, 80, 3)),
        low=tuple(int(c) for c in rng.integers(0, 80, 3)),
        high=tuple(int(c) for c in rng.integers(140, 256, 3)),
    )


def draw_cut(rng, photograph: str, candidates: int, factor: int) -> Cut:
    """A random place in a photograph."""
    corners = tuple((int(x), int(y)) for x, y in rng.integers(0, 1024, (candidates, 2)))
    return Cut(photograph, corners, factor, bool(rng.integers(2)), draw_tint(rng))


def near_twin(rng, cut: Cut) -> Cut:
    """The same texture in a slightly different colour."""
    tint = cut.tint
    gains = tuple(int(np.clip(g + rng.integers(-6, 7), 40, 90)) for g in tint.gains)
    saturation = int(np.clip(tint.saturation + rng.integers(-8, 9), 24, 90))
    return replace(cut, tint=replace(tint, saturation=saturation, gains=gains))


def draw_motion(rng, alpha: np.ndarray, path_of, scale: np.ndarray) -> Motion:
    """A smooth random motion of the outline `alpha`: `path_of(size)` gives its centres (T, 2) in px from its
    size (T,) in px; `scale` (T,) multiplies its size."""
    steps, (height, width) = len(scale), alpha.shape
    size = float(np.sqrt(width * height)) * scale
    centre = path_of(size)
    stretch = smooth_curve(rng, steps, 10, 0.9, 1.11)
    tilt = rng.uniform(-0.06, 0.06)
    angle = to_int32((tilt + smooth_curve(rng, steps, 12, -0.25, 0.25)) * TURN) % TURN
    cosine, sine = COSINE[angle] / UNIT, SINE[angle] / UNIT
    sx, sy = scale * stretch, scale / stretch
    inverse = np.stack([cosine / sx, sine / sx, -sine / sy, cosine / sy], axis=1).reshape(steps, 2, 2)
    amplitude = smooth_curve(rng, steps, 8, 0.02, 0.09) * min(width, height)
    phase = np.stack([smooth_curve(rng, steps, 10, 0, 256) for _ in range(2)], axis=1)
    waves = np.stack([np.stack([amplitude * SUBPIXELS] * 2, axis=1), phase], axis=2)
    slide = np.stack([smooth_curve(rng, steps, 12, -SLIDE, SLIDE) for _ in range(2)], axis=1)
    velocity = np.diff(centre, axis=0, append=centre[-1:])
    reach_u, reach_v = (width / 2 + amplitude) * sx, (height / 2 + amplitude) * sy
    reach = np.stack(
        [
            np.abs(cosine) * reach_u + np.abs(sine) * reach_v,
            np.abs(sine) * reach_u + np.abs(cosine) * reach_v,
        ],
        axis=1,
    )
    blur = velocity * 0.2  # the shutter is open for a part of the step
    return Motion(
        centre=to_int32(centre * SUBPIXELS),
        inverse=to_int32(inverse * UNIT),
        waves=to_int32(waves),
        slide=to_int32(slide * SUBPIXELS),
        reach=to_int32(reach + np.abs(blur) + 3),
        blur=to_int32(blur),
    )


def draw_body(rng, cut: Cut, kind: str, size: float, elongation: float, path_of, scale) -> Body:
    """A random body of about `size` px (root of its area) at scale 1; `elongation` is width / height.

    `path_of` and `scale` are those of `draw_motion`.
    """
    root = float(np.sqrt(elongation))
    alpha = draw_outline(rng, size / 2 * root, size / 2 / root, kind)
    cycles = rng.uniform(0.5, 1.2, 2)  # of the bending, along the body
    wave_numbers = tuple(int(c * 2048 / side) for c, side in zip(cycles, alpha.shape))
    return Body(alpha, cut, SLIDE + 2, wave_numbers, draw_motion(rng, alpha, path_of, scale))


def draw_target(rng, photograph: str, speed: float, steps: int) -> Body:
    """The body that is tracked. Its scale is between 0.72 and 1.4 times that of the first frame."""
    kind = KINDS[int(rng.integers(len(KINDS)))]
    scale = smooth_curve(rng, steps, 18, 0.72, 1.4, start=1)
    start = np.array(FRAME_SIZE) * rng.uniform(0.25, 0.75, 2)
    size, elongation = rng.uniform(32, 58), rng.uniform(0.65, 1.55)
    cut = draw_cut(rng, photograph, candidates=8, factor=int(rng.integers(1, 4)))
    return draw_body(rng, cut, kind, size, elongation, lambda s: bouncing_path(rng, s, start, speed), scale)


def draw_distractor(rng, cut: Cut, target: Body, twin: bool, speed: float, steps: int) -> Body:
    """A body of about the target's size on a path of its own; a twin has the target's texture, not `cut`."""
    height, width = target.alpha.shape
    scale = smooth_curve(rng, steps, 18, 0.75, 1.35)
    size = float(np.sqrt(height * width)) * (1 if twin else rng.uniform(0.7, 1.3))
    kind = KINDS[int(rng.integers(len(KINDS)))]
    begin = target.motion.centre[0] / SUBPIXELS
    tries = np.array(FRAME_SIZE) * rng.uniform(0.1, 0.9, (6, 2))
    start = tries[int(np.argmax(((tries - begin) ** 2).sum(axis=1)))]
    elongation = width / height if twin else rng.uniform(0.6, 1.6)
    cut = near_twin(rng, target.cut) if twin else cut
    return draw_body(rng, cut, kind, size, elongation, lambda s: bouncing_path(rng, s, start, speed), scale)


def draw_occluder(rng, cut: Cut, target: Body, steps: int) -> Body:
    """A bar or another object that crosses the target's path in front of it."""
    path = target.motion.centre / SUBPIXELS
    size = float(np.sqrt(target.alpha.size))
    if rng.random() < 0.5:
        kind, size, elongation = "bar", size * rng.uniform(0.9, 1.3), rng.uniform(3, 5)
        elongation = elongation if rng.random() < 0.4 else 1 / elongation
    else:
        kind = KINDS[int(rng.integers(len(KINDS)))]
        size, elongation = size * rng.uniform(0.8, 1.2), rng.uniform(0.6, 1.6)
    return draw_body(rng, cut, kind, size, elongation, lambda _: crossing_path(rng, path), np.ones(steps))
