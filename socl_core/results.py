"""Result boxes and annotations in files, matched by sequence and scored by a convention.

Nothing leaves a mean unseen: a sequence that cannot be scored is returned with its reason.
"""

import configparser
import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from socl_core.conventions import Truth, score_sequence, summary
from socl_core.data.files import read_boxes
from socl_core.data.otb import OTB13
from socl_core.errors import DataError, UsageError, unknown

# The targets of OTB-100 that are not in OTB-2013.
OTB100_REST = (
    "Biker", "Bird1", "Bird2", "BlurBody", "BlurCar1", "BlurCar2", "BlurCar3", "BlurCar4", "BlurFace", "BlurOwl",
    "Board", "Bolt2", "Box", "Car1", "Car2", "Car24", "ClifBar", "Coupon", "Crowds", "Dancer", "Dancer2", "Diving",
    "Dog", "DragonBaby", "Girl2", "Gym", "Human2", "Human3", "Human4", "Human5", "Human6", "Human7", "Human8",
    "Human9", "Jump", "KiteSurf", "Man", "Panda", "RedTeam", "Rubik", "Skater", "Skater2", "Skating2", "Surfer",
    "Toy", "Trans", "Twinnings", "Vase",
)  # fmt: skip
LISTS = {"otb13": OTB13, "otb100": OTB13 + OTB100_REST}
EXTRAS = ("absent", "cover", "size")  # of an annotation, in an npz as NAME:absent and so on
BAD_BOX_RULE = {
    "otb": "counts as a miss",
    "got10k": "counts as IoU 0",
    "lasot": "repeats the box before it",
    "trackingnet": "counts as a miss",
}


@dataclass
class Report:
    """What scoring gave. numbers: over sequences; sequences: of each; skipped: name -> reason; notes: sentences."""

    numbers: dict[str, float] = field(default_factory=dict)
    sequences: dict[str, dict[str, float]] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def read_results(path: Path) -> dict[str, list[np.ndarray] | DataError]:
    """Result boxes by sequence, one array a repetition: of an npz, or of a folder of text files.

    In a folder `NAME.txt` (OTB, LaSOT, TrackingNet) or `NAME/NAME_001.txt`, `_002`, ... (GOT-10k, whose
    `NAME_time.txt` is left out). A file that cannot be read stands in the result as its error.
    """
    if path.is_dir():
        found: dict[str, list[np.ndarray] | DataError] = {}
        files = [*sorted(path.glob("*.txt")), *sorted(path.glob("*/*_[0-9][0-9][0-9].txt"))]
        for file in files:
            name = file.stem if file.parent == path else file.parent.name
            try:
                if isinstance(earlier := found.setdefault(name, []), list):
                    earlier.append(read_boxes(file))
            except DataError as error:
                found[name] = error
        if not found:
            raise DataError(f"{path} holds no result: expected NAME.txt or NAME/NAME_001.txt")
        return found
    return {name: [boxes] for name, boxes in _read_npz(path).items()}


def read_truth(path: Path) -> dict[str, Truth]:
    """Annotations by sequence: of an npz, or of a folder of `NAME.txt` or of `NAME/groundtruth.txt`.

    An npz may hold NAME:absent, NAME:cover and NAME:size beside NAME. A sequence's folder may hold
    full_occlusion.txt and out_of_view.txt (LaSOT), cover.label and meta_info.ini (GOT-10k).
    Raises `DataError` naming the file when nothing is found or a file is damaged.
    """
    if not path.is_dir():
        arrays = _read_npz(path)
        extras = {name: arrays.pop(name) for name in list(arrays) if name.rpartition(":")[2] in EXTRAS}
        return {
            name: Truth(boxes, **{kind: extras[key] for kind in EXTRAS if (key := f"{name}:{kind}") in extras})
            for name, boxes in arrays.items()
        }
    folders = {file.parent.name: _folder_truth(file) for file in sorted(path.glob("*/groundtruth.txt"))}
    found = folders or {file.stem: Truth(read_boxes(file)) for file in sorted(path.glob("*.txt"))}
    if not found:
        raise DataError(f"{path} holds no annotation: expected NAME.txt or NAME/groundtruth.txt")
    return found


def _read_npz(path: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return {name: np.asarray(arrays[name], np.float64) for name in arrays.files}
    except (OSError, ValueError, EOFError, AttributeError) as error:
        raise DataError(
            f"cannot read {path} ({error}); expected a folder or an npz with one array a sequence"
        ) from None


def _folder_truth(file: Path) -> Truth:
    home, boxes = file.parent, read_boxes(file)
    flags = [_numbers(home / name) for name in ("full_occlusion.txt", "out_of_view.txt") if (home / name).exists()]
    cover = _numbers(home / "cover.label") if (home / "cover.label").exists() else None
    for values in (*flags, *(() if cover is None else (cover,))):
        if len(values) != len(boxes):
            raise DataError(f"{home}: a label file has {len(values)} entries for {len(boxes)} boxes; expected as many")
    size, meta = None, configparser.ConfigParser()
    if (home / "meta_info.ini").exists():
        meta.read_string((home / "meta_info.ini").read_text())
        numbers = re.findall(r"\d+", meta.get("METAINFO", "resolution", fallback=""))
        size = (float(numbers[0]), float(numbers[1])) if len(numbers) == 2 else None
    return Truth(boxes, np.any(flags, 0) if flags else None, cover, size)


def _numbers(file: Path) -> np.ndarray:
    try:
        return np.array([float(word) for word in re.split(r"[,\s]+", file.read_text().strip())])
    except ValueError as error:
        raise DataError(f"{file}: expected numbers, {error}") from None


def canonical(name: str) -> str:
    """A sequence's name without what differs between releases: case, and a dot or hyphen before the target."""
    return name.lower().replace(".", "-")


def chosen_names(wanted: str | None, truth: dict[str, Truth]) -> dict[str, str | None]:
    """Wanted sequences with their name in the annotations, None where they are not in it.

    wanted: otb13, otb100, names with commas, or None for all. A name stands for all targets of its video.
    """
    if wanted is None:
        return {name: name for name in truth}
    if wanted in LISTS:
        names = LISTS[wanted]
    elif "," not in wanted and wanted.lower().startswith("otb") and canonical(wanted) not in map(canonical, truth):
        raise unknown("list of sequences", wanted, LISTS)
    else:
        names = tuple(name.strip() for name in wanted.split(","))
    found: dict[str, str | None] = {}
    for name in names:
        pattern = re.compile(re.escape(canonical(name)) + r"(-\d+)?")
        matches = [known for known in truth if pattern.fullmatch(canonical(known))]
        found |= {match: match for match in matches} if matches else {name: None}
    return found


def score_results(
    convention: str, results: dict[str, list[np.ndarray] | DataError], truth: dict[str, Truth], wanted: str | None
) -> Report:
    """Scores of result boxes by a convention. Raises `UsageError` when no sequence can be scored."""
    report, scores = Report(), []
    by_name = {canonical(name): found for name, found in results.items()}
    if len(by_name) < len(results):
        raise DataError("two results differ only in case or punctuation of their names; expected one a sequence")
    for name, known in chosen_names(wanted, truth).items():
        try:
            if known is None:
                raise DataError("not among the annotations")
            found = by_name.get(canonical(known), DataError("not among the results"))
            if isinstance(found, DataError):
                raise found
            own = [_score(convention, name, boxes, truth[known], report.notes) for boxes in found]
        except DataError as error:
            report.skipped[name] = str(error)
            continue
        report.sequences[name] = summary(convention, own)
        scores += own
    if not scores:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in list(report.skipped.items())[:3])
        raise UsageError(f"no sequence can be scored ({reasons})")
    report.numbers = summary(convention, scores)
    return report


def _score(convention: str, name: str, boxes: np.ndarray, truth: Truth, notes: list[str]) -> dict:
    boxes, late = _aligned(boxes, truth.boxes)
    if late:
        notes.append(f"{name}: {len(boxes)} rows, which begin at row {late + 1} of {len(truth.boxes)}")
        cut = {kind: None if (v := getattr(truth, kind)) is None else v[late:] for kind in ("absent", "cover")}
        truth = Truth(truth.boxes[late:], size=truth.size, **cut)
    if truth.absent is not None:
        truth = Truth(truth.boxes, np.asarray(truth.absent, bool), truth.cover, truth.size)
    for row in np.flatnonzero(~np.isfinite(boxes).all(1))[:3]:
        notes.append(f"{name}, row {row + 1}: NaN or inf {BAD_BOX_RULE[convention]}")
    return score_sequence(convention, boxes, truth)


def _aligned(boxes: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, int]:
    """Boxes with the number of annotated frames before the first of them.

    Published results may leave out frames at the beginning (Tiger1 of OTB). That is accepted when the first
    result is the true box of the frame that it would fall on, to a pixel; any other length is refused.
    """
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise DataError(f"boxes of shape {boxes.shape}; expected (N, 4), a row x, y, w, h for every frame")
    late = len(truth) - len(boxes)
    if late and not (0 < late < len(truth) and np.abs(boxes[0] - truth[late]).max() <= 1):
        raise DataError(f"{len(boxes)} rows for {len(truth)} annotated frames; expected a row for every frame")
    return boxes, late
