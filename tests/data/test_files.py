import os

import cv2
import numpy as np
import pytest
from layouts import HEIGHT, WIDTH, picture, write_images
from PIL import Image

from socl_core.data import files
from socl_core.data.reading import read_image
from socl_core.errors import DataError


def test_atomic_write_replaces_and_creates_the_folder(tmp_path):
    path = tmp_path / "new" / "result.json"
    for content, expected in (("first", b"first"), ("Zeile: ü\n", "Zeile: ü\n".encode()), (b"\x00\xff", b"\x00\xff")):
        files.write_atomic(path, content)
        assert path.read_bytes() == expected
    assert [entry.name for entry in path.parent.iterdir()] == ["result.json"]


def test_atomic_write_syncs_a_temporary_in_the_same_folder_before_the_rename(tmp_path, monkeypatch):
    calls = []
    sync, rename = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda handle: (calls.append("sync"), sync(handle)))
    monkeypatch.setattr(os, "replace", lambda a, b: (calls.append((a.parent, b)), rename(a, b)))
    files.write_atomic(tmp_path / "x", "text")
    assert calls == ["sync", (tmp_path, tmp_path / "x")]


@pytest.mark.parametrize("failure, expected", [(OSError(28, "No space"), DataError), (KeyboardInterrupt(), None)])
def test_a_failed_write_keeps_the_old_file_and_leaves_nothing_behind(tmp_path, monkeypatch, failure, expected):
    path = tmp_path / "x"
    files.write_atomic(path, "old")

    def fail(_):
        raise failure

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(expected or type(failure), match="x: No space" if expected else None):
        files.write_atomic(path, "new")
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_only_regular_files_are_written_over(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for path in ("file/x", "folder", "pipe", "x" * 300):
        with pytest.raises(DataError, match="cannot write"):
            files.write_atomic(tmp_path / path, "text")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["file", "folder", "pipe"]


def test_boxes_survive_a_round_trip_to_four_decimals(tmp_path):
    boxes = np.array([[1.23456, -2, 3, 4], [0, 0, 0.00004, 1e5], [np.nan, np.inf, 1, 0.12345]])
    files.write_boxes(tmp_path / "b.txt", boxes)
    assert (tmp_path / "b.txt").read_text().splitlines()[0] == "1.2346,-2.0000,3.0000,4.0000"
    np.testing.assert_allclose(files.read_boxes(tmp_path / "b.txt"), boxes, atol=5.1e-5)
    np.testing.assert_array_equal(files.read_own_boxes(tmp_path / "b.txt", 3), files.as_written(boxes))
    for frames, cut in ((4, None), (3, -1)):
        (tmp_path / "c.txt").write_text((tmp_path / "b.txt").read_text()[:cut])
        with pytest.raises(DataError, match="c.txt is cut off"):
            files.read_own_boxes(tmp_path / "c.txt", frames)
    with pytest.raises(DataError, match=r"d.txt.*\(N, 4\).*\(4,\)"):
        files.write_boxes(tmp_path / "d.txt", np.ones(4))


@pytest.mark.parametrize("line", ["1,2,3,4", "1\t2\t3\t4", "1 2 3 4", " 1,  2,3 , 4 ", "1.0, 2.0\t3e0 4"])
def test_all_separators_are_read(tmp_path, line):
    (tmp_path / "b.txt").write_bytes(b"\xef\xbb\xbf" + f"{line}\r\n5,6,7,8\n\n".encode())
    np.testing.assert_array_equal(files.read_boxes(tmp_path / "b.txt"), [[1, 2, 3, 4], [5, 6, 7, 8]])


ROW = "b.txt, row 2: expected"
DAMAGES = [
    *((files.read_boxes, f"1,2,3,4\n{line}\n1,2,3,4\n", f"{ROW} four numbers x, y, w, h")
      for line in ("1,2,3", "1,2,3,4,5", "1,2,x,4", "1,,3,4", "", "1;2;3;4", "1,2,3,4,")),
    *((files.read_annotation, f"-1,-2,0,0\n{line}\n", f"{ROW} finite numbers and no negative size")
      for line in ("nan,2,3,4", "1,inf,3,4", "1,2,-3,4", "1,2,3,-4")),
    (files.read_boxes, "\n \n", "b.txt is empty"),
    (files.read_boxes, b"\xff\xd8\xff\xe0", "b.txt: expected UTF-8"),
    (files.read_boxes, None, "b.txt: No such file"),
    (lambda path: files.read_labels(path, 4, range(2)), "0\n1\n0\n", "b.txt has 3 rows, expected 4"),
    (lambda path: files.read_labels(path, 3, range(2)), "0\n2\n0\n", f"{ROW} 0 or 1, found '2'"),
]  # fmt: skip


@pytest.mark.parametrize("read, content, message", DAMAGES)
def test_damaged_text_names_file_row_and_what_was_expected(tmp_path, read, content, message):
    if content is not None:
        (tmp_path / "b.txt").write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DataError, match=message):
        read(tmp_path / "b.txt")


def test_a_result_may_hold_what_an_annotation_may_not_and_labels_are_numbers(tmp_path):
    (tmp_path / "b.txt").write_text("nan,2,3,4\n1,inf,-3,4\n")
    assert files.read_boxes(tmp_path / "b.txt").shape == (2, 4)
    (tmp_path / "b.txt").write_text("-1,-2,0,0\n1,2,-3,4\n")
    assert files.read_annotation(tmp_path / "b.txt", negative=True)[1, 2] == -3
    (tmp_path / "b.txt").write_text("0,8,0\n")
    assert files.read_labels(tmp_path / "b.txt", 3, range(9)).tolist() == [0, 8, 0]


def test_images_are_ordered_by_number_not_by_name(tmp_path):
    write_images(tmp_path, [10, 9, 100], "img{}.jpg")
    write_images(tmp_path, [50], "img{}.PNG")
    (tmp_path / "._img9.jpg").write_bytes(b"")
    (tmp_path / "notes1.txt").write_text("")
    os.mkfifo(tmp_path / "1.jpg")  # which would be waited for
    names = [path.name for path in files.image_files(tmp_path)]
    assert names == ["img9.jpg", "img10.jpg", "img50.PNG", "img100.jpg"]
    with pytest.raises(DataError, match="no image in .*missing"):
        files.image_files(tmp_path / "missing")
    write_images(tmp_path, [1], "cover.jpg")
    with pytest.raises(DataError, match="cover.jpg has no frame number"):
        files.image_files(tmp_path)


def test_boxes_outside_the_image_are_kept_but_not_valid(tmp_path):
    rows = {
        (0, 0, WIDTH, HEIGHT): True,
        (-9, 0, 9, 9): False,  # ends at pixel -1
        (-9, 0, 10, 9): True,  # covers pixel 0
        (WIDTH, 0, 9, 9): False, (WIDTH - 1, 0, 9, 9): True, (0, HEIGHT, 9, 9): False, (0, -9, 9, 9): False,
        (5, 5, 0, 9): False, (5, 5, 9, 0): False,
    }  # fmt: skip
    boxes = np.array(list(rows), float)
    write_images(tmp_path, range(len(boxes)))
    sequence = files.box_sequence("s", files.image_files(tmp_path), boxes, present=True)
    assert sequence.valid.tolist() == list(rows.values())
    np.testing.assert_array_equal(sequence.boxes, boxes)
    np.testing.assert_array_equal(np.isnan(sequence.points).all(1), ~sequence.valid)
    np.testing.assert_array_equal(sequence.points[[0, 2]], [[(WIDTH - 1) / 2, (HEIGHT - 1) / 2], [0, 4]])
    np.testing.assert_allclose(sequence.frames[3], picture(3), atol=2)


def test_the_size_of_an_image_is_that_of_its_frame(tmp_path):
    for orientation in range(1, 9):  # how a camera was held
        exif = Image.Exif()
        exif[274] = orientation
        Image.new("RGB", (40, 30)).save(tmp_path / "1.jpg", exif=exif)
        assert files.image_size(tmp_path / "1.jpg") == read_image(tmp_path / "1.jpg").shape[1::-1]


def test_an_image_of_16_bits_or_with_transparency_is_read_as_8_bit_colour(tmp_path):
    deep = np.random.default_rng(0).integers(0, 2**16, (20, 30, 4)).astype(np.uint16)
    for written, expected in ((deep[..., :3], deep[..., :3] >> 8), (deep[..., 0], deep[..., [0] * 3] >> 8),
                              ((deep >> 8).astype(np.uint8), deep[..., :3] >> 8)):  # fmt: skip
        assert cv2.imwrite(str(tmp_path / "a.png"), written)
        image = read_image(tmp_path / "a.png")
        assert image.dtype == np.uint8
        np.testing.assert_allclose(image.astype(int), expected, atol=1)


def test_what_is_no_image_is_a_data_error(tmp_path):
    path = tmp_path / "0001.png"
    huge = bytearray(cv2.imencode(".png", np.zeros((4, 4, 3), np.uint8))[1].tobytes())
    huge[16:24] = (60_000).to_bytes(4, "big") * 2
    for content in (b"", b"no image", bytes(huge)):
        path.write_bytes(content)
        for read in (files.image_size, read_image):
            with pytest.raises(DataError, match="0001.png cannot be decoded"):
                read(path)
