"""Videos with boxes: images and `boxes.txt`, a line x,y,w,h each, in a folder a video."""

from pathlib import Path

from socl_core.data.files import box_sequence
from socl_core.data.layout import Layout, Place
from socl_core.data.sequence import Sequence
from socl_core.errors import DataError


class Boxed(Layout):
    """The folder above `train` and `test`."""

    splits = dict(train="train", test="test")
    scored = dict(test="test")
    expected = "<split>/<video>/boxes.txt"
    patterns = ("*/*/boxes.txt",)
    annotations = ("boxes.txt",)
    site = "your own"

    def find(self, split: str) -> dict[str, Place]:
        files = sorted((self.folder / split).glob("*/boxes.txt"))
        if not files:
            raise DataError(f"no video in {self.folder / split}: expected boxes.txt")
        return {file.parent.name: Place(file.parent, file) for file in files}

    def contents(self, split: str) -> list[Path]:
        return [self.folder / split]

    def read(self, name: str, place: Place) -> Sequence:
        boxes, images = place.read()
        return box_sequence(name, images, boxes)


LAYOUT = Boxed
