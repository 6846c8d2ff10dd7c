"""Videos of your own with one click a frame: `<video>/0001.jpg` and `<video>/clicks.csv`.

The file has the header `image,x,y` and a row for each clicked frame: the name of its image beside the file, and the
pixel that was clicked, 0-based, from the left top. A frame without a row has no click and is not trained on. The
page "Click your own video" of the book writes such files.
"""

import csv

import numpy as np

from socl_core.data.files import image_files, image_size, read_text
from socl_core.data.layout import Layout, Place
from socl_core.data.sequence import ImageFiles, Sequence
from socl_core.errors import DataError

HEADER = ["image", "x", "y"]


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
        index = {path.name: i for i, path in enumerate(images)}
        width, height = image_size(images[0])
        points = np.full((len(images), 2), np.nan)
        for number, row in _rows(place):
            where, image = f"{place.annotation}, row {number}", row[0]
            if image not in index:
                raise DataError(f"{where}: expected the name of an image of {place.images}, found {image[:60]!r}")
            if not np.isnan(points[index[image]]).all():
                raise DataError(f"{where}: {image} has been clicked before; expected one row an image")
            point = _point(row)
            if not (0 <= point[0] < width and 0 <= point[1] < height):
                inside = f"x,y inside of {width} x {height} pixels"
                raise DataError(f"{where}: expected {inside}, found {','.join(row[1:])[:60]!r}")
            points[index[image]] = point
        clicked = np.isfinite(points[:, 0])
        if clicked.sum() < 2:
            raise DataError(f"{place.annotation}: expected at least 2 clicked images, found {clicked.sum()}")
        return Sequence(name, ImageFiles(images), points, None, clicked)


LAYOUT = Clicks


def _rows(place: Place) -> list[tuple[int, list[str]]]:
    """The rows below the header that are not empty, with their numbers in the file."""
    try:
        rows = list(csv.reader(read_text(place.annotation).splitlines()))
    except csv.Error as error:
        raise DataError(f"{place.annotation}: {error}; expected rows of {','.join(HEADER)}") from None
    if not rows or [field.strip() for field in rows[0]] != HEADER:
        header, found = ",".join(HEADER), ",".join(rows[0]) if rows else "nothing"
        raise DataError(f"{place.annotation}, row 1: expected the header {header}, with commas, found {found[:60]}")
    return [(number, row) for number, row in enumerate(rows[1:], 2) if row]


def _point(row: list[str]) -> tuple[float, float]:
    """x and y of a row, NaN where it has not exactly these."""
    try:
        _, x, y = row
        return float(x), float(y)
    except ValueError:
        return np.nan, np.nan
