"""Videos of your own with one click a frame: `<video>/0001.jpg` and `<video>/clicks.csv`.

The file has the header `image,x,y` and a row for each clicked frame: the name of its image beside the file, and the
pixel that was clicked, 0-based, from the left top. A frame without a row has no click and is not trained on. The
page "Click your own video" of the book writes such files.

Beside it `boxes.csv`, with the header `image,x,y,w,h`, may hold boxes of a few frames, to judge trackers by; no
training reads it.
"""

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from socl_core.data.files import image_files
from socl_core.data.layout import Layout, Place
from socl_core.data.reading import ImageFiles, image_size, read_text
from socl_core.data.sequence import Sequence
from socl_core.errors import DataError

HEADER, BOX_HEADER = ["image", "x", "y"], ["image", "x", "y", "w", "h"]


class Clicks(Layout):
    """The folder of the videos. They are for training: a click cannot score a box."""

    splits = dict(train="train")
    scored = dict(dev="train", test="train")  # what asks for boxes says that there are clicks alone
    expected = "<video>/clicks.csv beside the images of the video"
    patterns = ("*/clicks.csv",)
    annotations = ("clicks.csv",)
    site = "none, they are your own videos"

    def find(self, split: str) -> dict[str, Place]:
        """Where the videos lie. Raises `DataError` where there is none."""
        places = {path.parent.name: Place(path.parent, path) for path in sorted(self.folder.glob("*/clicks.csv"))}
        if not places:
            hint = "; give the folder above it" if (self.folder / "clicks.csv").exists() else ""
            raise DataError(f"no clicked video in {self.folder}: expected {self.expected}{hint}")
        return places

    def read(self, name: str, place: Place) -> Sequence:
        """One video. `valid` where there is a click; no boxes.

        Raises `DataError` naming file and row for a wrong header, an image that is not there or clicked twice, and a
        click that is no pair of numbers or outside of the frame; and for fewer than two clicks, of which nothing can
        learn.
        """
        images = image_files(place.images)
        points = np.full((len(images), 2), np.nan)
        for where, number, point in _rows(place.annotation, HEADER, images):
            width, height = image_size(images[number])
            if not (0 <= point[0] < width and 0 <= point[1] < height):
                raise DataError(f"{where}: expected a click x,y inside of {width} x {height} pixels")
            points[number] = point
        clicked = np.isfinite(points[:, 0])
        if clicked.sum() < 2:
            raise DataError(f"{place.annotation}: expected at least 2 clicked images, found {clicked.sum()}")
        return Sequence(name, ImageFiles(images), points, None, clicked)


LAYOUT = Clicks


def read_boxed(folder: Path) -> tuple[list[Path], np.ndarray]:
    """Images of a video and the boxes (N, 4) of its `boxes.csv`, NaN where there is none.

    Raises `DataError` as `Clicks.read`, and where a box has no positive size.
    """
    images = image_files(folder)
    boxes = np.full((len(images), 4), np.nan)
    for where, number, box in _rows(folder / "boxes.csv", BOX_HEADER, images):
        if not (np.isfinite(box).all() and min(box[2:]) > 0):
            raise DataError(f"{where}: expected a box x,y,w,h with w > 0 and h > 0")
        boxes[number] = box
    return images, boxes


def _rows(path: Path, header: list[str], images: list[Path]) -> Iterator[tuple[str, int, tuple[float, ...]]]:
    """Where each row below the header stands, the image it marks, and its numbers, NaN where these are none."""
    index, seen = {image.name: number for number, image in enumerate(images)}, set()
    reader = csv.DictReader(read_text(path).splitlines())
    try:
        if [field.strip() for field in reader.fieldnames or []] != header:
            found = ",".join(reader.fieldnames or ["nothing"])
            raise DataError(f"{path}, row 1: expected the header {','.join(header)}, with commas, found {found[:60]}")
        reader.fieldnames = header
        for row in reader:
            where, image = f"{path}, row {reader.line_num}", row["image"]
            if image not in index:
                raise DataError(f"{where}: expected the name of an image of {path.parent}, found {image[:60]!r}")
            if image in seen:
                raise DataError(f"{where}: {image} has been clicked before; expected one row an image")
            seen.add(image)
            try:
                values = tuple(float(row[name]) for name in header[1:])
            except (TypeError, ValueError):
                values = (np.nan,) * len(header[1:])
            yield where, index[image], values
    except csv.Error as error:
        raise DataError(f"{path}: {error}; expected rows of {','.join(header)}") from None
