import json

import numpy as np
import pytest

from socl_core import experiments
from socl_core.report import table_html
from socl_core.runs import Run
from socl_core.spec import protocols


def fake_run(cell, protocol, seed, values, root):
    """A finished run in a store, with these scores."""
    spec = cell.spec(protocol, seed)
    run = Run.of(spec, root)
    sequences = {f"s{i}": {"auc": v / 100, "precision": 0.5} for i, v in enumerate(values)}
    result = {"id": run.id, "spec": spec.model_dump(mode="json"), "sequences": {"composite": sequences}, "mean": {},
              "provenance": {"code": "x"}}  # fmt: skip
    run.write("spec.json", result["spec"])
    run.write("result.json", result)
    run.write("state.json", {"state": "ok"})
    return result


@pytest.mark.parametrize("protocol", protocols())
def test_every_cell_has_a_spec_at_every_protocol(protocol):
    for table in experiments.TABLES.values():
        specs = [cell.spec(protocol, 0) for cell in table.cells]
        assert len(set(specs)) == len(specs), "two cells with the same run"


def test_both_conditions_of_a_budget_use_the_same_videos_share():
    table = experiments.TABLES["2"]
    for column in table.columns:
        shares = {c.changes.get("share") for c in table.cells if c.column == column and c.paper}
        assert len(shares) == 1


def test_table_2_holds_the_papers_numbers():
    paper = {(c.row, c.column): c.paper for c in experiments.TABLES["2"].cells if c.paper}
    assert [paper["SoCL-Siam", f"{h}h"] for h in (110, 220, 440, 880)] == [56.7, 58.2, 59.8, 60.9]
    assert [paper["Box-Siam", f"{h}h"] for h in (110, 220, 440, 880)] == [52.2, 54.3, 58.1, 58.8]


def test_a_cell_shows_what_its_runs_measured(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cell = experiments.TABLES["2"].cells[0]
    results = [
        fake_run(cell, "smoke", seed, values, tmp_path / "runs") for seed, values in ((0, [40, 60]), (1, [50, 70]))
    ]
    described = experiments.describe_cell(cell, "smoke", seeds=[0, 1])
    assert described["measured"] == 55
    assert described["n"] == 2
    assert described["runs"] == [r["id"] for r in results]
    page = table_html(experiments.TABLES["2"], "smoke")
    assert "50.0" in page  # the build's seed is 0 alone
    assert results[0]["id"] in page


def test_difference_is_paired_by_seed(tmp_path):
    ours, theirs = experiments.TABLES["2"].cells[4], experiments.TABLES["2"].cells[0]
    a = [fake_run(ours, "smoke", s, [v, v + 1], tmp_path) for s, v in ((0, 50), (1, 60), (2, 0))]
    b = [fake_run(theirs, "smoke", s, [v, v + 1], tmp_path) for s, v in ((1, 58), (0, 48))]
    d = experiments.difference(a, b)
    assert (d.mean, d.low, d.high, d.seeds) == pytest.approx((2, 2, 2, 2))


def test_recorded_results_are_found_by_spec_without_seed(tmp_path):
    cell, other = experiments.TABLES["2"].cells[:2]
    (tmp_path / "smoke").mkdir()
    for seed in (1, 0):
        result = fake_run(cell, "smoke", seed, [10, 20], tmp_path / "store")
        (tmp_path / "smoke" / f"{seed}.json").write_text(json.dumps(result))
    found = experiments.recorded_results(cell, "smoke", tmp_path)
    assert [r["spec"]["seed"] for r in found] == [0, 1]
    assert experiments.recorded_results(other, "smoke", tmp_path) == []
    assert np.allclose(experiments.scores(found), [[10, 20], [10, 20]])
