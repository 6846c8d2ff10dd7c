import numpy as np
import pytest
from layouts import lasot_sequence, picture

from socl_core import data
from socl_core.data.layouts import lasot
from socl_core.errors import DataError, UsageError


def names(root, split):
    return [sequence.name for sequence in data.load(f"lasot:{root}", split)]


def test_the_protocol_has_280_test_videos_of_70_categories(tmp_path):
    test, train = (lasot.LaSOT(tmp_path).official(split) for split in ("test", "train"))
    assert (len(test), len(train), len(test.keys() | train.keys()), len(lasot.TEST_VIDEOS)) == (280, 1120, 1400, 70)
    assert {"airplane-1", "zebra-17", "rubicCube-19"} <= test.keys()
    assert test["airplane-1"].annotation == tmp_path / "airplane/airplane-1/groundtruth.txt"


def test_a_split_is_what_lists_name_else_the_protocols_share_of_what_is_there(tmp_path):
    for name in ("airplane-10", "airplane-2", "airplane-1", "bear-17", "bear-2"):
        lasot_sequence(tmp_path, name)
    assert names(tmp_path, "test") == ["airplane-1", "bear-2", "bear-17"]
    assert names(tmp_path, "train") == ["airplane-2", "airplane-10"]
    (tmp_path / "testing_set.txt").write_text("bear-17\r\nairplane-2\r\n")
    assert names(tmp_path, "test") == ["bear-17", "airplane-2"]
    assert names(tmp_path, "train") == ["airplane-1", "airplane-10", "bear-2"]
    (tmp_path / "training_set.txt").write_text("airplane-1\nghost-1\n")
    with pytest.raises(DataError, match="ghost-1.groundtruth.txt: No such file"):
        names(tmp_path, "train")


def test_numbers_become_zero_based_and_hidden_frames_are_not_valid(tmp_path):
    boxes = [[1, 1, 8, 6], [4, 3, 7, 5], [4, 3, 7, 5], [1, 1, -1, -1], [5, 5, 0, 0]]
    lasot_sequence(tmp_path, "lion-5", 5, boxes, hidden=[1], outside=[2])
    (lion,) = data.load(f"lasot:{tmp_path}", "test")
    np.testing.assert_array_equal(lion.boxes, np.array(boxes) - [1, 1, 0, 0])
    assert lion.valid.tolist() == [True, False, False, False, False]
    np.testing.assert_array_equal(lion.points[0], [3.5, 2.5])
    assert lion.labels["full_occlusion"].tolist() == [False, True, False, False, False]
    np.testing.assert_allclose(lion.frames[4], picture(5), atol=2)


@pytest.mark.parametrize("split, sequences, label, error, message", [
    ("train", None, None, DataError, "no LaSOT train sequence in"),
    ("val", None, None, UsageError, "unknown split of lasot:.* 'val'.*test, train"),
    ("test", ["lion-6"], None, UsageError, "unknown sequence 'lion-6': did you mean 'lion-5'"),
    ("test", None, "0,0", DataError, "out_of_view.txt has 2 rows, expected 3"),
    ("test", None, "0,2,0", DataError, "out_of_view.txt, row 2: expected 0 or 1, found '2'"),
])  # fmt: skip
def test_bad_input(tmp_path, split, sequences, label, error, message):
    home = lasot_sequence(tmp_path, "lion-5")
    if label:
        (home / "out_of_view.txt").write_text(label)
    with pytest.raises(error, match=message):
        data.load(f"lasot:{tmp_path}", split, sequences)


def test_manifest_is_that_of_the_split(tmp_path):
    for name in ("lion-5", "lion-6"):
        lasot_sequence(tmp_path, name)
    before = {split: data.manifest(f"lasot:{tmp_path}", split) for split in ("test", "train")}
    lasot_sequence(tmp_path, "lion-5", hidden=[2])
    assert data.manifest(f"lasot:{tmp_path}", "train") == before["train"]
    assert data.manifest(f"lasot:{tmp_path}", "test") != before["test"]
