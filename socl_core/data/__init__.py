"""Data sets by name: `composite`, `otb`, `otb_dev`, `real_mini`, `otb:PATH`, `got10k:PATH`.

The bare names of files are folders below the data root: the argument `root`, else the environment
variable SOCL_DATA, else `./data`. A PATH is taken as given.
"""

import hashlib
import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from socl_core.data.files import IMAGE_SUFFIXES, select
from socl_core.data.sequence import Sequence
from socl_core.errors import DataError, UsageError, unknown

NAMED = {"got10k": "got10k", "otb": "otb", "otb_dev": "otb", "real_mini": "got10k"}  # bare name -> layout
FORMS = ("composite", *NAMED, "otb:PATH", "got10k:PATH")
COMPOSITE_ROLES = {"train": "train", "dev": "dev", "test": "test"}
GOT10K_ROLES = {"train": "train", "val": "dev", "test": "test"}


def load(
    spec: str, split: str, sequences: Iterable[str] | None = None, root: Path | str | None = None,
    videos: int | None = None, frames: int | None = None, cache: Path | None = None,
) -> list[Sequence]:  # fmt: skip
    """The sequences of a split of a data set, in the data set's order.

    sequences: names to keep. videos, frames: keep the first videos, and the first frames of each. cache: a
    folder where composite keeps the frames it has drawn; other data sets need none.
    Splits: composite train, dev, test; GOT-10k train, val; an OTB folder has one, named as its `role`.
    Raises `UsageError` for an unknown spec, split or sequence, `DataError` for missing or damaged data.
    """
    for label, count in (("videos", videos), ("frames", frames)):
        if count is not None and count < 1:
            raise UsageError(f"{label} is {count}; expected at least 1")
    kind, path = _resolve(spec, root)
    own_role = role(spec, split)
    if kind == "composite":
        from socl_core.data import composite

        plan = composite.SPLITS[split]  # composite.load refuses more than there is; here it means all
        count = min(videos or plan.videos, plan.videos) if sequences is None else None
        length = min(frames or plan.frames, plan.frames)
        found = composite.load(split, videos=count, frames=length, cache=cache)
        names = select([sequence.name for sequence in found], sequences)
        found = [sequence for sequence in found if sequence.name in names]
    elif kind == "otb":
        from socl_core.data import otb

        if split != own_role:
            raise unknown(f"split of {spec}", split, [own_role])
        found = otb.load(path, sequences)
    else:
        from socl_core.data import got10k

        found = got10k.load(path, split, sequences)
    return [_first(sequence, frames) for sequence in found[:videos]]


def role(spec: str, split: str) -> str:
    """What a split may be used for: "train", "dev" (selection) or "test" (final numbers only).

    Raises `UsageError` for an unknown spec, or an unknown split of composite or GOT-10k.
    """
    kind, path = _resolve(spec, None)
    if kind == "otb":
        return "dev" if path.absolute().name == "otb_dev" else "test"
    roles = COMPOSITE_ROLES if kind == "composite" else GOT10K_ROLES
    if split not in roles:
        raise unknown(f"split of {spec}", split, roles)
    return roles[split]


def evaluation_split(spec: str, split: str) -> str:
    """The split of a data set that plays the part of `split` (dev or test) in an evaluation.

    composite has both; GOT-10k's annotated frames outside of training are those of val; OTB has one split.
    """
    kind, _ = _resolve(spec, None)
    return split if kind == "composite" else role(spec, split) if kind == "otb" else "val"


def available(spec: str, root: Path | str | None = None) -> str | None:
    """None when the data set is there, else one sentence with what is missing and what was expected."""
    kind, path = _resolve(spec, root)
    if kind == "composite":
        return None
    expected, patterns = "train/list.txt or val/list.txt", ("list.txt", "train/list.txt", "val/list.txt")
    if kind == "otb":
        expected, patterns = "<Name>/img and <Name>/groundtruth_rect.txt", ("*/groundtruth_rect*.txt",)
    if any(next(path.glob(pattern), None) for pattern in patterns):
        return None
    cause = f"{path} holds no data" if path.is_dir() else f"there is no folder {path}"
    return f"Data set '{spec}' is missing: {cause}; expected {expected} (SOCL_DATA sets the data root)."


def manifest(spec: str, split: str, root: Path | str | None = None) -> str:
    """A short hash (16 hex digits) of what identifies the data of a split.

    Of files: relative paths and sizes of the images, contents of lists, annotations and labels; not where
    the folder is, nor times. Raises as `load` does for an unknown spec or GOT-10k split or a missing folder.
    """
    kind, path = _resolve(spec, root)
    if kind == "composite":
        from socl_core.data import composite

        return composite.manifest()
    if missing := available(spec, root):
        raise DataError(missing)
    if kind == "got10k":
        from socl_core.data import got10k

        path = got10k.split_folder(path, split)
    digest = hashlib.sha256(kind.encode())
    for name, content in sorted(_identity(path, "")):
        digest.update(f"\n{name}\0".encode() + content)
    return digest.hexdigest()[:16]


def _identity(folder: Path, prefix: str) -> Iterable[tuple[str, bytes]]:
    """Relative path, and size or hash, of the files below a folder that a loader reads."""
    with os.scandir(folder) as entries:  # one system call a file; pathlib needs several
        for entry in entries:
            name = prefix + entry.name
            if entry.is_dir():
                yield from _identity(entry.path, name + "/")
            elif name.lower().endswith(IMAGE_SUFFIXES):
                yield name, str(entry.stat().st_size).encode()
            elif entry.name == "list.txt" or entry.name.startswith("groundtruth") or name.endswith(".label"):
                yield name, hashlib.sha256(Path(entry.path).read_bytes()).digest()


def _resolve(spec: str, root: Path | str | None) -> tuple[str, Path | None]:
    """Layout ("composite", "otb", "got10k") and folder of a spec."""
    if spec == "composite":
        return spec, None
    layout, _, path = spec.partition(":")
    if path and layout in ("otb", "got10k"):
        return layout, Path(path)
    if spec in NAMED:
        return NAMED[spec], Path(root or os.environ.get("SOCL_DATA") or "data") / spec
    raise unknown("data set", spec, FORMS)


def _first(sequence: Sequence, frames: int | None) -> Sequence:
    """The first frames of a sequence, all when None."""
    if frames is None or frames >= len(sequence):
        return sequence  # not a whole slice, which may draw every frame
    fields = {name: getattr(sequence, name) for name in ("frames", "points", "boxes", "valid", "masks")}
    return replace(sequence, **{name: rows[:frames] for name, rows in fields.items() if rows is not None})
