"""Tables and claims as HTML, from templates/. Every number comes from a run in the store or among the recorded ones."""

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from socl_book.provenance import command
from socl_book.records import Result, result_of
from socl_book.results import SOURCES, Results
from socl_book.tables import Cell, Claim, Table
from socl_book.verdicts import Judgement, gains, judge, judgements, run_of_maps
from socl_core.scoring.statistics import Estimate


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
# JupyterLab has no book/assets/custom.css, to whose rules these give way: a number looks like one, not like a button.
IN_JUPYTER = Markup(
    "<style>:where(.socl-number) { padding: 0; border: 0; background: none; font: inherit; color: inherit; "
    "text-decoration: underline dotted; cursor: pointer; } :where(.socl-note > *) { display: block; }</style>\n"
)


def one_block(html: str, kind: str = "socl-record") -> Markup:
    """HTML as one block of a Markdown page: an element of a kind without empty lines."""
    return Markup(f'<div class="{kind}">\n{_without_empty_lines(html)}\n</div>\n')


def _without_empty_lines(html: str) -> Markup:
    return Markup("\n".join(line.strip() for line in html.splitlines() if line.strip()))


def render_part(name: str, *values, **more) -> Markup:
    """A piece of templates/parts.j2."""
    html = _without_empty_lines(getattr(TEMPLATES.get_template("parts.j2").module, name)(*values, **more))
    return IN_JUPYTER + html if "socl-number" in html else html


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
    """A table with up to three numbers a cell: paper, recorded, this build; each with a note on where it comes from.

    Each benchmark's columns stand together. Rows with a cell in one column only follow as a table of their own. Kinds,
    rows and columns without a number are left out, and the rows named.
    """
    cells = {row: {cell.column: cell for cell in table.cells if cell.row == row} for row in table.rows}
    benchmarks = {cell.column: cell.benchmark for cell in table.cells}
    full = [row for row in cells if len(cells[row]) > 1]
    parts = [
        (table.title, full, [column for column in table.columns if benchmarks[column] == benchmark])
        for benchmark in dict.fromkeys(benchmarks.values())
    ] + [
        (f"For scale, {column}" if full else table.title, [row for row in cells if [*cells[row]] == [column]], [column])
        for column in table.columns
    ]
    kinds = {"paper": "paper"} | {source: results.name_of(source) for source in SOURCES}
    shown, empty = [], []
    for title, rows, columns in parts:
        found = {row: {column: _numbers(cells[row].get(column), table, results) for column in columns} for row in rows}
        given = [(row, c, kind) for row, own in found.items() for c, cell in own.items() for kind in cell if cell[kind]]
        rows_here, columns_here, kinds_here = ({key[i] for key in given} for i in range(3))
        empty += [row for row in rows if row not in rows_here]
        if given:
            sets = {c: ", ".join(cells[rows[0]][c].measured_on(results.protocol)) for c in columns if c in columns_here}
            own_kinds = {kind: name for kind, name in kinds.items() if kind in kinds_here}
            own_rows = {row: own for row, own in found.items() if row in rows_here}
            shown.append({"label": f"{title}; {table.unit}", "sets": sets, "rows": own_rows, "kinds": own_kinds})
    return render_part("table", shown, results.protocol, list(dict.fromkeys(empty)))


def _numbers(cell: Cell | None, table: Table, results: Results) -> dict[str, Number | float | None]:
    """What a cell of a table shows, by kind: the paper's number, and a measured one of each source that has it."""
    if cell is None:
        return {}
    numbers: dict[str, Number | float | None] = {"paper": cell.paper}
    for source, name in SOURCES.items():
        if d := results.measured(cell, source):
            over = _seeds(d.seeds)
            words = f"{d.mean:.1f}, 95 % interval {d.low:.1f} to {d.high:.1f} over {over} and all sequences; "
            words += f"{name}, {results.protocol_of(source)} protocol"
            if source == "build" and (found := results.agreement(cell)):
                place = "inside" if found.inside else "OUTSIDE"
                words += f"; {place} of {found.low:.1f} to {found.high:.1f}, where the recorded seeds expect a build"
            sides, place = {"": results.runs_of(cell, source)}, f"{table.name} {cell.row} {cell.column}"
            numbers[source] = Number(d, source, results.name_of(source), over, words, sides, place)
    return numbers


def claims_table(claims: Iterable[Claim], results: Results) -> str:
    """Claims as a table: the paper's difference, and the measured ones with interval and verdict."""
    return render_part("claims", _lines([j for claim in claims for j in judgements(claim, results)], results, "table"))


def claims_words(claims: Iterable[Claim], results: Results) -> str:
    """A sentence a claim: does it hold in the runs with the most seeds?"""
    return render_part("words", _lines([judge(claim, results) for claim in claims], results, "words"))


def tally(claims: Iterable[Claim], results: Results) -> str:
    """A paragraph: how many claims have which verdict, details left out."""
    counts = Counter(judge(claim, results).verdict for claim in claims if not claim.detail)
    total = counts.total()
    if total == 1:
        return Markup(f"<p>Here, the one claim of this table: <strong>{next(iter(counts))}</strong>.</p>")
    found = ", ".join(f"<strong>{n} {verdict}</strong>" for verdict, n in counts.most_common())
    return Markup(f"<p>Here, of {total} claims: {found}.</p>")


def verdicts_html(claims: Iterable[Claim], results: Results) -> str:
    """Judged claims as a table with a coloured verdict each."""
    return render_part("verdicts", _lines([judge(claim, results) for claim in claims], results, "glance"))


def gains_html(table: Table, results: Results) -> str:
    """What each row of a table gains over its base, in points: by column, and over the sequences of all."""
    rows = {
        row: _lines([judge(claim, results) for claim in claims.values()], results, "gain")
        for row, claims in gains(table).items()
    }
    absent = [row for row, lines in rows.items() if not lines[-1][1]]
    return render_part("gains", table, {row: own for row, own in rows.items() if row not in absent}, absent)


def comparisons_html(table: Table, pairs: list[tuple[str, str]], column: str, results: Results) -> str:
    """A line for each pair of rows: how far the first is above the second in a column."""
    claims = [
        Claim(
            section=table.name,
            text=f"“{a}” above “{b}”",
            above=(table.cell(a, column),),
            below=(table.cell(b, column),),
        )
        for a, b in pairs
    ]
    return render_part("comparisons", _lines([judge(claim, results) for claim in claims], results, "pair"))


def sequences_html(trackers: dict[str, dict[str, dict]], label: str) -> str:
    """AUC of each sequence by tracker. trackers: by name, scores by sequence."""
    return render_part("sequences", label, list(dict.fromkeys(name for s in trackers.values() for name in s)), trackers)


def _lines(judged: list[Judgement], results: Results, place: str) -> list[tuple[Judgement, Number | None]]:
    """Judgements with their numbers, and the runs behind them."""
    lines = []
    for each in judged:
        claim, d, source, number = each.claim, each.difference, each.source, None
        if d:
            over, name = "over videos" if claim.measure else _seeds(d.seeds), results.name_of(source)
            words = f"{claim.text}: {d.mean:+.1f} points, 95 % interval {d.low:+.1f} to {d.high:+.1f}, {over}, {name}"
            words += f"; measured again by: socl claims --protocol {results.protocol}" if claim.measure else ""
            sides = _sides(claim, results, source)
            number = Number(d, source, name, over, words, sides, place + claim.section + claim.text)
        lines.append((each, number))
    return lines


def _sides(claim: Claim, results: Results, source: str) -> dict[str, list[Result]]:
    """The runs of both sides of a claim; of one about maps, the run of their network, if they have one."""
    if claim.measure:
        run = run_of_maps(claim.measure, results.protocol)
        return {"network of the maps": [result_of(run)]} if run else {}
    sides = {}
    for cells in (claim.above, claim.below):
        where = cells[0].column if len(cells) == 1 else f"{len(cells)} columns"
        runs = {run.id: run for cell in cells for run in results.runs_of(cell, source)}
        sides[f"{cells[0].row}, {where}"] = [*runs.values()]
    return sides


def _seeds(n: int) -> str:
    return f"{n} seed{'s' if n != 1 else ''}"
