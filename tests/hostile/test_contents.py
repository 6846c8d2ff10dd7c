"""Files of each format with hostile contents, one line a case: file, content, what the command says; exit 2, or 0
where that comes last."""

import numpy as np
import pytest
from pictures import exif_jpeg, header_only, jpeg, png, webp
from world import TINY, check, notebook, put

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

OTB, GOT, LASOT = "evaluate --data otb:otb", "evaluate --data got10k:got --split val", "evaluate --data lasot:las"
CLICKS, TRACKINGNET = f"train {TINY} --data clicks:own --out o", "data check trackingnet tn --split train"
OWN, TRACK = "train --protocol own.yaml --out o", "track --frames f --init 1,1,8,6 --out b.txt"
METRICS = "metrics --convention otb --boxes {} --annotations otb"
ROW = "1,2,3,4\n"

TEXTS = {
    OTB: [
        ("otb/Deer/groundtruth_rect.txt", 4 * "nan,nan,nan,nan\n", "row 1: expected finite numbers"),
        ("otb/Deer/groundtruth_rect.txt", 4 * "1,2,-3,4\n", "row 1|no negative size"),
        ("otb/Deer/groundtruth_rect.txt", 3 * ROW, "3 rows|4 images"),
        ("otb/Deer/groundtruth_rect.txt", 5 * ROW, "5 rows|4 images"),
        ("otb/Deer/groundtruth_rect.txt", 3 * ROW + "1;2;3;4\n", "row 4|separated by comma, tab or space"),
        ("otb/Deer/groundtruth_rect.txt", 4 * "1e999,2,3,4\n", "row 1|inf"),
        ("otb/Deer/groundtruth_rect.txt", 4 * "0,0,0,0\n", "box of positive size"),
        ("otb/Deer/groundtruth_rect.txt", 4 * "9999,2,3,4\n", "outside of the frame"),
        ("otb/Deer/groundtruth_rect.txt", "1,2,3,4,5\n", "row 1"),
        ("otb/Deer/groundtruth_rect.txt", 9_999 * "1", "row 1|expected four numbers"),
        ("otb/Deer/groundtruth_rect.txt", "\x1b]0;owned\x07\n", "row 1|\\x1b]0;owned"),
        ("otb/Deer/groundtruth_rect.txt", 70_000_000 * "1", "SOCL_MOST_BYTES allows more"),
        ("otb/Deer/img/0004.bmp", b"BM", "0004.bmp is of a kind that is not read"),
        ("otb/Deer/img/cover.jpg", b"", "cover.jpg has no frame number"),
        ("otb/\x1b[31m/groundtruth_rect.txt", ROW, "\\x1b[31m"),
        ("otb/<b>/groundtruth_rect.txt", ROW, "<b>"),
    ],
    GOT: [
        ("got/val/list.txt", "a\n../../../etc\n", "no folder"),
        ("got/val/list.txt", "a\n" + 300 * "b" + "\n", "bbb"),
        ("got/val/list.txt", "a\nb\0c\n", "no folder"),
        ("got/val/list.txt", "\n", "got"),
        ("got/val/a/groundtruth.txt", 3 * "inf,1,2,3\n", "row 1"),
        ("got/val/a/cover.label", "8\n9\n8\n", "row 2: expected 0 to 8"),
        ("got/val/a/cover.label", "8\n8\n", "2 rows, expected 3"),
        ("got/val/a/absence.label", "0\n-1\n0\n", "row 2"),
        ("got/val/a/absence.label", "0\n" + 99_999 * "1", "row 2"),
    ],
    LASOT: [
        ("las/airplane/airplane-1/full_occlusion.txt", "0,2,0", "expected 0 or 1"),
        ("las/airplane/airplane-1/groundtruth.txt", 2 * ROW, "2 rows"),
        ("las/testing_set.txt", "airplane-1\nghost-9\n", "ghost-9 is missing"),
        ("las/testing_set.txt", "../../x-1\n", "x-1"),
    ],
    TRACKINGNET: [
        ("tn/TRAIN_0/anno/x.txt", 2 * ROW, "2 rows"),
        ("tn/TRAIN_1/anno/x.txt", 2 * ROW, "as well"),
        ("tn/TRAIN_0/anno/ghost.txt", ROW, "ghost"),
    ],
    CLICKS: [
        ("own/a/clicks.csv", "image;x;y\n", "row 1: expected the header image,x,y"),
        ("own/a/clicks.csv", "image,y,x\n0001.jpg,3,4\n", "row 1: expected the header image,x,y"),
        ("own/a/clicks.csv", "image,x,y\n0009.jpg,3,4\n", "row 2: expected the name of an image"),
        ("own/a/clicks.csv", "image,x,y\n../b/0001.jpg,3,4\n", "row 2: expected the name of an image"),
        ("own/a/clicks.csv", "image,x,y\n0001.jpg,3,4\n0001.jpg,3,4\n", "row 3: 0001.jpg has been clicked before"),
        ("own/a/clicks.csv", "image,x,y\n0001.jpg,nan,4\n", "row 2: expected a click x,y inside of 40 x 30 pixels"),
        ("own/a/clicks.csv", "image,x,y\n0001.jpg,-1,4\n", "row 2: expected a click"),
        ("own/a/clicks.csv", "image,x,y\n0001.jpg,40,4\n", "row 2: expected a click"),
        ("own/a/clicks.csv", "image,x,y\n0001.jpg,1e999,4\n", "row 2: expected a click"),
        ("own/a/clicks.csv", "image,x,y\n0001.jpg\n", "row 2: expected a click"),
        ("own/a/clicks.csv", "image,x,y\n0001.jpg,3,4\n", "expected at least 2 clicked images, found 1"),
        ("own/a/clicks.csv", "image,x,y\n", "expected at least 2 clicked images, found 0"),
        ("own/a/clicks.csv", 'image,x,y\n"0001.jpg', "clicks.csv"),
        ("own/a/clicks.csv", "image,x,y\n" + 200_000 * "a" + ",3,4\n", "field larger than field limit"),
        ("own/a/clicks.csv", "image,x,y\n\x1b[2J,3,4\n", "row 2|\\x1b"),
        ("own/a/\udcff4.jpg", jpeg(), "no text in UTF-8|\\udcff4.jpg"),
        ("own/a/0003.webp", b"RIFF", "0003.webp is of a kind that is not read"),
    ],
    OWN: [
        ("own.yaml", "", "is no protocol"),
        ("own.yaml", "[]", "is no protocol"),
        ("own.yaml", "seeds: [0]\nmethods: 3\n", "is no protocol"),
        ("own.yaml", "a: [", "cannot read the protocol"),
        ("own.yaml", "!!python/object/apply:os.system ['touch mark']", "cannot read the protocol"),
        ("own.yaml", "seeds: 2020-13-45\nmethods: {}", "cannot read the protocol"),
        ("own.yaml", "seeds: [0]\nmethods: {socl-siam: {steps: 2, eta: 7}}", "parameter eta"),
        ("own.yaml", "seeds: [0]\ncommon: {steps: &a [*a]}\nmethods: {}", "parameter steps"),
    ],
    METRICS.format("boxes"): [
        ("boxes/Deer.txt", 3 * ROW, "Deer|3 rows for 4 annotated frames"),
        ("boxes/Deer.txt", "x,y,w,h\n" + 4 * ROW, "Deer|row 1"),
        ("boxes/deer.txt", 4 * ROW, "differ only in case"),
        ("boxes/Deer.txt", 4 * "nan,nan,nan,nan\n", "NaN or inf, in 4 rows", 0),
        ("boxes/Deer.txt", 4 * "1e308,1e308,1e308,1e308\n", "Deer", 0),
        ("boxes/Ghost.txt", ROW, "skipped Ghost: no annotation"),
    ],
    METRICS.format("boxes.npz"): [
        ("boxes.npz", dict(Deer=np.zeros((4, 3))), "expected (N, 4)"),
        ("boxes.npz", dict(Deer=np.zeros(4)), "expected (N, 4)"),
        ("boxes.npz", dict(Deer=np.array(["a"])), "holds no boxes"),
        ("boxes.npz", dict(Deer=np.array([{}])), "holds no boxes"),
        ("boxes.npz", dict(Deer=np.zeros((4, 4), complex)), "holds no boxes"),
        ("boxes.npz", dict(Deer=np.zeros((0, 4))), "0 rows"),
        ("boxes.npz", b"PK\x05\x06" + bytes(18), "Deer"),
        ("boxes.npz", b"\x93NUMPY\x01\x00v\x00{'descr': '<f8', 'fortran_order': False, 'shape': (4000000000000, 4)}\n",
         "holds no boxes"),
    ],
    "book run page.ipynb out.ipynb -p rate=1": [
        ("page.ipynb", text, "page.ipynb is no notebook")
        for text in ("[]", "{}", '{"cells": 3}', '{"nbformat": 4, "cells": [{}]}', '{"nbformat": 99, "cells": []}', "3")
    ] + [
        ("page.ipynb", notebook("rate = 1", kernel=False), "page.ipynb cannot be executed: No kernel name found"),
        ("page.ipynb", notebook("rate = open('x')"), "parameter rate of page.ipynb cannot be given"),
        ("page.ipynb", notebook("rate = "), "parameter rate of page.ipynb cannot be given"),
        ("page.ipynb", notebook("rate = " + 500 * "("), "parameter rate of page.ipynb cannot be given"),
        ("page.ipynb", notebook("import os"), "page.ipynb takes no parameters"),
    ],
    "data fetch otb --sequences Deer --checksums checksums.json --out f --from http://127.0.0.1:1": [
        ("checksums.json", text, "checksums.json")
        for text in ("[]", "3", '{"Deer": 3}', '{"Deer": "abc"}', '{"Deer": null}', "{", '{"Deer": {}}')
    ],
}  # fmt: skip

FRAME = jpeg()
IMAGES = [  # content of the second of two frames, and what `track` says; the first is whole
    (FRAME, "2 frames", 0),
    (jpeg(progressive=True), "2 frames", 0),
    (jpeg(grey=True), "2 frames", 0),
    (jpeg(flat=128), "2 frames", 0),
    (png(16), "2 frames", 0),
    (FRAME + bytes(40), "2 frames", 0),
    (FRAME[:-40], "is truncated"),
    (FRAME[: len(FRAME) // 2] + b"\xff\xd9", "is truncated: its end-of-image marker comes before its last pixel"),
    (FRAME[: len(FRAME) * 9 // 10] + b"\xff\xd9", "is truncated"),
    (png()[:-40], "is truncated"),
    (png()[:60] + bytes(40) + png()[100:], "cannot be decoded"),
    (FRAME[:2] + bytes(50) + FRAME[-2:], "cannot be decoded"),
    (b"GIF89a" + bytes(99), "cannot be decoded"),
    (webp(), "cannot be decoded"),
    (b"", "cannot be decoded"),
    (b"<html>not found</html>", "cannot be decoded"),
    (header_only(60_000, 60_000), "60000 x 60000 pixels|SOCL_MOST_PIXELS allows more"),
    (header_only(2**31 - 1, 2**31 - 1), "cannot be decoded"),
    (header_only(0, 0), "cannot be decoded"),
    (header_only(9, 9), "cannot be decoded"),
]


@pytest.mark.parametrize(("command", "file", "content", "rest"), [
    pytest.param(command, file, content, rest, id=f"{file.split('/')[-1]}-{number}")
    for command, cases in TEXTS.items() for number, (file, content, *rest) in enumerate(cases)
])  # fmt: skip
def test_a_hostile_content_is_named(world, command, file, content, rest):
    np.savez(world / file, **content) if isinstance(content, dict) else put(world / file, content)
    check(world, command, *rest)
    assert not (world / "mark").exists()


@pytest.mark.parametrize("case", range(len(IMAGES)))
def test_only_whole_images_are_frames(world, case):
    content, *rest = IMAGES[case]
    put(world / "f/1.jpg", FRAME)
    put(world / "f/2.jpg", content)
    check(world, TRACK, *rest, written="b.")


@pytest.mark.parametrize("orientation", range(9))
def test_a_picture_that_lies_on_its_side_is_clicked_as_it_is_shown(world, orientation):
    for number in (1, 2):
        put(world / f"own/a/000{number}.jpg", exif_jpeg(orientation))
    put(world / "own/a/0003.jpg", exif_jpeg(orientation))
    put(world / "own/a/clicks.csv", "image,x,y\n0001.jpg,3,35\n0002.jpg,3,35\n")
    upright = orientation >= 5  # 30 x 40 pixels then
    said = check(world, "data check clicks own", "" if upright else "row 2: expected a click", 0 if upright else 2)
    assert ("a is damaged" in said) != upright
