"""Procedural scenes for the likelihoods of the objectness cues: bodies of several parts on grounds of many kinds.

No split of any data set holds them, and no one has annotated them: the box of a body is known because it was drawn.
"""

import cv2
import numpy as np

from socl_core.data.sequence import Sequence
from socl_core.geometry import box_centres

WIDTH, HEIGHT = 320, 240
SIDES = (0.05, 0.75)  # smallest and largest side of a body over the height of the frame, log-uniform
FIELDS = 5  # noise fields a scene, which its textures are cut from
SEED = 20


class Painter:
    """A canvas (H, W, 3), floats in BGR, and what is painted on it: random colours, textures and outlines."""

    def __init__(self, rng: np.random.Generator):
        self.rng = rng
        self.fields = [coloured_noise(rng, rng.uniform(0.5, 2.0)) for _ in range(FIELDS)]
        self.canvas = self.texture(self.colour())

    def colour(self) -> np.ndarray:
        """A colour (3,), most often a dull one."""
        return np.clip(self.rng.uniform(20, 235) + self.rng.normal(size=3) * self.rng.choice([6, 18, 40]), 5, 250)

    def near(self, colour: np.ndarray, share: float) -> np.ndarray:
        """A colour like another one, or with the chance `share` any."""
        return self.colour() if self.rng.random() < share else colour + self.rng.normal(size=3) * 12

    def texture(self, colour: np.ndarray) -> np.ndarray:
        """Noise of a natural spectrum about a colour, a quarter of it with patches: (H, W, 3)."""
        rng = self.rng
        shift = rng.integers(HEIGHT), rng.integers(WIDTH)
        field = np.roll(self.fields[rng.integers(FIELDS)], shift, (0, 1))
        grey = rng.uniform(0.5, 1.0)
        noise = field * (1 - grey) + field[..., :1] * grey
        if rng.random() < 0.25:
            levels = np.quantile(field[::4, ::4, 1], np.linspace(0, 1, rng.integers(3, 6))[1:-1])
            patches = rng.normal(size=(len(levels) + 1, 3)) * rng.uniform(10, 60)
            noise = noise * 0.2 + (patches / 20)[np.digitize(field[..., 1], levels)]
        return colour + noise * rng.choice([3, 8, 18, 35], p=[0.25, 0.3, 0.3, 0.15])

    def blob(self, centre, side: float, aspect: float, turn: float) -> np.ndarray:
        """The mask (H, W) uint8 of a smooth outline, or of a rectangle, whose area is about `side` squared."""
        rng, angle = self.rng, np.linspace(0, 2 * np.pi, 64, endpoint=False)
        waves = np.arange(2, 7)
        radius = 1 + (rng.normal(size=5) * 0.2 / waves) @ np.cos(np.outer(waves, angle) + rng.uniform(0, 6, (5, 1)))
        if rng.random() < 0.25:
            radius = 0.9 / np.maximum(np.abs(np.cos(angle)), np.abs(np.sin(angle)))
        x, y = np.cos(angle) * radius * np.sqrt(aspect), np.sin(angle) * radius / np.sqrt(aspect)
        outline = np.stack([x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn)], 1)
        mask = np.zeros((HEIGHT, WIDTH), np.uint8)
        corners = np.rint((outline * side * 0.56 + centre) * 16).astype(np.int32)
        cv2.fillPoly(mask, [corners], 255, lineType=cv2.LINE_AA, shift=4)
        return mask

    def paint(self, mask: np.ndarray, colours: np.ndarray) -> None:
        """Colours (H, W, 3) or (3,) where the mask is."""
        x, y, w, h = cv2.boundingRect(mask)
        place = slice(y, y + h), slice(x, x + w)
        alpha = mask[place][..., None] / 255
        colours = colours[place] if colours.ndim == 3 else colours
        self.canvas[place] += (colours - self.canvas[place]) * alpha

    def ground(self) -> None:
        """What is behind the bodies: one texture, areas as of road and sky, or dead leaves of one palette."""
        rng, kind = self.rng, self.rng.choice(["plain", "areas", "leaves"], p=[0.2, 0.35, 0.45])
        if kind == "areas":
            for _ in range(rng.integers(1, 6)):
                side = max(WIDTH, HEIGHT) * rng.uniform(0.5, 2)
                centre = rng.uniform(-0.3, 1.3, 2) * (WIDTH, HEIGHT)
                area = self.blob(centre, side, 2 ** rng.uniform(-2, 2), rng.uniform(0, 3))
                self.paint(area, self.texture(self.colour()))
        if kind == "leaves":
            palette = [self.colour() for _ in range(rng.integers(2, 7))]
            count, smallest, largest = int(rng.choice([30, 120, 400])), rng.uniform(3, 8), rng.uniform(20, 90)
            power = -1.5  # of radii: between those that look alike at all scales and equal ones
            radii = (smallest**power + rng.random(count) * (largest**power - smallest**power)) ** (1 / power)
            for radius in rng.permutation(radii):
                leaf = self.blob(
                    rng.uniform(0, 1, 2) * (WIDTH, HEIGHT), 2 * radius, 2 ** rng.uniform(-1, 1), rng.uniform(0, 3)
                )
                self.paint(leaf, self.near(palette[rng.integers(len(palette))], 0.05))
            self.canvas += (self.texture(np.zeros(3))) * rng.uniform(0.2, 1)

    def body(self, centre, side: float, hidden: float = 0.3) -> np.ndarray:
        """A body of one to six parts, each with a texture of its own; returns its mask.

        hidden: chance that the first part has about the colour which is there already.
        """
        rng = self.rng
        aspect, turn = 2 ** rng.uniform(-1.2, 1.2), rng.choice([0.1, 1.0]) * rng.normal()
        x, y = np.clip(np.rint(centre).astype(int), 0, (WIDTH - 1, HEIGHT - 1))
        first = self.canvas[y, x] + rng.normal(size=3) * rng.uniform(10, 40) if rng.random() < hidden else self.colour()
        variety, masks = rng.random(), []
        for part in range(rng.integers(1, 7)):
            share = 1 if not part else rng.uniform(0.25, 0.8)
            offset = rng.uniform(-0.5, 0.5, 2) * bool(part) * side * (np.sqrt(aspect), 1 / np.sqrt(aspect))
            shape = aspect if not part else 2 ** rng.uniform(-1.5, 1.5)
            mask = self.blob(centre + offset, side * share, shape, turn)
            self.paint(mask, self.texture(self.near(first, variety) if part else first))
            masks.append(mask)
        return np.max(masks, 0)


def coloured_noise(rng: np.random.Generator, power: float) -> np.ndarray:
    """Noise (H, W, 3) of unit variance whose amplitude falls with frequency to the power; photographs have about 1."""
    frequency = np.hypot(np.fft.fftfreq(HEIGHT)[:, None], np.fft.rfftfreq(WIDTH)[None])
    frequency[0, 0] = np.inf
    white = rng.normal(size=(3, *frequency.shape, 2)) @ (1, 1j)
    noise = np.fft.irfft2(white * frequency**-power, (HEIGHT, WIDTH)).transpose(1, 2, 0)
    return noise / noise.std((0, 1))


def scene(number: int) -> tuple[np.ndarray, np.ndarray]:
    """Scene of that number, BGR uint8 (240, 320, 3), and the box (4,) x, y, w, h of one of its bodies."""
    rng = np.random.default_rng([SEED, number])
    painter, sides = Painter(rng), lambda: HEIGHT * np.exp(rng.uniform(*np.log(SIDES)))
    painter.ground()
    for _ in range(rng.integers(0, 7)):
        painter.body(rng.uniform(0, 1, 2) * (WIDTH, HEIGHT), sides())
    side = sides()
    centre = rng.uniform(0.15, 0.85, 2) * (WIDTH, HEIGHT)
    mask = painter.body(centre, side)
    if rng.random() < 0.25:  # something in front of it
        painter.body(centre + rng.choice([-1, 1], 2) * rng.uniform(0.4, 1, 2) * side, side * rng.uniform(0.3, 0.8))
    image = painter.canvas * rng.uniform(0.6, 1.2)
    image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, 1.3))
    image += rng.normal(size=image.shape) * rng.uniform(0, 7)
    return image.clip(0, 255).astype(np.uint8), np.array(cv2.boundingRect((mask >= 128).astype(np.uint8)), float)


def scenes(count: int) -> list[Sequence]:
    """The first scenes, each a video of one frame with the box of one body, clicked at its centre."""
    drawn = [scene(number) for number in range(count)]
    return [
        Sequence(str(number), [image], box_centres(box[None]), box[None], np.ones(1, bool))
        for number, (image, box) in enumerate(drawn)
    ]
