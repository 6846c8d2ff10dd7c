"""Verdicts without the videos of one photograph."""

from fakes import fake_run

from socl_book import records
from socl_book.photographs import DRAWN, leave_one_out, photograph
from socl_book.results import read_results
from socl_book.tables import find_table

HEAD = find_table("3").claims[0]


def test_a_verdict_that_hangs_on_one_photograph_is_seen(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(records, "RECORDED", tmp_path / "recorded")
    names = [f"test_{number:03}" for number in range(16)]
    gravel = [photograph(name) == "gravel.png" for name in names]
    for seed in range(3):
        # 8 points on the videos of one photograph, hardly one on the others
        above = [50 + seed + (8 if one else 0.4) + 0.3 * (number % 3) for number, one in enumerate(gravel)]
        for cell, values in ((HEAD.above[0], above), (HEAD.below[0], [50 + seed] * 16)):
            records.record([fake_run(cell, seed, values, names=names)])
    [row] = leave_one_out(find_table("3").claims, read_results("smoke")).to_dict("records")
    assert row["claim"] == HEAD.text and row["all videos"] == "reproduced"
    assert row["without gravel"] == "reproduced" and row[f"without {DRAWN}"] == "open"
    middle, low, high = (float(part.strip("[],")) for part in row["by photograph"].split())
    assert low < middle < high


def test_a_video_knows_its_photograph():
    assert [photograph(f"test_00{number}") for number in (0, 6, 7)] == ["chelsea.png", "gravel.png", DRAWN]
    assert photograph("Jogging.1") is None
