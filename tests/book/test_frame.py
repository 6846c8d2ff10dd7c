"""Results as one frame: what tables and claims select from it."""

import pytest
from fakes import fake_run

from socl_book import tables
from socl_book.records import record
from socl_book.results import COLUMNS, SOURCES, read_results
from socl_book.tables import find_table

BOX, OURS = find_table("2").cell("Box-Siam", "110h"), find_table("2").cell("SoCL-Siam", "110h")
pytestmark = pytest.mark.usefixtures("empty")


def test_a_score_is_a_row():
    fake_run(OURS, 1, [40, 60])
    frame = read_results("smoke").frame
    assert list(frame.columns) == COLUMNS
    (row,) = frame[(frame.metric == "auc") & (frame.sequence == "s1")].to_dict("records")
    assert (row["source"], row["method"], row["parameters"]) == ("build", "socl-siam", "share=0.125")
    assert (row["seed"], row["set"], row["value"]) == (1, "composite", 0.6)
    assert read_results("laptop").frame.empty


def test_a_cell_shows_what_its_runs_measured():
    ids = [fake_run(BOX, seed, values).id for seed, values in ((0, [40, 60]), (1, [50, 70]))]
    described = read_results("smoke").describe(BOX)
    assert (described["measured"], described["n"], described["runs"]) == (55, 2, ids)
    assert described["interval"][0] < 55 < described["interval"][1]
    assert (described["recorded"], described["recorded_n"], described["recorded_code_is_current"]) == (None, 0, None)
    assert read_results("smoke", seeds=[1]).describe(BOX)["runs"] == ids[1:]
    assert read_results("smoke", [find_table("3")]).describe(BOX)["n"] == 0


def test_records_are_found_whatever_their_seed_and_say_that_their_code_is_old():
    record([fake_run(BOX, seed, [10, 20]) for seed in (7, 5)])
    results = read_results("smoke")
    assert results.scores(BOX, "recorded").to_numpy().tolist() == [[10, 20], [10, 20]]
    assert results.runs_of(OURS, "recorded") == [] and results.measured(OURS, "recorded") is None
    described = results.describe(BOX)
    assert (described["recorded"], described["recorded_n"], described["n"]) == (15, 2, 0)
    assert described["recorded_code_is_current"] is False


def test_records_of_laptop_stand_in_and_say_so():
    record([fake_run(BOX, 0, [10, 20], "laptop")])
    results = read_results("smoke")
    assert results.measured(BOX, "recorded").mean == pytest.approx(15)
    assert [results.name_of(source) for source in SOURCES] == ["recorded (laptop)", "this build"]


def test_a_difference_is_paired_by_seed_and_sequence():
    for seed, value in ((0, 50), (1, 60), (2, 0)):
        fake_run(OURS, seed, [value, value + 1])
    for seed, value in ((1, 58), (0, 48)):
        fake_run(BOX, seed, [value, value + 1, 99])
    results = read_results("smoke")
    d = results.difference((OURS,), (BOX,), "build")
    assert (d.mean, d.low, d.high, d.seeds) == pytest.approx((2, 2, 2, 2))
    assert results.difference((OURS,), (BOX,), "recorded") is None


def test_ao_pools_frames_and_the_others_weigh_sequences_alike():
    table = find_table("1")
    ao, auc = table.cell("TransT", "GOT-10k AO"), table.cell("TransT", "LaSOT AUC")
    result = fake_run(ao, 0, [20, 60])
    for sequence, frames in (("s0", 30), ("s1", 10)):
        scores = result.sequences["composite"][sequence]
        scores |= {"got10k_frames": frames, "lasot_auc": scores["got10k_ao"]}
    record([result])
    results = read_results("smoke")
    assert results.measured(ao, "recorded").mean == pytest.approx(30)
    assert results.measured(auc, "recorded").mean == pytest.approx(40)


def test_a_cell_counts_one_set_or_all():
    cell = find_table("recipe").cell("as the protocol has it", "otb_dev")
    result = fake_run(cell, 0, [20, 60])
    result.sequences["composite"] = {"c": {"auc": 1.0, "frames": 3}}
    record([result])
    results = read_results("smoke")
    assert results.measured(cell, "recorded").mean == pytest.approx(40)
    assert results.measured(cell.model_copy(update={"test_set": None}), "recorded").mean == pytest.approx(60)


def test_missing_runs_of_a_build_are_made_first(monkeypatch):
    made = []
    monkeypatch.setattr("socl_core.runs.pipeline.run_or_load", made.append)
    monkeypatch.setattr(tables, "build_seeds", lambda protocol: [4])
    from socl_book.results import run_tables

    run_tables("smoke", [find_table("3")])
    assert {(spec.method, getattr(spec, "head", None)) for spec in made} == {
        ("socl-siam", False), ("socl-siam", True), ("socl-cf", False), ("socl-cf", True), ("random-cf", None),
    }  # fmt: skip
    assert {spec.seed for spec in made} == {4}
