"""Tiny videos and crop stores for the tests of the method."""

import cv2
import numpy as np
import torch

from socl_core.data.sequence import Sequence
from socl_core.geometry import SEARCH
from socl_core.methods.crops import CropStore
from socl_core.models.device import Compute
from socl_core.prior.top import lattice

WIDTH, HEIGHT = 96, 72
CPU = Compute(torch.device("cpu"), False)
TINY_TRANST = dict(width=0.0625, search_size=64, dim=16, layers=1, attention_heads=2, hidden=16)

# Forked workers of build_store inherit the state of OpenCV's thread pool, but not its threads.
cv2.setNumThreads(1)


def noise(rng: np.random.Generator, height: int, width: int, blur: int = 5) -> np.ndarray:
    """A smooth random texture, (height, width, 3) uint8."""
    return cv2.GaussianBlur(rng.integers(0, 256, (height, width, 3), np.uint8), (blur, blur), 0)


def disc_frame(rng: np.random.Generator, centre, radius: float) -> np.ndarray:
    """A textured disc on a plain background."""
    frame = np.full((HEIGHT, WIDTH, 3), (90, 120, 60), np.uint8)
    inside = np.hypot(np.arange(WIDTH) - centre[0], np.arange(HEIGHT)[:, None] - centre[1]) <= radius
    frame[inside] = noise(rng, HEIGHT, WIDTH, 3)[inside]
    return frame


def disc_video(number: int, frames: int = 4, radius: float = 11) -> Sequence:
    """A disc that goes two pixels right a frame, with exact boxes and points."""
    rng = np.random.default_rng(number)
    points = np.array([[36.0 + number + 2 * i, 34.0] for i in range(frames)])
    images = [disc_frame(rng, point, radius) for point in points]
    side = 2 * radius + 1
    boxes = np.concatenate([points - (side - 1) / 2, np.full((frames, 2), side)], 1)
    return Sequence(f"disc-{number}", images, points, boxes, np.ones(frames, bool))


def random_store(videos: int = 4, frames: int = 3, seed: int = 0) -> CropStore:
    """A crop store in memory: one texture a video with little noise, scores that peak in the middle."""
    rng, grid = np.random.default_rng(seed), len(lattice())
    images, n = [], videos * frames
    for _ in range(videos):
        texture = noise(rng, SEARCH, SEARCH, 9).astype(np.int16)
        images += [np.clip(texture + rng.integers(-8, 9, texture.shape), 0, 255) for _ in range(frames)]
    away = np.hypot(*(np.indices((grid, grid)) - (grid - 1) / 2))
    scores = np.tile((12 * np.exp(-((away / 6) ** 2))).astype(np.float32), (n, 1, 1))
    video = np.repeat(np.arange(videos), frames)
    return CropStore(
        np.stack(images).astype(np.uint8), scores, video, np.tile(np.arange(frames), videos), np.full(n, 60.0)
    )


def box_store() -> CropStore:
    """Textures with a box in the middle, at twice the width of the search crop of `TINY_TRANST`."""
    store = random_store()
    images = store.images[:, 64:192, 64:192]
    boxes = np.tile(np.array([0, 0, 16, 16], np.float32), (len(images), 1))
    return CropStore(images, None, store.video, store.frame, store.side, boxes)
