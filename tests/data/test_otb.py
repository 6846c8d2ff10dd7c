import cv2
import numpy as np
import pytest
from layouts import otb_sequence, picture, some_boxes, write_images

from socl_core import data
from socl_core.data.layouts import otb
from socl_core.errors import DataError, UsageError


def load(root, names=None):
    (split,) = otb.OTB(root).splits
    return data.load(f"otb:{root}", split, names)


@pytest.mark.parametrize("separator", [",", "\t", " "])
def test_annotations_become_zero_based(tmp_path, separator):
    otb_sequence(tmp_path, "Deer", [1, 2], [[1, 1, 8, 6], [4, 3, 7, 5]], separator=separator)
    (deer,) = load(tmp_path)
    assert deer.name == "Deer" and len(deer) == 2
    np.testing.assert_array_equal(deer.boxes, [[0, 0, 8, 6], [3, 2, 7, 5]])
    np.testing.assert_array_equal(deer.points, [[3.5, 2.5], [6, 4]])
    assert deer.valid.all() and deer.masks is None
    np.testing.assert_allclose(deer.frames[1], picture(2), atol=2)


def test_targets_of_one_folder_are_sequences_of_their_own(tmp_path):
    otb_sequence(tmp_path, "Jogging", boxes=[[1, 1, 4, 4]] * 4, annotation="groundtruth_rect.1.txt")
    otb_sequence(tmp_path, "Jogging", boxes=[[9, 9, 4, 4]] * 4, annotation="groundtruth_rect.2.txt")
    otb_sequence(tmp_path, "Human4", boxes=[], annotation="groundtruth_rect.1.txt")  # an empty file is no target
    otb_sequence(tmp_path, "Human4", annotation="groundtruth_rect.2.txt")
    otb_sequence(tmp_path, "Deer")
    (tmp_path / "notes").mkdir()
    assert [sequence.name for sequence in load(tmp_path)] == ["Deer", "Human4.2", "Jogging.1", "Jogging.2"]
    assert [s.name for s in load(tmp_path, ["Jogging"])] == ["Jogging.1", "Jogging.2"]
    (second,) = load(str(tmp_path), ["Jogging.2"])
    assert second.boxes[0, 0] == 8
    with pytest.raises(UsageError, match="unknown sequence 'Joging'"):
        load(tmp_path, ["Deer", "Joging"])


@pytest.mark.parametrize("rows, first_x", [(471, 0), (770, 299)])
def test_david_is_evaluated_from_300_to_770(tmp_path, rows, first_x):
    otb_sequence(tmp_path, "David", [1, *range(300, 773)], [[i + 1, 1, 5, 5] for i in range(rows)])
    (david,) = load(tmp_path)
    assert len(david) == 471 and david.boxes[0, 0] == first_x
    assert [david.frames.paths[k].name for k in (0, -1)] == ["0300.jpg", "0770.jpg"]


def test_files_beyond_the_official_range_are_left_out(tmp_path):
    otb_sequence(tmp_path, "Football1", range(1, 82), some_boxes(74))
    (football,) = load(tmp_path)
    assert len(football) == 74 and football.frames.paths[-1].name == "0074.jpg"


@pytest.mark.parametrize("name, files, rows, message", [
    ("Deer", 5, 4, r"groundtruth_rect.txt has 4 rows, but img beside it has 5 images"),
    ("Deer", 4, 5, r"groundtruth_rect.txt has 5 rows, but img beside it has 4 images"),
    ("Football1", 81, 70, r"70 rows, .* 81 images, 74 of them in the evaluated range 1-74"),
    ("Football1", 60, 74, r"74 rows, .* 60 images, 60 of them in the evaluated range 1-74"),
])  # fmt: skip
def test_other_mismatches_are_errors(tmp_path, name, files, rows, message):
    otb_sequence(tmp_path, name, range(1, files + 1), some_boxes(rows))
    with pytest.raises(DataError, match=message):
        load(tmp_path)


def test_a_damaged_sequence_does_not_stop_the_others(tmp_path):
    otb_sequence(tmp_path, "Deer")
    otb_sequence(tmp_path, "Boy", boxes=[])
    assert len(load(tmp_path, ["Deer"])) == 1
    with pytest.raises(DataError, match="Boy.groundtruth_rect.txt is empty"):
        load(tmp_path)


def test_missing_parts(tmp_path):
    for folder in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(DataError, match=f"no OTB sequence in {folder}"):
            load(folder)
    write_images(tmp_path / "Deer" / "img", [1])
    with pytest.raises(DataError, match="Deer.groundtruth_rect.txt: No such file"):
        load(tmp_path)
    (tmp_path / "Deer" / "groundtruth_rect.txt").write_text("1,1,4,4\n")
    (tmp_path / "Deer" / "img" / "0001.jpg").unlink()
    with pytest.raises(DataError, match="no image in .*Deer.img"):
        load(tmp_path)


def test_one_grey_frame_and_a_box_of_size_zero(tmp_path):
    otb_sequence(tmp_path, "Grey", [1], [[0, 0, 0, 0]])
    cv2.imwrite(str(tmp_path / "Grey" / "img" / "0001.jpg"), np.full((30, 40), 77, np.uint8))
    (grey,) = load(tmp_path)
    assert len(grey) == 1 and not grey.valid.any() and np.isnan(grey.points).all()
    np.testing.assert_array_equal(grey.boxes, [[-1, -1, 0, 0]])
    assert grey.frames[0].shape == (30, 40, 3) and grey.frames[0].dtype == np.uint8


def test_truncated_jpeg_is_named_when_it_is_read(tmp_path):
    image = otb_sequence(tmp_path, "Deer") / "img" / "0002.jpg"
    image.write_bytes(image.read_bytes()[:-40])
    (deer,) = load(tmp_path)
    with pytest.raises(DataError, match="0002.jpg is truncated"):
        deer.frames[1]


def test_the_lists_have_the_official_numbers(tmp_path):
    assert {name: len(set(folders)) for name, folders in otb.LISTS.items()} == {"otb13": 50, "otb100": 98}
    layout = otb.OTB(tmp_path)
    assert len(layout.official("test")) == 100 and not layout.official("dev")
    assert layout.official("test")["Skating2.2"].annotation == tmp_path / "Skating2" / "groundtruth_rect.2.txt"


def test_real_otb(data_root):
    lengths = {sequence.name: len(sequence) for sequence in load(data_root / "otb")}
    known = {"Couple": 140, "David": 471, "Dog1": 1350, "Football1": 74, "Jogging.1": 307, "Jogging.2": 307}
    assert known.items() <= lengths.items()
    otb13, dev = set(otb.LISTS["otb13"]), [sequence.name for sequence in load(data_root / "otb_dev")]
    assert {name.partition(".")[0] for name in lengths} <= otb13
    assert dev and not {name.partition(".")[0] for name in dev} & otb13
    (david,) = load(data_root / "otb", ["David"])
    assert david.frames.paths[0].name == "0300.jpg" and david.boxes[0].tolist() == [128, 79, 64, 78]
    assert david.valid.all() and david.frames[0].shape == (240, 320, 3)
