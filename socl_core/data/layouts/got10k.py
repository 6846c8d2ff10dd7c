"""GOT-10k as distributed: `<split>/list.txt`, `<split>/<name>/00000001.jpg`, `groundtruth.txt`, `*.label`.

Coordinates are taken as they are in the files, as the official toolkit takes them: x, y are read as
0-based pixel indices. The test split is annotated in its first frames alone; its server has the rest.
"""

import re
from pathlib import Path

import numpy as np

from socl_core.data.files import box_sequence, read_labels
from socl_core.data.layout import Layout, Place
from socl_core.data.reading import read_text
from socl_core.data.sequence import Sequence
from socl_core.errors import DataError, UsageError

LABELS = dict(absence=range(2), cover=range(9), cut_by_image=range(2))  # of a frame; cover is the visible share


class GOT10k(Layout):
    """The folder of the splits, or of one split."""

    splits = dict(train="train", val="dev", test="test")
    scored = dict(dev="val", test="val")  # the split outside of training whose annotation is public
    expected = "train/list.txt or val/list.txt"
    patterns = ("list.txt", *(f"{split}/list.txt" for split in splits))
    annotations = ("list.txt", "groundtruth.txt", "*.label")
    labels = (*(f"{label}.label" for label in LABELS), "meta_info.ini")
    counts = dict(train=9335, val=180, test=180)
    site = "http://got-10k.aitestunion.com"

    def find(self, split: str) -> dict[str, Place]:
        """Where the sequences lie that `list.txt` names, there or not; it lies in the folder or in the split's.

        Raises `UsageError` for another split's folder, `DataError` for a missing or empty list.
        """
        (home,) = self.contents(split)
        names = [line.strip() for line in read_text(home / "list.txt").splitlines() if line.strip()]
        if not names:
            raise DataError(f"{home / 'list.txt'} is empty: expected one sequence name a line")
        return _places(home, names, split)

    def official(self, split: str) -> dict[str, Place]:
        """Where all sequences of the published split would lie."""
        home = self.folder if (self.folder / "list.txt").is_file() else self.folder / split
        names = [f"GOT-10k_{split.title()}_{number:06d}" for number in range(1, self.counts[split] + 1)]
        return _places(home, names, split)

    def contents(self, split: str) -> list[Path]:
        """The folder with the `list.txt` of a split."""
        if (self.folder / split / "list.txt").is_file():
            return [self.folder / split]
        if not (self.folder / "list.txt").is_file():
            expected = f"{Path(split) / 'list.txt'} or list.txt below it"
            raise DataError(f"no GOT-10k split in {self.folder}: expected {expected}")
        title = self.folder.resolve().name
        if title in self.splits and title != split:  # else training videos could pass for validation videos
            raise UsageError(f"{self.folder} is the split '{title}', but '{split}' was asked for")
        return [self.folder]

    def read(self, name: str, place: Place) -> Sequence:
        """One sequence. A frame is valid when its labels, where there, have absence 0 and cover above 0, and its
        box is so by `files.box_sequence`."""
        home = place.images
        if not home.is_dir():
            raise DataError(f"{home.parent / 'list.txt'} names '{name}', but there is no {home}; unpack it again")
        boxes, images = place.read()
        labels = {kind: rows for kind in LABELS if (rows := read_label(home, kind, len(images))) is not None}
        present = (labels.get("absence", np.zeros(1)) == 0) & (labels.get("cover", np.ones(1)) > 0)
        return box_sequence(name, images, boxes, present, labels)


LAYOUT = GOT10k


def read_label(home: Path, kind: str, rows: int) -> np.ndarray | None:
    """A label of `LABELS` for each of `rows` frames, (rows,) int, or None where a sequence has not that file."""
    path = home / f"{kind}.label"
    return read_labels(path, rows, LABELS[kind]) if path.exists() else None


def read_frame_size(home: Path) -> tuple[float, float]:
    """Width and height of the frames from `meta_info.ini`, whose line is `resolution: (W, H)`."""
    number = r"\s*([\d.]+)\s*"
    match = re.search(rf"^resolution:\s*\(?{number},{number}\)?\s*$", read_text(home / "meta_info.ini"), re.MULTILINE)
    if not match:
        raise DataError(f"{home / 'meta_info.ini'}: expected a line 'resolution: (width, height)'")
    return float(match[1]), float(match[2])


def _places(home: Path, names: list[str], split: str) -> dict[str, Place]:
    return {name: Place(home / name, home / name / "groundtruth.txt", first_only=split == "test") for name in names}
