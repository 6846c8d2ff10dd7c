"""Results that are kept: what the record of a run holds, and the file of recorded runs of a protocol."""

import json
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, SerializeAsAny, ValidationError, field_validator

from socl_core.data.files import read_own_boxes, write_atomic
from socl_core.data.sequence import evenly
from socl_core.errors import DataError, UsageError
from socl_core.methods.spec import RunSpec
from socl_core.runs.identity import run_code
from socl_core.runs.spec import read_spec
from socl_core.runs.store import RUNS, Run

RECORDED = Path(__file__).parents[1] / "recorded"
LOGGED = 40  # entries of a log that a record keeps at most
DIGITS = 4  # of a recorded number: a hundredth of a point


class Provenance(BaseModel):
    """Where a run was made: hash of its code, hashes of its data, and what else it says of the machine."""

    model_config = ConfigDict(extra="allow")

    code: str
    data: dict[str, str] = {}
    device: str = ""


class Repeat(BaseModel):
    """An earlier record of a run. auc: its means by data set. distance: the largest one to those of the later run."""

    model_config = ConfigDict(extra="forbid")

    id: str
    code: str
    device: str = ""
    auc: dict[str, float] = {}
    distance: float


class Result(BaseModel):
    """What a run found, as `result.json` in its folder holds it.

    sequences: scores by set, sequence and metric. A record has more: a thinned log, the boxes of one video in whole
    pixels (None where one is not finite), and earlier records of the run, by other code or on another machine.
    """

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    id: str = Field(pattern=r"^[0-9a-f]{12}$")
    spec: SerializeAsAny[RunSpec]
    mean: dict[str, dict[str, float]]
    sequences: dict[str, dict[str, dict[str, float]]]
    seconds: dict[str, float] = {}
    provenance: Provenance
    log: dict[str, list[float]] = {}
    boxes: dict[str, list[tuple[int, int, int, int] | None]] = {}
    repeats: list[Repeat] = []

    @field_validator("spec", mode="before")
    @classmethod
    def _spec_of_its_method(cls, content: Any) -> RunSpec:
        try:
            return content if isinstance(content, RunSpec) else read_spec(content)
        except UsageError as error:
            raise ValueError(str(error)) from error

    @property
    def is_current(self) -> bool:
        """Whether the present code is that of the run."""
        return self.provenance.code == run_code(self.spec)

    @property
    def place(self) -> tuple[str, str, int]:
        """Where its record stands, which an earlier and a later one have in common."""
        return place(self.spec)


def place(spec: RunSpec) -> tuple[str, str, int]:
    """Method, parameters and seed: the order of records."""
    parameters = spec.model_dump(mode="json", exclude={"method", "seed"})
    return spec.method, json.dumps(parameters, sort_keys=True), spec.seed


def read_result(content: Any, where: str) -> Result:
    """A result in plain data. Raises `DataError` that says where it was found and what is wrong with it."""
    try:
        return Result.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        raise DataError(f"{where} is no result of a run: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error


def result_of(run: Run) -> Result:
    """The result of a finished run. Raises `DataError` for a damaged one."""
    return read_result(run.read("result.json"), f"{run.folder}/result.json")


def recorded_file(protocol: str) -> Path:
    """Where the recorded results of a protocol are, one a line."""
    return RECORDED / f"{protocol}.jsonl"


def read_records(protocol: str) -> list[Result]:
    """The recorded results of a protocol; none without its file. Raises `DataError` that names file and line."""
    path = recorded_file(protocol)
    return list(_read(path, path.stat().st_mtime_ns)) if path.exists() else []


def recorded_seconds(protocol: str) -> dict[tuple[str, str], float]:
    """What the recorded runs of a protocol took, the median over seeds, by method and parameters as in `place`."""
    seconds: dict[tuple[str, str], list[float]] = {}
    for result in read_records(protocol):
        seconds.setdefault(result.place[:2], []).append(sum(result.seconds.values()))
    return {each: median(took) for each, took in seconds.items()}


@cache
def _read(path: Path, _: int) -> list[Result]:
    records = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        where = f"line {number} of {path}"
        try:
            content = json.loads(line)
            content["sequences"] = {name: _by_sequence(**scores) for name, scores in content["sequences"].items()}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(f"{where} is no result of a run: {error!r}") from error
        records.append(read_result(content, where))
    return records


def _by_sequence(sequence: list[str], **metrics: list[float | None]) -> dict[str, dict[str, float]]:
    """Scores by sequence and metric, from a list a metric; None where a sequence has no such score."""
    rows = zip(sequence, zip(*metrics.values(), strict=True), strict=True)
    return {name: {m: v for m, v in zip(metrics, values) if v is not None} for name, values in rows}


def _by_metric(scores: dict[str, dict[str, float]]) -> dict[str, list]:
    """What `_by_sequence` reads: a record says the name of each metric once."""
    metrics = dict.fromkeys(metric for values in scores.values() for metric in values)
    return {"sequence": list(scores)} | {m: [values.get(m) for values in scores.values()] for m in metrics}


def record(results: Iterable[Result], root: Path = RUNS) -> None:
    """Keep results of finished runs of the store `root` among the recorded ones, each in place of an earlier one."""
    for result in results:
        records = {other.place: other for other in read_records(result.spec.protocol)}
        earlier = records.get(result.place)
        more = kept(Run(root / result.spec.protocol / result.id), result)
        more |= {"repeats": repeats(earlier, result) if earlier else []}
        records[result.place] = result.model_copy(update=more)
        write_records(result.spec.protocol, records.values())


def write_records(protocol: str, records: Iterable[Result]) -> None:
    """Write all recorded results of a protocol, a line each in a stable order, so that a new one changes its line."""
    lines = []
    for result in sorted(records, key=lambda result: result.place):
        content = _rounded(result.model_dump(mode="json", exclude_defaults=True))
        content["spec"] = result.spec.model_dump(mode="json")
        content["sequences"] = {name: _by_metric(scores) for name, scores in content["sequences"].items()}
        lines.append(json.dumps(content, separators=(",", ":")) + "\n")
    write_atomic(recorded_file(protocol), "".join(lines))


def _rounded(content: Any) -> Any:
    """Plain data with its numbers to four digits; whole ones without a point."""
    if isinstance(content, dict):
        return {name: _rounded(value) for name, value in content.items()}
    if isinstance(content, list):
        return [_rounded(value) for value in content]
    if isinstance(content, float):
        return int(content) if content == int(content) else round(content, DIGITS)
    return content


def kept(run: Run, result: Result) -> dict:
    """What a record holds beside the result: a thinned log, and the boxes of the first composite video, if any.

    A part that is missing or damaged is left out.
    """
    parts: dict = {}
    with suppress(DataError):
        if entries := run.log():
            chosen = [entries[i] for i in evenly(np.arange(len(entries)), LOGGED)]
            parts["log"] = {name: [round(entry[name], DIGITS) for entry in chosen] for name in ("step", "loss")}
    for name, scores in list(result.sequences.get("composite", {}).items())[:1]:
        with suppress(DataError):
            boxes = read_own_boxes(run.boxes("composite") / f"{name}.txt", int(scores["frames"]))
            parts["boxes"] = {name: [tuple(box.round().astype(int).tolist()) if np.isfinite(box).all() else None
                                     for box in boxes]}  # fmt: skip
    return parts


def repeats(earlier: Result, later: Result) -> list[Repeat]:
    """Earlier records of a run: those that its last one names, and this one unless it is the same execution."""
    known = list(earlier.repeats)
    if (earlier.id, earlier.seconds) != (later.id, later.seconds):  # nothing takes as long twice
        auc = {name: mean.get("auc", 0) for name, mean in earlier.mean.items()}
        made = {name: getattr(earlier.provenance, name) for name in ("code", "device")}
        known.append(Repeat(id=earlier.id, auc=auc, distance=0, **made))
    return [
        repeat.model_copy(update={"distance": _distance(repeat.auc, later)}) if repeat.auc else repeat
        for repeat in known
    ]


def _distance(auc: dict[str, float], later: Result) -> float:
    return max(abs(auc[name] - mean.get("auc", 0)) for name, mean in later.mean.items())
