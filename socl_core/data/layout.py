"""The contract of a data set: with these few names it can be found, checked, loaded and identified."""

import hashlib
import os
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import numpy as np

from socl_core.data.files import IMAGE_SUFFIXES, image_files, read_annotation
from socl_core.data.reading import image_fault, read_bytes
from socl_core.data.sequence import Sequence
from socl_core.errors import DataError, UsageError, cause, known


@dataclass(frozen=True)
class Place:
    """Where a sequence lies on the disk: the folder of its images, and the file of its boxes.

    first_only: the file may hold the first frame's box alone, as in the splits that a server scores.
    """

    images: Path
    annotation: Path
    first_only: bool = False

    def read(self, negative: bool = False) -> tuple[np.ndarray, list[Path]]:
        """Boxes (N, 4) as they stand in the annotation, NaN in frames that have none, and the N image files.

        negative: as in `read_annotation`.
        Raises `DataError` for missing or damaged files and where rows and images differ in number.
        """
        boxes, images = read_annotation(self.annotation, negative), image_files(self.images)
        if self.first_only and len(boxes) == 1:
            boxes = np.pad(boxes, [(0, len(images) - 1), (0, 0)], constant_values=np.nan)
        if len(boxes) != len(images):
            counts = f"{len(boxes)} rows, but {self.images} holds {len(images)} images"
            raise DataError(f"{self.annotation} has {counts}; expected one row an image")
        return boxes, images


class Layout(ABC):
    """One data set in a folder.

    splits: its splits, each with its role: "train", "dev" (selection) or "test" (final numbers only).
    scored: the split that plays the part of "dev" and of "test" in an evaluation; empty where none is annotated.
    expected: what must be in the folder, in words; patterns: of these, one is found where it is.
    annotations: patterns of names of the files that `read` opens besides images; they are part of the data's identity.
    labels: names of the files that each published sequence has beside its boxes.
    counts: how many sequences each published split has. site: where to get them; free: without accepting terms.
    """

    splits: dict[str, str]
    scored: dict[str, str] = {}
    expected: str
    patterns: tuple[str, ...]
    annotations: tuple[str, ...]
    labels: tuple[str, ...] = ()
    counts: dict[str, int] = {}
    site: str
    free = False

    def __init__(self, folder: Path):
        self.folder = Path(folder)

    @abstractmethod
    def find(self, split: str) -> dict[str, Place]:
        """Where the sequences of a split lie, in the data set's order. Raises `DataError` where there is none."""

    @abstractmethod
    def read(self, name: str, place: Place) -> Sequence:
        """One sequence. Raises `DataError` for missing or damaged files."""

    def fault(self, name: str, place: Place, official: bool = False, decode: bool = False) -> str:
        """What is damaged in a sequence, empty if nothing: what `read` refuses, images that are not whole and, if
        official, label files that are missing. decode: judge images by decoding them, not by their ends."""
        try:
            paths = self.read(name, place).frames.paths
        except DataError as error:
            return str(error)
        labels = self.labels if official and not place.first_only else ()
        if lacking := [file for file in labels if not (place.annotation.parent / file).exists()]:
            return f"no {', '.join(lacking)} in {place.annotation.parent}"
        faults = [fault for path in paths if (fault := image_fault(path, decode))]
        return f"{len(faults)} of {len(paths)} images, the first: {faults[0]}" if faults else ""

    def official(self, split: str) -> dict[str, Place]:
        """Where all sequences of the published split would lie, as far as their names are known."""
        return {}

    def contents(self, split: str) -> list[Path]:
        """The folders a split consists of."""
        return [self.folder]

    def load(
        self, split: str, names: Iterable[str] | None = None,
        videos: int | None = None, frames: int | None = None, cache: Path | None = None,
    ) -> list[Sequence]:  # fmt: skip
        """The first `videos` sequences of a split, or of those named, each cut to its first `frames` frames.

        cache: a folder for frames that are costly to make. Raises `UsageError` for an unknown name.
        """
        places = list(select(self.find(split), names).items())[:videos]
        return [self.read(name, place).first(frames) for name, place in places]

    def missing(self) -> str | None:
        """None where the data set is, else what is missing and what was expected."""
        try:
            os.scandir(self.folder).close()
            found = any(next(self.folder.glob(pattern), None) for pattern in self.patterns)
            reason = f"{self.folder} holds no data"
        except FileNotFoundError:
            found, reason = False, f"there is no folder {self.folder}"
        except (OSError, ValueError) as error:  # no permission, links in a circle, a name too long
            found, reason = False, f"cannot read {self.folder}: {cause(error)}"
        return None if found else f"{reason}; expected {self.expected}"

    def manifest(self, split: str) -> str:
        """A hash of the images' paths and sizes and of the annotations' contents; not of places nor times."""
        digest = hashlib.sha256(type(self).__module__.rpartition(".")[2].encode())
        parts = self.contents(split)
        try:
            rows = [row for part in parts for row in self._files(part, f"{part.name}/" if len(parts) > 1 else "")]
        except OSError as error:  # no permission, or links in a circle
            raise DataError(f"cannot read {error.filename or self.folder}: {cause(error)}") from None
        for name, content in sorted(rows):
            digest.update(f"\n{name}\0".encode() + content)
        return digest.hexdigest()[:16]

    def _files(self, folder: Path | str, prefix: str) -> Iterable[tuple[str, bytes]]:
        """Relative path and size of each image below a folder, path and hash of each annotation."""
        with os.scandir(folder) as entries:  # one system call a file; pathlib needs several
            for entry in entries:
                path = prefix + entry.name
                if entry.is_dir():
                    yield from self._files(entry.path, path + "/")
                elif path.lower().endswith(IMAGE_SUFFIXES):
                    yield path, str(entry.stat().st_size).encode()
                elif any(fnmatch(entry.name, pattern) for pattern in self.annotations):
                    yield path, hashlib.sha256(read_bytes(entry.path)).digest()


def select(places: dict[str, Place], names: Iterable[str] | None) -> dict[str, Place]:
    """The sequences of these names, in the data set's order; `Jogging` means `Jogging.1` and `Jogging.2`. None: all.

    Raises `UsageError` for an unknown name, and for no name at all.
    """
    if names is None:
        return places
    titles = {name: name.partition(".")[0] for name in places}  # of the video that targets share
    wanted = {known("sequence", name, {*titles, *titles.values()}) for name in names}
    if not wanted:
        raise UsageError("expected names of sequences, found none")
    return {name: place for name, place in places.items() if wanted & {name, titles[name]}}
