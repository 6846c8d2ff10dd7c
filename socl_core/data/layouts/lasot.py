"""LaSOT as distributed: `<category>/<category>-<n>/img/00000001.jpg`, `groundtruth.txt` and two label files.

Annotations are 1-based in the files and 0-based here (x - 1, y - 1). A split is what `training_set.txt` or
`testing_set.txt` beside the categories names; without them, it is the official protocol's share of what is
there (protocol II: 280 test videos, four of each category; all others are for training).
"""

from pathlib import Path

import numpy as np
import yaml

from socl_core.data.files import box_sequence, read_labels
from socl_core.data.layout import Layout, Place
from socl_core.data.reading import read_text
from socl_core.data.sequence import Sequence
from socl_core.errors import DataError

HIDDEN = ("full_occlusion", "out_of_view")  # labels of frames in which the target cannot be seen
LISTS = dict(train="training_set.txt", test="testing_set.txt")
VIDEOS = range(1, 21)  # of each category

TEST_VIDEOS: dict[str, list[int]] = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text())  # of each category


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
