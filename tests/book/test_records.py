"""What is kept of a run, and the file that holds it."""

import json
from pathlib import Path

import pytest
from fakes import HOSTILE, fake_run
from typer.testing import CliRunner

from socl_book import records
from socl_book.records import LOGGED, kept, read_records, read_result, record, recorded_file, result_of, write_records
from socl_book.tables import all_tables, find_table
from socl_core.commands.main import app
from socl_core.errors import DataError
from socl_core.runs.store import Run

CELL, OTHER = find_table("2").cells[:2]


def test_a_record_is_the_result_with_a_short_log_and_boxes(finished):
    run, result = finished
    record([result])
    (kept_one,) = read_records("smoke")
    assert kept_one.log["step"] == list(range(1, result.spec.steps + 1)) and kept_one.log["loss"][2] == 0.3333
    assert kept_one.boxes == {"s0": [(1, 2, 3, 4), None, (1, 2, 3, 4)]}
    assert kept_one.model_copy(update={"log": {}, "boxes": {}}) == result


def test_a_long_log_is_thinned_and_keeps_its_ends(finished):
    run, result = finished
    run.write("spec.json", run.read("spec.json") | {"steps": 100})
    lines = [json.dumps({"step": step, "loss": 1}) + "\n" for step in range(1, 101)]
    (run.folder / "log.jsonl").write_text("".join(lines))
    steps = kept(run, result)["log"]["step"]
    assert len(steps) == LOGGED and (steps[0], steps[-1]) == (1, 100)


def test_what_is_missing_or_damaged_is_left_out(finished):
    run, result = finished
    (run.folder / "log.jsonl").unlink()
    (run.folder / "boxes/composite/s0.txt").write_text("cut")
    assert kept(run, result) == {}


def test_a_new_recording_changes_its_own_line(empty):
    record(fake_run(cell, seed, [100 / 3, 50]) for cell in (CELL, OTHER) for seed in (1, 0))
    before = recorded_file("smoke").read_text().splitlines()
    record([fake_run(OTHER, 0, [100 / 3, 51])])
    after = recorded_file("smoke").read_text().splitlines()
    assert len(before) == len(after) == 4 and sum(a != b for a, b in zip(before, after)) == 1
    assert '"auc":[0.3333,0.51]' in "".join(after)
    write_records("smoke", reversed(read_records("smoke")))
    assert recorded_file("smoke").read_text().splitlines() == after


def test_an_earlier_record_of_other_code_is_named_with_its_distance(empty):
    result = fake_run(CELL, 0, [40, 60])
    made = [("a", 0.50, 1, "oldest"), ("b", 0.52, 2, "older"), ("b", 0.52, 2, "older"), ("c", 0.49, 3, "present")]
    for run, auc, seconds, code in made:
        more = {"id": run * 12, "mean": {"composite": {"auc": auc}}, "seconds": {"training": seconds}}
        provenance = result.provenance.model_copy(update={"code": code})
        record([result.model_copy(update=more | {"provenance": provenance})])
    (last,) = read_records("smoke")
    assert last.id == "c" * 12 and [repeat.code for repeat in last.repeats] == ["oldest", "older"]
    assert [repeat.distance for repeat in last.repeats] == pytest.approx([0.01, 0.03])


def test_what_a_run_takes_is_known_from_its_seeds(empty):
    results = [fake_run(cell, seed, [50]) for cell in (CELL, OTHER) for seed in (0, 1, 2)]
    for number, result in enumerate(results):
        record([result.model_copy(update={"seconds": {"training": 10.0 * number, "evaluation": number}})])
    own, other = (records.place(cell.spec("smoke", 7))[:2] for cell in (CELL, OTHER))
    assert records.recorded_seconds("smoke") == {own: 11.0, other: 44.0}


def test_the_command_records_a_table(empty):
    result = fake_run(CELL, 0, [40, 60])
    done = CliRunner().invoke(app, ["table", "2", "--protocol", "smoke", "--record", "--json"])
    cells = json.loads(done.stdout)["cells"]
    assert cells[0]["runs"] == [result.id] and [kept_one.id for kept_one in read_records("smoke")] == [result.id]


@pytest.mark.parametrize(
    "damage",
    [
        lambda line: line[:-20],
        lambda line: "{}",
        lambda line: "[]",
        lambda line: "null",
        lambda line: line.replace('"seed":0', '"seed":-1'),
        lambda line: line.replace('"seed":0', '"sead":0'),
        lambda line: line.replace('"mean"', '"meen"'),
        lambda line: line.replace('"method":"box-siam"', '"method":"box"'),
        lambda line: line.replace('"auc":[0.4,', '"auc":['),
        lambda line: line.replace('"auc":[0.4,', '"auc":["x",'),
        lambda line: line.replace('"auc":[0.4,', '"auc":[NaN,'),
        lambda line: line.replace('"sequence":', '"sequins":'),
        lambda line: line.replace('"id":"', '"id":"../../../../page'),
        lambda line: line.replace('"id":"', '"id":"a\\"><img src=x onerror=alert(1)>'),
    ],
    ids=range(14),
)
def test_a_damaged_line_is_named(empty, damage):
    record([fake_run(OTHER, 0, [40, 60]), fake_run(CELL, 0, [40, 60])])
    lines = recorded_file("smoke").read_text().splitlines()
    assert damage(lines[1]) != lines[1]
    recorded_file("smoke").write_text(f"{lines[0]}\n{damage(lines[1])}\n")
    with pytest.raises(DataError, match="line 2 of .*smoke.jsonl"):
        read_records("smoke")


@pytest.mark.parametrize("content", [[], {}, {"id": HOSTILE}])
def test_a_damaged_result_of_the_store_is_named(empty, content):
    run = Run.of(fake_run(CELL, 0, [40, 60]).spec)
    run.write("result.json", content)
    with pytest.raises(DataError, match=f"{run.folder}/result.json"):
        result_of(run)


def test_every_record_of_the_book_is_behind_a_cell_or_of_older_code_and_stands_at_its_place():
    """What no table shows would be a number without a place; it is kept as a record of what the code once did."""
    for path in Path(records.__file__).parents[1].glob("recorded/*.jsonl"):
        found = read_records(path.stem)
        cells = [cell for table in all_tables().values() for cell in table.cells]
        wanted = {cell.spec(path.stem, 0).model_copy(update={"seed": None}) for cell in cells}
        for result in found:
            assert result.spec.model_copy(update={"seed": None}) in wanted or not result.is_current, result.id
        places = [result.place for result in found]
        assert places == sorted(set(places)) and len({result.id for result in found}) == len(found)
        assert all(read_result(result.model_dump(), "itself") == result for result in found[:2])
