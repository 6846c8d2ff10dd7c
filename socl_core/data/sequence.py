"""The one type every loader returns: an annotated video.

Coordinate frame of the whole package: pixel indices, 0-based, x to the right, y down; the centre of
the top-left pixel is (0, 0). A box is `x, y, w, h` with `x, y` the index of its top-left pixel, so it
covers the pixels x .. x + w - 1 and its centre is `x + (w - 1) / 2`. A point is `x, y`.
"""

import re
from collections.abc import Sequence as AbstractSequence
from dataclasses import dataclass, field, replace

import numpy as np

from socl_core.errors import DataError

NAME = re.compile(r"[^./\\<>\x00-\x1f][^/\\<>\x00-\x1f]*")  # leaves no folder, and no page's text


@dataclass(frozen=True)
class Sequence:
    """A video with its annotation.

    name: unique within its data set; names files and stands on pages.
    frames: N frames, lazily decoded, BGR uint8 (H, W, 3).
    points: (N, 2) float64, the annotated point of each frame; NaN where the target is not annotated.
    boxes: (N, 4) float64 x, y, w, h, or None in the point condition.
    valid: (N,) bool, frames whose annotation may be used for training and scoring.
    masks: N target masks (H, W) bool where the data set has them (composite), else None.
    others: N masks (H, W) bool of all other moving bodies, where the data set has them, else None.
    labels: further annotation by its official name, (N,) each: absence, cover (0..8) and cut_by_image of GOT-10k,
    full_occlusion and out_of_view of LaSOT.
    """

    name: str
    frames: AbstractSequence
    points: np.ndarray
    boxes: np.ndarray | None
    valid: np.ndarray
    masks: AbstractSequence | None = None
    others: AbstractSequence | None = None
    labels: dict[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self):
        if not NAME.fullmatch(self.name):
            raise DataError(f"sequence {self.name!r}: a name must be fit for a file and a page, without / \\ < >")
        for label in ("points", "boxes", "valid"):
            if (rows := getattr(self, label)) is not None and len(rows) != len(self):
                counts = f"{len(self)} frames but {len(rows)} rows of {label}"
                raise DataError(f"sequence {self.name}: {counts}; expected as many")

    def __len__(self) -> int:
        return len(self.frames)

    def first(self, frames: int | None) -> "Sequence":
        """Its first frames, all when None."""
        return self if frames is None or frames >= len(self) else self.part(slice(frames))

    def part(self, rows: slice) -> "Sequence":
        """Some frames that follow each other, with their annotation, under the same name."""
        names = ("frames", "points", "boxes", "valid", "masks", "others")
        kept = {name: values[rows] for name in names if (values := getattr(self, name)) is not None}
        return replace(self, labels={name: values[rows] for name, values in self.labels.items()}, **kept)

    def point_view(self) -> "Sequence":
        """What an annotator who only clicked would hand over: no boxes, no masks, no labels."""
        return replace(self, boxes=None, masks=None, others=None, labels={})


def evenly(rows: np.ndarray, count: int) -> np.ndarray:
    """At most `count` of some rows, evenly spread from the first to the last."""
    return rows[np.linspace(0, len(rows) - 1, min(count, len(rows))).round().astype(int)]
