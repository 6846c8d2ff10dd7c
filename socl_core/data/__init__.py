"""Data sets by name: `composite`, `otb`, `otb_dev`, `real_mini`, `got10k`, `lasot`, `trackingnet`, `LAYOUT:PATH`.

The bare names of files are folders below the data root: the environment variable SOCL_DATA, else `./data`.
A PATH is taken as given; LAYOUT is the name of a file in `layouts/`.

The module of a layout is imported when it is asked for: a run depends on the layouts it reads, and on no other.
All functions raise `UsageError` for an unknown data set or split.
"""

import os
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from socl_core.data import layouts
from socl_core.data.layout import Layout
from socl_core.data.sequence import Sequence
from socl_core.errors import DataError, UsageError, known, unknown

LAYOUTS = tuple(sorted(module.name for module in iter_modules(layouts.__path__)))
MODULES = {name: f"{__name__}.layouts.{name}" for name in LAYOUTS} | {"composite": f"{__name__}.composite"}
NAMED = {name: name for name in MODULES} | {"otb_dev": "otb", "real_mini": "got10k"}  # bare name -> layout


def load(
    spec: str, split: str, sequences: Iterable[str] | None = None,
    videos: int | None = None, frames: int | None = None, cache: Path | None = None,
) -> list[Sequence]:  # fmt: skip
    """The sequences of a split of a data set, in the data set's order.

    sequences: names to keep. videos, frames: keep the first videos, and the first frames of each. cache: a
    folder where composite keeps the frames it has drawn; other data sets need none.
    Of a split that a server scores, boxes are NaN after the first frame.
    Raises `UsageError` for an unknown sequence, `DataError` for missing or damaged data.
    """
    for label, count in (("videos", videos), ("frames", frames)):
        if count is not None and count < 1:
            raise UsageError(f"{label} is {count}; expected at least 1")
    return with_split(spec, split).load(split, sequences, videos, frames, cache)


def role(spec: str, split: str) -> str:
    """What a split may be used for: "train", "dev" (selection) or "test" (final numbers only).

    A data set of one split is what that is for.
    """
    roles = open_layout(spec).splits
    return next(iter(roles.values())) if len(roles) == 1 else roles[known(f"split of {spec}", split, roles)]


def splits(spec: str) -> list[str]:
    """Names of the splits of a data set."""
    return list(open_layout(spec).splits)


def evaluation_split(spec: str, part: str) -> str:
    """The split of a data set that plays the part of "dev" or "test" in an evaluation.

    Raises `UsageError` where none is annotated, as in TrackingNet.
    """
    if not (scored := open_layout(spec).scored):
        raise UsageError(f"{spec} has no split that can be scored here; where a server scores, --export writes boxes")
    return scored[known(f"split of {spec}", part, scored)]


def available(spec: str) -> str | None:
    """None when the data set is there, else one sentence with what is missing and what was expected."""
    missing = open_layout(spec).missing()
    return missing and f"Data set '{spec}' is missing: {missing} (SOCL_DATA sets the data root)."


def require(spec: str) -> None:
    """Raises `DataError` with what is missing unless the data set is there."""
    if missing := available(spec):
        raise DataError(missing)


def manifest(spec: str, split: str) -> str:
    """A short hash of what identifies the data of a split, wherever it lies. Raises `DataError` as `require`."""
    role(spec, split)  # for its error; a run that asks for one that an OTB folder has not still has an identity
    require(spec)
    return open_layout(spec).manifest(split)


def with_split(spec: str, split: str) -> Layout:
    """As `open_layout`, of a data set that has that split."""
    layout = open_layout(spec)
    known(f"split of {spec}", split, layout.splits)
    return layout


def open_layout(spec: str) -> Layout:
    """A data set, whether or not it is there."""
    path = spec.partition(":")[2] or Path(os.environ.get("SOCL_DATA") or "data") / spec
    return import_module(layout_module(spec)).LAYOUT(Path(os.path.expanduser(path)))


def layout_module(spec: str) -> str:
    """Name of the module that reads a data set."""
    layout, _, path = spec.partition(":")
    if not (spec in NAMED or (path and layout in LAYOUTS)):
        raise unknown("data set", spec, (*NAMED, *(f"{name}:PATH" for name in LAYOUTS)))
    return MODULES[NAMED.get(layout, layout)]


def layout_modules() -> list[str]:
    """Names of the modules of all layouts."""
    return list(MODULES.values())
