"""The official layouts: what is made of their files, which videos a split has, and what is refused."""

import cv2
import numpy as np
import pytest
from layouts import (
    HEIGHT,
    WIDTH,
    got10k_split,
    lasot_sequence,
    otb_sequence,
    picture,
    some_boxes,
    trackingnet_sequence,
    write_images,
)

from socl_core import data
from socl_core.data.layouts import got10k, lasot, otb
from socl_core.errors import DataError, UsageError
from socl_core.geometry import box_centres


def load(layout, root, split, names=None):
    return data.load(f"{layout}:{root}", split, names)


def names(layout, root, split):
    return [sequence.name for sequence in load(layout, root, split)]


@pytest.mark.parametrize("separator", [",", "\t", " "])
def test_annotations_of_otb_become_zero_based(tmp_path, separator):
    otb_sequence(tmp_path, "Deer", [1, 2], [[1, 1, 8, 6], [4, 3, 7, 5]], separator=separator)
    (deer,) = load("otb", tmp_path, "test")
    assert deer.name == "Deer" and len(deer) == 2 and deer.valid.all() and deer.masks is None
    np.testing.assert_array_equal(deer.boxes, [[0, 0, 8, 6], [3, 2, 7, 5]])
    np.testing.assert_array_equal(deer.points, [[3.5, 2.5], [6, 4]])
    np.testing.assert_allclose(deer.frames[1], picture(2), atol=2)


def test_annotations_of_lasot_become_zero_based_and_hidden_frames_are_not_valid(tmp_path):
    boxes = [[1, 1, 8, 6], [4, 3, 7, 5], [4, 3, 7, 5], [1, 1, -1, -1], [5, 5, 0, 0]]
    lasot_sequence(tmp_path, "lion-5", 5, boxes, hidden=[1], outside=[2])
    (lion,) = load("lasot", tmp_path, "test")
    np.testing.assert_array_equal(lion.boxes, np.array(boxes) - [1, 1, 0, 0])
    assert lion.valid.tolist() == [True, False, False, False, False]
    np.testing.assert_array_equal(lion.points[0], [3.5, 2.5])
    assert lion.labels["full_occlusion"].tolist() == [False, True, False, False, False]
    np.testing.assert_allclose(lion.frames[4], picture(5), atol=2)


def test_annotations_of_got10k_are_as_they_are_in_the_order_of_its_list(tmp_path):
    boxes = [[0, 0, 8, 6], [1.5, 2, 7, 5], [3, 3, 4, 4]]
    got10k_split(tmp_path, names=("b", "a"), boxes=boxes)
    b, a = load("got10k", tmp_path, "train")
    assert (b.name, a.name) == ("b", "a") and b.valid.all()
    np.testing.assert_array_equal(b.boxes, boxes)
    np.testing.assert_array_equal(b.points[:2], [[3.5, 2.5], [4.5, 4]])
    np.testing.assert_allclose(b.frames[2], picture(3), atol=2)


def test_absent_covered_and_empty_frames_of_got10k_are_not_valid(tmp_path):
    boxes = [[1, 1, 4, 4], [1, 1, 4, 4], [1, 1, 0, 4], [WIDTH, 1, 4, 4], [1, 1, 4, 4]]
    home = got10k_split(tmp_path, names=("a",), frames=5, boxes=boxes) / "a"
    (home / "absence.label").write_text("0\n1\n0\n0\n0\n")
    (home / "cover.label").write_text("8\n8\n8\n8\n0\n")
    (a,) = load("got10k", tmp_path, "train")
    assert a.valid.tolist() == [True, False, False, False, False] and a.labels["cover"].tolist() == [8, 8, 8, 8, 0]
    np.testing.assert_array_equal(a.boxes, boxes)
    assert np.isnan(a.points[1:]).all() and np.isfinite(a.points[0]).all()
    for label in got10k.LABELS:
        (home / f"{label}.label").unlink()
    assert load("got10k", tmp_path, "train")[0].valid.tolist() == [True, True, False, False, True]


@pytest.mark.parametrize("layout", ["got10k", "trackingnet"])
def test_a_split_of_a_server_has_its_first_boxes_alone(tmp_path, layout):
    if layout == "got10k":
        home = got10k_split(tmp_path, "test", names=("t",), boxes=some_boxes(1)) / "t"
        for label in got10k.LABELS:
            (home / f"{label}.label").unlink()
    else:
        trackingnet_sequence(tmp_path, "TEST", "t", frames=3)
    (sequence,) = load(layout, tmp_path, "test")
    assert sequence.boxes[0].tolist() == [3, 5, 8, 6] and np.isnan(sequence.boxes[1:]).all()
    assert sequence.valid.tolist() == [True, False, False] and np.isnan(sequence.points[1:]).all()


def test_targets_of_one_folder_of_otb_are_sequences_of_their_own(tmp_path):
    for target, x in ((1, 1), (2, 9)):
        otb_sequence(tmp_path, "Jogging", boxes=[[x, x, 4, 4]] * 4, annotation=f"groundtruth_rect.{target}.txt")
    otb_sequence(tmp_path, "Human4", boxes=[], annotation="groundtruth_rect.1.txt")  # an empty file is no target
    otb_sequence(tmp_path, "Human4", annotation="groundtruth_rect.2.txt")
    otb_sequence(tmp_path, "Deer")
    (tmp_path / "notes").mkdir()
    assert names("otb", tmp_path, "test") == ["Deer", "Human4.2", "Jogging.1", "Jogging.2"]
    assert load("otb", tmp_path, "test", ["Jogging.2"])[0].boxes[0, 0] == 8


@pytest.mark.parametrize("rows, first_x", [(471, 0), (770, 299)])
def test_david_is_evaluated_from_300_to_770(tmp_path, rows, first_x):
    otb_sequence(tmp_path, "David", [1, *range(300, 773)], [[i + 1, 1, 5, 5] for i in range(rows)])
    (david,) = load("otb", tmp_path, "test")
    assert len(david) == 471 and david.boxes[0, 0] == first_x
    assert [david.frames.paths[k].name for k in (0, -1)] == ["0300.jpg", "0770.jpg"]


def test_a_split_of_lasot_is_what_lists_name_else_the_protocols_share_of_what_is_there(tmp_path):
    for name in ("airplane-10", "airplane-2", "airplane-1", "bear-17", "bear-2"):
        lasot_sequence(tmp_path, name)
    assert names("lasot", tmp_path, "test") == ["airplane-1", "bear-2", "bear-17"]
    assert names("lasot", tmp_path, "train") == ["airplane-2", "airplane-10"]
    (tmp_path / "testing_set.txt").write_text("bear-17\r\nairplane-2\r\n")
    assert names("lasot", tmp_path, "test") == ["bear-17", "airplane-2"]
    assert names("lasot", tmp_path, "train") == ["airplane-1", "airplane-10", "bear-2"]


def test_a_folder_may_be_the_split_of_got10k_itself_but_not_another_one(tmp_path):
    split = got10k_split(tmp_path, "val", names=("v",))
    assert names("got10k", split, "val") == ["v"]
    with pytest.raises(UsageError, match="is the split 'val', but 'train' was asked for"):
        load("got10k", split, "train")
    split.rename(tmp_path / "mine")
    assert names("got10k", tmp_path / "mine", "train") == ["v"]


def test_chunks_of_trackingnet_are_read_in_order_and_frames_by_number(tmp_path):
    for chunk, name in (("TRAIN_10", "b"), ("TRAIN_2", "c"), ("TRAIN_2", "-a_0")):
        trackingnet_sequence(tmp_path, chunk, name)
    found = load("trackingnet", tmp_path, "train")
    assert [sequence.name for sequence in found] == ["-a_0", "c", "b"] and found[0].valid.all()
    assert [path.stem for path in found[0].frames.paths] == [str(number) for number in range(12)]
    np.testing.assert_array_equal(found[0].boxes, some_boxes(12))


def test_the_published_names_have_the_official_numbers(tmp_path):
    assert {name: len(set(folders)) for name, folders in otb.LISTS.items()} == {"otb13": 50, "otb100": 98}
    test, train = (lasot.LaSOT(tmp_path).official(split) for split in ("test", "train"))
    assert (len(test.keys() | train.keys()), len(lasot.TEST_VIDEOS)) == (1400, 70)
    assert {"airplane-1", "zebra-17", "rubicCube-19"} <= test.keys()
    for found, path in (
        (test["airplane-1"], "airplane/airplane-1/groundtruth.txt"),
        (otb.OTB(tmp_path).official("test")["Skating2.2"], "Skating2/groundtruth_rect.2.txt"),
        (got10k.GOT10k(tmp_path).official("val")["GOT-10k_Val_000001"], "val/GOT-10k_Val_000001/groundtruth.txt"),
    ):
        assert found.annotation == tmp_path / path


def two_splits(root, layout):
    """A training and a test (or validation) video, and what changes an annotation of the second."""
    if layout == "lasot":
        lasot_sequence(root, "lion-6")
        lasot_sequence(root, "lion-5")
        return "test", lambda: lasot_sequence(root, "lion-5", hidden=[2])
    if layout == "trackingnet":
        trackingnet_sequence(root, "TRAIN_0", "a")
        trackingnet_sequence(root, "TEST", "b")
        return "test", lambda: (root / "TEST/anno/b.txt").write_text("1,2,3,4\n")
    got10k_split(root, "train")
    home = got10k_split(root, "val", names=("v",))
    return "val", lambda: (home / "v/absence.label").write_text("0\n1\n0\n")


@pytest.mark.parametrize("layout", ["got10k", "lasot", "trackingnet"])
def test_a_manifest_is_that_of_its_split(tmp_path, layout):
    split, change = two_splits(tmp_path, layout)
    before, train = (data.manifest(f"{layout}:{tmp_path}", one) for one in (split, "train"))
    change()
    assert data.manifest(f"{layout}:{tmp_path}", "train") == train
    assert data.manifest(f"{layout}:{tmp_path}", split) != before


@pytest.mark.parametrize("name, files, rows, message", [
    ("Deer", 5, 4, r"groundtruth_rect.txt has 4 rows, but img beside it has 5 images"),
    ("Deer", 4, 5, r"groundtruth_rect.txt has 5 rows, but img beside it has 4 images"),
    ("Football1", 81, 70, r"70 rows, .* 81 images, 74 of them in the evaluated range 1-74"),
    ("Football1", 60, 74, r"74 rows, .* 60 images, 60 of them in the evaluated range 1-74"),
])  # fmt: skip
def test_rows_of_otb_must_match_the_images(tmp_path, name, files, rows, message):
    otb_sequence(tmp_path, name, range(1, files + 1), some_boxes(rows))
    with pytest.raises(DataError, match=message):
        load("otb", tmp_path, "test")


@pytest.mark.parametrize("split, rows", [("test", 2), ("test", 4), ("val", 1), ("train", 2)])
def test_rows_of_got10k_must_match_the_images(tmp_path, split, rows):
    got10k_split(tmp_path, split, boxes=some_boxes(rows))
    with pytest.raises(DataError, match=rf"groundtruth.txt has {rows} rows, but .* holds 3 images"):
        load("got10k", tmp_path, split)


@pytest.mark.parametrize("layout, file, content, message", [
    ("got10k", "train/list.txt", None, "no GOT-10k split in"),
    ("got10k", "train/list.txt", "\n", "list.txt is empty"),
    ("got10k", "train/list.txt", "a\nghost\n", "list.txt names 'ghost', but there is no .*ghost"),
    ("got10k", "train/a/groundtruth.txt", None, "a.groundtruth.txt: No such file"),
    ("got10k", "train/a/groundtruth.txt", "1,2,3,4\n1,2,3\n1,2,3,4\n", "a.groundtruth.txt, row 2"),
    ("got10k", "train/a/absence.label", "0\n0\n", "absence.label has 2 rows, expected 3"),
    ("got10k", "train/a/cover.label", "8\n9\n1\n", "cover.label, row 2: expected 0 to 8, found '9'"),
    ("lasot", "training_set.txt", "lion-6\nghost-1\n", "ghost-1.groundtruth.txt: No such file"),
    ("lasot", "lion/lion-6/groundtruth.txt", None, "no LaSOT train sequence in"),
    ("lasot", "lion/lion-6/out_of_view.txt", "0,2,0", "out_of_view.txt, row 2: expected 0 or 1, found '2'"),
    ("trackingnet", "TRAIN_0/anno/a.txt", "1,2,3,4\n", "a.txt has 1 rows, but .* holds 12 images"),
])  # fmt: skip
def test_missing_and_damaged_files_are_named(tmp_path, layout, file, content, message):
    two_splits(tmp_path, layout)
    path = tmp_path / file
    path.unlink() if content is None else path.write_text(content)
    with pytest.raises(DataError, match=message):
        load(layout, tmp_path, "train")


def test_missing_parts_of_otb_and_trackingnet(tmp_path):
    for folder in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(DataError, match=f"no OTB sequence in {folder}"):
            load("otb", folder, "test")
        with pytest.raises(DataError, match="no TrackingNet train sequence in .*TRAIN_0/anno"):
            load("trackingnet", folder, "train")
    write_images(tmp_path / "Deer" / "img", [1])
    with pytest.raises(DataError, match="Deer.groundtruth_rect.txt: No such file"):
        load("otb", tmp_path, "test")
    (tmp_path / "Deer" / "groundtruth_rect.txt").write_text("1,1,4,4\n")
    (tmp_path / "Deer" / "img" / "0001.jpg").unlink()
    with pytest.raises(DataError, match="no image in .*Deer.img"):
        load("otb", tmp_path, "test")
    for chunk in ("TRAIN_0", "TRAIN_1"):
        trackingnet_sequence(tmp_path, chunk, "a")
    with pytest.raises(DataError, match="TRAIN_1 holds a, which .*TRAIN_0.frames holds as well"):
        load("trackingnet", tmp_path, "train")


def test_one_grey_frame_and_a_box_of_size_zero(tmp_path):
    otb_sequence(tmp_path, "Grey", [1], [[0, 0, 0, 0]])
    cv2.imwrite(str(tmp_path / "Grey" / "img" / "0001.jpg"), np.full((30, 40), 77, np.uint8))
    (grey,) = load("otb", tmp_path, "test")
    assert len(grey) == 1 and not grey.valid.any() and np.isnan(grey.points).all()
    np.testing.assert_array_equal(grey.boxes, [[-1, -1, 0, 0]])
    assert grey.frames[0].shape == (30, 40, 3) and grey.frames[0].dtype == np.uint8


@pytest.mark.parametrize("content", ["resolution: (1, x)", "resolution: (1, 2, 3)", "resolution:", ""])
def test_the_frame_size_of_meta_information(tmp_path, content):
    home = got10k_split(tmp_path, names=("a",)) / "a"
    assert got10k.read_frame_size(home) == (WIDTH, HEIGHT)
    (home / "meta_info.ini").write_text(f"[METAINFO]\n{content}\n")
    with pytest.raises(DataError, match="meta_info.ini: expected a line 'resolution"):
        got10k.read_frame_size(home)


def test_real_mini(data_root):
    train, val = (load("got10k", data_root / "real_mini", split) for split in ("train", "val"))
    listed = [(data_root / "real_mini" / split / "list.txt").read_text().split() for split in ("train", "val")]
    assert [[s.name for s in part] for part in (train, val)] == listed and not {*listed[0]} & {*listed[1]}
    for sequence in train + val:
        last = np.array(sequence.frames[0].shape[1::-1]) - 1
        assert sequence.valid.all()
        # A click is at the nearest pixel where a box reaches so far out that its centre is beyond the last row.
        np.testing.assert_array_equal(sequence.points, np.clip(box_centres(sequence.boxes), 0, last))


def test_real_otb(data_root):
    lengths = {sequence.name: len(sequence) for sequence in load("otb", data_root / "otb", "test")}
    known = {"Couple": 140, "David": 471, "Dog1": 1350, "Football1": 74, "Jogging.1": 307, "Jogging.2": 307}
    otb13, dev = set(otb.LISTS["otb13"]), names("otb", data_root / "otb_dev", "dev")
    assert known.items() <= lengths.items() and {name.partition(".")[0] for name in lengths} <= otb13
    assert dev and not {name.partition(".")[0] for name in dev} & otb13
    (david,) = load("otb", data_root / "otb", "test", ["David"])
    assert david.frames.paths[0].name == "0300.jpg" and david.boxes[0].tolist() == [128, 79, 64, 78]
    assert david.valid.all() and david.frames[0].shape == (240, 320, 3)
