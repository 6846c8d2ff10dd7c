"""OTB-2013 and OTB-100 as distributed: `<Name>/img/0001.jpg` and `<Name>/groundtruth_rect.txt`.

A folder with several targets holds `groundtruth_rect.1.txt`, `.2.txt`, ...; its sequences are called
`Jogging.1`, `Jogging.2`. Annotations are 1-based in the files and 0-based here (x - 1, y - 1).
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from socl_core.data.files import box_sequence, frame_number, image_files, read_annotation, select
from socl_core.data.sequence import Sequence
from socl_core.errors import DataError

# Folders of which only a part is evaluated: first and last file number, as in the benchmark's own list.
RANGES = dict(David=(300, 770), Diving=(1, 215), Football1=(1, 74), Freeman3=(1, 460), Freeman4=(1, 283))

# The 50 folders of OTB-2013; Jogging has two targets, so they are 51 sequences.
OTB13 = (
    "Basketball",
    "Bolt",
    "Boy",
    "Car4",
    "CarDark",
    "CarScale",
    "Coke",
    "Couple",
    "Crossing",
    "David",
    "David2",
    "David3",
    "Deer",
    "Dog1",
    "Doll",
    "Dudek",
    "FaceOcc1",
    "FaceOcc2",
    "Fish",
    "FleetFace",
    "Football",
    "Football1",
    "Freeman1",
    "Freeman3",
    "Freeman4",
    "Girl",
    "Ironman",
    "Jogging",
    "Jumping",
    "Lemming",
    "Liquor",
    "Matrix",
    "Mhyang",
    "MotorRolling",
    "MountainBike",
    "Shaking",
    "Singer1",
    "Singer2",
    "Skating1",
    "Skiing",
    "Soccer",
    "Subway",
    "Suv",
    "Sylvester",
    "Tiger1",
    "Tiger2",
    "Trellis",
    "Walking",
    "Walking2",
    "Woman",
)


def load(root: Path | str, sequences: Iterable[str] | None = None) -> list[Sequence]:
    """All sequences below `root` by name, or those named in `sequences` (`Jogging` means both its targets).

    Boxes and points are 0-based pixel indices. `valid` as in `files.box_sequence`; the frames that the
    OTB metric treats as unannotated are its own affair (`metrics.otb`).
    Raises `UsageError` for an unknown name, `DataError` for a missing or damaged file or a number of
    images that does not match the annotation.
    """
    targets = _targets(Path(root))
    aliases = {}
    for name, annotation in targets.items():
        for alias in (name, annotation.parent.name):
            aliases.setdefault(alias, []).append(name)
    chosen = [name for alias in select(list(aliases), sequences) for name in aliases[alias]]
    return [_load_target(name, targets[name]) for name in dict.fromkeys(chosen)]


def _targets(root: Path) -> dict[str, Path]:
    """Annotation file of each target, by name."""
    targets = {}
    for folder in sorted(path for path in root.glob("*") if path.is_dir()):
        single = folder / "groundtruth_rect.txt"
        several = sorted(folder.glob("groundtruth_rect.*.txt"))
        if several and not single.exists():
            targets |= {f"{folder.name}.{path.name.split('.')[-2]}": path for path in several}
        elif single.exists() or (folder / "img").is_dir():
            targets[folder.name] = single
    if not targets:
        raise DataError(f"no OTB sequence in {root}: expected <Name>/img and <Name>/groundtruth_rect.txt")
    return targets


def _load_target(name: str, annotation: Path) -> Sequence:
    boxes = read_annotation(annotation)
    images = image_files(annotation.parent / "img")
    rows, files = len(boxes), f"{len(images)} images"
    if annotation.parent.name in RANGES:
        first, last = RANGES[annotation.parent.name]
        images = [path for path in images if first <= frame_number(path) <= last]
        if rows >= last:  # annotated from frame 1 on; as distributed, the rows cover the range alone
            boxes = boxes[first - 1 : last]
        files += f", {len(images)} of them in the evaluated range {first}-{last}"
    if len(boxes) != len(images):
        raise DataError(f"{annotation} has {rows} rows, but img beside it has {files}; expected one row each")
    return box_sequence(name, images, boxes - np.array([1, 1, 0, 0]), present=True)
