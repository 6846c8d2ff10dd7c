"""A page for each run that a table of the book shows, and one that lists them all: Markdown below book/records/."""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import cv2

from socl_book.html import KINDS, RESULTS, scrolled
from socl_book.provenance import as_yaml, changed, command_html, html_text, is_current, kept, page_name
from socl_book.tables import TABLES, Cell
from socl_core import data
from socl_core.data.files import write_atomic
from socl_core.methods.spec import RunSpec
from socl_core.runs.spec import read_spec
from socl_core.runs.store import Run
from socl_core.runs.training_set import CACHE

PAGES = {f"{number}": f"table{number}" for number in range(1, 5)}
PAGES |= {"noise": "claims", "real": "real_video", "recipe": "recipe", "transt": "table1", "template": "table1"}
CLIP_WIDTH, CLIP_FRAMES = 240, 40  # pixels; at most twice as many frames
NO_CLIP = "No clip: the record holds no boxes on the present composite videos."
NEAR = 0.005  # of AUC, between a run and its repetition elsewhere
WIDTH, HEIGHT, LEFT, BOTTOM = 400, 220, 52, 40  # of the loss curve and its margins


@dataclass
class Record:
    """A result with where it is from, and the cells that show it as (table, row, column)."""

    result: dict
    source: str
    cells: list[tuple[str, str, str]] = field(default_factory=list)

    @property
    def spec(self) -> RunSpec:
        return read_spec(self.result["spec"])

    @property
    def name(self) -> str:
        return page_name(self.source, self.result["id"])

    @property
    def run(self) -> Run:
        return Run.of(self.spec)


def shown(protocol: str) -> list[Record]:
    """Every run behind a measured number of the tables at a protocol, each once, in the order of the tables."""
    found: dict[str, Record] = {}
    for table in TABLES.values():
        for cell in table.cells:
            for record in _behind(cell, protocol):
                found.setdefault(record.name, record).cells.append((table.name, cell.row, cell.column))
    return list(found.values())


def _behind(cell: Cell, protocol: str) -> Iterator[Record]:
    for source, get in RESULTS.items():
        for result in get(cell, protocol):
            yield Record(result, source)


def write_pages(protocol: str, book: Path = Path("book")) -> list[Path]:
    """Writes the pages of all runs, their index and the frames of their clips, as far as they have changed.

    Pages of runs that no table shows any more are removed. Returns what was written.
    """
    records, folder = shown(protocol), book / "records"
    pages = {folder / "index.md": index_page(records)}
    for record in records:
        result = record.result | (kept(record.run, record.result) if record.source == "build" else {})
        clip = _clip_name(record, result)
        script = book / "assets" / "clip" / f"{clip}.js"
        if clip and script not in pages:
            pages[script] = clip_script(record.spec.test_frames)
        pages[folder / f"{record.name}.md"] = run_page(record, result, clip)
    for path in {*folder.glob("*.md"), *(book / "assets" / "clip").glob("*.js")} - pages.keys():
        path.unlink()
    changes = [path for path, text in pages.items() if not path.exists() or path.read_text() != text]
    for path in changes:
        write_atomic(path, pages[path])
    return changes


def index_page(records: list[Record]) -> str:
    """The page "All runs", as Markdown."""
    about = (
        "Every run behind a number in the tables, by the first table that shows it, with what differs from its "
        "protocol. A run opens its record: spec, loss, scores, environment, and the command that repeats it."
    )
    parts = ["# All runs", "", about, "", _repeated(records), ""]
    for name, table in TABLES.items():
        rows = [_index_row(record) for record in records if record.cells[0][0] == name]
        if rows:
            head = ("run", "method", "seed", "differences", "AUC", "source", "done")
            title = f"Table {name}" if name.isdigit() else table.title
            parts += [f"## {title}", "", f'<div class="socl-records">{_table(f"Runs: {title}", head, rows)}</div>', ""]
    return "\n".join(parts if records else [*parts, "No run is there yet."]) + "\n"


def _repeated(records: list[Record]) -> str:
    again = [(record.result, entry) for record in records for entry in record.result.get("repeats", [])]
    elsewhere = [(result, entry) for result, entry in again if _elsewhere(result, entry)]
    near, near_elsewhere = (sum(entry["distance"] <= NEAR for _, entry in found) for found in (again, elsewhere))
    return (
        f"Times that a recorded run was made again, by the same or by later code: {len(again)}; AUC within "
        f"{NEAR:g} of the earlier result: {near}. Known to be on another processor or version of torch: "
        f"{len(elsewhere)}; within {NEAR:g}: {near_elsewhere}. Each record names its own."
    )


def _elsewhere(result: dict, entry: dict) -> bool:
    """Whether a repeat is known to come from another device; "CPU, ..." of old records tells nothing."""
    device = entry.get("device", "CPU,")
    return not device.startswith("CPU,") and device != result["provenance"]["device"]


def _index_row(record: Record) -> list[str]:
    spec, since = record.spec, record.run.since if record.source == "build" else None
    differs = ", ".join(f"{name}={as_yaml(value)}" for name, (_, value) in changed(spec).items())
    return [
        f'<a href="{record.name}.html">{html_text(record.result["id"])}</a>',
        *map(html_text, (spec.method, spec.seed, differs or "nothing", _means(record.result))),
        f"{KINDS[record.source]}, {html_text(spec.protocol)}",
        f"{datetime.fromtimestamp(since, UTC):%Y-%m-%d}" if since else "–",
    ]


def run_page(record: Record, result: dict, clip: str | None = None) -> str:
    """The page of one run, as Markdown. Names in it may be anyone's, so all of them are escaped."""
    spec, result_id = record.spec, html_text(result["id"])
    count = sum(map(len, result["sequences"].values()))
    parts = {
        "": f"<p>{html_text(spec.method)} at the {html_text(spec.protocol)} protocol, seed {spec.seed}: AUC "
        f"{html_text(_means(result))} percent, {count} sequences; {KINDS[record.source]}.</p>"
        f"<p>Shown in {_shown_in(record)}. <a href='index.html'>All runs</a></p>",
        "Repeat it": f'<pre class="socl-command" tabindex="0">{command_html(spec)}</pre>',
        "Scores": "".join(
            _scores(name, each, result["mean"].get(name, {})) for name, each in result["sequences"].items()
        ),
        "Training": _loss_curve(result["log"]) if result.get("log") else _no_loss(spec),
        "Clip": _player(result, clip) if clip else f"<p>{NO_CLIP}</p>",
        "Spec": _spec(spec),
        "Environment": _environment(result),
    }
    text = f"---\norphan: true\n---\n\n# Run {result_id}\n"
    for title, html in parts.items():
        text += (f"\n## {title}\n" if title else "") + f'\n<div class="socl-record">{html}</div>\n'
    return text


def _means(result: dict) -> str:
    means = {name: f"{100 * mean['auc']:.1f}" for name, mean in result["mean"].items() if "auc" in mean}
    return ", ".join(means.values() if len(means) == 1 else (f"{name} {mean}" for name, mean in means.items())) or "–"


def _shown_in(record: Record) -> str:
    found: dict[str, dict[str, list[str]]] = {}
    for table, row, column in record.cells:
        found.setdefault(table, {}).setdefault(row, []).append(column)
    places = []
    for table, rows in found.items():
        title = f"Table {table}" if table.isdigit() else TABLES[table].title
        cells = "; ".join(f"{row} ({', '.join(columns)})" for row, columns in rows.items())
        places.append(f'<a href="../executed/{PAGES[table]}.html">{html_text(title)}</a>: {html_text(cells)}')
    return "; ".join(places)


def _table(label: str, head: tuple[str, ...], rows: list[list[str]]) -> str:
    """A table of cells that are HTML already."""
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return scrolled(html_text(label), head, body)


def _scores(name: str, sequences: dict[str, dict], mean: dict) -> str:
    def number(score: dict, key: str, form: str = "{:.1f}", factor: float = 100) -> str:
        return form.format(factor * score[key]) if key in score else "–"

    looks = "template_own" in mean
    rows = []
    for sequence, score in (sequences | {"mean": mean}).items():
        width = 100 * min(1, max(0, score.get("auc", 0)))
        bar = f'<span class="bar" style="--share:{width:.1f}%"></span>{number(score, "auc")}'
        rows.append([html_text(sequence), bar, number(score, "precision"),
                     number(score, "frames", "{:.0f}", 1), number(score, "fps", "{:.0f}", 1),
                     *(number(score, f"template_{which}") for which in ("own", "other") if looks)])  # fmt: skip
    head = ("sequence", "AUC (%)", "precision (%)", "frames", "frames a second")
    head += ("with own template (%)", "with another's (%)") if looks else ()
    return _table(f"Scores on {name}", head, rows)


def _no_loss(spec: RunSpec) -> str:
    trained = "The loss of this run is not in its record."
    return f"<p>{trained if spec.training_sets else 'Nothing is trained in this run.'}</p>"


def _loss_curve(log: list[dict]) -> str:
    """The loss against the step as inline SVG; it takes the colour of the page's text."""
    steps, losses = [entry["step"] for entry in log], [entry["loss"] for entry in log]
    top, first, last = max(*losses, 1e-9), steps[0], max(steps[-1], steps[0] + 1)
    wide, high = WIDTH - LEFT - 12, HEIGHT - BOTTOM - 12
    points = [(LEFT + wide * (s - first) / (last - first), 12 + high * (1 - v / top)) for s, v in zip(steps, losses)]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    label = f"Loss from {losses[0]:.2f} at step {first} to {losses[-1]:.2f} at step {steps[-1]}"
    floor = HEIGHT - BOTTOM
    return (
        f'<svg class="socl-curve" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">'
        f'<path class="axis" d="M{LEFT} 12V{floor}H{WIDTH - 12}"/><polyline points="{line}"/>'
        f'<text x="{LEFT - 6}" y="20" text-anchor="end">{top:.2g}</text>'
        f'<text x="{LEFT - 6}" y="{floor}" text-anchor="end">0</text>'
        f'<text x="{LEFT}" y="{floor + 16}">{first}</text>'
        f'<text x="{WIDTH - 12}" y="{floor + 16}" text-anchor="end">{steps[-1]}</text>'
        f'<text x="{LEFT + wide / 2:.0f}" y="{HEIGHT - 6}" text-anchor="middle">step</text>'
        f'<text transform="translate(14 {12 + high / 2:.0f}) rotate(-90)" text-anchor="middle">loss</text></svg>'
    )


def _spec(spec: RunSpec) -> str:
    rows = [[html_text(name), *map(html_text, map(as_yaml, pair))] for name, pair in changed(spec).items()]
    head = ("parameter", "protocol", "this run")
    whole = [[html_text(name), html_text(as_yaml(value))] for name, value in spec.model_dump(mode="json").items()]
    return (
        (_table("Differences to the protocol", head, rows) if rows else "<p>All is as the protocol has it.</p>")
        + f"<details><summary>All {len(whole)} parameters</summary>"
        + _table("All parameters", ("parameter", "value"), whole)
        + "</details>"
    )


def _environment(result: dict) -> str:
    about = dict(result["provenance"])
    seconds = {f"seconds of {part}": value for part, value in result.get("seconds", {}).items()}
    hashes = {f"data {name}": value for name, value in about.pop("data", {}).items()}
    code = "the present code is still that" if is_current(result) else "the code has changed since"
    about["code"] = f"{about.get('code', 'not kept')} ({code})"
    repeats = {
        f"run before as {entry['id']}": f"AUC differed by {100 * entry['distance']:.1f} points; code {entry['code']}"
        + (f", on {entry['device']}" if "device" in entry else "")
        for entry in result.get("repeats", [])
    }
    rows = [[html_text(name), html_text(value)] for name, value in (about | hashes | seconds | repeats).items()]
    return _table("Where it ran", ("what", "value"), rows)


def _clip_name(record: Record, result: dict) -> str | None:
    """Name of the script with the frames under a result's boxes; None without boxes, or where videos have changed."""
    kept_data = result["provenance"].get("data", {}).get("composite/test")
    if not result.get("boxes") or kept_data != data.manifest("composite", "test"):
        return None
    return f"frames-{record.spec.test_frames or 'all'}"


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


def _player(result: dict, clip: str) -> str:
    ((name, boxes),) = result["boxes"].items()
    video = f"Video {html_text(name)} of composite"
    return (
        f'<figure class="socl-player" data-boxes="{html_text(json.dumps(boxes))}">'
        f'<canvas role="img" aria-label="{video} with the boxes of this run and the true ones"></canvas>'
        f"<figcaption>Orange: this run. White: the true box. {video}.</figcaption></figure>"
        f'<script defer src="../_static/clip/{clip}.js"></script>'
        '<script defer src="../_static/record-clip.js"></script>'
    )
