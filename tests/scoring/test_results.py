"""Result boxes and annotations in files: what is read, matched, scored, and named where it cannot be."""

import json
import subprocess
import sys

import numpy as np
import pytest
from layouts import lasot_sequence, otb_sequence
from test_conventions import TRUTH, number

from socl_core.errors import DataError, UsageError
from socl_core.scoring.conventions import CONVENTIONS, Truth
from socl_core.scoring.results import (
    check_export,
    read_results,
    read_truth,
    score_results,
    write_results,
)


def test_what_cannot_be_scored_is_listed():
    truth = {"Deer": Truth(TRUTH), "Jogging-1": Truth(TRUTH), "Dog": Truth(TRUTH), "Man": Truth(TRUTH)}
    results = {"deer": [TRUTH], "jogging.1": [TRUTH[2:]], "Dog": [TRUTH[:3]], "Cat": [TRUTH]}
    report = score_results("otb", results, truth, None)
    assert list(report.sequences) == ["Deer", "Jogging-1"]
    assert report.skipped == {
        "Dog": "3 rows for 5 annotated frames; expected a row for every frame",
        "Man": "not among the results",
        "Cat": "no annotation",
    }
    assert report.notes == ["Jogging-1: 3 rows, which begin at row 3 of 5"]
    assert report.numbers == {"auc": pytest.approx(20 / 21), "precision": 1}
    with pytest.raises(UsageError, match="did you mean 'otb13'"):
        score_results("otb", results, truth, "otb14")


def test_only_otb_results_may_begin_late_and_only_where_it_is_plain():
    truth = {"Deer": Truth(TRUTH + np.arange(5)[:, None] * [0.1, 0, 0, 0])}
    with pytest.raises(UsageError, match="3 rows for 5"):
        score_results("got10k", {"Deer": [TRUTH[2:]]}, truth, None)
    slow = {"Deer": Truth(np.repeat(TRUTH[:1], 5, 0))}  # the last row may be missing as well as the first
    with pytest.raises(UsageError, match="4 rows for 5"):
        score_results("otb", {"Deer": [TRUTH[:1].repeat(4, 0)]}, slow, None)


def test_a_sequence_without_a_visible_frame_does_not_stop_the_others():
    truth = {"a": Truth(TRUTH, cover=np.zeros(5)), "b": Truth(TRUTH, cover=np.ones(5))}
    report = score_results("got10k", {"a": [TRUTH], "b": [TRUTH]}, truth, None)
    assert list(report.sequences) == ["b"] and "visible target" in report.skipped["a"]
    assert "b: the annotation has no size; the toolkit uses it" in report.notes


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04 cut off"])
def test_a_damaged_npz_is_refused(tmp_path, content):
    (tmp_path / "boxes.npz").write_bytes(content)
    with pytest.raises(DataError, match="boxes.npz holds no boxes"):
        read_results(tmp_path / "boxes.npz")


def test_lasot_reads_the_absent_frames_of_its_toolkit(tmp_path):
    (tmp_path / "absent").mkdir()
    np.savetxt(tmp_path / "cat-1.txt", TRUTH, delimiter=",")
    np.savetxt(tmp_path / "absent/cat-1.txt", [0, 0, 1, 0, 0], fmt="%d")
    report = score_results("lasot", {"cat-1": [np.vstack([TRUTH, TRUTH[:2]])]}, read_truth(tmp_path), None)
    assert report.numbers["auc"] == pytest.approx(0.8 * 20 / 21)
    assert report.notes == ["cat-1: 2 rows more than annotated frames, left out"]


@pytest.mark.parametrize("convention, files, first", [
    ("otb", ["Deer.txt"], 1), ("lasot", ["Deer.txt"], 1), ("trackingnet", ["Deer.txt"], 0),
    ("got10k", ["Deer/Deer_001.txt", "Deer/Deer_time.txt"], 0),
])  # fmt: skip
def test_exported_boxes_are_read_back_by_their_convention(tmp_path, convention, files, first):
    write_results(convention, tmp_path, "Deer", TRUTH, seconds=np.arange(5) / 8)
    assert sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*.txt")) == files
    official = TRUTH + [first, first, 0, 0]
    assert (read_results(tmp_path)["Deer"][0] == official).all()
    report = score_results(convention, read_results(tmp_path), {"Deer": Truth(official)}, None)
    assert report.numbers == number(convention, official, official)
    if convention == "got10k":
        assert np.array_equal(np.loadtxt(tmp_path / files[1]), np.arange(5) / 8)


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_an_export_is_checked_before_work_begins(tmp_path, convention):
    check_export(convention, tmp_path / "new", ["Deer"])
    assert not list((tmp_path / "new").iterdir())
    write_results(convention, tmp_path / "new", "Deer", TRUTH, np.ones(5))
    check_export(convention, tmp_path / "new", ["Dog"])
    (tmp_path / "file").write_text("")
    for name, folder, error in ((convention, "new", UsageError), (convention, "file", DataError),
                                ("otbb", "new", UsageError)):  # fmt: skip
        with pytest.raises(error):
            check_export(name, tmp_path / folder, ["Dog", "Deer"])


def test_files_of_got10k(tmp_path):
    home, out = tmp_path / "got" / "GOT-10k_Val_000001", tmp_path / "results" / "GOT-10k_Val_000001"
    for folder in (home, out):
        folder.mkdir(parents=True)
    np.savetxt(home / "groundtruth.txt", TRUTH, delimiter=",")
    np.savetxt(home / "cover.label", [8, 8, 0, 8, 8], fmt="%d")
    (home / "meta_info.ini").write_text("[METAINFO]\nresolution: (40, 60)\n")
    for repetition in (0, 1):
        np.savetxt(out / f"{home.name}_{repetition + 1:03d}.txt", TRUTH + repetition, delimiter=",")
    np.savetxt(out / f"{home.name}_time.txt", np.ones(5))
    truth, results = read_truth(tmp_path / "got"), read_results(tmp_path / "results")
    assert truth[home.name].size == (40, 60) and len(results[home.name]) == 2
    report = score_results("got10k", results, truth, None)
    each = [number("got10k", TRUTH + k, TRUTH, cover=np.array([8, 8, 0, 8, 8]), size=(40, 60))["ao"] for k in (0, 1)]
    assert report.numbers["ao"] == pytest.approx(np.mean(each))


def test_files_of_lasot_and_otb(tmp_path):
    home = lasot_sequence(tmp_path / "lasot", "cat-1", 5, TRUTH, hidden=[1], outside=[3])
    (cat,) = read_truth(tmp_path / "lasot").values()
    assert cat.absent.tolist() == [False, True, False, True, False] and (cat.boxes == TRUTH).all()
    lasot_sequence(tmp_path / "lasot", "dog-1").rename(tmp_path / "lasot/dog/cat-1")
    with pytest.raises(DataError, match="two sequences of one name"):
        read_truth(tmp_path / "lasot")
    (home / "out_of_view.txt").write_text("0,0,0,1")
    with pytest.raises(DataError, match="out_of_view.txt has 4 rows, expected 5"):
        read_truth(tmp_path / "lasot")
    david = np.arange(800)[:, None] + TRUTH[:1]
    for name, boxes, file in (("Deer", TRUTH, ""), ("Jogging", TRUTH + 1, ".2"), ("David", david, "")):
        otb_sequence(tmp_path / "otb", name, [], boxes, f"groundtruth_rect{file}.txt", "\t")
    truth = read_truth(tmp_path / "otb")
    assert list(truth) == ["David", "Deer", "Jogging.2"]
    assert (truth["David"].boxes == david[299:770]).all() and (truth["Deer"].boxes == TRUTH).all()


@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("side", ["result", "annotation"])
def test_a_number_that_is_none_is_noted_with_sequence_and_row(convention, value, side):
    bad = TRUTH.copy()
    bad[3, 1] = value
    results, truth = (bad, TRUTH) if side == "result" else (TRUTH, bad)
    report = score_results(convention, {"deer": [results]}, {"Deer": Truth(truth)}, None)
    (note,) = [note for note in report.notes if "row" in note]
    assert note.startswith("Deer, row 4: NaN or inf, in 1 rows; ")
    assert (CONVENTIONS[convention].bad_boxes in note) == (side == "result")
    assert np.isfinite(list(report.numbers.values())).all()


def test_the_command_prints_one_object_and_fails_when_a_sequence_was_skipped(tmp_path):
    np.savez(tmp_path / "truth.npz", Deer=TRUTH, Dog=TRUTH)
    bad = TRUTH.copy()
    bad[2, 0] = np.inf
    np.savez(tmp_path / "boxes.npz", deer=bad)
    options = {"convention": "otb", "boxes": tmp_path / "boxes.npz", "annotations": tmp_path / "truth.npz"}
    command = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    code = "import sys; from socl_core.commands.main import main; main()"
    done = subprocess.run([sys.executable, "-c", code, "metrics", "--json", *command], capture_output=True, text=True)
    assert done.returncode == 2 and "skipped Dog: not among the results" in done.stderr
    result = json.loads(done.stdout)
    assert "Deer, row 3: NaN or inf" in result["notes"][0]
    assert result["auc"] == pytest.approx(16 / 21) and result["scored"] == 1


@pytest.fixture
def published(data_root):
    folder = data_root / "reference_results" / "otb_boxes"
    if not folder.is_dir():
        pytest.skip(f"published boxes needed in {folder}")
    return folder


@pytest.mark.parametrize("tracker, auc, precision", [
    ("SiamFC-3s", (0.607, 0.582), (0.809, 0.770)),
    ("KCF-GaussHog", (0.514, 0.477), None),
    ("SRDCF", (0.628, 0.598), None),
])  # fmt: skip
def test_published_boxes_have_their_published_scores(published, tracker, auc, precision):
    """Known values for OTB-2013 and OTB-100, to .001."""
    truth = read_truth(published / "_groundtruth_TB100.npz")
    results = read_results(published / f"{tracker}.npz")
    for i, (wanted, targets) in enumerate({"otb13": 51, "otb100": 100}.items()):
        report = score_results("otb", results, truth, wanted)
        assert not report.skipped and len(report.sequences) == targets
        assert report.numbers["auc"] == pytest.approx(auc[i], abs=1e-3)
        if precision:
            assert report.numbers["precision"] == pytest.approx(precision[i], abs=1e-3)
