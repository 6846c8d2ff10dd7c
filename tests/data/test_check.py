import pytest
from layouts import got10k_split, lasot_sequence, otb_sequence, trackingnet_sequence

from socl_core.data.check import require_complete, scan
from socl_core.data.sequence import image_fault
from socl_core.errors import DataError, UsageError


def states(found):
    return {finding.name: finding.state for finding in found.findings}


def cut(path):
    path.write_bytes(path.read_bytes()[:-40])


def test_each_sequence_is_complete_missing_or_damaged(tmp_path):
    home = got10k_split(tmp_path, "val", names=("good", "ghost", "rows", "cut"))
    for image in (home / "ghost").iterdir():
        image.unlink()
    (home / "ghost").rmdir()
    (home / "rows" / "00000004.jpg").write_bytes((home / "rows" / "00000003.jpg").read_bytes())
    cut(home / "cut" / "00000002.jpg")
    cut(home / "cut" / "00000003.jpg")
    found = scan(f"got10k:{tmp_path}", "val")
    assert states(found) == {"good": "complete", "ghost": "missing", "rows": "damaged", "cut": "damaged"}
    details = {finding.name: finding.detail for finding in found.findings}
    assert details["good"] == "" and "no folder" in details["ghost"]
    assert "has 3 rows, but" in details["rows"] and "4 images" in details["rows"]
    assert details["cut"] == "2 of 3 images, the first: 00000002.jpg is truncated"
    assert (found.count("complete"), found.count("missing"), found.count("damaged")) == (1, 1, 2)
    assert states(scan(f"got10k:{tmp_path}", "val", ["cut"])) == {"cut": "damaged"}
    with pytest.raises(UsageError, match="did you mean 'rows'"):
        scan(f"got10k:{tmp_path}", "val", ["rowss"])
    with pytest.raises(UsageError, match="unknown split"):
        scan(f"got10k:{tmp_path}", "dev")
    with pytest.raises(DataError, match="3 of 4 sequences cannot be used, nothing was started: ghost is missing"):
        require_complete(f"got10k:{tmp_path}", "val")
    require_complete(f"got10k:{tmp_path}", "val", ["good"])
    require_complete("composite", "dev")


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
    home = lasot_sequence(tmp_path, "airplane-1")
    (home / "out_of_view.txt").unlink()
    assert states(scan(f"lasot:{tmp_path}", "test")) == {"airplane-1": "complete"}
    (own,) = scan(f"lasot:{tmp_path}", "test", ["airplane-1"], official=True).findings
    assert own.state == "damaged" and "no out_of_view.txt" in own.detail


def test_a_trackingnet_sequence_lacks_its_frames_or_its_boxes(tmp_path):
    trackingnet_sequence(tmp_path, "TRAIN_0", "a")
    (tmp_path / "TRAIN_0" / "anno" / "b.txt").write_text("1,2,3,4\n")
    (tmp_path / "TRAIN_0" / "frames" / "c").mkdir()
    assert states(scan(f"trackingnet:{tmp_path}", "train")) == {"a": "complete", "b": "missing", "c": "damaged"}


def test_image_faults(tmp_path):
    home = otb_sequence(tmp_path, "Deer") / "img"
    assert image_fault(home / "0001.jpg") is None and image_fault(home / "0001.jpg", decode=True) is None
    for content, fault in ((b"", "is no JPEG"), (b"GIF89a", "is no JPEG"), (b"\x89PNG\r\n", "is truncated")):
        (home / "0002.jpg").write_bytes(content)
        assert fault in image_fault(home / "0002.jpg")
    whole = (home / "0001.jpg").read_bytes()
    (home / "0003.jpg").write_bytes(whole[:2] + bytes(50) + whole[-2:])
    assert image_fault(home / "0003.jpg") is None  # its ends are right
    assert "cannot be decoded" in image_fault(home / "0003.jpg", decode=True)
    assert "No such file" in image_fault(home / "0009.jpg")
