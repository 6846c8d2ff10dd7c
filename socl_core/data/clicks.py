"""Videos of your own with one click a frame: `<video>/0001.jpg` and `<video>/clicks.csv`.

The file has the header `image,x,y` and a row for each clicked frame: the name of its image beside the file, and the
pixel that was clicked, 0-based, from the left top. A frame without a row has no click and is not trained on. The
page "Click your own video" of the book writes such files.
"""

import csv
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from socl_core.data.files import Place, image_files, image_size, read_text, select
from socl_core.data.sequence import ImageFiles, Sequence
from socl_core.errors import DataError

SITE = "none, they are your own videos"
GATED = True  # there is nothing to fetch
EVALUATION: dict[str, str] = {}  # a click cannot score a box
COUNTS: dict[str, int] = {}
EXPECTED = "<video>/clicks.csv beside the images of the video"
PATTERNS = ("*/clicks.csv",)
BESIDE = ()
ANNOTATIONS = ("clicks.csv",)
HEADER = ["image", "x", "y"]


def roles(root: Path) -> dict[str, str]:
    """The one split of a folder."""
    return {"train": "train"}


def find(root: Path, split: str, wanted: Iterable[str] | None = None) -> dict[str, Place]:
    """Where the videos below `root` lie. Raises `UsageError` for an unknown name, `DataError` where there is none."""
    places = {path.parent.name: Place(path.parent, path) for path in sorted(root.glob(PATTERNS[0]))}
    if not places:
        hint = "; give the folder above it" if (root / ANNOTATIONS[0]).exists() else ""
        raise DataError(f"no clicked video in {root}: expected {EXPECTED}{hint}")
    return {name: places[name] for name in select(list(places), wanted)}


def official(root: Path, split: str) -> dict[str, Place]:
    """None: there is no published data set of this layout."""
    return {}


def contents(root: Path, split: str) -> list[Path]:
    """What a split consists of."""
    return [root]


def read(name: str, place: Place) -> Sequence:
    """One video. `valid` where there is a click; no boxes.

    Raises `DataError` naming file and row for a wrong header, an image that is not there or clicked twice, and a
    click that is no pair of numbers or outside of the frame; and for fewer than two clicks, of which nothing can learn.
    """
    images = image_files(place.images)
    index = {path.name: i for i, path in enumerate(images)}
    width, height = image_size(images[0])
    points = np.full((len(images), 2), np.nan)
    rows = list(csv.reader(read_text(place.annotation).splitlines()))
    if not rows or [field.strip() for field in rows[0]] != HEADER:
        found = ",".join(rows[0]) if rows else "nothing"
        raise DataError(
            f"{place.annotation}, row 1: expected the header {','.join(HEADER)}, with commas, found {found[:60]}"
        )
    for number, row in enumerate(rows[1:], 2):
        if not row:
            continue
        where = f"{place.annotation}, row {number}"
        image, point = row[0], _point(row)
        if image not in index:
            raise DataError(f"{where}: expected the name of an image of {place.images}, found {image!r}")
        if not np.isnan(points[index[image]]).all():
            raise DataError(f"{where}: {image} has been clicked before; expected one row an image")
        if point is None or not (0 <= point[0] < width and 0 <= point[1] < height):
            raise DataError(f"{where}: expected x,y inside of {width} x {height} pixels, found {','.join(row[1:])!r}")
        points[index[image]] = point
    if (count := np.isfinite(points[:, 0]).sum()) < 2:
        raise DataError(f"{place.annotation}: expected at least 2 clicked images, found {count}")
    return Sequence(name, ImageFiles(images), points, None, ~np.isnan(points[:, 0]))


def _point(row: list[str]) -> tuple[float, float] | None:
    """x and y of a row, or None where it has not exactly these."""
    try:
        _, x, y = row
        return float(x), float(y)
    except ValueError:
        return None
