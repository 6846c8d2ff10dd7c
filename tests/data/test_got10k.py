import numpy as np
import pytest
from layouts import HEIGHT, WIDTH, got10k_split, picture, some_boxes

from socl_core import data
from socl_core.data.layouts import got10k
from socl_core.errors import DataError, UsageError
from socl_core.geometry import box_centres


def load(root, split="train", names=None):
    return data.load(f"got10k:{root}", split, names)


def test_numbers_are_taken_as_they_are_in_the_order_of_the_list(tmp_path):
    boxes = [[0, 0, 8, 6], [1.5, 2, 7, 5], [3, 3, 4, 4]]
    got10k_split(tmp_path, names=("b", "a"), boxes=boxes)
    b, a = load(tmp_path)
    assert (b.name, a.name) == ("b", "a") and b.valid.all()
    np.testing.assert_array_equal(b.boxes, boxes)
    np.testing.assert_array_equal(b.points[:2], [[3.5, 2.5], [4.5, 4]])
    np.testing.assert_allclose(b.frames[2], picture(3), atol=2)
    assert [s.name for s in load(str(tmp_path), "train", ["a"])] == ["a"]


def test_absent_covered_and_empty_frames_are_not_valid(tmp_path):
    boxes = [[1, 1, 4, 4], [1, 1, 4, 4], [1, 1, 0, 4], [WIDTH, 1, 4, 4], [1, 1, 4, 4]]
    home = got10k_split(tmp_path, names=("a",), frames=5, boxes=boxes) / "a"
    (home / "absence.label").write_text("0\n1\n0\n0\n0\n")
    (home / "cover.label").write_text("8\n8\n8\n8\n0\n")
    (home / "cut_by_image.label").write_text("0\n0\n1\n0\n0\n")
    (a,) = load(tmp_path)
    assert a.valid.tolist() == [True, False, False, False, False]
    assert a.labels["cover"].tolist() == [8, 8, 8, 8, 0] and a.labels["cut_by_image"].tolist() == [0, 0, 1, 0, 0]
    np.testing.assert_array_equal(a.boxes, boxes)
    assert np.isnan(a.points[1:]).all() and np.isfinite(a.points[0]).all()
    for label in got10k.LABELS:
        (home / f"{label}.label").unlink()
    assert load(tmp_path)[0].valid.tolist() == [True, True, False, False, True]


def test_root_may_be_the_split_itself_but_not_another_one(tmp_path):
    split = got10k_split(tmp_path, "val", names=("v",))
    assert [s.name for s in load(split, "val")] == ["v"]
    with pytest.raises(UsageError, match="is the split 'val', but 'train' was asked for"):
        load(split, "train")
    split.rename(tmp_path / "mine")
    assert [s.name for s in load(tmp_path / "mine", "train")] == ["v"]


@pytest.mark.parametrize("file, content, message", [
    ("list.txt", None, "no GOT-10k split in"),
    ("list.txt", "\n", "list.txt is empty"),
    ("list.txt", "a\nghost\n", "list.txt names 'ghost', but there is no folder"),
    ("a/groundtruth.txt", None, "a.groundtruth.txt: No such file"),
    ("a/groundtruth.txt", "1,2,3,4\n1,2,3\n1,2,3,4\n", "a.groundtruth.txt, row 2"),
    ("a/absence.label", "0\n0\n", "absence.label has 2 rows, expected 3"),
    ("a/cover.label", "8\n9\n1\n", "cover.label, row 2: expected 0 to 8, found '9'"),
])  # fmt: skip
def test_missing_and_damaged_files_are_named(tmp_path, file, content, message):
    path = got10k_split(tmp_path) / file
    path.unlink() if content is None else path.write_text(content)
    with pytest.raises(DataError, match=message):
        load(tmp_path)


@pytest.mark.parametrize("split, rows", [("test", 2), ("test", 4), ("val", 1), ("train", 2)])
def test_rows_must_match_the_images(tmp_path, split, rows):
    got10k_split(tmp_path, split, boxes=some_boxes(rows))
    with pytest.raises(DataError, match=rf"groundtruth.txt has {rows} rows, but .* holds 3 images"):
        load(tmp_path, split)


def test_the_test_split_has_its_first_boxes_alone(tmp_path):
    home = got10k_split(tmp_path, "test", names=("t",), boxes=some_boxes(1)) / "t"
    for label in got10k.LABELS:
        (home / f"{label}.label").unlink()
    (sequence,) = load(tmp_path, "test")
    assert sequence.boxes[0].tolist() == [3, 5, 8, 6] and np.isnan(sequence.boxes[1:]).all()
    assert sequence.valid.tolist() == [True, False, False]


@pytest.mark.parametrize("content", ["resolution: (1, x)", "resolution: (1, 2, 3)", "resolution:", ""])
def test_the_frame_size_of_meta_information(tmp_path, content):
    home = got10k_split(tmp_path, names=("a",)) / "a"
    assert got10k.read_frame_size(home) == (WIDTH, HEIGHT)
    (home / "meta_info.ini").write_text(f"[METAINFO]\n{content}\n")
    with pytest.raises(DataError, match="meta_info.ini: expected a line 'resolution"):
        got10k.read_frame_size(home)


def test_the_published_names_and_numbers(tmp_path):
    layout = got10k.GOT10k(tmp_path)
    assert [len(layout.official(split)) for split in layout.splits] == [9335, 180, 180]
    assert layout.official("val")["GOT-10k_Val_000001"].images == tmp_path / "val" / "GOT-10k_Val_000001"


def test_a_video_of_one_frame(tmp_path):
    got10k_split(tmp_path, names=("a",), frames=1)
    (sequence,) = load(tmp_path)
    assert len(sequence) == 1 and sequence.boxes.shape == (1, 4) and sequence.points.shape == (1, 2)


def test_real_mini(data_root):
    train, val = (load(data_root / "real_mini", split) for split in ("train", "val"))
    listed = [(data_root / "real_mini" / split / "list.txt").read_text().split() for split in ("train", "val")]
    assert [[s.name for s in part] for part in (train, val)] == listed and not {*listed[0]} & {*listed[1]}
    for sequence in train + val:
        last = np.array(sequence.frames[0].shape[1::-1]) - 1
        assert sequence.valid.all()
        # A click is at the nearest pixel where a box reaches so far out that its centre is beyond the last row.
        np.testing.assert_array_equal(sequence.points, np.clip(box_centres(sequence.boxes), 0, last))
