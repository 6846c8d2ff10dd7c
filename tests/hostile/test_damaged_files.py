"""Each file that a command reads, damaged in each way: the command names it in one line and changes nothing."""

import pytest
from world import DAMAGES, STORED, TINY, TRACK, WEIGHTS, check

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

READ = {  # file, and a command that reads it
    "otb/Deer/groundtruth_rect.txt": "evaluate --data otb:otb",
    "otb/Deer/img/0002.jpg": "data check otb otb --sequences Deer --decode",
    "got/val/list.txt": "data check got10k got --split val",
    "got/val/a/groundtruth.txt": "evaluate --data got10k:got --split val",
    "got/val/a/cover.label": "evaluate --data got10k:got --split val",
    "las/airplane/airplane-1/groundtruth.txt": "evaluate --data lasot:las",
    "las/airplane/airplane-1/out_of_view.txt": "evaluate --data lasot:las",
    "tn/TRAIN_0/anno/x.txt": "data check trackingnet tn --split train",
    "own/a/clicks.csv": f"train {TINY} --data clicks:own --out o",
    "own/a/boxes.csv": f"train {TINY} --judge own --out o",
    "own/a/0001.jpg": f"train {TINY} --data clicks:own --out o",
    "v/2.png": TRACK,
    "jpg/1.jpg": "top --image jpg/1.jpg --point 70,50 --out t.png",
    "clip.mp4": "track --frames clip.mp4 --init 70,50,30,30 --out b.txt",
    WEIGHTS: f"{TRACK} --weights {WEIGHTS}",
    "start.safetensors": f"train {TINY} --init start.safetensors --out o",
    "start.pth": f"train {TINY} --init start.pth --out o",
    "w/identity.json": f"train {TINY} --out w",
    "own.yaml": "train --protocol own.yaml --out o",
    "checksums.json": "data fetch otb --sequences Deer --checksums checksums.json --out f --from http://127.0.0.1:1",
    "boxes.npz": "metrics --convention otb --boxes boxes.npz --annotations boxes.npz",
    "boxes/Deer.txt": "metrics --convention otb --boxes boxes --annotations otb",
    "truth.txt": "compare --frames v --init 70,50,30,30 --out c.html --truth truth.txt",
    "page.ipynb": "book run page.ipynb out.ipynb",
    f"{STORED}/spec.json": f"run {STORED}/spec.json",
}
LINKS, PIPES = {"gone", "a link to nothing"}, {"a pipe", "a folder", "an endless device"}
UNNAMED = ("own/a/clicks.csv", "boxes/Deer.txt")  # without which there is one video, or result, less
FINE = {  # files that need not be there, and names of frames that are no file
    "got/val/a/cover.label": LINKS,
    "las/airplane/airplane-1/out_of_view.txt": LINKS | {"a link to itself"},
    "own/a/boxes.csv": LINKS | {"a link to itself"},
    "v/2.png": LINKS | PIPES,
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("file", READ)
def test_a_damaged_file_is_named(world, file, damage):
    DAMAGES[damage](world / file)
    fine = damage in FINE.get(file, ())
    named = "" if fine or file in UNNAMED else file.split("/")[file.startswith("otb/")].split(".")[0]
    check(world, READ[file], named, 0 if fine else 2, written="b." if file == "v/2.png" else "")
