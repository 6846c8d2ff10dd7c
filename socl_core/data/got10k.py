"""GOT-10k as distributed: `<split>/list.txt`, `<split>/<name>/00000001.jpg`, `groundtruth.txt`, `*.label`.

Coordinates are taken as they are in the files, as the official toolkit takes them: x, y are read as
0-based pixel indices. The test split is annotated in its first frames alone; its server has the rest.
"""

import configparser
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from socl_core.data.files import Place, box_sequence, read_labels, read_place, read_text, select
from socl_core.data.sequence import Sequence
from socl_core.errors import DataError, UsageError

SITE = "http://got-10k.aitestunion.com"
GATED = True  # its terms are to be accepted there
SPLITS = ("train", "val", "test")
EVALUATION = dict(dev="val", test="val")  # the split outside of training whose annotation is public
COUNTS = dict(train=9335, val=180, test=180)
EXPECTED = "train/list.txt or val/list.txt"
PATTERNS = ("list.txt", *(f"{split}/list.txt" for split in SPLITS))
ANNOTATIONS = ("list.txt", "groundtruth.txt", "*.label")
LABELS = dict(absence=range(2), cover=range(9), cut_by_image=range(2))  # of a frame; cover is the visible share
BESIDE = (*(f"{label}.label" for label in LABELS), "meta_info.ini")  # what the published sequences hold as well


def roles(_: Path) -> dict[str, str]:
    """What each split may be used for."""
    return dict(train="train", val="dev", test="test")


def find(root: Path, split: str, wanted: Iterable[str] | None = None) -> dict[str, Place]:
    """Where the sequences lie that `list.txt` names, there or not; it lies in `root` or in the split's folder.

    Raises `UsageError` for an unknown name or another split's folder, `DataError` for a missing or empty list.
    """
    folder = split_folder(root, split)
    names = [line.strip() for line in read_text(folder / "list.txt").splitlines() if line.strip()]
    if not names:
        raise DataError(f"{folder / 'list.txt'} is empty: expected one sequence name a line")
    return {name: _place(folder / name, split) for name in select(names, wanted)}


def official(root: Path, split: str) -> dict[str, Place]:
    """Where all sequences of the published split would lie."""
    names = (f"GOT-10k_{split.title()}_{number:06d}" for number in range(1, COUNTS[split] + 1))
    folder = root if (root / "list.txt").is_file() else root / split
    return {name: _place(folder / name, split) for name in names}


def contents(root: Path, split: str) -> list[Path]:
    """What a split consists of."""
    return [split_folder(root, split)]


def read(name: str, place: Place) -> Sequence:
    """One sequence. A frame is valid when its labels, where there, have absence 0 and cover above 0, and its
    box is so by `files.box_sequence`."""
    home = place.images
    if not home.is_dir():
        raise DataError(f"{home.parent / 'list.txt'} names '{name}', but there is no folder {home}")
    boxes, images = read_place(place)
    labels = {kind: found for kind in LABELS if (found := read_label(home, kind, len(images))) is not None}
    present = np.ones(len(images), bool)
    if "absence" in labels:
        present &= labels["absence"] == 0
    if "cover" in labels:
        present &= labels["cover"] > 0
    return box_sequence(name, images, boxes, present, labels)


def read_label(home: Path, kind: str, rows: int) -> np.ndarray | None:
    """A label of `LABELS` for each of `rows` frames, (rows,) int, or None where a sequence has not that file."""
    path = home / f"{kind}.label"
    return read_labels(path, rows, LABELS[kind]) if path.exists() else None


def read_meta(home: Path) -> dict[str, str]:
    """The entries of a sequence's `meta_info.ini`: url, object_class, motion_class, resolution and others.

    Raises `DataError` for a missing or damaged file.
    """
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(read_text(home / "meta_info.ini"))
        return dict(parser["METAINFO"])
    except (configparser.Error, KeyError) as error:
        raise DataError(f"{home / 'meta_info.ini'}: expected a section [METAINFO] of 'name: value' ({error})") from None


def split_folder(root: Path, split: str) -> Path:
    """The folder with the `list.txt` of a split."""
    if (root / split / "list.txt").is_file():
        return root / split
    if (root / "list.txt").is_file():
        own = root.resolve().name
        if own in SPLITS and own != split:  # else training videos could pass for validation videos
            raise UsageError(f"{root} is the split '{own}', but '{split}' was asked for")
        return root
    raise DataError(f"no GOT-10k split in {root}: expected {Path(split) / 'list.txt'} or list.txt below it")


def _place(home: Path, split: str) -> Place:
    return Place(home, home / "groundtruth.txt", first_only=split == "test")
