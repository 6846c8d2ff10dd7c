"""Tables and claims as HTML or Markdown. Every number comes from a run in the store or under recorded/."""

from html import escape

from socl_core import experiments
from socl_core.claims import Claim, judged
from socl_core.statistics import verdict

KINDS = {"paper": "paper", "recorded": "recorded", "build": "this build"}


def missing_box(message: str) -> str:
    """A clear box on a page for data or runs that are not there."""
    return f'<div class="socl-missing" role="note"><strong>Not here.</strong> {escape(message)}</div>'


def claims_table(claims: list[Claim], protocol: str) -> str:
    """Claims as a Markdown table: the paper's difference, and the measured ones with interval and verdict."""
    lines = ["| claim | paper | runs | difference | 95 % interval | seeds | verdict |", "|---|---|---|---|---|---|---|"]
    for claim in claims:
        paper = "–" if claim.paper is None else f"{claim.paper:+.1f}"
        for source, d in claim.measured(protocol).items():
            numbers = f"{d.mean:+.1f} | {d.low:+.1f} to {d.high:+.1f} | {d.seeds} | {verdict(d)}"
            lines.append(f"| {claim.text} | {paper} | {source} | {numbers} |")
    return "\n".join(lines)


def claims_words(claims: list[Claim], protocol: str) -> str:
    """A sentence a claim, as Markdown: does it hold in the runs with the most seeds?"""
    meanings = {
        "reproduced": "the whole interval is above zero",
        "contradicted": "the whole interval is below zero",
        "inconclusive": "the interval holds zero",
    }
    sentences = []
    for claim in claims:
        found = judged(claim, protocol)
        if found["verdict"] == "not run":
            sentences.append(f"*{claim.text}*: not run yet.")
            continue
        seeds = f"{found['seeds']} seed{'s' if found['seeds'] > 1 else ''}"
        low, high = found["interval"]
        paper = "" if claim.paper is None else f", {claim.paper:+.1f} in the paper"
        sentences.append(
            f"*{claim.text}*: **{found['verdict']}**; {found['difference']:+.1f} points ({found['source']}, {seeds}, "
            f"{low:+.1f} to {high:+.1f}; {meanings[found['verdict']]}){paper}."
        )
    return "\n\n".join(sentences)


def verdicts_html(found: list[dict]) -> str:
    """Judged claims as a table with a coloured verdict each."""
    body = ""
    for row in found:
        measured = "not run"
        if row["difference"] is not None:
            low, high = row["interval"]
            measured = f"{row['difference']:+.1f} <small>[{low:+.1f}, {high:+.1f}]</small>"
        paper = "–" if row["paper"] is None else f"{row['paper']:+.1f}"
        kind = row["verdict"].replace(" ", "-")
        source = f"{escape(row['source'] or '')}, {row['seeds']} seed{'s' if row['seeds'] != 1 else ''}"
        body += (
            f'<tr><td>{escape(row["section"])} <span class="tag tag-{row["tag"].lower()}">{row["tag"]}</span></td>'
            f'<th scope="row">{escape(row["claim"])}</th><td>{paper}</td><td title="{source}">{measured}</td>'
            f'<td><span class="verdict verdict-{kind}">{escape(row["verdict"])}</span></td></tr>'
        )
    head = "".join(f'<th scope="col">{name}</th>' for name in ("where", "claim", "paper", "measured", "verdict"))
    label = "Claims of the paper and what became of them; differences in points"
    return (
        f'<div class="socl-scroll" tabindex="0" role="region" aria-label="{label}"><table class="socl-table claims">'
        f"<caption>{label}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def table_html(table: experiments.Table, protocol: str) -> str:
    """A table with three numbers a cell: paper, recorded, this build; with interval, n and run ids on hover.

    Rows with a cell in one column only follow as a table of their own, which needs no empty columns.
    """
    columns = {row: [cell.column for cell in table.cells if cell.row == row] for row in table.rows}
    full = [row for row in table.rows if len(columns[row]) > 1]
    rest = [row for row in table.rows if row not in full]
    html = _table_part(table, full, table.columns, table.title, protocol) if full else ""
    for column in dict.fromkeys(columns[row][0] for row in rest):
        rows = [row for row in rest if columns[row][0] == column]
        html += _table_part(table, rows, [column], f"For scale, {column}" if full else table.title, protocol)
    return html


def _table_part(table: experiments.Table, rows: list[str], columns: list[str], title: str, protocol: str) -> str:
    own = {cell.column: ", ".join(cell.measured_on(protocol)) for cell in table.cells if cell.row in rows}
    head = "".join(
        f'<th scope="col">{escape(column)}<br><small>{escape(own[column])}</small></th>' for column in columns
    )
    source = experiments.recorded_protocol(protocol)
    names = KINDS | ({"recorded": f"recorded ({source})"} if source != protocol else {})
    kinds = "".join(f'<span class="{kind}">{escape(text)}</span>' for kind, text in names.items())
    kinds = f'<td class="kinds">{kinds}</td>'
    body = ""
    for row in rows:
        cells = {cell.column: experiments.describe_cell(cell, protocol) for cell in table.cells if cell.row == row}
        body += f'<tr><th scope="row">{escape(row)}</th>{kinds}'
        body += "".join(_cell_html(cells.get(column)) for column in columns) + "</tr>"
    label = escape(f"{title}; {table.unit}")
    return (
        f'<div class="socl-scroll" tabindex="0" role="region" aria-label="{label}"><table class="socl-table">'
        f"<caption>{label}; {escape(protocol)} protocol</caption>"
        f'<thead><tr><th scope="col">method</th><th scope="col"></th>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _cell_html(cell: dict | None) -> str:
    if cell is None:
        return "<td></td>"
    paper = f"{cell['paper']:.1f}" if cell["paper"] else "–"
    parts = [f'<span class="paper">{paper}</span>']
    for kind, prefix in (("recorded", "recorded_"), ("build", "")):
        value = cell["recorded" if prefix else "measured"]
        if value is None:
            text, hover = "not run", cell["missing"] or "not run yet"
        else:
            (low, high), n = cell[f"{prefix}interval"], cell[f"{prefix}n"]
            text = f"{value:.1f} <small>[{low:.0f}, {high:.0f}]</small>"
            hover = f"95 % interval {low:.1f} to {high:.1f} over {n} seed(s) and all sequences"
            hover += "; runs " + ", ".join(cell["runs"]) if not prefix else ""
        parts.append(f'<span class="{kind}" title="{escape(hover)}">{text}</span>')
    return f"<td>{''.join(parts)}</td>"
