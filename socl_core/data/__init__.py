"""Data sets by name: `composite`, `otb`, `otb_dev`, `real_mini`, `got10k`, `lasot`, `trackingnet`, `LAYOUT:PATH`.

The bare names of files are folders below the data root: the environment variable SOCL_DATA, else `./data`.
A PATH is taken as given; LAYOUT is one of clicks, got10k, lasot, otb, trackingnet.

A layout is a module. It says what its splits are for (`roles`), where their sequences lie (`find`), where
those of the published data set would lie (`official`, `COUNTS`), and reads one (`read`). It is imported when it is
asked for: a run depends on the layouts that it reads, and on no other.
"""

import hashlib
import os
from collections.abc import Iterable
from dataclasses import replace
from fnmatch import fnmatch
from importlib import import_module
from pathlib import Path
from types import ModuleType

from socl_core.data.files import IMAGE_SUFFIXES
from socl_core.data.sequence import Sequence
from socl_core.errors import DataError, UsageError, known, unknown

LAYOUTS = ("clicks", "got10k", "lasot", "otb", "trackingnet")
NAMED = {name: name for name in LAYOUTS} | {"otb_dev": "otb", "real_mini": "got10k"}  # bare name -> layout
FORMS = ("composite", *NAMED, *(f"{name}:PATH" for name in LAYOUTS))


def load(
    spec: str, split: str, sequences: Iterable[str] | None = None,
    videos: int | None = None, frames: int | None = None, cache: Path | None = None,
) -> list[Sequence]:  # fmt: skip
    """The sequences of a split of a data set, in the data set's order.

    sequences: names to keep. videos, frames: keep the first videos, and the first frames of each. cache: a
    folder where composite keeps the frames it has drawn; other data sets need none.
    Splits: composite train, dev, test; clicks train; GOT-10k train, val, test; LaSOT and TrackingNet train, test;
    an OTB folder has one, named as its `role`. Of a split that a server scores, boxes are NaN after the first frame.
    Raises `UsageError` for an unknown spec, split or sequence, `DataError` for missing or damaged data.
    """
    for label, count in (("videos", videos), ("frames", frames)):
        if count is not None and count < 1:
            raise UsageError(f"{label} is {count}; expected at least 1")
    layout, path = with_split(spec, split)
    if path is None:
        return layout.load(split, videos, frames, cache=cache, wanted=sequences)
    places = list(layout.find(path, split, sequences).items())[:videos]
    return [_first(layout.read(name, place), frames) for name, place in places]


def role(spec: str, split: str) -> str:
    """What a split may be used for: "train", "dev" (selection) or "test" (final numbers only).

    A data set of one split is what that is for. Raises `UsageError` for an unknown spec or split.
    """
    layout, path = resolve(spec)
    roles = layout.roles(path)
    if len(roles) == 1:
        (split,) = roles
    return roles[known(f"split of {spec}", split, roles)]


def splits(spec: str) -> list[str]:
    """Names of the splits of a data set. Raises `UsageError` for an unknown one."""
    layout, path = resolve(spec)
    return list(layout.roles(path))


def evaluation_split(spec: str, split: str) -> str:
    """The split of a data set that plays the part of `split` (dev or test) in an evaluation.

    composite has both; GOT-10k's annotated frames outside of training are those of val, LaSOT's of test; OTB
    has one split. Raises `UsageError` where none is annotated, as in TrackingNet, and for another part.
    """
    layout, path = resolve(spec)
    if len(roles := layout.roles(path)) == 1:
        return next(iter(roles))
    if not layout.EVALUATION:
        raise UsageError(f"{spec} has no split that can be scored here; its server scores what --export writes")
    return layout.EVALUATION[known(f"split of {spec}", split, layout.EVALUATION)]


def available(spec: str) -> str | None:
    """None when the data set is there, else one sentence with what is missing and what was expected."""
    layout, path = resolve(spec)
    if path is None or any(next(path.glob(pattern), None) for pattern in layout.PATTERNS):
        return None
    cause = f"{path} holds no data" if path.is_dir() else f"there is no folder {path}"
    return f"Data set '{spec}' is missing: {cause}; expected {layout.EXPECTED} (SOCL_DATA sets the data root)."


def require(spec: str) -> None:
    """Raises `DataError` with what is missing unless the data set is there."""
    if missing := available(spec):
        raise DataError(missing)


def manifest(spec: str, split: str) -> str:
    """A short hash (16 hex digits) of what identifies the data of a split.

    Of files: relative paths and sizes of the images, contents of lists, annotations and labels; not where
    the folder is, nor times. Raises as `load` does for an unknown spec or split or a missing folder.
    """
    role(spec, split)  # for its error; a run that asks for one that an OTB folder has not still has an identity
    layout, path = resolve(spec)
    if path is None:
        return layout.manifest()
    require(spec)
    parts = layout.contents(path, split)
    digest = hashlib.sha256(layout.__name__.rpartition(".")[2].encode())
    found = [row for part in parts for row in _identity(part, f"{part.name}/" if parts[1:] else "", layout.ANNOTATIONS)]
    for name, content in sorted(found):
        digest.update(f"\n{name}\0".encode() + content)
    return digest.hexdigest()[:16]


def with_split(spec: str, split: str) -> tuple[ModuleType, Path | None]:
    """As `resolve`, of a data set that has that split. Raises `UsageError` where it has not."""
    layout, path = resolve(spec)
    known(f"split of {spec}", split, layout.roles(path))
    return layout, path


def resolve(spec: str) -> tuple[ModuleType, Path | None]:
    """Layout and folder of a data set; composite has no folder. Raises `UsageError` for an unknown one."""
    module = import_module(layout_module(spec))
    if spec == "composite":
        return module, None
    if spec in NAMED:
        return module, Path(os.environ.get("SOCL_DATA") or "data") / spec
    return module, Path(spec.partition(":")[2])


def layout_module(spec: str) -> str:
    """Name of the module that reads a data set. Raises `UsageError` for an unknown one."""
    layout, _, path = spec.partition(":")
    if not (spec == "composite" or spec in NAMED or (path and layout in LAYOUTS)):
        raise unknown("data set", spec, FORMS)
    return f"{__name__}.{NAMED.get(layout, layout)}"


def layout_modules() -> list[str]:
    """Names of the modules of all layouts."""
    return [layout_module(name) for name in ("composite", *LAYOUTS)]


def _identity(part: Path | str, name: str, annotations: tuple[str, ...]) -> Iterable[tuple[str, bytes]]:
    """Relative path, and size or hash, of the files that a loader reads: of a file, or below a folder."""
    with os.scandir(part) as entries:  # one system call a file; pathlib needs several
        for entry in entries:
            path = name + entry.name
            if entry.is_dir():
                yield from _identity(entry.path, path + "/", annotations)
            elif path.lower().endswith(IMAGE_SUFFIXES):
                yield path, str(entry.stat().st_size).encode()
            elif any(fnmatch(entry.name, pattern) for pattern in annotations):
                yield path, hashlib.sha256(Path(entry.path).read_bytes()).digest()


def _first(sequence: Sequence, frames: int | None) -> Sequence:
    """The first frames of a sequence, all when None."""
    if frames is None or frames >= len(sequence):
        return sequence
    fields = {name: getattr(sequence, name) for name in ("frames", "points", "boxes", "valid")}
    labels = {name: rows[:frames] for name, rows in sequence.labels.items()}
    kept = {name: rows[:frames] for name, rows in fields.items() if rows is not None}
    return replace(sequence, labels=labels, **kept)
