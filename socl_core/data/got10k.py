"""GOT-10k as distributed: `<split>/list.txt`, `<split>/<name>/00000001.jpg`, `groundtruth.txt`, `*.label`.

Coordinates are taken as they are in the files, as the official toolkit takes them: x, y are read as
0-based pixel indices. Only `absence.label` is used of the other files.
"""

from collections.abc import Iterable
from pathlib import Path

from socl_core.data.files import box_sequence, image_files, read_annotation, read_flags, read_text, select
from socl_core.data.sequence import Sequence
from socl_core.errors import DataError, UsageError, unknown

SPLITS = ("train", "val", "test")


def load(root: Path | str, split: str = "train", sequences: Iterable[str] | None = None) -> list[Sequence]:
    """The sequences of a split in the order of its `list.txt`, or those named in `sequences`.

    root: the folder that holds `<split>/list.txt`, or `list.txt` itself.
    A frame is valid when `absence.label`, if there, has 0 for it and its box is so by `files.box_sequence`.
    Raises `UsageError` for an unknown split or sequence, `DataError` for missing or damaged files and where
    rows and images differ in number, as in the test split, which is annotated in its first frames alone.
    """
    folder = split_folder(Path(root), split)
    names = [line.strip() for line in read_text(folder / "list.txt").splitlines() if line.strip()]
    if not names:
        raise DataError(f"{folder / 'list.txt'} is empty: expected one sequence name a line")
    return [_load_sequence(folder, name) for name in select(names, sequences)]


def split_folder(root: Path, split: str) -> Path:
    """The folder with the `list.txt` of a split."""
    if split not in SPLITS:
        raise unknown("GOT-10k split", split, SPLITS)
    if (root / split / "list.txt").is_file():
        return root / split
    if (root / "list.txt").is_file():
        own = root.resolve().name
        if own in SPLITS and own != split:  # else training videos could pass for validation videos
            raise UsageError(f"{root} is the split '{own}', but '{split}' was asked for")
        return root
    raise DataError(f"no GOT-10k split in {root}: expected {Path(split) / 'list.txt'} or list.txt below it")


def _load_sequence(folder: Path, name: str) -> Sequence:
    home = folder / name
    if not home.is_dir():
        raise DataError(f"{folder / 'list.txt'} names '{name}', but there is no folder {home}")
    annotation = home / "groundtruth.txt"
    boxes, images = read_annotation(annotation), image_files(home)
    if len(boxes) != len(images):
        counts = f"{len(boxes)} rows, but {home} holds {len(images)} images"
        raise DataError(f"{annotation} has {counts}; expected one row an image")
    absence = home / "absence.label"
    present = ~read_flags(absence, len(boxes)) if absence.exists() else True
    return box_sequence(name, images, boxes, present)
