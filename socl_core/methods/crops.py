"""The store of crops that training reads: cut once, kept on disk with checksums."""

import json
import os
import shutil
import tempfile
import zlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from socl_core.data.sequence import Sequence, evenly
from socl_core.data.workers import in_workers
from socl_core.errors import DataError, known
from socl_core.geometry import EXEMPLAR, SEARCH, box_centres, context_side, crop
from socl_core.prior.pseudo_boxes import PSEUDO_RULES, SCALE_RULES, point_sides, pseudo_boxes
from socl_core.prior.store import build_priors, read_prior
from socl_core.prior.top import score_map

RULES = ("box", *SCALE_RULES, *PSEUDO_RULES)


@dataclass(frozen=True)
class Cut:
    """How crops are cut: by which rule, to how many pixels a side, and how many exemplar sides they show."""

    rule: str
    pixels: int = SEARCH
    exemplars: float = SEARCH / EXEMPLAR


@dataclass(frozen=True)
class CropStore:
    """Crops of a training set, ready for the device.

    images: (N, P, P, 3) uint8 BGR, of 255 pixels unless the cut says otherwise. scores: (N, G, G) float32
    score maps (scale rules of the point condition) or None. video: (N,) index of the video of each crop,
    ascending; frame: (N,) its frame number. side: (N,) side of the exemplar region in frame pixels.
    boxes: (N, 4) the target in the crop, true or pseudo: centre x, y from the crop's middle, width, height, in
    crop pixels; or None.
    """

    images: np.ndarray
    scores: np.ndarray | None
    video: np.ndarray
    frame: np.ndarray
    side: np.ndarray
    boxes: np.ndarray | None = None

    @classmethod
    def open(cls, folder: Path) -> "CropStore":
        """The store in a folder, images mapped from disk. Raises `DataError` when a file is missing or damaged.

        Every array is read once for its checksum, CRC-32: against accidents, such as a power cut after which a file
        has its length but not its content. A training reads them all anyway.
        """
        try:
            checksums = json.loads((folder / "index.json").read_text())["crc32"]
            arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in checksums}
            if changed := [name for name, array in arrays.items() if zlib.crc32(array) != checksums[name]]:
                raise ValueError(f"the checksum of {changed[0]}.npy differs")
            columns = {name: np.array(arrays[name]) for name in ("video", "frame", "side")}
            return cls(arrays["images"], arrays.get("scores"), **columns, boxes=arrays.get("boxes"))
        except (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(
                f"crop store {folder} is damaged ({error}); delete the folder to have it built again"
            ) from error

    def rows(self, rows: np.ndarray) -> "CropStore":
        """The store of some rows, in memory."""
        return CropStore(*(None if a is None else a[rows] for a in vars(self).values()))

    @staticmethod
    def join(stores: list["CropStore"]) -> "CropStore":
        """One store of several, all with score maps or all without; videos are numbered on."""
        first = np.cumsum([0] + [int(store.video.max()) + 1 for store in stores])
        columns = dict(zip(vars(stores[0]), zip(*(vars(store).values() for store in stores))))
        columns["video"] = [store.video + start for store, start in zip(stores, first)]
        return CropStore(
            **{name: None if parts[0] is None else np.concatenate(parts) for name, parts in columns.items()}
        )


def build_store(
    sequences: list[Sequence], folder: Path, cut: Cut, priors: Path | None = None, workers: int = 2
) -> CropStore:
    """The store at `folder`, built first where it is not there yet (in a temporary folder, then renamed).

    The rule "box" crops by the true boxes; all others are the point condition and need no boxes: hand over
    point views. priors: the folder of their objectness, completed first where it is not; else `priors` beside the
    store. A video without a valid frame is left out.
    Raises `UsageError` for an unknown rule, `DataError` when no video is left or the folder cannot be written,
    `SoclError` when a worker dies.
    """
    known("scale rule", cut.rule, RULES)
    if (folder / "index.json").exists():
        return CropStore.open(folder)
    priors = priors or folder.parent / "priors"
    jobs = [(sequence, cut, video, priors) for video, sequence in enumerate(sequences) if sequence.valid.any()]
    if not jobs:
        raise DataError(f"no video with a valid frame among {len(sequences)}: annotate some")
    if cut.rule != "box":
        build_priors(sequences, priors, workers)
    parts = in_workers(_cut_video, jobs, workers, "crops")
    folder.parent.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".building-"))
    try:
        checksums = {}
        for name in parts[0]:
            array = np.concatenate([part[name] for part in parts])
            np.save(building / f"{name}.npy", array)
            checksums[name] = zlib.crc32(array)
        (building / "index.json").write_text(json.dumps({"crc32": checksums}))
        os.rename(building, folder)
    except OSError as error:
        if not (folder / "index.json").exists():  # else another process has built the same store meanwhile
            raise DataError(
                f"cannot write the crop store {folder} ({error}); delete the folder and try again"
            ) from error
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return CropStore.open(folder)


def _cut_video(job: tuple[Sequence, Cut, int, Path]) -> dict[str, np.ndarray]:
    """The columns of a store for one video, of which the number comes third and the folder of priors last."""
    sequence, cut, video, priors = job
    frames = np.flatnonzero(sequence.valid)
    images, centres = [sequence.frames[i] for i in frames], sequence.points[frames]
    windows = [] if cut.rule == "box" else read_prior(sequence, priors)
    columns = {"video": np.full(len(frames), video), "frame": frames}
    if cut.rule in SCALE_RULES:
        sides = point_sides(cut.rule, images, windows, centres, np.random.default_rng(video))
        maps = [score_map(*each) for each in zip(windows, centres, sides * cut.exemplars)]
        columns["scores"] = np.stack(maps).astype(np.float32)
    else:
        if cut.rule == "box" and sequence.boxes is None:
            raise DataError(f"sequence {sequence.name}: the box condition needs boxes, found points only")
        boxes = sequence.boxes[frames] if cut.rule == "box" else pseudo_boxes(cut.rule, windows, centres)
        centres = np.clip(box_centres(boxes), 0, np.array(images[0].shape[1::-1]) - 1)
        sides = context_side(*boxes[:, 2:].T)
        scales = cut.pixels / (sides * cut.exemplars)
        placed = np.concatenate([box_centres(boxes) - centres, boxes[:, 2:]], 1) * scales[:, None]
        columns["boxes"] = placed.astype(np.float32)
    cuts = zip(images, centres, sides * cut.exemplars)
    columns["images"] = np.stack([crop(image, centre, shown, cut.pixels) for image, centre, shown in cuts])
    return columns | {"side": sides}


def keep_evenly(sequence: Sequence, frames: int | None) -> Sequence:
    """The sequence with at most `frames` valid frames, evenly spread; the others are marked invalid."""
    rows = np.flatnonzero(sequence.valid)
    if frames is None or len(rows) <= frames:
        return sequence
    keep = np.zeros(len(sequence), bool)
    keep[evenly(rows, frames)] = True
    return replace(sequence, valid=keep)
