import json
import re
from dataclasses import replace

import numpy as np
import pytest

from socl_book import tables as experiments
from socl_book import verdicts as claims
from socl_book.charts import difference_chart
from socl_book.html import claims_table, claims_words, table_html, verdicts_html
from socl_book.results import difference, measured, scores
from socl_core.errors import UsageError
from socl_core.methods.spec import RunSpec
from socl_core.runs.spec import make_spec, protocols
from socl_core.runs.store import Run


def fake_run(cell, protocol, seed, values, root):
    """A finished run in a store, with these scores."""
    spec = cell.spec(protocol, seed)
    run = Run.of(spec, root)
    sequences = {
        f"s{i}": {"auc": v / 100, "precision": 0.5, "got10k_frames": 1, cell.metric: v / 100}
        for i, v in enumerate(values)
    }
    result = {"id": run.id, "spec": spec.model_dump(mode="json"), "sequences": {"composite": sequences}, "mean": {},
              "provenance": {"code": "x"}}  # fmt: skip
    run.write("spec.json", result["spec"])
    run.write("result.json", result)
    run.write("state.json", {"state": "ok"})
    return result


@pytest.mark.parametrize("protocol", protocols())
def test_every_cell_has_a_spec_at_every_protocol(protocol):
    for table in experiments.TABLES.values():
        shown = [(cell.spec(protocol, 0), cell.metric, cell.on) for cell in table.cells]
        assert len(set(shown)) == len(shown), "two cells with the same number"


def test_both_conditions_of_a_budget_use_the_same_videos_share():
    table = experiments.TABLES["2"]
    for column in table.columns:
        shares = {c.changes.get("share") for c in table.cells if c.column == column and c.paper}
        assert len(shares) == 1


def test_table_2_holds_the_papers_numbers():
    paper = {(c.row, c.column): c.paper for c in experiments.TABLES["2"].cells if c.paper}
    assert [paper["SoCL-Siam", f"{h}h"] for h in (110, 220, 440, 880)] == [56.7, 58.2, 59.8, 60.9]
    assert [paper["Box-Siam", f"{h}h"] for h in (110, 220, 440, 880)] == [52.2, 54.3, 58.1, 58.8]


def test_table_1_holds_the_papers_numbers():
    cells = [c for c in experiments.TABLES["1"].cells if c.paper]
    paper = {row: [c.paper for c in cells if c.row == row] for row in ("TransT", "SoCL-TransT")}
    assert paper["TransT"] == [59.1, 68.0, 51.9, 72.4, 76.4, 67.1, 48.9, 50.1, 46.8]
    assert paper["SoCL-TransT"] == [62.2, 72.4, 52.5, 75.0, 80.5, 71.1, 56.0, 59.0, 56.9]
    assert [c.metric.partition("_")[0] for c in cells[:9]] == ["got10k"] * 3 + ["trackingnet"] * 3 + ["lasot"] * 3


def test_a_column_is_measured_on_its_benchmark_where_it_is_there_and_else_on_all_sets():
    cell = next(c for c in experiments.TABLES["1"].cells if c.metric == "got10k_ao")
    assert cell.measured_on("laptop") == ["composite"]
    on = replace(cell, changes={"test": ("composite", "got10k:some/where", "otb")})
    assert on.measured_on("laptop") == ["got10k:some/where"]
    assert replace(on, metric="lasot_auc").measured_on("laptop") == ["composite", "got10k:some/where", "otb"]


def test_ao_pools_frames_and_the_others_weigh_sequences_alike():
    each = {"a": {"got10k_ao": 0.2, "got10k_frames": 30, "lasot_auc": 0.2},
            "b": {"got10k_ao": 0.6, "got10k_frames": 10, "lasot_auc": 0.6}}  # fmt: skip
    results = [{"sequences": {"composite": each, "otb": {"c": {"got10k_ao": 1, "got10k_frames": 5, "lasot_auc": 1}}}}]
    assert measured(results, "got10k_ao", ["composite"]).mean == pytest.approx(30)
    assert measured(results, "lasot_auc", ["composite"]).mean == pytest.approx(40)
    assert measured(results, "lasot_auc").mean == pytest.approx(60)


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
    d = difference(a, b)
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
    assert np.allclose(scores(found), [[10, 20], [10, 20]])


def test_tables_3_and_4_hold_the_papers_numbers():
    paper = {(t, c.row, c.column): c.paper for t in "34" for c in experiments.TABLES[t].cells if c.paper}
    assert paper == {
        ("3", "SoCL-Siam", "without head"): 60.9, ("3", "SoCL-Siam", "with head"): 49.5,
        ("3", "SoCL-CF", "without head"): 68.8, ("3", "SoCL-CF", "with head"): 69.6,
        ("4", "SoCL-Siam", "5%"): 60.0, ("4", "SoCL-Siam", "10%"): 60.9,
        ("4", "SoCL-Siam", "15%"): 59.5, ("4", "SoCL-Siam", "20%"): 59.1,
    }  # fmt: skip


def test_the_default_run_is_the_same_in_all_tables():
    specs = [{cell.spec("laptop", 0) for cell in experiments.TABLES[name].cells} for name in "234"]
    (shared,) = set.intersection(*specs)
    assert (shared.method, shared.eta, shared.head, shared.share) == ("socl-siam", 0.1, False, 1)


def test_claims_say_which_cell_is_above_and_by_how_much_in_the_paper():
    expected = {"2": (4.5, 3.9, 1.7, 2.1, 4.2, 6.6), "3": (11.4, 0.8), "4": (0.9, 1.4, 1.8), "real": ()}
    for name, differences in expected.items():
        assert [claim.paper for claim in claims.of_table(name)] == pytest.approx(list(differences))


@pytest.mark.parametrize(
    "values, word", [([50, 60], "reproduced"), ([30, 40], "contradicted"), ([30, 60], "inconclusive")]
)
def test_a_claim_is_judged_by_its_runs(tmp_path, monkeypatch, values, word):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(claims, "recorded_results", lambda *_: [])
    claim = claims.of_table("3")[0]
    assert "not run yet" in claims_words([claim], "smoke") and claim.measured("smoke") == {}
    fake_run(claim.above, "smoke", 0, values, tmp_path / "runs")
    fake_run(claim.below, "smoke", 0, [45, 50], tmp_path / "runs")
    alone = claims_words([claim], "smoke") + claims_table([claim], "smoke") + verdicts_html([claim], "smoke")
    assert alone.count("inconclusive</") == 3 and "one seed decides nothing" in alone  # whatever its numbers
    monkeypatch.setattr(experiments, "build_seeds", lambda _: [0, 1])
    fake_run(claim.above, "smoke", 1, values, tmp_path / "runs")
    fake_run(claim.below, "smoke", 1, [45, 50], tmp_path / "runs")
    words, table = claims_words([claim], "smoke"), claims_table([claim], "smoke")
    d = np.mean(values) - 47.5
    for run in (claim.above.spec("smoke", 0), claim.below.spec("smoke", 0)):
        assert f'href="../records/build-{Run.of(run).id}.html"' in words
    words, table = (re.sub("<span popover.*?</code></span>|<[^>]+>", " ", html) for html in (words, table))
    assert re.search(rf"{word} ; +{re.escape(f'{d:+.1f}')} +points \(this build, 2 seeds", words)
    assert "+11.4 in the paper" in words and table.split()[-1] == word
    assert re.search(rf"\+11.4 +this build +{re.escape(f'{d:+.1f}')} ", table)
    axis = difference_chart([claim], "smoke").axes[0]
    assert axis.lines[0].get_xdata().tolist() == [values[0] - 45, values[1] - 50]


def test_a_grid_is_every_combination():
    grid = {"method": "socl-cf", "eta": ["0.05", "0.1"], "head": ["false", "true"], "seed": ["0", "1"], "steps": "5"}
    specs = experiments.grid_specs("smoke", grid)  # as Snakemake hands over what it reads: words
    assert {(s.eta, s.head, s.seed) for s in specs} == {
        (e, h, s) for e in (0.05, 0.1) for h in (False, True) for s in (0, 1)
    }
    assert len(specs) == 8 and {(s.method, s.steps) for s in specs} == {("socl-cf", 5)}
    with pytest.raises(UsageError, match="unknown parameter 'etta': did you mean 'eta'"):
        experiments.grid_specs("smoke", {"method": "socl-cf", "etta": [1]})
    with pytest.raises(UsageError, match="a grid names its method"):
        experiments.grid_specs("smoke", {"eta": [0.1]})


def test_a_new_record_takes_the_place_of_an_earlier_one_of_the_same_spec(tmp_path):
    first, other = (make_spec("smoke", "mil", seed=seed).model_dump(mode="json") for seed in (0, 1))
    old = {key: value for key, value in first.items() if key != "point_noise"}  # from before there was this parameter
    done = (
        ("a", old, 0.5, 1),
        ("b", other, 0.4, 1),
        ("c", first, 0.503, 1),
        ("c", first, 0.503, 1),
        ("d", first, 0.5, 1),
    )
    for name, spec, auc, seconds in (*done, ("d", first, 0.51, 2)):
        made = {"code": f"code {name}", "device": f"processor {name}"}
        result = {"id": name, "spec": spec, "mean": {"composite": {"auc": auc}}, "provenance": made}
        experiments.record(result | {"seconds": {"training": seconds}}, tmp_path)
    assert sorted(path.name for path in (tmp_path / "smoke").iterdir()) == ["mil-s0-d.json", "mil-s1-b.json"]
    kept = json.loads((tmp_path / "smoke" / "mil-s0-d.json").read_text())["repeats"]
    # Distances are to the present record; the same code twice counts once for each time that it ran.
    assert [(entry["id"], round(entry["distance"], 6)) for entry in kept] == [("a", 0.01), ("c", 0.007), ("d", 0.01)]
    assert [entry["device"] for entry in kept] == ["processor a", "processor c", "processor d"]


def test_every_record_is_behind_a_cell():
    """What no table shows any more would be a number without a place."""
    cells = [cell for table in experiments.TABLES.values() for cell in table.cells]
    wanted = {cell.spec("laptop", 0).model_copy(update={"seed": None}) for cell in cells}
    for path in (experiments.RECORDED / "laptop").glob("*.json"):
        spec = RunSpec.model_validate(json.loads(path.read_text())["spec"])
        assert spec.model_copy(update={"seed": None}) in wanted, path.name
