"""A page for each run that a table of the book shows, and one that lists them all: Markdown below book/records/."""

import base64
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import product
from pathlib import Path

import cv2

from socl_book.html import TEMPLATES, one_block
from socl_book.provenance import as_yaml, changed, describe_changes
from socl_book.records import DIGITS, Repeat, Result, kept
from socl_book.results import SOURCES, Results, read_results
from socl_book.tables import all_tables
from socl_core import data
from socl_core.data.files import write_atomic
from socl_core.runs.store import Run
from socl_core.runs.training_set import CACHE

CLIP_WIDTH, CLIP_FRAMES = 240, 40  # pixels; at most twice as many frames
NEAR = 0.005  # of AUC, between a run and its repetition elsewhere


def percent(share: float | None) -> str:
    """A share in percent, rounded first as records are: a run and its record have the same digits."""
    return "–" if share is None else f"{100 * round(share, DIGITS):.1f}"


TEMPLATES.filters |= {
    "block": one_block,
    "json": json.dumps,
    "percent": percent,
    "whole": lambda number: "–" if number is None else f"{number:.0f}",
}


@dataclass
class Shown:
    """A run with where it is shown: columns of the tables by table and row."""

    result: Result
    kind: str
    places: dict[str, dict[str, list[str]]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Of its page: a recorded run and one of this build may have the same id."""
        return f"{self.kind}-{self.result.id}"

    @property
    def run(self) -> Run:
        return Run.of(self.result.spec)

    @property
    def auc(self) -> str:
        """Mean AUC in percent; by data set where there are several."""
        means = {name: percent(mean["auc"]) for name, mean in self.result.mean.items() if "auc" in mean}
        return ", ".join(means.values() if len(means) == 1 else (f"{name} {auc}" for name, auc in means.items())) or "–"

    @property
    def done(self) -> str:
        since = self.run.since if self.kind == "build" else None
        return f"{datetime.fromtimestamp(since, UTC):%Y-%m-%d}" if since else "–"


def shown_runs(results: Results) -> list[Shown]:
    """Every run behind a measured number of the tables, each once, in the order of the tables."""
    runs: dict[str, Shown] = {}
    for table in all_tables().values():
        for cell, source in product(table.cells, SOURCES):
            for result in results.runs_of(cell, source):
                one = Shown(result, source)
                places = runs.setdefault(one.name, one).places
                places.setdefault(table.name, {}).setdefault(cell.row, []).append(cell.column)
    return list(runs.values())


def write_pages(protocol: str, book: Path = Path("book")) -> list[Path]:
    """Write the pages of all runs, their index and the frames of their clips, as far as they have changed.

    Pages of runs that no table shows any more are removed. Returns what was written.
    """
    runs, folder = shown_runs(read_results(protocol)), book / "records"
    pages = {folder / "index.md": index_page(runs)}
    for one in runs:
        if one.kind == "build":
            one.result = one.result.model_copy(update=kept(one.run, one.result))
        clip = _clip_name(one.result)
        script = book / "assets" / "clip" / f"{clip}.js"
        if clip and script not in pages:
            pages[script] = clip_script(one.result.spec.test_frames)
        pages[folder / f"{one.name}.md"] = run_page(one, clip)
    for path in {*folder.glob("*.md"), *(book / "assets" / "clip").glob("*.js")} - pages.keys():
        path.unlink()
    changes = [path for path, text in pages.items() if not path.exists() or path.read_text() != text]
    for path in changes:
        write_atomic(path, pages[path])
    return changes


def index_page(runs: list[Shown]) -> str:
    """The page "All runs", as Markdown: each run in the first table that shows it."""
    tables = {table: [one for one in runs if next(iter(one.places)) == table] for table in all_tables()}
    again = [(repeat, one.result) for one in runs for repeat in one.result.repeats]
    return _render(
        "runs.md.j2",
        tables={table: rows for table, rows in tables.items() if rows},
        near=NEAR,
        again=[repeat.distance for repeat, _ in again],
        elsewhere=[repeat.distance for repeat, result in again if _elsewhere(repeat, result)],
    )


def _elsewhere(repeat: Repeat, result: Result) -> bool:
    """Whether a repeat is known to come from another device; none, or "CPU, ..." of old records, tells nothing."""
    return bool(repeat.device) and not repeat.device.startswith("CPU,") and repeat.device != result.provenance.device


def run_page(one: Shown, clip: str | None = None) -> str:
    """The page of one run, as Markdown. clip: name of the script with the frames under its boxes."""
    spec = one.result.spec
    parameters = [(name, as_yaml(value)) for name, value in spec.model_dump(mode="json").items()]
    changes = [(name, *map(as_yaml, pair)) for name, pair in changed(spec).items()]
    return _render("run.md.j2", one=one, result=one.result, clip=clip, parameters=parameters, changes=changes)


def _render(template: str, **values) -> str:
    values |= {"all_tables": all_tables(), "sources": SOURCES, "describe_changes": describe_changes}
    return TEMPLATES.get_template(template).render(values) + "\n"


def _clip_name(result: Result) -> str | None:
    """Name of the script with the frames under a result's boxes; None without boxes, or where videos have changed."""
    if not result.boxes or result.provenance.data.get("composite/test") != data.manifest("composite", "test"):
        return None
    return f"frames-{result.spec.test_frames or 'all'}"


def clip_script(frames: int | None) -> str:
    """A script with the first composite test video, cut to some frames: small JPEGs and the true boxes."""
    sequence = data.load("composite", "test", videos=1, frames=frames, cache=CACHE)[0]
    indices = range(0, len(sequence), max(1, len(sequence) // CLIP_FRAMES))
    height, width = sequence.frames[0].shape[:2]
    size = (CLIP_WIDTH, round(CLIP_WIDTH * height / width))
    clip = {
        "scale": CLIP_WIDTH / width,
        "size": size,
        "indices": list(indices),
        "frames": [_jpeg(cv2.resize(sequence.frames[i], size, interpolation=cv2.INTER_AREA)) for i in indices],
        "truth": [sequence.boxes[i].round(1).tolist() if sequence.valid[i] else None for i in indices],
    }
    return f"window.soclClip = {json.dumps(clip)};\n"


def _jpeg(image) -> str:
    return base64.b64encode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 70])[1]).decode()
