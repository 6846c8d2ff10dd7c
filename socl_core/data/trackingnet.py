"""TrackingNet as its devkit leaves it: `TRAIN_0` ... `TRAIN_11`, `TEST` with `frames/<name>/0.jpg`, `anno/<name>.txt`.

Coordinates are taken as they are in the files: x, y are read as 0-based pixel indices. TEST is annotated in
its first frames alone; the server has the rest.
"""

from collections.abc import Iterable
from pathlib import Path

from socl_core.data.files import Place, box_sequence, read_place, select
from socl_core.data.sequence import Sequence
from socl_core.errors import DataError

SITE = "https://tracking-net.org"
GATED = True  # its terms are to be accepted there
CHUNKS = dict(train=tuple(f"TRAIN_{number}" for number in range(12)), test=("TEST",))
EVALUATION: dict[str, str] = {}  # no public annotation outside of training
COUNTS = dict(train=12 * 2511, test=511)
EXPECTED = "TRAIN_0/anno/<name>.txt or TEST/anno/<name>.txt"
PATTERNS = tuple(f"{chunk}/anno/*.txt" for chunks in CHUNKS.values() for chunk in chunks)
BESIDE = ()
ANNOTATIONS = ("*.txt",)


def roles(_: Path) -> dict[str, str]:
    """What each split may be used for."""
    return dict(train="train", test="test")


def find(root: Path, split: str, wanted: Iterable[str] | None = None) -> dict[str, Place]:
    """Where the sequences of a split lie, chunk after chunk, of the chunks that are there.

    Raises `UsageError` for an unknown split or name, `DataError` when there is none, or one is in two chunks.
    """
    found: dict[str, Place] = {}
    for chunk in contents(root, split):
        names = {path.stem for path in (chunk / "anno").glob("*.txt")}
        names |= {path.name for path in (chunk / "frames").glob("*") if path.is_dir()}
        if twice := sorted(names & found.keys()):
            raise DataError(f"{chunk} holds {twice[0]}, which {found[twice[0]].images.parent} holds as well")
        for name in sorted(names):
            found[name] = Place(chunk / "frames" / name, chunk / "anno" / f"{name}.txt", first_only=split == "test")
    if not found:
        raise DataError(f"no TrackingNet {split} sequence in {root}: expected {CHUNKS[split][0]}/anno/<name>.txt")
    return {name: found[name] for name in select(list(found), wanted)}


def official(root: Path, split: str) -> dict[str, Place]:
    """Empty: the names, which are those of YouTube videos, come with the annotations; `COUNTS` says how many."""
    return {}


def contents(root: Path, split: str) -> list[Path]:
    """The chunks of a split that are there."""
    return [root / chunk for chunk in CHUNKS[split] if (root / chunk).is_dir()]


def read(name: str, place: Place) -> Sequence:
    """One sequence. A frame is valid when its box is so by `files.box_sequence`."""
    boxes, images = read_place(place, negative=True)
    return box_sequence(name, images, boxes)
