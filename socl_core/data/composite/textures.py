"""What bodies and backgrounds are covered with: cuts of photographs that other packages ship, and drawn textures."""

from functools import cache
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np

from socl_core.data.reading import read_image
from socl_core.errors import DataError

FOLDERS = (("skimage", "data"), ("sklearn", "datasets/images"))  # package, folder inside it
TRIES = 6  # places in a photograph, of which the one with most contrast is cut
LEAVES = 400  # shapes that cover each other in a texture of dead leaves


def photograph_path(name: str) -> Path:
    """The file of a photograph. Raises `DataError` if no installed package ships it."""
    for package, folder in FOLDERS:
        spec = find_spec(package)
        if spec and spec.origin and (path := Path(spec.origin).parent / folder / name).is_file():
            return path
    packages = " or ".join(f"{package}/{folder}" for package, folder in FOLDERS)
    raise DataError(f"photograph {name} is missing: expected it in the installed {packages}")


@cache
def read_photograph(name: str) -> np.ndarray:
    """A photograph, BGR uint8 (H, W, 3)."""
    return read_image(photograph_path(name))


def draw_texture(rng: np.random.Generator, photograph: str | None, width: int, height: int) -> np.ndarray:
    """BGR uint8 (height, width, 3): cut from a photograph, or drawn where there is none; in colours of its own."""
    if photograph:
        image = cut_photograph(rng, read_photograph(photograph), width, height)
    else:
        image = (natural_noise, dead_leaves)[rng.integers(2)](rng, width, height)
    return change_colours(rng, image)


def cut_photograph(rng: np.random.Generator, image: np.ndarray, width: int, height: int) -> np.ndarray:
    """A random part of a photograph at a random reduction, the one with most contrast of some, maybe mirrored."""
    factor = max(min(rng.integers(1, 4), image.shape[1] // width, image.shape[0] // height), 1)
    wide, high = (min(side * factor, limit) for side, limit in zip((width, height), image.shape[1::-1]))
    corners = rng.integers(0, (image.shape[1] - wide + 1, image.shape[0] - high + 1), (TRIES, 2))
    parts = [image[y : y + high, x : x + wide] for x, y in corners]
    best = max(parts, key=lambda part: float(np.abs(np.diff(part.astype(np.float32), axis=1)).mean()))
    cut = cv2.resize(best, (width, height), interpolation=cv2.INTER_AREA)
    return cut[:, ::-1] if rng.integers(2) else cut


def natural_noise(rng: np.random.Generator, width: int, height: int) -> np.ndarray:
    """Coloured noise whose amplitude falls with frequency as that of natural images does, 1 / f."""
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width))
    spectrum = 1 / np.maximum(frequency, 1 / max(width, height)) ** rng.uniform(0.9, 1.5)
    planes = [np.fft.irfft2(np.fft.rfft2(rng.normal(size=(height, width))) * spectrum, (height, width)) for _ in "BGR"]
    mixed = np.stack(planes, -1) @ rng.normal(size=(3, 3))
    mixed = (mixed - mixed.mean((0, 1))) / mixed.std((0, 1))
    return np.clip(128 + 48 * mixed, 0, 255).astype(np.uint8)


def dead_leaves(rng: np.random.Generator, width: int, height: int) -> np.ndarray:
    """Ellipses that cover each other as leaves on the ground do: edges at every scale. (Lee et al., 2001)"""
    image = np.zeros((height, width, 3), np.uint8)
    palette = rng.integers(0, 256, (rng.integers(3, 9), 3))
    largest = max(width, height) / 4
    for _ in range(LEAVES):
        size = largest / (1 + rng.exponential(6, 2))  # many small ones, few large
        colour = np.clip(palette[rng.integers(len(palette))] + rng.normal(0, 12, 3), 0, 255)
        centre = rng.uniform(0, (width, height))
        axes = tuple(max(1, round(side)) for side in size)
        cv2.ellipse(image, centre.round().astype(int).tolist(), axes, rng.uniform(0, 180), 0, 360, colour.tolist(), -1)
    return image


def change_colours(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """The image in another order of channels (half of the time), saturation and white; a grey one becomes coloured."""
    pixels = image.astype(np.float32)
    if (image == image[..., :1]).all():
        low, high = rng.uniform(0, 80, 3), rng.uniform(140, 255, 3)
        pixels = low + pixels / 255 * (high - low)
    if rng.integers(2):
        pixels = pixels[..., rng.permutation(3)]
    grey = pixels.mean(-1, keepdims=True)
    pixels = (grey + (pixels - grey) * rng.uniform(0.5, 1.25)) * rng.uniform(0.75, 1.25, 3)
    return np.clip(pixels, 0, 255).astype(np.uint8)
