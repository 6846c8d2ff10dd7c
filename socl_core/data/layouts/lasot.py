"""LaSOT as distributed: `<category>/<category>-<n>/img/00000001.jpg`, `groundtruth.txt` and two label files.

Annotations are 1-based in the files and 0-based here (x - 1, y - 1). A split is what `training_set.txt` or
`testing_set.txt` beside the categories names; without them, it is the official protocol's share of what is
there (protocol II: 280 test videos, four of each category; all others are for training).
"""

from pathlib import Path

import numpy as np

from socl_core.data.files import box_sequence, read_labels, read_text
from socl_core.data.layout import Layout, Place
from socl_core.data.sequence import Sequence
from socl_core.errors import DataError

HIDDEN = ("full_occlusion", "out_of_view")  # labels of frames in which the target cannot be seen
LISTS = dict(train="training_set.txt", test="testing_set.txt")
VIDEOS = range(1, 21)  # of each category

# The test videos of each category.
TEST = """airplane 1 9 13 15; basketball 1 6 7 11; bear 2 4 6 17; bicycle 2 7 9 18; bird 2 3 15 17; boat 3 4 12 17;
book 3 10 11 19; bottle 1 12 14 18; bus 2 5 17 19; car 2 6 9 17; cat 1 3 18 20; cattle 2 7 12 13; chameleon 3 6 11 20;
coin 3 6 7 18; crab 3 6 12 18; crocodile 3 4 10 14; cup 1 4 7 17; deer 4 8 10 14; dog 1 7 15 19; drone 2 7 13 15;
electricfan 1 10 18 20; elephant 1 12 16 18; flag 2 3 5 9; fox 2 3 5 20; frog 3 4 9 20; gametarget 1 2 7 13;
gecko 1 5 16 19; giraffe 2 10 13 15; goldfish 3 7 8 10; gorilla 4 6 9 13; guitar 3 8 10 16; hand 2 3 9 16; hat 1 2 5 18;
helmet 5 11 13 19; hippo 1 7 9 20; horse 1 4 12 15; kangaroo 2 5 11 14; kite 4 6 10 15; leopard 1 7 16 20;
licenseplate 6 12 13 15; lion 1 5 12 20; lizard 1 3 6 13; microphone 2 6 14 16; monkey 3 4 9 17; motorcycle 1 3 9 18;
mouse 1 8 9 17; person 1 5 10 12; pig 2 10 13 18; pool 3 7 12 15; rabbit 10 13 17 19; racing 10 15 16 20;
robot 1 5 8 19; rubicCube 1 6 14 19; sepia 6 8 13 16; shark 2 3 5 6; sheep 3 5 7 9; skateboard 3 8 16 19;
spider 14 16 18 20; squirrel 8 11 13 19; surfboard 4 5 8 12; swing 10 14 17 20; tank 6 9 14 16; tiger 4 6 12 18;
train 1 7 11 20; truck 3 6 7 16; turtle 5 8 9 16; umbrella 2 9 17 19; volleyball 1 13 18 19; yoyo 7 15 17 19;
zebra 10 14 16 17"""
TEST_VIDEOS = {entry.split()[0]: [int(number) for number in entry.split()[1:]] for entry in TEST.split(";")}


class LaSOT(Layout):
    """The folder of the categories."""

    splits = dict(train="train", test="test")
    scored = dict(dev="test", test="test")  # there is no split for choices; its role says so
    expected = "<category>/<category>-<n>/groundtruth.txt"
    patterns = ("*/*/groundtruth.txt",)
    labels = tuple(f"{label}.txt" for label in HIDDEN)
    annotations = ("groundtruth.txt", *labels)
    counts = dict(train=1120, test=280)
    site = "http://vision.cs.stonybrook.edu/~lasot/"

    def find(self, split: str) -> dict[str, Place]:
        """Where the sequences of a split lie. Raises `DataError` where there is none."""
        lists = {part: self.folder / file for part, file in LISTS.items()}
        listed = {part: read_text(path).split() for part, path in lists.items() if path.is_file()}
        if split in listed:
            return self._places(listed[split])
        there = {path.parent.name for path in self.folder.glob("*/*/groundtruth.txt")}
        test = set(listed.get("test", self.official("test")))
        if not (names := there & test if split == "test" else there - test):
            raise DataError(f"no LaSOT {split} sequence in {self.folder}: expected {self.expected}")
        return self._places(sorted(names, key=_by_number))

    def official(self, split: str) -> dict[str, Place]:
        """Where all sequences of the published split would lie."""
        numbers = [(category, number) for category in TEST_VIDEOS for number in VIDEOS]
        return self._places([f"{c}-{n}" for c, n in numbers if (n in TEST_VIDEOS[c]) == (split == "test")])

    def contents(self, split: str) -> list[Path]:
        """The folders of the sequences of a split."""
        return [place.annotation.parent for place in self.find(split).values()]

    def read(self, name: str, place: Place) -> Sequence:
        """One sequence. A frame is valid when no label says that the target is hidden or out of view, and its box
        is so by `files.box_sequence`. The official files have a few negative sizes in frames without target."""
        boxes, images = place.read(negative=True)
        labels = read_hidden(place.annotation.parent, len(images))
        present = ~np.any([np.zeros(len(images), bool), *labels.values()], 0)
        return box_sequence(name, images, boxes - np.array([1, 1, 0, 0]), present, labels)

    def _places(self, names: list[str]) -> dict[str, Place]:
        homes = {name: self.folder / name.rpartition("-")[0] / name for name in names}
        return {name: Place(home / "img", home / "groundtruth.txt") for name, home in homes.items()}


LAYOUT = LaSOT


def read_hidden(home: Path, rows: int) -> dict[str, np.ndarray]:
    """The labels of `HIDDEN` that lie in a sequence's folder, (rows,) bool each."""
    return {kind: read_labels(path, rows, range(2)) == 1 for kind in HIDDEN if (path := home / f"{kind}.txt").exists()}


def _by_number(name: str) -> tuple[str, int]:
    """airplane-2 comes before airplane-10."""
    category, _, number = name.rpartition("-")
    return category, int(number) if number.isdecimal() else 0
