"""Charts of results: scores against what a table's columns vary, and differences by sequence."""

import matplotlib.pyplot as plt
import numpy as np

from socl_book.figures import SERIES, style
from socl_book.results import SOURCES, Results
from socl_book.tables import Cell, Claim, Table
from socl_book.verdicts import judge
from socl_core.scoring.statistics import MARGIN

SHOWN = 14  # points to either side in the forest chart: a longer bar decides nothing, and leaves the frame
LOOKS = {"reproduced": (0, "D"), "contradicted": (3, "v"), "equal": (2, "s"), "open": (7, "o")}  # colour, marker


def column_chart(table: Table, results: Results, label: str):
    """Draw the full rows of a table against its columns, which are numbers: left the paper's, right as measured.

    label: of the logarithmic axis of the columns.
    """
    style()
    cells = {row: [cell for cell in table.cells if cell.row == row] for row in table.rows}
    full = {row: own for row, own in cells.items() if len(own) == len(table.columns)}
    # A column without a number takes no room.
    here = [i for i, own in enumerate(zip(*full.values())) if any(_has_number(cell, results) for cell in own)]
    places = [float(table.columns[i].rstrip("h%")) for i in here]
    full = {row: [own[i] for i in here] for row, own in full.items()}
    drawn, (paper, ours) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    for colour, (row, own) in zip(SERIES, full.items()):
        known = [(x, cell.paper) for x, cell in zip(places, own) if cell.paper]
        paper.plot(*zip(*known), "o-", color=colour, label=row)
        for source, looks, shift in (("recorded", {"fmt": "o-"}, 1), ("build", {"fmt": "s:", "alpha": 0.5}, 1.03)):
            looks |= {"color": colour, "label": f"{row}, {results.name_of(source)}"}
            _errorbars(ours, own, [x * shift for x in places], results, source, **looks)
    paper.set(title="paper, OTB-13", ylabel="AUC (%)")
    sets = " and ".join(table.cells[0].measured_on(results.protocol))
    ours.set(title=f"measured, {results.protocol} protocol, {sets} test", ylabel="AUC (%)")
    for axis in (paper, ours):
        axis.set(xscale="log", xlabel=label, xticks=places, xticklabels=[f"{x:g}" for x in places])
        axis.minorticks_off()
        axis.legend(fontsize="small", loc="upper center", bbox_to_anchor=(0.5, -0.18), ncols=2, frameon=False)
    ours.set_ylim(*np.clip(ours.get_ylim(), 0, 100))  # where intervals of few videos reach further
    return drawn


def _has_number(cell: Cell, results: Results) -> bool:
    return bool(cell.paper) or any(len(results.select(cell, source)) for source in SOURCES)


def _errorbars(axis, cells: list[Cell], places: list[float], results: Results, source: str, **looks) -> None:
    """Draw the means of cells at their places, with intervals; cells without a run are left out."""
    estimates = [(x, results.measured(cell, source)) for x, cell in zip(places, cells)]
    points = np.array([(x, e.mean, e.mean - e.low, e.high - e.mean) for x, e in estimates if e])
    if len(points):
        axis.errorbar(*points.T[:2], points.T[2:], capsize=3, **looks)


def difference_chart(claims: list[Claim], results: Results):
    """Draw each claim's differences by sequence, means over seeds, with the mean of all and its interval.

    Claims without a run are left out; None without any.
    """
    known = [judged for claim in claims if (judged := judge(claim, results)).difference]
    if not known:
        return None
    style()
    drawn, axis = plt.subplots(figsize=(10, 0.9 + 0.7 * len(known)), layout="constrained")
    for row, judged in enumerate(known):
        claim, d = judged.claim, judged.difference
        each = claim.margin + results.differences(claim.above, claim.below, judged.source).mean()
        axis.plot(each, [row - 0.12] * len(each), "o", color=SERIES[0], alpha=0.5)
        axis.errorbar(
            d.mean, row + 0.2, xerr=[[d.mean - d.low], [d.high - d.mean]], fmt="D", color=SERIES[1], capsize=4
        )
    axis.axvline(0, color="0.3", linewidth=1)
    axis.set(yticks=range(len(known)), yticklabels=[j.claim.text for j in known], ylim=(len(known) - 0.5, -0.5))
    axis.set(title="difference by sequence (dots), mean with 95 % interval (diamond)", xlabel="points")
    return drawn


def forest_chart(claims: list[Claim], results: Results):
    """Draw the measured difference of every claim on trackers with its interval and verdict, beside the paper's own.

    One recorded seed is drawn without an interval, since it does not know how much seeds differ; one of a build is not.
    """
    style()
    rows = [(claim, judge(claim, results)) for claim in claims if not claim.measure]
    rows = [(claim, judged) for claim, judged in rows if judged.difference or claim.paper is not None]
    drawn, axis = plt.subplots(figsize=(10, 1.2 + 0.32 * len(rows)), layout="constrained")
    axis.axvspan(-MARGIN, MARGIN, color="0.92", label=f"{MARGIN:g} points either way")
    axis.axvline(0, color="0.3", linewidth=1)
    paper = [(claim.paper, row) for row, (claim, _) in enumerate(rows) if claim.paper is not None]
    axis.plot(*zip(*paper), "o", color=SERIES[1], markerfacecolor="none", markersize=9, zorder=3, label="paper")
    known = [(judged, judged.difference, row) for row, (_, judged) in enumerate(rows) if judged.difference]
    for verdict, (colour, marker) in LOOKS.items():
        several = [(d, row) for judged, d, row in known if judged.verdict == verdict and not judged.one_seed]
        if several:
            bars = np.array([(d.mean, row, d.mean - d.low, d.high - d.mean) for d, row in several]).T
            axis.errorbar(*bars[:2], xerr=bars[2:], fmt=marker, color=SERIES[colour], label=verdict)
    if single := [(d.mean, row) for judged, d, row in known if judged.one_seed and judged.source == "recorded"]:
        axis.plot(*zip(*single), "o", color=SERIES[LOOKS["open"][0]], markerfacecolor="none", label="one seed")
    names = [f"{'      ' if claim.detail else f'{claim.section}: '}{claim.text}" for claim, _ in rows]
    axis.set(yticks=range(len(rows)), yticklabels=names, ylim=(len(rows) - 0.5, -0.5))
    axis.set(title="every claim says: to the right of zero", xlim=(-SHOWN, SHOWN), xlabel="points")
    drawn.legend(fontsize="small", loc="outside lower right", ncols=6, frameon=False)
    _align_left(axis)
    return drawn


def _align_left(axis) -> None:
    """Begin the names of rows at the left edge, which a phone shows first; those of details are set in."""
    axis.figure.draw_without_rendering()
    widest = max(label.get_window_extent().width for label in axis.get_yticklabels())
    axis.tick_params(axis="y", pad=widest * 72 / axis.figure.dpi + 8)
    for label in axis.get_yticklabels():
        label.set_horizontalalignment("left")
