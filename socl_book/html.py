"""Tables and claims as HTML, from templates/. Every number comes from a run in the store or among the recorded ones."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from socl_book.provenance import command
from socl_book.records import Result
from socl_book.results import SOURCES, Results
from socl_book.tables import Claim, Table, missing_data
from socl_book.verdicts import Judgement, gains, judge, judgements
from socl_core.scoring.statistics import Estimate

MEANINGS = {
    "reproduced": "the whole interval is above zero",
    "contradicted": "the whole interval is below zero",
    "inconclusive": "the interval holds zero",
}
GAINED = {"reproduced": "better", "contradicted": "worse", "inconclusive": "undecided", "not run": "not run"}


def _one_line(value) -> Markup:
    """Any value as HTML on one line: a line break in a name would end the HTML block of a Markdown page."""
    if isinstance(value, Markup):
        return value
    return Markup(str(escape(value)).replace("\n", "&#10;").replace("\r", "&#13;"))


def command_parts(result: Result) -> list[str]:
    """The command that repeats a run, an option a part."""
    first, *options = command(result.spec).split(" --")
    return [first, *(f"--{option}" for option in options)]


TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).with_name("templates")),
    autoescape=True,
    finalize=_one_line,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
TEMPLATES.filters["command_parts"] = command_parts


def one_block(html: str, kind: str = "socl-record") -> Markup:
    """HTML as one block of a Markdown page: an element of a kind without empty lines."""
    return Markup(f'<div class="{kind}">\n{_without_empty_lines(html)}\n</div>\n')


def _without_empty_lines(html: str) -> Markup:
    return Markup("\n".join(line.strip() for line in html.splitlines() if line.strip()))


def render_part(name: str, *values, **more) -> Markup:
    """A piece of templates/parts.j2."""
    return _without_empty_lines(getattr(TEMPLATES.get_template("parts.j2").module, name)(*values, **more))


@dataclass(frozen=True)
class Number:
    """A measured number on a page: what is said of it, and the runs behind each of its sides by their names.

    place: what makes it the only one on its page.
    """

    d: Estimate
    source: str
    source_name: str
    over: str
    words: str
    sides: dict[str, list[Result]]
    place: str

    @property
    def id(self) -> str:
        return "note-" + hashlib.sha256(f"{self.source} {self.place}".encode()).hexdigest()[:12]


def missing_box(message: str) -> str:
    """A clear box on a page for data or runs that are not there."""
    return render_part("missing_box", message)


def table_html(table: Table, results: Results) -> str:
    """A table with three numbers a cell: paper, recorded, this build; each with a note on where it comes from.

    Each benchmark's columns stand together. Rows with a cell in one column only follow as a table of their own, which
    needs no empty columns.
    """
    cells = {row: {cell.column: cell for cell in table.cells if cell.row == row} for row in table.rows}
    full = [row for row in cells if len(cells[row]) > 1]
    parts = []
    benchmarks = {cell.column: cell.benchmark for cell in table.cells}
    for benchmark in dict.fromkeys(benchmarks.values()):
        parts.append((table.title, full, [column for column in table.columns if benchmarks[column] == benchmark]))
    for column in table.columns:
        rows = [row for row in cells if list(cells[row]) == [column]]
        parts.append((f"For scale, {column}" if full else table.title, rows, [column]))
    shown = [_table_part(table, *part, cells, results) for part in parts if part[1]]
    kinds = {"paper": "paper"} | {source: results.name_of(source) for source in SOURCES}
    return render_part("table", shown, kinds)


def _table_part(table: Table, title: str, rows: list[str], columns: list[str], cells: dict, results: Results) -> dict:
    label = f"{title}; {table.unit}"
    sets = {column: ", ".join(cells[rows[0]][column].measured_on(results.protocol)) for column in columns}
    return {
        "label": label,
        "caption": f"{label}; {results.protocol} protocol",
        "heads": [render_part("column_head", column, sets[column]) for column in columns],
        "rows": {row: [_cell(table, cells[row].get(column), results) for column in columns] for row in rows},
    }


def _cell(table: Table, cell, results: Results) -> dict | None:
    if cell is None:
        return None
    numbers: dict[str, Number | None] = {}
    for source, name in SOURCES.items():
        numbers[source] = None
        if d := results.measured(cell, source):
            words = f"{d.mean:.1f}, 95 % interval {d.low:.1f} to {d.high:.1f} over {_seeds(d.seeds)} and all sequences"
            words += f"; {name}, {results.protocol_of(source)} protocol"
            sides, place = {"": results.runs_of(cell, source)}, f"{table.name} {cell.row} {cell.column}"
            numbers[source] = Number(d, source, results.name_of(source), _seeds(d.seeds), words, sides, place)
    return {"paper": cell.paper, "numbers": numbers, "missing": missing_data(cell.spec(results.protocol, 0))}


def claims_table(claims: list[Claim], results: Results) -> str:
    """Claims as a table: the paper's difference, and the measured ones with interval and verdict."""
    judged = [each for claim in claims for each in judgements(claim, results)]
    return render_part("claims", _lines(judged, results, "table"))


def claims_words(claims: list[Claim], results: Results) -> str:
    """A sentence a claim: does it hold in the runs with the most seeds?"""
    return render_part("words", _lines([judge(claim, results) for claim in claims], results, "words"), MEANINGS)


def verdicts_html(claims: list[Claim], results: Results) -> str:
    """Judged claims as a table with a coloured verdict each."""
    return render_part("verdicts", _lines([judge(claim, results) for claim in claims], results, "glance"))


def gains_html(table: Table, results: Results) -> str:
    """What each row of a table gains over its base, in points: by column, and over the sequences of all."""
    rows = {
        row: _lines([judge(claim, results) for claim in claims.values()], results, "gain")
        for row, claims in gains(table).items()
    }
    label = f"Points of AUC gained over “{table.base}”, with 95 % intervals"
    return render_part("gains", label, ["change", *table.columns, "all", "over all"], rows, GAINED)


def comparisons_html(table: Table, pairs: list[tuple[str, str]], column: str, results: Results) -> str:
    """A line for each pair of rows: how far the first is above the second in a column."""
    claims = [
        Claim(section=table.name, text=f"{a} above {b}", above=table.cell(a, column), below=table.cell(b, column))
        for a, b in pairs
    ]
    return render_part("comparisons", _lines([judge(claim, results) for claim in claims], results, "pair"))


def sequences_html(trackers: dict[str, dict[str, dict]], label: str) -> str:
    """AUC of each sequence by tracker. trackers: by name, scores by sequence."""
    return render_part("sequences", label, list(dict.fromkeys(name for s in trackers.values() for name in s)), trackers)


def _lines(judged: list[Judgement], results: Results, place: str) -> list[tuple[Judgement, Number | None]]:
    """Judgements with their numbers, and the runs of both sides; a claim about maps has no runs of its own."""
    return [(each, _difference(each, results, place) if each.difference else None) for each in judged]


def _difference(judged: Judgement, results: Results, place: str) -> Number:
    claim, d, source = judged.claim, judged.difference, judged.source
    sides, over = {}, "over videos"
    if not claim.measure:
        cells = (claim.above, claim.below)
        sides, over = {f"{c.row}, {c.column}": results.runs_of(c, source) for c in cells}, _seeds(d.seeds)
    words = f"{claim.text}: {d.mean:+.1f} points, 95 % interval {d.low:+.1f} to {d.high:+.1f}, {over}, "
    words += results.name_of(source)
    return Number(d, source, results.name_of(source), over, words, sides, place + claim.section + claim.text)


def _seeds(n: int) -> str:
    return f"{n} seed{'s' if n != 1 else ''}"
