"""OTB-2013 and OTB-100 as distributed: `<Name>/img/0001.jpg` and `<Name>/groundtruth_rect.txt`.

A folder with several targets holds `groundtruth_rect.1.txt`, `.2.txt`, ...; its sequences are called
`Jogging.1`, `Jogging.2`. Annotations are 1-based in the files and 0-based here (x - 1, y - 1).
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from socl_core.data.files import Place, box_sequence, frame_number, image_files, read_annotation, select
from socl_core.data.sequence import Sequence
from socl_core.errors import DataError

SITE = "http://cvlab.hanyang.ac.kr/tracker_benchmark/"
GATED = False
EVALUATION: dict[str, str] = {}  # its one split
COUNTS = dict(test=100)
EXPECTED = "<Name>/img and <Name>/groundtruth_rect.txt"
PATTERNS = ("*/groundtruth_rect*.txt",)
BESIDE = ()
ANNOTATIONS = ("groundtruth*",)

# Folders of which only a part is evaluated: first and last file number, as in the benchmark's own list.
RANGES = dict(David=(300, 770), Diving=(1, 215), Football1=(1, 74), Freeman3=(1, 460), Freeman4=(1, 283))

# Folders with numbered targets. The first of Human4 was never annotated: its file is empty.
TARGETS = dict(Jogging=(1, 2), Skating2=(1, 2), Human4=(2,))

# The 50 folders of OTB-2013; Jogging has two targets, so they are 51 sequences.
OTB13 = (
    "Basketball", "Bolt", "Boy", "Car4", "CarDark", "CarScale", "Coke", "Couple", "Crossing", "David", "David2",
    "David3", "Deer", "Dog1", "Doll", "Dudek", "FaceOcc1", "FaceOcc2", "Fish", "FleetFace", "Football", "Football1",
    "Freeman1", "Freeman3", "Freeman4", "Girl", "Ironman", "Jogging", "Jumping", "Lemming", "Liquor", "Matrix",
    "Mhyang", "MotorRolling", "MountainBike", "Shaking", "Singer1", "Singer2", "Skating1", "Skiing", "Soccer",
    "Subway", "Suv", "Sylvester", "Tiger1", "Tiger2", "Trellis", "Walking", "Walking2", "Woman",
)  # fmt: skip
# The 48 folders that OTB-100 adds; with Skating2's two targets they are 49 sequences.
OTB100_REST = (
    "Biker", "Bird1", "Bird2", "BlurBody", "BlurCar1", "BlurCar2", "BlurCar3", "BlurCar4", "BlurFace", "BlurOwl",
    "Board", "Bolt2", "Box", "Car1", "Car2", "Car24", "ClifBar", "Coupon", "Crowds", "Dancer", "Dancer2", "Diving",
    "Dog", "DragonBaby", "Girl2", "Gym", "Human2", "Human3", "Human4", "Human5", "Human6", "Human7", "Human8",
    "Human9", "Jump", "KiteSurf", "Man", "Panda", "RedTeam", "Rubik", "Skater", "Skater2", "Skating2", "Surfer",
    "Toy", "Trans", "Twinnings", "Vase",
)  # fmt: skip
LISTS = {"otb13": OTB13, "otb100": OTB13 + OTB100_REST}


def roles(root: Path) -> dict[str, str]:
    """The one split of a folder, named as its role: of `otb_dev`, whose videos are for choices, dev, else test."""
    role = "dev" if root.absolute().name == "otb_dev" else "test"
    return {role: role}


def find(root: Path, split: str, wanted: Iterable[str] | None = None) -> dict[str, Place]:
    """Where the sequences below `root` lie, which has one split; `Jogging` means both its targets.

    Raises `UsageError` for an unknown name, `DataError` where there is none.
    """
    places: dict[str, Place] = {}
    for folder in sorted(path for path in root.glob("*") if path.is_dir()):
        single = folder / "groundtruth_rect.txt"
        several = [path for path in sorted(folder.glob("groundtruth_rect.*.txt")) if path.stat().st_size]
        if several and not single.exists():
            places |= {_name(path): Place(folder / "img", path) for path in several}
        elif single.exists() or (folder / "img").is_dir():
            places[folder.name] = Place(folder / "img", single)
    if not places:
        raise DataError(f"no OTB sequence in {root}: expected {EXPECTED}")
    aliases: dict[str, list[str]] = {}
    for name, place in places.items():
        for alias in (name, place.images.parent.name):
            aliases.setdefault(alias, []).append(name)
    chosen = [name for alias in select(list(aliases), wanted) for name in aliases[alias]]
    return {name: places[name] for name in chosen}


def official(root: Path, split: str) -> dict[str, Place]:
    """Where all sequences of OTB-100 would lie; none for a folder of other videos."""
    places = {}
    for folder in LISTS["otb100"] if split == "test" else ():
        files = [f"groundtruth_rect.{number}.txt" for number in TARGETS.get(folder, ())] or ["groundtruth_rect.txt"]
        for path in (root / folder / file for file in files):
            places[_name(path)] = Place(path.parent / "img", path)
    return places


def contents(root: Path, split: str) -> list[Path]:
    """What a split consists of."""
    return [root]


def read(name: str, place: Place) -> Sequence:
    """One sequence, the part of it that is evaluated. `valid` as in `files.box_sequence`; the frames that the OTB
    metric treats as unannotated are its own affair (`metrics.otb`)."""
    boxes = read_annotation(place.annotation)
    images = image_files(place.images)
    rows, files = len(boxes), f"{len(images)} images"
    folder = place.images.parent.name
    if folder in RANGES:
        first, last = RANGES[folder]
        images = [path for path in images if first <= frame_number(path) <= last]
        files += f", {len(images)} of them in the evaluated range {first}-{last}"
    boxes = evaluated(folder, boxes)
    if len(boxes) != len(images):
        raise DataError(f"{place.annotation} has {rows} rows, but img beside it has {files}; expected one row each")
    return box_sequence(name, images, boxes - np.array([1, 1, 0, 0]))


def evaluated(folder: str, boxes: np.ndarray) -> np.ndarray:
    """The rows of an annotation (N, 4) that are evaluated: all, or the part in `RANGES` where it begins at frame 1.

    As distributed, the rows of those folders cover the range alone.
    """
    first, last = RANGES.get(folder, (1, len(boxes)))
    return boxes[first - 1 : last] if len(boxes) >= last else boxes


def _name(annotation: Path) -> str:
    """`Jogging.2` for `Jogging/groundtruth_rect.2.txt`."""
    target = annotation.name.split(".")[1]
    return annotation.parent.name + (f".{target}" if target != "txt" else "")
