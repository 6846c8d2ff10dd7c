"""Pages of runs: the command that repeats one, what a page says, names that are not harmless, incremental writing."""

import re
import shlex
from pathlib import Path

import pytest
from fakes import HOSTILE, fake_run
from typer.testing import CliRunner

from socl_book import run_pages
from socl_book.html import claims_words, missing_box, sequences_html, table_html, verdicts_html
from socl_book.provenance import command
from socl_book.records import Provenance, Repeat
from socl_book.results import Results, read_results
from socl_book.run_pages import Shown, index_page, run_page
from socl_book.tables import Claim, find_table
from socl_core.commands.main import app
from socl_core.runs.spec import make_spec

SPECS = [
    make_spec("laptop", "socl-siam"),
    make_spec("laptop", "socl-siam", "real", seed=2, data=("composite", "real_mini"), test=("otb",)),
    make_spec("smoke", "box-cf", share=0.125, videos=None, weight_decay=1e-5, head=True, boxed="videos"),
    make_spec("smoke", "random-siam", test=(HOSTILE,), init="null", split="dev", test_frames=None),
    make_spec("smoke", "random-siam", init="a..."),
]  # fmt: skip
TABLE = find_table("2")


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


def shown(result) -> Shown:
    return Shown(result, "build", {"2": {HOSTILE: [HOSTILE]}})


def test_pages_are_written_once_and_removed_with_their_run(finished):
    run, _ = finished
    pages = {path.name for path in run_pages.write_pages("smoke")}
    assert pages == {"index.md", f"build-{run.id}.md"}
    assert run_pages.write_pages("smoke") == []
    run.write("state.json", {"state": "failed", "cause": "x"})
    assert [path.name for path in run_pages.write_pages("smoke")] == ["index.md"]
    assert "No run is there yet" in Path("book/records/index.md").read_text()


def test_a_page_says_what_the_run_was(finished):
    run, _ = finished
    run_pages.write_pages("smoke")
    page = Path(f"book/records/build-{run.id}.md").read_text()
    assert page.startswith("---\norphan: true\nnosearch: true\n---\n")
    expected = [run.id, "AUC 50.0", "<span>--set share=0.125</span>", "<polyline", "the code has changed since"]
    expected += ['../executed/table2.html">Table 2</a>: Box-Siam (110h)', "--share:40.0%", "<td>mean</td>"]
    for part in expected:
        assert part in page, part
    index = Path("book/records/index.md").read_text()
    assert f'href="build-{run.id}.html"' in index and "share=0.125" in index and "this build" in index


def test_a_clip_is_shown_where_the_videos_are_still_those_of_the_boxes(finished):
    _, result = finished
    one = shown(result.model_copy(update={"boxes": {HOSTILE: [(1, 2, 3, 4), None]}}))
    page = run_page(one, "frames-8")
    assert 'data-boxes="[[1, 2, 3, 4], null]"' in page and 'src="../_static/clip/frames-8.js"' in page
    assert "<script>alert" not in page


def test_repeats_on_another_processor_are_counted_apart(finished):
    _, result = finished
    result.repeats.extend(Repeat(id="a", code="c", device=device, distance=distance) for device, distance in (
        ("Processor A, torch 2", 0.001), ("Processor B, torch 2", 0.02), ("Processor B, torch 3", 0.004),
        ("CPU, float32", 0), ("", 0),
    ))  # fmt: skip
    page = index_page([shown(result)])
    assert "5 runs were made again" in page and "AUC of 4 agrees within 0.005" in page
    assert "2 of them ran on another processor or version of torch; 1 agree" in page
    assert "AUC differed by 2.0 points; code c, on Processor B, torch 2" in run_page(shown(result))


def test_names_cannot_leave_their_place_on_a_page(finished):
    _, result = finished
    more = {
        "sequences": {HOSTILE: {HOSTILE: {"auc": 0.5, "frames": 3}}},
        "mean": {HOSTILE: {}},
        "provenance": Provenance(code=HOSTILE, device=HOSTILE, data={HOSTILE: HOSTILE}),
        "spec": result.spec.model_copy(update={"test": (HOSTILE,)}),
        "boxes": {HOSTILE: [None]},
    }
    hostile = result.model_copy(update=more)
    for page in (run_page(shown(hostile), "frames-8"), index_page([shown(hostile)])):
        assert "<script>" not in page and "&lt;script&gt;" in page
        blocks = [block for block in page.split("\n\n") if "script&gt;" in block]
        assert blocks and all(block.strip().startswith("<div") and block.strip().endswith("</div>") for block in blocks)
    claims = [Claim(section=HOSTILE, text=HOSTILE, above=TABLE.cells[:1], below=TABLE.cells[1:2])]
    results = Results("smoke", {})
    parts = [show(claims, results) for show in (verdicts_html, claims_words)]
    parts += [missing_box(HOSTILE), sequences_html({HOSTILE: {HOSTILE: {"auc": 0.5}}, "MIL": {}}, HOSTILE)]
    for html in parts:
        assert "<script" not in html and "&lt;script&gt;" in html and "\n\n" not in html


def test_a_number_opens_a_note_with_its_runs(finished):
    run, _ = finished
    html = table_html(TABLE, read_results("smoke"))
    (note,) = re.findall(r'popovertarget="(note-\w+)"', html)
    assert html.count(f'id="{note}"') == 1 and f'href="../records/build-{run.id}.html"' in html
    assert re.search(r"50\.0, 95 % interval \S+ to \S+ over 1 seed", html) and "<span>--protocol smoke</span>" in html


def test_a_table_stands_by_benchmark_and_rows_of_one_column_apart(tmp_path, monkeypatch):
    by_benchmark = table_html(find_table("1"), Results("smoke", {}))
    heads = [re.findall(r'scope="col">([^<]+)', part) for part in by_benchmark.split("<thead>")[1:]]
    benchmarks = [{name.split()[0] for name in head[1:]} for head in heads]
    assert benchmarks == [{"GOT-10k"}, {"TrackingNet"}, {"LaSOT"}]
    monkeypatch.chdir(tmp_path)
    fake_run(TABLE.cell("MIL (OpenCV)", "880h"), 0, [50, 60])
    captions = re.findall("<caption>(.*?)</caption>", table_html(TABLE, read_results("smoke")))
    assert [caption.split(";")[0] for caption in captions] == [TABLE.title, "For scale, 880h"]


def test_a_run_and_its_record_have_the_same_digits():
    assert run_pages.percent(0.41548) == run_pages.percent(round(0.41548, 4))
    assert run_pages.percent(None) == "–"


def test_what_is_empty_is_left_out_of_a_table():
    html = table_html(TABLE, Results("smoke", {}))
    assert "this build" not in html and "recorded" not in html and html.count('<span class="paper">') == 8
    assert '<th scope="row">MIL' not in html and re.search("Not run here: .*MIL \\(OpenCV\\)", html)
    recipe = table_html(find_table("recipe"), Results("smoke", {}))
    assert "<table" not in recipe and "Not run here" in recipe
