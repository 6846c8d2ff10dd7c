"""Claims: every checkable statement has one, and its verdict follows from numbers."""

import json

import numpy as np
import pytest
from test_tables import fake_run
from typer.testing import CliRunner

from socl_book import tables as experiments
from socl_book import verdicts as claims
from socl_book.html import gains_html, verdicts_html
from socl_book.tables import KEPT, START, STARTED, find_table
from socl_book.verdicts import Claim, MapClaim, all_claims, gains, judged, of_table
from socl_core import data
from socl_core.commands.main import app


def test_every_table_and_section_is_there():
    count = {}
    for claim in all_claims():
        count[claim.section] = count.get(claim.section, 0) + 1
    assert count == {
        "abstract": 2, "Table 1": 9, "Table 2": 6, "Table 3": 2, "Table 4": 3, "section D": 3, "section E": 2,
    }  # fmt: skip
    assert len({claim.text for claim in all_claims()}) == sum(count.values())


@pytest.fixture(autouse=True)
def nothing_recorded(monkeypatch):
    monkeypatch.setattr(claims, "recorded_results", lambda *_: [])


def test_the_noise_may_cost_as_much_as_the_papers_lead(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    claim = of_table("noise")[0]
    assert claim.margin == pytest.approx(2.1) and claim.tag == "A"
    monkeypatch.setattr(experiments, "build_seeds", lambda _: [0, 1])
    for seed in (0, 1):  # one point less, whatever the sequence
        fake_run(claim.below, "smoke", seed, [50, 40], tmp_path / "runs")
        fake_run(claim.above, "smoke", seed, [49, 39], tmp_path / "runs")
    found = judged(claim, "smoke")
    assert found["difference"] == pytest.approx(1.1) and found["interval"] == pytest.approx([1.1, 1.1])
    assert found["verdict"] == "reproduced"


@pytest.mark.parametrize(
    "values, word", [([1, 2], "reproduced"), ([-1, -2], "contradicted"), ([-1, 9], "inconclusive")]
)
def test_a_claim_about_maps_is_judged_over_videos(values, word):
    found = judged(MapClaim("section D", "x", lambda protocol: values), "smoke")
    assert (found["verdict"], found["seeds"], found["source"]) == (word, 1, "this build")
    assert found["difference"] == np.mean(values)


def test_the_recipe_changes_one_part_at_a_time_on_development_videos():
    for row, by_column in gains(find_table("recipe"), START).items():
        for claim in by_column.values():
            before, after = (cell.spec("laptop", 0) for cell in (claim.below, claim.above))
            changed = [name for name, value in after if value != getattr(before, name)]
            assert set(changed) <= STARTED.keys() and (len(changed) == 1 or row == KEPT), row
            assert {data.role(name, data.evaluation_split(name, after.split)) for name in after.test} == {"dev"}


def test_gains_are_over_the_starting_point(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table = find_table("recipe")
    row, claim = next((row, columns["all"]) for row, columns in gains(table, START).items())
    monkeypatch.setattr(experiments, "build_seeds", lambda _: [0, 1])
    for seed in (0, 1):
        fake_run(claim.below, "smoke", seed, [40, 60], tmp_path / "runs")
        fake_run(claim.above, "smoke", seed, [43, 62], tmp_path / "runs")
    html = gains_html(table, START, "smoke")
    assert f'<th scope="row">{row}</th>' in html and "+2.5 <small>[+2.0, +3.0]</small>" in html and ">better<" in html
    assert html.count("not run") and f'<th scope="row">{START}</th>' not in html


def test_without_runs_a_claim_is_not_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cell = of_table("3")[0].above
    for claim in (Claim("Table 3", "x", cell, of_table("3")[0].below), MapClaim("section E", "x", lambda _: None)):
        found = judged(claim, "smoke")
        assert found["verdict"] == "not run" and found["difference"] is None


def test_evidence_is_measured_once(tmp_path, monkeypatch):
    monkeypatch.setattr(claims, "CACHE", tmp_path)
    measured = []

    def measure():
        measured.append(1)
        return {"collapse": np.array([1.5, 2.0])}

    for _ in range(2):
        assert claims._kept("key", measure) == {"collapse": [1.5, 2.0]}
    assert len(measured) == 1
    claims._kept("another key", measure)
    assert len(measured) == 2


def test_a_page_escapes_what_it_shows():
    claim = MapClaim("section <D>", "<script>x</script>", lambda _: [1.0, 2.0])
    html = verdicts_html([claim, MapClaim("D", "maps", lambda _: None, paper=2.0)], "smoke")
    assert "<script>" not in html and "&lt;script&gt;" in html and "section &lt;D&gt;" in html
    assert 'class="verdict verdict-not-run"' in html and "+2.0" in html


def test_the_command_prints_every_claim(monkeypatch):
    monkeypatch.setattr("socl_book.verdicts.all_claims", lambda: [MapClaim("section D", "maps", lambda _: [1.0])])
    printed = json.loads(CliRunner().invoke(app, ["claims", "--protocol", "smoke", "--json"]).stdout)
    assert printed["protocol"] == "smoke" and printed["claims"][0]["verdict"] == "reproduced"
    assert "reproduced" in CliRunner().invoke(app, ["claims", "--protocol", "smoke"]).stdout
