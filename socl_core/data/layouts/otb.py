"""OTB-2013 and OTB-100 as distributed: `<Name>/img/0001.jpg` and `<Name>/groundtruth_rect.txt`.

A folder with several targets holds `groundtruth_rect.1.txt`, `.2.txt`, ...; its sequences are called
`Jogging.1`, `Jogging.2`. Annotations are 1-based in the files and 0-based here (x - 1, y - 1).
"""

from pathlib import Path

import numpy as np
import yaml

from socl_core.data.files import box_sequence, frame_number, image_files, read_annotation
from socl_core.data.layout import Layout, Place
from socl_core.data.sequence import Sequence
from socl_core.errors import DataError

_TABLE = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text())
RANGES, TARGETS = _TABLE["ranges"], _TABLE["targets"]
LISTS = {"otb13": _TABLE["otb13"].split()}
LISTS["otb100"] = LISTS["otb13"] + _TABLE["more_of_otb100"].split()


class OTB(Layout):
    """The folder of the videos. It has one split, named as its role: in a folder otb_dev, whose videos are for
    choices, dev, else test."""

    expected = "<Name>/img and <Name>/groundtruth_rect.txt"
    patterns = ("*/groundtruth_rect*.txt",)
    annotations = ("groundtruth*",)
    counts = dict(test=100)
    site = "http://cvlab.hanyang.ac.kr/tracker_benchmark/"
    free = True

    def __init__(self, folder: Path):
        super().__init__(folder)
        role = "dev" if self.folder.absolute().name == "otb_dev" else "test"
        self.splits, self.scored = {role: role}, {"dev": role, "test": role}

    def find(self, split: str) -> dict[str, Place]:
        """Where the sequences lie. Raises `DataError` where there is none."""
        places: dict[str, Place] = {}
        for folder in sorted(path for path in self.folder.glob("*") if path.is_dir()):
            single = folder / "groundtruth_rect.txt"
            several = [path for path in sorted(folder.glob("groundtruth_rect.*.txt")) if path.stat().st_size]
            if several and not single.exists():
                places |= {_name(path): Place(folder / "img", path) for path in several}
            elif single.exists() or (folder / "img").is_dir():
                places[folder.name] = Place(folder / "img", single)
        if not places:
            raise DataError(f"no OTB sequence in {self.folder}: expected {self.expected}")
        return places

    def official(self, split: str) -> dict[str, Place]:
        """Where all sequences of OTB-100 would lie; none for a folder of other videos."""
        places = {}
        for folder in LISTS["otb100"] if split == "test" else ():
            files = [f"groundtruth_rect.{number}.txt" for number in TARGETS.get(folder, ())] or ["groundtruth_rect.txt"]
            for path in (self.folder / folder / file for file in files):
                places[_name(path)] = Place(path.parent / "img", path)
        return places

    def read(self, name: str, place: Place) -> Sequence:
        """One sequence, the part of it that is evaluated. `valid` as in `files.box_sequence`; the frames that the OTB
        metric treats as unannotated are its own affair (`conventions.otb`)."""
        boxes, images = read_annotation(place.annotation), image_files(place.images)
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


LAYOUT = OTB


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
