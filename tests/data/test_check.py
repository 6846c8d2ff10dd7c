import shutil

import pytest
from layouts import got10k_split, lasot_sequence, otb_sequence, trackingnet_sequence

from socl_core.data.check import require_complete, scan
from socl_core.data.reading import image_fault
from socl_core.errors import DataError, UsageError


def states(found):
    return {finding.name: finding.state for finding in found.findings}


def test_each_sequence_is_complete_missing_or_damaged(tmp_path):
    spec, home = f"got10k:{tmp_path}", got10k_split(tmp_path, "val", names=("good", "ghost", "rows", "cut"))
    shutil.rmtree(home / "ghost")
    shutil.copy(home / "rows" / "00000003.jpg", home / "rows" / "00000004.jpg")
    for image in ("00000002.jpg", "00000003.jpg"):
        (home / "cut" / image).write_bytes((home / "cut" / image).read_bytes()[:-40])
    found = scan(spec, "val")
    assert states(found) == {"good": "complete", "ghost": "missing", "rows": "damaged", "cut": "damaged"}
    details = {finding.name: finding.detail for finding in found.findings}
    assert details["good"] == "" and "no folder" in details["ghost"]
    assert "has 3 rows, but" in details["rows"] and "4 images" in details["rows"]
    assert details["cut"] == "2 of 3 images, the first: 00000002.jpg is truncated"
    assert (found.count("complete"), found.count("missing"), found.count("damaged")) == (1, 1, 2)
    assert states(scan(spec, "val", ["cut"])) == {"cut": "damaged"}
    for split, names, message in (("val", ["rowss"], "did you mean 'rows'"), ("dev", None, "unknown split")):
        with pytest.raises(UsageError, match=message):
            scan(spec, split, names)
    with pytest.raises(DataError, match="3 of 4 sequences cannot be used, nothing was started: ghost is missing"):
        require_complete(spec, "val")
    with pytest.raises(DataError, match="no GOT-10k split in"):
        require_complete(spec, "train")
    require_complete(spec, "val", ["good"])
    require_complete("composite", "dev")
    assert scan("composite", "test").count("complete") == 48


@pytest.mark.parametrize("make, spec, split, name, others", [
    (lambda root: got10k_split(root, "val", ("GOT-10k_Val_000002",)), "got10k", "val", "GOT-10k_Val_000002", 179),
    (lambda root: lasot_sequence(root, "airplane-1"), "lasot", "test", "airplane-1", 279),
    (lambda root: otb_sequence(root, "Deer"), "otb", "test", "Deer", 99),
    (lambda root: trackingnet_sequence(root, "TEST", "x"), "trackingnet", "test", "x", 510),
    (lambda root: trackingnet_sequence(root, "TRAIN_3", "x"), "trackingnet", "train", "x", 30131),
])  # fmt: skip
def test_the_published_split_is_what_is_expected(tmp_path, make, spec, split, name, others):
    make(tmp_path)
    found = scan(f"{spec}:{tmp_path}", split, official=True)
    assert states(found)[name] == "complete"
    assert (found.count("complete"), found.count("missing"), found.count("damaged")) == (1, others, 0)
    assert scan(f"{spec}:{tmp_path}", split).count("missing") == 0
    empty = scan(f"{spec}:{tmp_path}/nowhere", split, official=True)
    assert empty.count("missing") == others + 1 and "expected" in empty.cause


def test_the_targets_of_an_otb_folder_go_by_its_name(tmp_path):
    for target in (1, 2):
        otb_sequence(tmp_path, "Jogging", annotation=f"groundtruth_rect.{target}.txt")
    found = scan(f"otb:{tmp_path}", "test", ["Jogging", "Skating2", "Boy"], official=True)
    assert states(found) == {"Jogging.1": "complete", "Jogging.2": "complete", "Skating2.1": "missing",
                             "Skating2.2": "missing", "Boy": "missing"}  # fmt: skip


def test_label_files_belong_to_a_published_sequence(tmp_path):
    (lasot_sequence(tmp_path, "airplane-1") / "out_of_view.txt").unlink()
    assert states(scan(f"lasot:{tmp_path}", "test")) == {"airplane-1": "complete"}
    (finding,) = scan(f"lasot:{tmp_path}", "test", ["airplane-1"], official=True).findings
    assert finding.state == "damaged" and "no out_of_view.txt" in finding.detail


def test_a_trackingnet_sequence_lacks_its_frames_or_its_boxes(tmp_path):
    trackingnet_sequence(tmp_path, "TRAIN_0", "a")
    (tmp_path / "TRAIN_0" / "anno" / "b.txt").write_text("1,2,3,4\n")
    (tmp_path / "TRAIN_0" / "frames" / "c").mkdir()
    assert states(scan(f"trackingnet:{tmp_path}", "train")) == {"a": "complete", "b": "missing", "c": "damaged"}


@pytest.mark.parametrize("content, by_ends, by_decoding", [
    (lambda whole: whole, "", ""),
    (lambda whole: b"", "is no JPEG", "cannot be decoded"),
    (lambda whole: b"GIF89a", "is no JPEG", "cannot be decoded"),
    (lambda whole: b"\x89PNG\r\n", "is truncated", "is truncated"),
    (lambda whole: whole[:2] + bytes(50) + whole[-2:], "", "cannot be decoded"),  # its ends are right
    (lambda whole: None, "No such file", "No such file"),
])  # fmt: skip
def test_image_faults(tmp_path, content, by_ends, by_decoding):
    path = otb_sequence(tmp_path, "Deer") / "img" / "0001.jpg"
    damaged = content(path.read_bytes())
    path.unlink() if damaged is None else path.write_bytes(damaged)
    for decode, fault in ((False, by_ends), (True, by_decoding)):
        found = image_fault(path, decode) or ""
        assert fault in found and bool(fault) == bool(found)
