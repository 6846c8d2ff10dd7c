"""A page for each run that a table of the book shows, and one that lists them all: Markdown below book/records/."""

import base64
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import cv2

from socl_book.html import TEMPLATES, one_block
from socl_book.provenance import as_yaml, changed, describe_changes
from socl_book.records import Repeat, Result, kept
from socl_book.results import SOURCES, Results, read_results
from socl_book.tables import Cell, Table, all_tables
from socl_core import data
from socl_core.data.files import write_atomic
from socl_core.runs.store import Run
from socl_core.runs.training_set import CACHE

CLIP_WIDTH, CLIP_FRAMES = 240, 40  # pixels; at most twice as many frames
NEAR = 0.005  # of AUC, between a run and its repetition elsewhere
WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 400, 220, 52, 12, 388, 180  # of the loss curve and its axes

TEMPLATES.filters["block"] = one_block
TEMPLATES.filters["json"] = json.dumps
TEMPLATES.filters["percent"] = lambda share: "–" if share is None else f"{100 * share:.1f}"
TEMPLATES.filters["whole"] = lambda number: "–" if number is None else f"{number:.0f}"


@dataclass
class Shown:
    """A run with the cells that show it, by their tables."""

    result: Result
    kind: str
    cells: list[tuple[Table, Cell]] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Of its page: a recorded run and one of this build may have the same id."""
        return f"{self.kind}-{self.result.id}"

    @property
    def source(self) -> str:
        return SOURCES[self.kind]

    @property
    def run(self) -> Run:
        return Run.of(self.result.spec)

    @property
    def changes(self) -> str:
        return describe_changes(self.result.spec)

    @property
    def auc(self) -> str:
        """Mean AUC in percent; by data set where there are several."""
        means = {name: f"{100 * mean['auc']:.1f}" for name, mean in self.result.mean.items() if "auc" in mean}
        return ", ".join(means.values() if len(means) == 1 else (f"{name} {auc}" for name, auc in means.items())) or "–"

    @property
    def done(self) -> str:
        since = self.run.since if self.kind == "build" else None
        return f"{datetime.fromtimestamp(since, UTC):%Y-%m-%d}" if since else "–"


def shown_runs(results: Results) -> list[Shown]:
    """Every run behind a measured number of the tables, each once, in the order of the tables."""
    runs: dict[str, Shown] = {}
    for table in all_tables().values():
        for cell in table.cells:
            for source in SOURCES:
                for result in results.runs_of(cell, source):
                    one = Shown(result, source)
                    runs.setdefault(one.name, one).cells.append((table, cell))
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
    """The page "All runs", as Markdown."""
    by_table = [(table, [one for one in runs if one.cells[0][0] is table]) for table in all_tables().values()]
    tables = [(table, rows) for table, rows in by_table if rows]
    return TEMPLATES.get_template("runs.md.j2").render(tables=tables, repeated=_repeated(runs)) + "\n"


def _repeated(runs: list[Shown]) -> str:
    again = [(repeat, one.result) for one in runs for repeat in one.result.repeats]
    elsewhere = [repeat for repeat, result in again if _elsewhere(repeat, result)]
    near = sum(repeat.distance <= NEAR for repeat, _ in again)
    return (
        f"Times that a recorded run was made again, by the same or by later code: {len(again)}; AUC within "
        f"{NEAR:g} of the earlier result: {near}. Known to be on another processor or version of torch: "
        f"{len(elsewhere)}; within {NEAR:g}: {sum(repeat.distance <= NEAR for repeat in elsewhere)}. "
        "Each record names its own."
    )


def _elsewhere(repeat: Repeat, result: Result) -> bool:
    """Whether a repeat is known to come from another device; none, or "CPU, ..." of old records, tells nothing."""
    return bool(repeat.device) and not repeat.device.startswith("CPU,") and repeat.device != result.provenance.device


def run_page(one: Shown, clip: str | None = None) -> str:
    """The page of one run, as Markdown. clip: name of the script with the frames under its boxes."""
    result, spec = one.result, one.result.spec
    places: dict[str, tuple[Table, dict[str, list[str]]]] = {}
    for table, cell in one.cells:
        places.setdefault(table.name, (table, {}))[1].setdefault(cell.row, []).append(cell.column)
    return TEMPLATES.get_template("run.md.j2").render(
        result=result,
        spec=spec,
        source=one.source,
        auc=one.auc,
        count=sum(map(len, result.sequences.values())),
        shown_in=[
            (table, "; ".join(f"{row} ({', '.join(columns)})" for row, columns in rows.items()))
            for table, rows in places.values()
        ],
        curve=_loss_curve(**result.log) if result.log else None,
        trained=bool(spec.training_sets),
        clip=clip,
        changes=[(name, *map(as_yaml, pair)) for name, pair in changed(spec).items()],
        parameters=[(name, as_yaml(value)) for name, value in spec.model_dump(mode="json").items()],
        environment=_environment(result),
    )


def _loss_curve(step: list[float], loss: list[float]) -> dict:
    """The loss against the step as what an inline SVG needs; it takes the colour of the page's text."""
    highest, first, last = max(*loss, 1e-9), step[0], max(step[-1], step[0] + 1)
    xs = [LEFT + (RIGHT - LEFT) * (s - first) / (last - first) for s in step]
    ys = [BOTTOM - (BOTTOM - TOP) * value / highest for value in loss]
    return {
        "size": (WIDTH, HEIGHT),
        "left": LEFT,
        "top": TOP,
        "right": RIGHT,
        "floor": BOTTOM,
        "middle": (TOP + BOTTOM) // 2,
        "label": f"Loss from {loss[0]:.2f} at step {first:g} to {loss[-1]:.2f} at step {step[-1]:g}",
        "line": " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(xs, ys)),
        "texts": [
            (LEFT - 6, TOP + 8, "end", f"{highest:.2g}"),
            (LEFT - 6, BOTTOM, "end", "0"),
            (LEFT, BOTTOM + 16, "start", f"{first:g}"),
            (RIGHT, BOTTOM + 16, "end", f"{step[-1]:g}"),
            ((LEFT + RIGHT) // 2, HEIGHT - 6, "middle", "step"),
        ],
    }


def _environment(result: Result) -> list[tuple[str, object]]:
    about = result.provenance.model_dump(exclude={"code", "data"})
    code = "the present code is still that" if result.is_current else "the code has changed since"
    return [
        ("code", f"{result.provenance.code} ({code})"),
        *about.items(),
        *((f"data {name}", value) for name, value in result.provenance.data.items()),
        *((f"seconds of {part}", value) for part, value in result.seconds.items()),
        *(
            (
                f"run before as {repeat.id}",
                f"AUC differed by {100 * repeat.distance:.1f} points; code {repeat.code}"
                + (f", on {repeat.device}" if repeat.device else ""),
            )
            for repeat in result.repeats
        ),
    ]


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
