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
            values = [experiments.measured(experiments.recorded_results(cell, "laptop")) for cell in cells]
            if all(values):
                shown = (f"{value.mean:.1f} [{value.low:.1f}, {value.high:.1f}]" for value in values)
                yield f"| {row} | {' | '.join(shown)} |"


@pytest.mark.parametrize("line", list(lines()))
def test_readme_shows_the_recorded_numbers(line):
    assert line in README


def test_readme_has_all_rows():
    assert len(list(lines())) == sum(len(table.rows) for table in experiments.TABLES.values())
