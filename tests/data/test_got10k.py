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
    got10k_split(tmp_path, names=("b", "a"), boxes=[[0, 0, 8, 6], [1.5, 2, 7, 5], [3, 3, 4, 4]])
    b, a = load(tmp_path)
    assert (b.name, a.name) == ("b", "a")
    np.testing.assert_array_equal(b.boxes, [[0, 0, 8, 6], [1.5, 2, 7, 5], [3, 3, 4, 4]])
    np.testing.assert_array_equal(b.points[:2], [[3.5, 2.5], [4.5, 4]])
    assert b.valid.all()
    np.testing.assert_allclose(b.frames[2], picture(3), atol=2)
    assert [s.name for s in load(str(tmp_path), "train", ["a"])] == ["a"]


def test_absent_frames_and_empty_boxes_are_not_valid(tmp_path):
    boxes = [[1, 1, 4, 4], [1, 1, 4, 4], [1, 1, 0, 4], [WIDTH, 1, 4, 4]]
    home = got10k_split(tmp_path, names=("a",), frames=4, boxes=boxes) / "a"
    (home / "absence.label").write_text("0\n1\n0\n0\n")
    (sequence,) = load(tmp_path)
    assert sequence.valid.tolist() == [True, False, False, False]
    np.testing.assert_array_equal(sequence.boxes, boxes)
    assert np.isnan(sequence.points[1:]).all() and np.isfinite(sequence.points[0]).all()
    (home / "cover.label").write_text("8\n8\n8\n0\n")
    (home / "absence.label").unlink()
    assert load(tmp_path)[0].valid.tolist() == [True, True, False, False]


def test_root_may_be_the_split_itself_but_not_another_one(tmp_path):
    split = got10k_split(tmp_path, "val", names=("v",))
    assert [s.name for s in load(split, "val")] == ["v"]
    with pytest.raises(UsageError, match="is the split 'val', but 'train' was asked for"):
        load(split, "train")
    split.rename(tmp_path / "mine")
    assert [s.name for s in load(tmp_path / "mine", "train")] == ["v"]


def test_unknown_split_and_sequence(tmp_path):
    got10k_split(tmp_path)
    with pytest.raises(UsageError, match="unknown split of got10k:.* 'trian': did you mean 'train'"):
        load(tmp_path, "trian")
    with pytest.raises(UsageError, match="unknown sequence 'c'"):
        load(tmp_path, "train", ["a", "c"])


def test_missing_and_damaged_files(tmp_path):
    with pytest.raises(DataError, match=r"no GOT-10k split in .*: expected val.list.txt or list.txt"):
        load(tmp_path, "val")
    folder = got10k_split(tmp_path)
    (folder / "list.txt").write_text("a\nghost\n")
    with pytest.raises(DataError, match="list.txt names 'ghost', but there is no folder"):
        load(tmp_path)
    (folder / "list.txt").write_text("\n")
    with pytest.raises(DataError, match="list.txt is empty"):
        load(tmp_path)
    (folder / "list.txt").write_text("a\n")
    (folder / "a" / "absence.label").write_text("0\n0\n")
    with pytest.raises(DataError, match="absence.label has 2 rows, expected 3"):
        load(tmp_path)
    (folder / "a" / "groundtruth.txt").write_text("1,2,3,4\n1,2,3\n1,2,3,4\n")
    with pytest.raises(DataError, match="a.groundtruth.txt, row 2: expected four numbers"):
        load(tmp_path)
    (folder / "a" / "groundtruth.txt").unlink()
    with pytest.raises(DataError, match="a.groundtruth.txt: No such file"):
        load(tmp_path)


@pytest.mark.parametrize("split, rows", [("test", 2), ("test", 4), ("val", 1), ("train", 2)])
def test_rows_must_match_the_images(tmp_path, split, rows):
    got10k_split(tmp_path, split, boxes=some_boxes(rows))
    with pytest.raises(DataError, match=rf"groundtruth.txt has {rows} rows, but .* holds 3 images"):
        load(tmp_path, split)


def test_the_test_split_has_its_first_boxes_alone(tmp_path):
    got10k_split(tmp_path, "test", names=("t",), boxes=some_boxes(1))
    for label in got10k.LABELS:
        (tmp_path / "test" / "t" / f"{label}.label").unlink()
    (sequence,) = load(tmp_path, "test")
    assert sequence.boxes[0].tolist() == [3, 5, 8, 6] and np.isnan(sequence.boxes[1:]).all()
    assert sequence.valid.tolist() == [True, False, False]


def test_a_target_that_is_covered_is_not_valid(tmp_path):
    home = got10k_split(tmp_path, names=("a",)) / "a"
    (home / "cover.label").write_text("8\n0\n1\n")
    (home / "cut_by_image.label").write_text("0\n0\n1\n")
    (a,) = load(tmp_path)
    assert a.valid.tolist() == [True, False, True]
    assert a.labels["cover"].tolist() == [8, 0, 1] and a.labels["cut_by_image"].tolist() == [0, 0, 1]
    (home / "cover.label").write_text("8\n9\n1\n")
    with pytest.raises(DataError, match="cover.label, row 2: expected 0 to 8, found '9'"):
        load(tmp_path)


def test_meta_information(tmp_path):
    home = got10k_split(tmp_path, names=("a",)) / "a"
    assert got10k.read_meta(home) == {"resolution": f"({WIDTH}, {HEIGHT})"}
    for content in ("resolution: (1, 2)", "[METAINFO]\nno value", "[OTHER]\na: b"):
        (home / "meta_info.ini").write_text(content)
        with pytest.raises(DataError, match=r"meta_info.ini: expected a section \[METAINFO\]"):
            got10k.read_meta(home)


def test_the_published_names_and_numbers(tmp_path):
    assert [len(got10k.GOT10k(tmp_path).official(split)) for split in got10k.GOT10k.splits] == [9335, 180, 180]
    place = got10k.GOT10k(tmp_path).official("val")["GOT-10k_Val_000001"]
    assert place.images == tmp_path / "val" / "GOT-10k_Val_000001"


def test_a_video_of_one_frame(tmp_path):
    got10k_split(tmp_path, names=("a",), frames=1)
    (sequence,) = load(tmp_path)
    assert len(sequence) == 1 and sequence.boxes.shape == (1, 4) and sequence.points.shape == (1, 2)


def test_real_mini(data_root):
    train, val = (load(data_root / "real_mini", split) for split in ("train", "val"))
    listed = [(data_root / "real_mini" / split / "list.txt").read_text().split() for split in ("train", "val")]
    assert [[s.name for s in part] for part in (train, val)] == listed and not {*listed[0]} & {*listed[1]}
    outside = {}
    for sequence in train + val:
        last = np.array(sequence.frames[0].shape[1::-1]) - 1
        assert sequence.valid.all()
        centres, points = box_centres(sequence.boxes), sequence.points
        assert (points >= 0).all() and (points <= last).all()
        np.testing.assert_array_equal(points, np.clip(centres, 0, last))
        beyond = (centres != points).any(1)
        outside |= {sequence.name: (np.flatnonzero(beyond) + 1).tolist()} if beyond.any() else {}
    # A walker whose box reaches so far below the image that its centre is beyond the last row.
    assert outside["tld_pedestrian2"] == [28, 29, 30]
