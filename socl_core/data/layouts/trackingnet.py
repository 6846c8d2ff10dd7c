"""TrackingNet as its devkit leaves it: `TRAIN_0` ... `TRAIN_11`, `TEST` with `frames/<name>/0.jpg`, `anno/<name>.txt`.

Coordinates are taken as they are in the files: x, y are read as 0-based pixel indices. TEST is annotated in
its first frames alone; the server has the rest.
"""

from pathlib import Path

from socl_core.data.files import box_sequence
from socl_core.data.layout import Layout, Place
from socl_core.data.sequence import Sequence
from socl_core.errors import DataError

CHUNKS = dict(train=tuple(f"TRAIN_{number}" for number in range(12)), test=("TEST",))


class TrackingNet(Layout):
    """The folder of the chunks. No annotation outside of training is public, so nothing is scored here."""

    splits = dict(train="train", test="test")
    expected = "TRAIN_0/anno/<name>.txt or TEST/anno/<name>.txt"
    patterns = tuple(f"{chunk}/anno/*.txt" for chunks in CHUNKS.values() for chunk in chunks)
    annotations = ("*.txt",)
    counts = dict(train=12 * 2511, test=511)  # their names, which are those of YouTube videos, come with the files
    site = "https://tracking-net.org"

    def find(self, split: str) -> dict[str, Place]:
        """Where the sequences of a split lie, chunk after chunk, of the chunks that are there.

        Raises `DataError` when there is none, or one is in two chunks.
        """
        places: dict[str, Place] = {}
        for chunk in self.contents(split):
            names = {path.stem for path in (chunk / "anno").glob("*.txt")}
            names |= {path.name for path in (chunk / "frames").glob("*") if path.is_dir()}
            if twice := sorted(names & places.keys()):
                raise DataError(f"{chunk} holds {twice[0]}, which {places[twice[0]].images.parent} holds as well")
            for name in sorted(names):
                places[name] = Place(chunk / "frames" / name, chunk / "anno" / f"{name}.txt", split == "test")
        if not places:
            expected = f"{CHUNKS[split][0]}/anno/<name>.txt"
            raise DataError(f"no TrackingNet {split} sequence in {self.folder}: expected {expected}")
        return places

    def contents(self, split: str) -> list[Path]:
        """The chunks of a split that are there."""
        return [self.folder / chunk for chunk in CHUNKS[split] if (self.folder / chunk).is_dir()]

    def read(self, name: str, place: Place) -> Sequence:
        """One sequence. A frame is valid when its box is so by `files.box_sequence`."""
        boxes, images = place.read(negative=True)
        return box_sequence(name, images, boxes)


LAYOUT = TrackingNet
