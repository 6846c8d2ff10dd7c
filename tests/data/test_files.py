import os

import numpy as np
import pytest
from layouts import HEIGHT, WIDTH, picture, write_images

from socl_core.data import files
from socl_core.errors import DataError


def test_atomic_write_replaces_and_creates_the_folder(tmp_path):
    path = tmp_path / "new" / "result.json"
    files.write_atomic(path, "first")
    files.write_atomic(str(path), "zweite Zeile: ü\n")
    assert path.read_bytes() == "zweite Zeile: ü\n".encode()
    files.write_atomic(path, b"\x00\xff")
    assert path.read_bytes() == b"\x00\xff"
    assert [entry.name for entry in path.parent.iterdir()] == ["result.json"]


def test_atomic_write_syncs_a_temporary_in_the_same_folder_before_the_rename(tmp_path, monkeypatch):
    calls = []
    sync, rename = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda handle: (calls.append("sync"), sync(handle)))
    monkeypatch.setattr(os, "replace", lambda a, b: (calls.append((a.parent, b)), rename(a, b)))
    files.write_atomic(tmp_path / "x", "text")
    assert calls == ["sync", (tmp_path, tmp_path / "x")]


@pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failed_write_keeps_the_old_file_and_leaves_nothing_behind(tmp_path, monkeypatch, failure):
    path = tmp_path / "x"
    files.write_atomic(path, "old")

    def fail(_):
        raise failure

    monkeypatch.setattr(os, "fsync", fail)
    expected = DataError if isinstance(failure, OSError) else KeyboardInterrupt
    with pytest.raises(expected) as caught:
        files.write_atomic(path, "new")
    if expected is DataError:
        assert str(path) in str(caught.value) and "No space left" in str(caught.value)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_write_below_a_file_or_onto_a_folder_is_a_data_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot write"):
        files.write_atomic(tmp_path / "file" / "x", "text")
    (tmp_path / "folder").mkdir()
    with pytest.raises(DataError, match="cannot write"):
        files.write_atomic(tmp_path / "folder", "text")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["file", "folder"]


def test_boxes_survive_a_round_trip_to_four_decimals(tmp_path):
    boxes = np.array([[1.23456, -2, 3, 4], [0, 0, 0.00004, 1e5], [np.nan, np.inf, 1, 1]])
    files.write_boxes(tmp_path / "b.txt", boxes)
    assert (tmp_path / "b.txt").read_text().splitlines()[0] == "1.2346,-2.0000,3.0000,4.0000"
    np.testing.assert_allclose(files.read_boxes(tmp_path / "b.txt"), boxes, atol=5.1e-5)


def test_only_rows_of_four_are_written(tmp_path):
    with pytest.raises(DataError, match=r"b.txt.*\(N, 4\).*\(4,\)"):
        files.write_boxes(tmp_path / "b.txt", np.ones(4))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("line", ["1,2,3,4", "1\t2\t3\t4", "1 2 3 4", " 1,  2,3 , 4 ", "1.0, 2.0\t3e0 4"])
def test_all_separators_are_read(tmp_path, line):
    (tmp_path / "b.txt").write_bytes(b"\xef\xbb\xbf" + f"{line}\r\n5,6,7,8\n\n".encode())
    np.testing.assert_array_equal(files.read_boxes(tmp_path / "b.txt"), [[1, 2, 3, 4], [5, 6, 7, 8]])


@pytest.mark.parametrize("line", ["1,2,3", "1,2,3,4,5", "1,2,x,4", "1,,3,4", "", "1;2;3;4", "1,2,3,4,"])
def test_a_bad_row_names_file_row_and_what_was_expected(tmp_path, line):
    (tmp_path / "b.txt").write_text(f"1,2,3,4\n{line}\n1,2,3,4\n")
    with pytest.raises(DataError, match=r"b.txt, row 2: expected four numbers x, y, w, h"):
        files.read_boxes(tmp_path / "b.txt")


@pytest.mark.parametrize("line", ["nan,2,3,4", "1,inf,3,4", "1,2,-3,4", "1,2,3,-4"])
def test_an_annotation_refuses_what_a_result_may_hold(tmp_path, line):
    (tmp_path / "b.txt").write_text(f"-1,-2,0,0\n{line}\n")
    assert files.read_boxes(tmp_path / "b.txt").shape == (2, 4)
    with pytest.raises(DataError, match="b.txt, row 2: expected finite numbers and no negative size, found"):
        files.read_annotation(tmp_path / "b.txt")


def test_empty_missing_and_binary_files(tmp_path):
    (tmp_path / "empty.txt").write_text("\n \n")
    (tmp_path / "binary.txt").write_bytes(b"\xff\xd8\xff\xe0")
    for name, message in (("empty", "is empty"), ("binary", "UTF-8"), ("missing", "No such file")):
        with pytest.raises(DataError, match=rf"{name}.txt.*{message}"):
            files.read_boxes(tmp_path / f"{name}.txt")


def test_labels(tmp_path):
    path = tmp_path / "absence.label"
    path.write_text("0\n1\n0\n")
    assert files.read_labels(path, 3, range(2)).tolist() == [0, 1, 0]
    with pytest.raises(DataError, match="absence.label has 3 rows, expected 4"):
        files.read_labels(path, 4, range(2))
    path.write_text("0\n2\n0\n")
    with pytest.raises(DataError, match="absence.label, row 2: expected 0 or 1, found '2'"):
        files.read_labels(path, 3, range(2))


def test_images_are_ordered_by_number_not_by_name(tmp_path):
    write_images(tmp_path, [10, 9, 100], "img{}.jpg")
    write_images(tmp_path, [50], "img{}.PNG")
    (tmp_path / "._img9.jpg").write_bytes(b"")
    (tmp_path / "notes1.txt").write_text("")
    names = [path.name for path in files.image_files(tmp_path)]
    assert names == ["img9.jpg", "img10.jpg", "img50.PNG", "img100.jpg"]


def test_image_folder_without_images_or_numbers(tmp_path):
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(DataError, match=f"no image in {folder}"):
            files.image_files(folder)
    write_images(tmp_path, [1], "cover.jpg")
    with pytest.raises(DataError, match="cover.jpg has no frame number"):
        files.image_files(tmp_path)


def test_boxes_outside_the_image_are_kept_but_not_valid(tmp_path):
    boxes = np.array([
        [0, 0, WIDTH, HEIGHT],
        [-9, 0, 9, 9],  # ends at pixel -1
        [-9, 0, 10, 9],  # covers pixel 0
        [WIDTH, 0, 9, 9],
        [WIDTH - 1, 0, 9, 9],
        [0, HEIGHT, 9, 9],
        [0, -9, 9, 9],
        [5, 5, 0, 9],
        [5, 5, 9, 0],
    ], float)  # fmt: skip
    write_images(tmp_path, range(len(boxes)))
    sequence = files.box_sequence("s", files.image_files(tmp_path), boxes, present=True)
    assert sequence.valid.tolist() == [True, False, True, False, True, False, False, False, False]
    np.testing.assert_array_equal(sequence.boxes, boxes)
    np.testing.assert_array_equal(np.isnan(sequence.points).all(1), ~sequence.valid)
    np.testing.assert_array_equal(sequence.points[0], [(WIDTH - 1) / 2, (HEIGHT - 1) / 2])
    np.testing.assert_allclose(sequence.frames[3], picture(3), atol=2)


def test_a_first_image_that_is_none_is_a_data_error(tmp_path):
    path = tmp_path / "0001.jpg"
    for content in (b"", b"no image"):
        path.write_bytes(content)
        with pytest.raises(DataError, match="0001.jpg cannot be decoded"):
            files.box_sequence("s", [path], np.ones((1, 4)), present=True)
