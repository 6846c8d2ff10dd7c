"""Claims: a verdict follows from numbers, and pages show it."""

import ast
import json
import re
from pathlib import Path

import nbformat
import numpy as np
import pytest
from fakes import fake_run
from typer.testing import CliRunner

from socl_book import records, verdicts
from socl_book.charts import difference_chart
from socl_book.html import (
    claims_table,
    claims_words,
    comparisons_html,
    gains_html,
    render_part,
    table_html,
    verdicts_html,
)
from socl_book.results import read_results
from socl_book.tables import Claim, all_tables, find_table
from socl_book.verdicts import as_data, gains, judge
from socl_core.commands.main import app

HEAD = find_table("3").claims[0]
NOTEBOOK = Path(__file__).parents[2] / "notebooks/claims.ipynb"
pytestmark = pytest.mark.usefixtures("empty")


def run_both(claim, above, below, seeds=(0, 1)) -> None:
    """Finished runs of both sides of a claim with these scores a sequence."""
    for seed in seeds:
        for cell in claim.above:
            fake_run(cell, seed, above)
        for cell in claim.below:
            fake_run(cell, seed, below)


@pytest.mark.parametrize(
    "values, word",
    [([50, 55.2], "reproduced"), ([40, 45.2], "contradicted"), ([30, 60], "open"), ([45.2, 50], "equal")],
)
def test_a_claim_is_judged_by_its_runs(values, word):
    run_both(HEAD, values, [45, 50])
    results = read_results("smoke")
    data = as_data(judge(HEAD, results), results)
    assert (data["verdict"], data["seeds"], data["source"]) == (word, 2, "this build")
    assert data["difference"] == pytest.approx(np.mean(values) - 47.5, abs=0.005)
    for show in (claims_table, claims_words, verdicts_html):
        html = show([HEAD], results)
        assert f">{word}</" in html and f"{data['difference']:+.1f}" in html and "+11.4" in html
        for cell in (*HEAD.above, *HEAD.below):
            assert f'href="../records/build-{results.runs_of(cell, "build")[0].id}.html"' in html
    said = claims_words([HEAD], results)
    # Two one-sided tests at 5 % stand behind "equal", whose interval is that of 90 %.
    assert ("90 % interval" in said and "+11.4 in the paper, which this interval excludes" in said) is (word == "equal")
    dots = difference_chart([HEAD], results).axes[0].lines[0]
    assert dots.get_xdata().tolist() == pytest.approx([values[0] - 45, values[1] - 50])


def test_one_seed_decides_nothing():
    run_both(HEAD, [90, 90], [10, 10], seeds=[0])
    results = read_results("smoke")
    assert judge(HEAD, results).verdict == "open"
    for show in (claims_table, claims_words, verdicts_html):
        assert "one seed" in show([HEAD], results) and ">reproduced</" not in show([HEAD], results)


def test_the_source_with_the_most_seeds_judges_and_a_table_shows_both():
    run_both(HEAD, [40, 45.2], [45, 50], seeds=[0, 1])
    records.record(result for result in read_results("smoke").runs.values())
    run_both(HEAD, [50, 55.1], [45, 50], seeds=[2, 3, 4])
    results = read_results("smoke", seeds=[2, 3, 4])
    judged = judge(HEAD, results)
    assert (judged.source, judged.verdict, judged.difference.seeds) == ("build", "reproduced", 3)
    assert re.findall("verdict-[a-z]+", claims_table([HEAD], results)) == ["verdict-contradicted", "verdict-reproduced"]


def test_a_margin_allows_a_loss():
    claim = find_table("noise").claims[0]
    run_both(claim, [49, 39], [50, 40])
    results = read_results("smoke")
    data = as_data(judge(claim, results), results)
    assert data["difference"] == pytest.approx(1.1) and data["interval"] == pytest.approx([1.1, 1.1])
    assert data["verdict"] == "reproduced"


@pytest.mark.parametrize(
    "values, word",
    [([1.0, 1.1], "reproduced"), ([-1.0, -1.1], "contradicted"), ([-1.0, 1.1], "open"), (None, "not run")],
)
def test_a_claim_about_maps_is_judged_over_videos(monkeypatch, values, word):
    monkeypatch.setitem(verdicts.EVIDENCE, "toy", lambda protocol: {"part": values})
    results = read_results("smoke")
    data = as_data(judge(Claim(section="section D", text="x", measure="toy.part"), results), results)
    assert data["verdict"] == word and data["difference"] == (values and pytest.approx(np.mean(values), abs=0.006))


def test_without_runs_a_claim_is_not_run():
    results = read_results("smoke")
    data = as_data(judge(HEAD, results), results)
    assert (data["verdict"], data["difference"], data["interval"], data["source"]) == ("not run", None, None, None)
    assert 'class="verdict verdict-not-run"' in verdicts_html([HEAD], results)
    assert "not run" in claims_words([HEAD], results) and "Not run here" in gains_html(find_table("recipe"), results)
    assert "<td>" not in claims_table([HEAD], results)


def test_gains_are_over_the_starting_point():
    table = find_table("recipe")
    row, claim = next((row, columns["all"]) for row, columns in gains(table).items())
    run_both(claim, [43, 63.1], [40, 60])
    html = gains_html(table, read_results("smoke"))
    line = next(line for line in html.split("</tr>") if f'<th scope="row">{row}</th>' in line)
    assert line.count("+3.") >= 1 and "<td>better</td>" in line
    assert html.count("<tr>") < len(table.rows) and "Not run here" in html
    assert f'<th scope="row">{table.base}</th>' not in html


def test_rows_are_compared_without_a_verdict():
    table = find_table("2")
    above, below = table.cell("SoCL-Siam", "880h"), table.cell("MIL (OpenCV)", "880h")
    run_both(Claim(section="", text="", above=(above,), below=(below,)), [50], [40])
    pairs = [("SoCL-Siam", "MIL (OpenCV)"), ("SoCL-Siam", "Box-Siam")]
    html = comparisons_html(table, pairs, "880h", read_results("smoke"))
    assert "+10.0" in html and "Not run here: “SoCL-Siam” above “Box-Siam”" in html and "verdict" not in html


def test_evidence_is_measured_once(tmp_path, monkeypatch):
    monkeypatch.setattr(verdicts, "CACHE", tmp_path)
    measured = []

    def measure():
        measured.append(1)
        return {"collapse": np.array([1.5, 2.0])}

    for key, times in (("key", 1), ("key", 1), ("another key", 2)):
        assert verdicts._remembered(key, measure) == {"collapse": [1.5, 2.0]}
        assert len(measured) == times


def test_the_command_prints_every_claim(monkeypatch):
    claim = Claim(section="section D", text="maps", measure="toy.part")
    monkeypatch.setattr("socl_book.tables.all_claims", lambda: [claim])
    monkeypatch.setitem(verdicts.EVIDENCE, "toy", lambda protocol: {"part": [1.0]})
    printed = json.loads(CliRunner().invoke(app, ["claims", "--protocol", "smoke", "--json"]).stdout)
    assert printed["protocol"] == "smoke" and printed["claims"] == [
        {"section": "section D", "detail": False, "tag": "S", "claim": "maps", "paper": None, "difference": 1.0,
         "interval": [1.0, 1.0], "seeds": 1, "source": "this build", "verdict": "reproduced"}
    ]  # fmt: skip
    assert "reproduced" in CliRunner().invoke(app, ["claims", "--protocol", "smoke"]).stdout


def test_an_allowed_loss_stands_beside_its_number():
    claim = find_table("noise").claims[0]
    run_both(claim, [49.2, 50.1], [50, 51])
    results = read_results("smoke")
    assert judge(claim, results).difference.mean == pytest.approx(2.1 - 0.85)
    for show in (claims_table, claims_words, verdicts_html):
        assert "= 2.1 − (+0.8)" in show([claim], results) or "= 2.1 − (+0.9)" in show([claim], results)


def test_a_method_that_draws_nothing_stands_beside_every_seed():
    table = find_table("2")
    ours, theirs = table.cell("SoCL-Siam", "880h"), table.cell("MIL (OpenCV)", "880h")
    fake_run(theirs, 0, [40, 41])
    for seed, score in enumerate((50, 54)):
        fake_run(ours, seed, [score, score + 1])
    difference = read_results("smoke", seeds=[0, 1]).difference((ours,), (theirs,), "build")
    assert difference.mean == pytest.approx(12) and difference.seeds == 2


def test_a_pooled_claim_has_the_mean_difference_of_its_columns():
    table = find_table("2")
    pooled, *details = table.claims[:5]
    for number, claim in enumerate(details):
        for seed in (0, 1):
            fake_run(claim.above[0], seed, [50 + number, 60 + number])
            fake_run(claim.below[0], seed, [48, 57])
    results = read_results("smoke")
    assert judge(pooled, results).difference.mean == pytest.approx(4.0)
    assert [judge(claim, results).difference.mean for claim in details] == pytest.approx([2.5, 3.5, 4.5, 5.5])


def test_a_build_agrees_with_records_where_they_expect_it(monkeypatch):
    cell = HEAD.above[0]
    for seed, score in enumerate((90, 50, 52, 54)):  # the record of the build's own seed counts for nothing
        records.record([fake_run(cell, seed, [score, score])])
    monkeypatch.setattr("socl_book.results.build_seeds", lambda protocol: [0])
    half = 4.302653 * 2 * np.sqrt(1 / 3 + 1)  # Student's t with two degrees of freedom, times the error of a prediction
    for score, inside in ((50, True), (52 + half - 0.1, True), (52 + half + 0.1, False)):
        fake_run(cell, 0, [score, score])
        results = read_results("smoke")
        found = results.agreement(cell)
        assert (found.low, found.high) == pytest.approx((52 - half, 52 + half), abs=1e-3)
        assert found.inside is results.describe(cell)["agrees"] is inside
        assert ("OUTSIDE" in table_html(find_table("3"), results)) is not inside
        shown = cell_of_the_claims_page("claims-agreement", results)
        assert ("1 of 1 cells" in shown) is inside and ("Cells outside" in shown) is not inside
        assert "&lt;" not in shown


def cell_of_the_claims_page(name: str, results) -> str:
    """What a code cell of the page shows for some results: a preview has no records of its own protocol."""
    cells = {cell.id: cell for cell in nbformat.read(NOTEBOOK, as_version=4).cells}
    names = {"results": results, "protocol": "smoke", "all_tables": all_tables, "render_part": render_part, "HTML": str}
    *before, last = ast.parse(cells[name].source).body
    exec(compile(ast.Module(before, []), name, "exec"), names)
    return eval(compile(ast.Expression(last.value), name, "eval"), names)
