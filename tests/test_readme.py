"""The numbers that the README shows are those of the recorded runs."""

from pathlib import Path

import pytest

from socl_core import experiments

README = (Path(__file__).parents[1] / "README.md").read_text()


def lines():
    """Lines of the README's tables, one a row of Table 2 and of the real-video table."""
    for table in experiments.TABLES.values():
        for row in table.rows:
            cells = [cell for cell in table.cells if cell.row == row]
            found = [experiments.describe_cell(cell, "laptop") for cell in cells]
            if all(cell["recorded_n"] for cell in found):
                shown = ("{:.1f} [{:.1f}, {:.1f}]".format(c["recorded"], *c["recorded_interval"]) for c in found)
                yield f"| {row} | {' | '.join(shown)} |"


@pytest.mark.parametrize("line", list(lines()))
def test_readme_shows_the_recorded_numbers(line):
    assert line in README


def test_readme_has_all_rows():
    assert len(list(lines())) == sum(len(table.rows) for table in experiments.TABLES.values())
