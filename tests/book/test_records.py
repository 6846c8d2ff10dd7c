"""Pages of runs: the command that repeats one, what a page says, names that are not harmless, incremental writing."""

import json
import re
import shlex
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from test_tables import fake_run
from typer.testing import CliRunner

from socl_book import records
from socl_book import tables as experiments
from socl_book.html import number_html, sequences_html, table_html
from socl_book.provenance import LOGGED, changed, command, kept
from socl_core.commands.main import app
from socl_core.data.files import write_boxes
from socl_core.runs.spec import make_spec
from socl_core.runs.store import Run

HOSTILE = "otb:/a b/'\"$(rm x)`*,[é]\n\n<script>alert(1)</script>"
SPECS = [
    make_spec("laptop", "socl-siam"),
    make_spec("laptop", "socl-siam", "real", seed=2, data=("composite", "real_mini"), test=("otb",)),
    make_spec("smoke", "box-cf", share=0.125, videos=None, weight_decay=1e-5, head=True, boxed="videos"),
    make_spec("smoke", "random-siam", test=(HOSTILE,), init="null", split="a...", test_frames=None),
]  # fmt: skip


@pytest.mark.parametrize("spec", SPECS, ids=range(len(SPECS)))
def test_the_command_leads_to_the_same_spec(spec, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("socl_core.runs.identity.data_hashes", lambda spec: {})
    done = []

    def work(run, spec, device):
        done.append(spec)
        run.write("result.json", {"mean": {}})

    monkeypatch.setattr("socl_core.runs.pipeline.work", work)
    program, *words = shlex.split(command(spec))
    assert program == "socl"
    CliRunner().invoke(app, words, catch_exceptions=False)
    assert done == [spec]


def test_what_differs_leaves_out_the_seed():
    assert changed(SPECS[0]) == {}
    assert changed(make_spec("laptop", "socl-siam", seed=3, share=0.5)) == {"share": (1.0, 0.5)}


@pytest.fixture
def store(tmp_path, monkeypatch):
    """A folder with one finished run behind table 2, with its log and boxes, and nothing recorded."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(experiments, "_recorded", cache(lambda folder: {}))
    cell = experiments.TABLES["2"].cells[0]
    result = fake_run(cell, "smoke", 0, [40, 60], tmp_path / "runs")
    run = Run.of(cell.spec("smoke", 0))
    for scores in result["sequences"]["composite"].values():
        scores["frames"] = 3
    result["mean"] = {"composite": {"auc": 0.5, "precision": 0.5}}
    run.write("result.json", result)
    steps = run.read("spec.json")["steps"]
    lines = [json.dumps({"step": step, "loss": 1 / step}) + "\n" for step in range(1, steps + 1)]
    (run.folder / "log.jsonl").write_text("".join(lines))
    write_boxes(run.folder / "boxes" / "composite" / "s0.txt", np.array([[1, 2, 3, 4.25], [np.nan] * 4, [1, 2, 3, 4]]))
    return run, result


def test_pages_are_written_once_and_removed_with_their_run(store):
    run, _ = store
    pages = {path.name for path in records.write_pages("smoke")}
    assert pages == {"index.md", f"build-{run.id}.md"}
    assert records.write_pages("smoke") == []
    run.write("state.json", {"state": "failed", "cause": "x"})
    assert [path.name for path in records.write_pages("smoke")] == ["index.md"]
    assert "No run is there yet" in Path("book/records/index.md").read_text()


def test_a_page_says_what_the_run_was(store):
    run, _ = store
    records.write_pages("smoke")
    page = Path(f"book/records/build-{run.id}.md").read_text()
    assert page.startswith("---\norphan: true\n---\n")
    expected = [run.id, "AUC 50.0", "<span>--set share=0.125</span>", "<polyline", "the code has changed since"]
    expected += ['../executed/table2.html">Table 2</a>: Box-Siam (110h)', "--share:40.0%", "<td>mean</td>"]
    for part in expected:
        assert part in page, part
    index = Path("book/records/index.md").read_text()
    assert f'href="build-{run.id}.html"' in index and "share=0.125" in index and "this build" in index


def test_repeats_on_another_processor_are_counted_apart(store):
    _, result = store
    again = [{"id": name, "code": "c", "auc": {}, "distance": distance, **made} for name, distance, made in (
        ("a", 0.001, {"device": "Processor A, torch 2"}), ("b", 0.02, {"device": "Processor B, torch 2"}),
        ("c", 0.004, {"device": "Processor B, torch 3"}), ("d", 0.0, {"device": "CPU, float32"}), ("e", 0.0, {}),
    )]  # fmt: skip
    result["provenance"]["device"], result["repeats"] = "Processor A, torch 2", again
    record = records.Record(result, "build", [("2", "row", "column")])
    page = records.index_page([record])
    assert "by later code: 5; AUC within 0.005 of the earlier result: 4." in page
    assert "another processor or version of torch: 2; within 0.005: 1." in page
    assert "AUC differed by 2.0 points; code c, on Processor B, torch 2" in records.run_page(record, result)


def test_a_part_that_is_absent_is_said_to_be(store):
    run, result = store
    (run.folder / "log.jsonl").unlink()
    (run.folder / "boxes/composite/s0.txt").write_text("cut")
    assert kept(run, result) == {}
    records.write_pages("smoke")
    page = Path(f"book/records/build-{run.id}.md").read_text()
    assert "The loss of this run is not in its record." in page and "holds no boxes" in page


def test_names_cannot_leave_their_place_on_a_page(store):
    _, result = store
    result["sequences"] = {HOSTILE: {HOSTILE: {"auc": 0.5, "frames": 3}}}
    result["mean"] = {HOSTILE: {}}
    result["provenance"] |= {"device": HOSTILE, "data": {HOSTILE: HOSTILE}}
    result["spec"]["test"] = [HOSTILE]
    record = records.Record(result, "build", [("2", HOSTILE, HOSTILE)])
    for page in (records.run_page(record, result), records.index_page([record])):
        assert "<script" not in page and "&lt;script&gt;" in page
        blocks = [block for block in page.split("\n\n") if "script&gt;" in block]
        assert all(block.strip().startswith("<div") and "\n" not in block.strip() for block in blocks)
    note = number_html("1", HOSTILE, {HOSTILE: [result]}, "build", HOSTILE)
    assert "<script" not in note and '"$(' not in note


def test_a_record_keeps_a_short_log_and_the_boxes(store, tmp_path):
    run, result = store
    content = json.loads(experiments.record(result, tmp_path / "recorded").read_text())
    assert [entry["step"] for entry in content["log"]] == list(range(1, run.read("spec.json")["steps"] + 1))
    assert content["boxes"] == {"s0": [[1, 2, 3, 4.2], None, [1, 2, 3, 4]]}
    assert {key: content[key] for key in result} == result


def test_a_long_log_is_thinned_and_keeps_its_ends(store):
    run, result = store
    run.write("spec.json", run.read("spec.json") | {"steps": 100})
    lines = [json.dumps({"step": step, "loss": 1}) + "\n" for step in range(1, 101)]
    (run.folder / "log.jsonl").write_text("".join(lines))
    steps = [entry["step"] for entry in kept(run, result)["log"]]
    assert len(steps) == LOGGED and steps[0] == 1 and steps[-1] == 100


def test_a_number_opens_a_note_with_its_runs(store):
    run, _ = store
    html = table_html(experiments.TABLES["2"], "smoke")
    (note,) = re.findall(r'popovertarget="(note-\w+)"', html)
    assert html.count(f'id="{note}"') == 1 and f'href="../records/build-{run.id}.html"' in html
    assert "50.0, 95 % interval 40.0 to 60.0 over 1 seed" in html and "<span>--protocol smoke</span>" in html


def test_frames_of_the_clip_are_few_and_fit_their_boxes():
    script = records.clip_script(8)
    clip = json.loads(script.removeprefix("window.soclClip = ").rstrip(";\n"))
    assert len(clip["frames"]) == len(clip["truth"]) == len(clip["indices"]) == 8
    assert clip["size"][0] == records.CLIP_WIDTH and len(script) < 200_000


def test_a_table_of_sequences_escapes_their_names_and_leaves_gaps():
    html = sequences_html({HOSTILE: {HOSTILE: {"auc": 0.5}}, "MIL": {}}, HOSTILE)
    assert "<script" not in html and html.count("&lt;script&gt;") == 4  # label twice, tracker, sequence
    assert "<td>50</td><td>–</td>" in html
