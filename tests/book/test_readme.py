"""The numbers that the README shows are those of the recorded runs."""

from collections import Counter
from pathlib import Path

import pytest

from socl_book import tables as experiments
from socl_book.results import difference
from socl_book.tables import recorded_results
from socl_book.verdicts import judged, of_table

README = (Path(__file__).parents[2] / "README.md").read_text()


SHOWN = ("1", "2", "3", "4", "noise", "real", "transt", "template")
FIRST = ("GOT-10k AO", "TrackingNet AUC", "LaSOT AUC")  # columns of Table 1, which is too wide for the README


def lines(tables=SHOWN):
    """Lines of the README's tables, one a row of which all cells are recorded."""
    for table in map(experiments.find_table, tables):
        for row in table.rows:
            cells = [c for c in table.cells if c.row == row and (table.name != "1" or c.column in FIRST)]
            found = [experiments.describe_cell(cell, "laptop") for cell in cells]
            if all(cell["recorded_n"] for cell in found):
                shown = ("{:.1f} [{:.1f}, {:.1f}]".format(c["recorded"], *c["recorded_interval"]) for c in found)
                yield f"| {row} | {' | '.join(shown)} |"


@pytest.mark.parametrize("line", list(lines()))
def test_readme_shows_the_recorded_numbers(line):
    assert line in README


def test_readme_has_all_rows():
    assert len(list(lines(["2"]))) == len(experiments.find_table("2").rows)


def test_readme_counts_the_verdicts_of_the_recorded_runs():
    verdicts = Counter(judged(claim, "laptop")["verdict"] for name in "1234" for claim in of_table(name))
    verdicts.update(judged(claim, "laptop")["verdict"] for claim in of_table("noise"))
    words = ", ".join(f"{count} {verdict}" for verdict, count in sorted(verdicts.items()))
    assert f"of {verdicts.total()} claims about trackers: {words}" in " ".join(README.split())


def test_readme_shows_what_more_weight_on_second_matches_costs():
    cells = {cell.row: cell for cell in experiments.find_table("transt").cells if cell.column == "SoCL-TransT"}
    kept, heavy = (recorded_results(cells[row], "laptop") for row in (experiments.KEPT, experiments.HEAVY))
    d = difference(kept, heavy, "got10k_ao")
    words = f"SoCL-TransT loses {d.mean:.1f} points of AO by it [{d.low:.1f}, {d.high:.1f}]"
    assert words in " ".join(README.split())
