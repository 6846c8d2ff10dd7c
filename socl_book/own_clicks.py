"""A worked example of own videos: composed ones as a camera for heat might see them, clicked and boxed in files."""

import os
import shutil
import tempfile
from pathlib import Path

import cv2
import numpy as np

from socl_core import data
from socl_core.data.files import write_atomic
from socl_core.data.sequence import Sequence, evenly

DARKEST, BRIGHTEST, NOISE = 50, 205, 5.0  # of its grey levels
EVERY = 5  # frames of a judged video from one box to the next


def heat(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A frame BGR uint8 as the camera sees it: grey, turned to its negative, blurred, of low contrast, with noise."""
    grey = 255 - cv2.GaussianBlur(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), (0, 0), 1.0).astype(np.float32)
    seen = DARKEST + grey * (BRIGHTEST - DARKEST) / 255 + rng.normal(0, NOISE, grey.shape)
    return cv2.cvtColor(seen.clip(0, 255).astype(np.uint8), cv2.COLOR_GRAY2BGR)


def write_videos(clicked: int, clicks: int, judged: int, cache: Path) -> tuple[Path, Path]:
    """The folders of so many clicked videos, with so many clicks each, and of others with boxes to judge by.

    They are written once below `cache`. The clicked ones are of composite's train split, the others of its test split.
    """
    folder = cache / "own_clicks" / f"{data.manifest('composite', 'train')}-{clicked}-{clicks}-{judged}"
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        building = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".building-"))
        try:
            for video in data.load("composite", "train", videos=clicked, cache=cache):
                _write(video, evenly(np.flatnonzero(video.valid), clicks), building / "videos" / video.name, False)
            for video in data.load("composite", "test", videos=judged, cache=cache):
                _write(video, np.arange(len(video)), building / "judged" / video.name, True)
            os.rename(building, folder)
        finally:
            shutil.rmtree(building, ignore_errors=True)
    return folder / "videos", folder / "judged"


def _write(video: Sequence, rows: np.ndarray, home: Path, boxed: bool) -> None:
    """Some frames of a video as the camera sees them, with the clicks on them or with some boxes."""
    home.mkdir(parents=True)
    lines, rng = ["image,x,y" + ",w,h" * boxed], np.random.default_rng(0)
    for number in rows:
        name = f"{number + 1:04d}.jpg"
        cv2.imwrite(str(home / name), heat(video.frames[number], rng), [cv2.IMWRITE_JPEG_QUALITY, 95])
        if video.valid[number] and not (boxed and number % EVERY):
            values = video.boxes[number] if boxed else video.points[number]
            lines.append(",".join([name, *(f"{value:.1f}" for value in values)]))
    write_atomic(home / ("boxes.csv" if boxed else "clicks.csv"), "\n".join(lines) + "\n")
