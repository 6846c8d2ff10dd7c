"""Result boxes and annotations in files, matched by sequence and scored by a convention.

Nothing leaves a mean unseen: a sequence that cannot be scored is returned with its reason.
"""

import re
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from socl_core.data.files import read_boxes, read_labels, write_atomic, write_boxes
from socl_core.data.layouts import got10k, lasot, otb
from socl_core.data.reading import open_regular
from socl_core.errors import DataError, UsageError, unknown
from socl_core.scoring.conventions import Truth, find_convention, in_files, score_sequence, summary


@dataclass
class Report:
    """What scoring gave. numbers: over sequences; sequences: of each; skipped: name -> reason; notes: sentences;
    scores: what the convention gives for each repetition of each sequence, such as curves."""

    numbers: dict[str, float] = field(default_factory=dict)
    sequences: dict[str, dict[str, float]] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    scores: dict[str, list[dict[str, np.ndarray]]] = field(default_factory=dict)


def read_results(path: Path) -> dict[str, list[np.ndarray] | DataError]:
    """Result boxes by sequence, one array a repetition: of an npz, or of a folder of text files.

    In a folder `NAME.txt` (OTB, LaSOT, TrackingNet) or `NAME/NAME_001.txt`, `_002`, ... (GOT-10k, whose
    `NAME_time.txt` is left out). A file that cannot be read stands in the result as its error.
    """
    if not path.is_dir():
        return {name: [boxes] for name, boxes in _read_npz(path).items()}
    results: dict[str, list[np.ndarray] | DataError] = {}
    for file in [*sorted(path.glob("*.txt")), *sorted(path.glob("*/*_[0-9][0-9][0-9].txt"))]:
        name = file.stem if file.parent == path else file.parent.name
        try:
            if isinstance(earlier := results.setdefault(name, []), list):
                earlier.append(read_boxes(file))
        except DataError as error:
            results[name] = error
    if not results:
        raise DataError(f"{path} holds no result: expected NAME.txt or NAME/NAME_001.txt")
    return results


def read_truth(path: Path) -> dict[str, Truth]:
    """Annotations by sequence: of an npz, of a folder of `NAME.txt`, or of a data set's own folder.

    An npz holds boxes alone. A data set's folder holds NAME/groundtruth.txt, in LaSOT below its category, or
    NAME/groundtruth_rect.txt (OTB, the evaluated rows); full_occlusion.txt and out_of_view.txt (LaSOT), cover.label
    and meta_info.ini (GOT-10k) beside it are read. Beside flat files there may be a folder `absent` (LaSOT's toolkit).
    Raises `DataError` naming the file when nothing is found or a file is damaged.
    """
    if not path.is_dir():
        return {name: Truth(boxes) for name, boxes in _read_npz(path).items()}
    files = sorted([*path.glob("*/groundtruth.txt"), *path.glob("*/*/groundtruth.txt")])  # LaSOT: in its category
    truth = {file.parent.name: _folder_truth(file.parent) for file in files}
    if len(truth) < len(files):
        raise DataError(f"{path} holds two sequences of one name; expected one folder a sequence")
    if next(path.glob("*/groundtruth_rect*.txt"), None):
        for name, place in otb.OTB(path).find("test").items():
            truth[name] = Truth(otb.evaluated(place.images.parent.name, read_boxes(place.annotation)))
    for file in () if truth else sorted(path.glob("*.txt")):
        boxes, absent = read_boxes(file), path / "absent" / file.name
        truth[file.stem] = Truth(boxes, read_labels(absent, len(boxes), range(2)) == 1 if absent.exists() else None)
    if not truth:
        raise DataError(f"{path} holds no annotation: expected NAME.txt, or NAME/groundtruth.txt or _rect.txt")
    return truth


def _read_npz(path: Path) -> dict[str, np.ndarray]:
    damage = (DataError, ValueError, EOFError, AttributeError, TypeError, MemoryError, zipfile.BadZipFile, zlib.error)
    try:
        with open_regular(path) as file, np.load(file, allow_pickle=False) as arrays:
            return {name: arrays[name].astype(np.float64, casting="same_kind") for name in arrays.files}
    except damage:
        expected = "a folder of <sequence>.txt, a line x,y,w,h each frame, or an npz with one array a sequence"
        raise DataError(f"{path} holds no boxes: expected {expected}") from None


def _folder_truth(home: Path) -> Truth:
    boxes = read_boxes(home / "groundtruth.txt")
    hidden = list(lasot.read_hidden(home, len(boxes)).values())
    size = got10k.read_frame_size(home) if (home / "meta_info.ini").exists() else None
    return Truth(boxes, np.any(hidden, 0) if hidden else None, got10k.read_label(home, "cover", len(boxes)), size)


def write_results(convention: str, folder: Path, name: str, boxes: np.ndarray, seconds: np.ndarray) -> None:
    """One sequence's boxes in the layout that a convention's server or toolkit takes, below the tracker's `folder`.

    boxes: (N, 4) of our trackers, pixel indices from 0. OTB and LaSOT: NAME.txt, indices from 1. TrackingNet:
    NAME.txt as they are. GOT-10k: NAME/NAME_001.txt as they are, and NAME_time.txt with the seconds (N,) of each
    frame. Atomic. Raises `UsageError` for an unknown convention.
    """
    path = _export_path(convention, folder, name)
    write_boxes(path, in_files(convention, boxes))
    if convention == "got10k":
        write_atomic(path.with_name(f"{name}_time.txt"), "".join(f"{value:.8f}\n" for value in seconds))


def check_export(convention: str, folder: Path, names: list[str], begun: bool = False) -> None:
    """Whether `write_results` can write sequences of these `names`, asked before a tracker runs for hours.

    begun: what is there was written by the same command, which goes on.
    Raises `UsageError` for an unknown convention and where results are there already, `DataError` where the
    folder cannot be written.
    """
    if not begun and (there := [path for name in names if (path := _export_path(convention, folder, name)).exists()]):
        raise UsageError(f"{there[0]} is there already; export to another folder, or delete it")
    write_atomic(probe := folder / ".writable", "")
    probe.unlink()


def _export_path(convention: str, folder: Path, name: str) -> Path:
    find_convention(convention)
    return folder / name / f"{name}_001.txt" if convention == "got10k" else folder / f"{name}.txt"


def canonical(name: str) -> str:
    """A sequence's name without what differs between releases: case, and a dot or hyphen before the target."""
    return name.lower().replace(".", "-")


def chosen_names(wanted: str | None, truth: Iterable[str]) -> list[str]:
    """Wanted sequences by their names in the annotations; one that is not there keeps its own.

    wanted: otb13, otb100, names with commas, or None for all. A name stands for all targets of its video.
    """
    if wanted is None:
        return list(truth)
    by_name = {canonical(name): name for name in truth}
    if "," not in wanted and wanted.lower().startswith("otb") and canonical(wanted) not in {*by_name, *otb.LISTS}:
        raise unknown("list of sequences", wanted, otb.LISTS)
    chosen: list[str] = []
    for name in otb.LISTS.get(wanted) or [name.strip() for name in wanted.split(",")]:
        pattern = re.compile(re.escape(canonical(name)) + r"(-\d+)?")
        chosen += [known for key, known in by_name.items() if pattern.fullmatch(key)] or [name]
    return list(dict.fromkeys(chosen))


def score_results(
    convention: str, results: dict[str, list[np.ndarray] | DataError], truth: dict[str, Truth], wanted: str | None
) -> Report:
    """Scores of result boxes by a convention. Raises `UsageError` when no sequence can be scored."""
    report = Report()
    for names, what in ((results, "results"), (truth, "annotations")):
        if len({canonical(name) for name in names}) < len(names):
            raise DataError(f"two {what} differ only in case or punctuation of their names; expected one a sequence")
    by_name = {canonical(name): repetitions for name, repetitions in results.items()}
    for name in chosen_names(wanted, truth):
        try:
            if name not in truth:
                raise DataError("not among the annotations")
            repetitions = by_name.get(canonical(name), DataError("not among the results"))
            if isinstance(repetitions, DataError):
                raise repetitions
            scores = [_score(convention, name, boxes, truth[name], report.notes) for boxes in repetitions]
            report.sequences[name], report.scores[name] = summary(convention, scores), scores
        except DataError as error:
            report.skipped[name] = str(error)
    if wanted is None:
        annotated = set(map(canonical, truth))
        report.skipped |= {name: "no annotation" for name in results if canonical(name) not in annotated}
    if not report.scores:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in list(report.skipped.items())[:3])
        raise UsageError(f"no sequence can be scored ({reasons})")
    report.numbers = summary(convention, [score for scores in report.scores.values() for score in scores])
    return report


def _score(convention: str, name: str, boxes: np.ndarray, truth: Truth, notes: list[str]) -> dict:
    rules = find_convention(convention)
    for kind in rules.uses:
        if getattr(truth, kind) is None:
            notes.append(f"{name}: the annotation has no {kind}; the toolkit uses it")
    if boxes.ndim != 2 or boxes.shape[1:] != (4,):
        raise DataError(f"boxes of shape {boxes.shape}; expected (N, 4), a row x, y, w, h for every frame")
    late = len(truth.boxes) - len(boxes)
    if convention == "otb" and _begins_late(boxes, truth.boxes):
        notes.append(f"{name}: {len(boxes)} rows, which begin at row {late + 1} of {len(truth.boxes)}")
        truth = Truth(truth.boxes[late:])
    elif convention == "lasot" and late < 0:  # as its toolkit does
        notes.append(f"{name}: {-late} rows more than annotated frames, left out")
        boxes = boxes[:late]
    elif late:
        raise DataError(f"{len(boxes)} rows for {len(truth.boxes)} annotated frames; expected a row for every frame")
    for rows, rule in ((boxes, rules.bad_boxes), (truth.boxes, "the annotation itself, taken as the toolkit takes it")):
        if len(bad := np.flatnonzero(~np.isfinite(rows).all(1))):
            notes.append(f"{name}, row {bad[0] + 1}: NaN or inf, in {len(bad)} rows; {rule}")
    return score_sequence(convention, boxes, truth)


def _begins_late(boxes: np.ndarray, truth: np.ndarray) -> bool:
    """Whether results leave out frames at the beginning, as published ones of Tiger1 do.

    That is so when their first box is, to a pixel, the true one of the frame that it would fall on, and not
    that of the first frame.
    """
    late = len(truth) - len(boxes)
    off = np.abs(truth[[0, late]] - boxes[0]).max(1) if 0 < late < len(truth) else np.zeros(2)
    return bool(off[1] <= 1 < off[0])
