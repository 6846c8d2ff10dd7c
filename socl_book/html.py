"""Tables and claims as HTML. Every number comes from a run in the store or under recorded/."""

import hashlib
from collections.abc import Iterable
from html import escape

from socl_book import tables as experiments
from socl_book.provenance import command_html, page_name
from socl_book.tables import Cell
from socl_book.verdicts import Claim, MapClaim, decisive, gains
from socl_core.runs.spec import read_spec
from socl_core.scoring.statistics import Estimate

KINDS = {"paper": "paper", "recorded": "recorded", "build": "this build"}
RESULTS = {"recorded": experiments.recorded_results, "build": experiments.built_results}


def missing_box(message: str) -> str:
    """A clear box on a page for data or runs that are not there."""
    return f'<div class="socl-missing" role="note"><strong>Not here.</strong> {escape(message)}</div>'


def claims_table(claims: list[Claim], protocol: str) -> str:
    """Claims as a table: the paper's difference, and the measured ones with interval and verdict."""
    body = ""
    for claim in claims:
        paper = "–" if claim.paper is None else f"{claim.paper:+.1f}"
        for source, d in claim.measured(protocol).items():
            number = _difference(claim, source, d, protocol, "table", f"{d.mean:+.1f}")
            interval = f"<small>[{d.low:+.1f}, {d.high:+.1f}]</small>"
            cells = (paper, source, f"{number} {interval}", _verdict(claim, d))
            body += f'<tr><th scope="row">{escape(claim.text)}</th>'
            body += "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"
    head = ("claim", "paper", "runs", "difference", "verdict")
    return scrolled("Claims of this table; differences in points, with 95 % intervals", head, body, "differences")


def claims_words(claims: list[Claim], protocol: str) -> str:
    """A sentence a claim, as HTML: does it hold in the runs with the most seeds?"""
    meanings = {
        "reproduced": "the whole interval is above zero",
        "contradicted": "the whole interval is below zero",
        "inconclusive": "the interval holds zero",
    }
    sentences = []
    for claim in claims:
        found, text = decisive(claim, protocol), escape(claim.text)
        if not found:
            sentences.append(f"<p><em>{text}</em>: not run yet.</p>")
            continue
        source, d = found
        number = _difference(claim, source, d, protocol, "words", f"{d.mean:+.1f}")
        meaning = meanings[claim.verdict(d)] if d.seeds > 1 else "one seed decides nothing"
        paper = "" if claim.paper is None else f", {claim.paper:+.1f} in the paper"
        sentences.append(
            f"<p><em>{text}</em>: <strong>{claim.verdict(d)}</strong>; {number} points ({source}, {_seeds(d.seeds)}, "
            f"{d.low:+.1f} to {d.high:+.1f}; {meaning}){paper}.</p>"
        )
    return "".join(sentences)


def verdicts_html(claims: list[Claim | MapClaim], protocol: str) -> str:
    """Judged claims as a table with a coloured verdict each."""
    body = ""
    for claim in claims:
        measured = word = _word("not run")
        if found := decisive(claim, protocol):
            source, d = found
            word, text = _verdict(claim, d), f"{d.mean:+.1f} <small>[{d.low:+.1f}, {d.high:+.1f}]</small>"
            measured = _difference(claim, source, d, protocol, "glance", text)
        paper = "–" if claim.paper is None else f"{claim.paper:+.1f}"
        body += (
            f'<tr><td>{escape(claim.section)} <span class="tag tag-{claim.tag.lower()}">{claim.tag}</span></td>'
            f'<th scope="row">{escape(claim.text)}</th><td>{paper}</td><td>{measured}</td>'
            f"<td>{word}</td></tr>"
        )
    label = "Claims of the paper and what became of them; differences in points"
    return scrolled(label, ("where", "claim", "paper", "measured", "verdict"), body, "claims")


def gains_html(table: experiments.Table, base: str, protocol: str) -> str:
    """What each row of a table gains over the row `base`, in points: by column, and over the sequences of all."""
    words = {"reproduced": "better", "contradicted": "worse", "inconclusive": "undecided"}
    body = ""
    for row, claims in gains(table, base).items():
        body += f'<tr><th scope="row">{escape(row)}</th>'
        for claim in claims.values():
            shown = word = "not run"
            if found := decisive(claim, protocol):
                source, d = found
                word, text = words[claim.verdict(d)], f"{d.mean:+.1f} <small>[{d.low:+.1f}, {d.high:+.1f}]</small>"
                shown = _difference(claim, source, d, protocol, "gain", text)
            body += f"<td>{shown}</td>"
        body += f"<td>{word}</td></tr>"
    label = f"Points of AUC gained over “{escape(base)}”, with 95 % intervals"
    return scrolled(label, ("change", *map(escape, table.columns), "all", "over all"), body, "gains")


def scrolled(label: str, head: Iterable[str], body: str, kind: str = "", caption: str = "") -> str:
    """A table that scrolls in its own frame. label: what it is called, and its caption where there is no other.

    All is HTML already.
    """
    heads = "".join(f'<th scope="col">{name}</th>' for name in head)
    return (
        f'<div class="socl-scroll" tabindex="0" role="region" aria-label="{label}"><table class="socl-table {kind}">'
        f"<caption>{caption or label}</caption><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def sequences_html(found: dict[str, dict[str, dict]], label: str) -> str:
    """AUC of each sequence by tracker. found: by tracker, its scores by sequence. Names are escaped."""
    names = dict.fromkeys(name for scores in found.values() for name in scores)
    body = ""
    for name in names:
        numbers = (f"{100 * scores[name]['auc']:.0f}" if name in scores else "–" for scores in found.values())
        body += f'<tr><th scope="row">{escape(name)}</th>{"".join(f"<td>{number}</td>" for number in numbers)}</tr>'
    return scrolled(escape(label), ("sequence", *map(escape, found)), body)


def _verdict(claim: Claim | MapClaim, d: Estimate) -> str:
    alone = isinstance(claim, Claim) and d.seeds == 1
    return _word(claim.verdict(d)) + (" <small>one seed</small>" if alone else "")


def _word(verdict: str) -> str:
    return f'<span class="verdict verdict-{verdict.replace(" ", "-")}">{escape(verdict)}</span>'


def _difference(claim: Claim | MapClaim, source: str, d: Estimate, protocol: str, place: str, text: str) -> str:
    """The difference of a claim, with the runs of both its sides; a claim about maps has no runs of its own."""
    kind = "build" if source == "this build" else "recorded"
    sides, over = {}, "over videos"
    if isinstance(claim, Claim):
        for cell in (claim.above, claim.below):
            sides[f"{cell.row}, {cell.column}"] = RESULTS[kind](cell, protocol)
        over = _seeds(d.seeds)
    words = f"{claim.text}: {d.mean:+.1f} points, 95 % interval {d.low:+.1f} to {d.high:+.1f}, {over}, {source}"
    return number_html(text, words, sides, kind, place + claim.section + claim.text)


def _seeds(n: int) -> str:
    return f"{n} seed{'s' if n != 1 else ''}"


def number_html(text: str, words: str, sides: dict[str, list[dict]], kind: str, place: str) -> str:
    """A measured number as a button that opens a note: its words, the runs behind it, the command that repeats one.

    text: HTML. sides: results by what they are called. place: what makes the number the only one on its page.
    """
    name = "note-" + hashlib.sha256(f"{kind} {place}".encode()).hexdigest()[:12]
    runs = ""
    for side, results in sides.items():
        links = ", ".join(
            f'<a href="../records/{page_name(kind, result["id"])}.html">{escape(result["id"])}</a>'
            f" (seed {result['spec']['seed']})"
            for result in results
        )
        again = command_html(read_spec(results[0]["spec"]))
        runs += f"<span>{escape(f'{side}: ' if side else '')}runs {links}</span>"
        runs += f'<code tabindex="0" aria-label="command that repeats the first run">{again}</code>'
    words = escape(words)
    escapes = "event.key === 'Escape' && this.hidePopover()"  # Sphinx takes the key from all elements but buttons
    return (
        f'<button type="button" class="socl-number {kind}" popovertarget="{name}" title="{words}">{text}</button>'
        f'<span popover class="socl-note" id="{name}" role="dialog" aria-label="Where the number comes from"'
        f' onkeydown="{escapes}">'
        f"<span>{words}</span>{runs}</span>"
    )


def table_html(table: experiments.Table, protocol: str) -> str:
    """A table with three numbers a cell: paper, recorded, this build; each with a note on where it comes from.

    Each benchmark's columns stand together. Rows with a cell in one column only follow as a table of their own, which
    needs no empty columns.
    """
    columns = {row: [cell.column for cell in table.cells if cell.row == row] for row in table.rows}
    full = [row for row in table.rows if len(columns[row]) > 1]
    rest = [row for row in table.rows if row not in full]
    benchmarks = {cell.column: cell.metric.rpartition("_")[0].partition("_")[0] for cell in table.cells}
    html = ""
    if full:
        for benchmark in dict.fromkeys(benchmarks.values()):
            own = [column for column in table.columns if benchmarks[column] == benchmark]
            html += _table_part(table, full, own, table.title, protocol)
    for column in dict.fromkeys(columns[row][0] for row in rest):
        rows = [row for row in rest if columns[row][0] == column]
        html += _table_part(table, rows, [column], f"For scale, {column}" if full else table.title, protocol)
    return html


def _table_part(table: experiments.Table, rows: list[str], columns: list[str], title: str, protocol: str) -> str:
    own = {cell.column: ", ".join(cell.measured_on(protocol)) for cell in table.cells if cell.row in rows}
    head = ["method", "", *(f"{escape(column)}<br><small>{escape(own[column])}</small>" for column in columns)]
    names = KINDS | {"recorded": experiments.recorded_name(protocol)}
    kinds = "".join(f'<span class="{kind}">{escape(text)}</span>' for kind, text in names.items())
    kinds = f'<td class="kinds">{kinds}</td>'
    body = ""
    for row in rows:
        cells = {cell.column: cell for cell in table.cells if cell.row == row}
        body += f'<tr><th scope="row">{escape(row)}</th>{kinds}'
        body += "".join(_cell_html(table.name, cells.get(column), protocol) for column in columns) + "</tr>"
    label = escape(f"{title}; {table.unit}")
    return scrolled(label, head, body, caption=f"{label}; {escape(protocol)} protocol")


def _cell_html(table: str, cell: Cell | None, protocol: str) -> str:
    if cell is None:
        return "<td></td>"
    numbers = experiments.describe_cell(cell, protocol)
    parts = [f'<span class="paper">{f"{cell.paper:.1f}" if cell.paper else "–"}</span>']
    for kind, prefix in (("recorded", "recorded_"), ("build", "")):
        value = numbers["recorded" if prefix else "measured"]
        if value is None:
            parts.append(f'<span class="{kind}" title="{escape(numbers["missing"] or "not run yet")}">not run</span>')
            continue
        (low, high), n = numbers[f"{prefix}interval"], numbers[f"{prefix}n"]
        text = f"{value:.1f} <small>[{low:.0f}, {high:.0f}]</small>"
        results, place = RESULTS[kind](cell, protocol), f"{table} {cell.row} {cell.column}"
        words = f"{value:.1f}, 95 % interval {low:.1f} to {high:.1f} over {_seeds(n)} and all sequences; "
        words += f"{KINDS[kind]}, {results[0]['spec']['protocol']} protocol"
        parts.append(number_html(text, words, {"": results}, kind, place))
    return f"<td>{''.join(parts)}</td>"
