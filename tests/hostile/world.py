"""A folder with a little of all that commands read, ways to damage it, and the one check of all hostile cases."""

import hashlib
import json
import os
import shlex
import shutil
import stat
from pathlib import Path

import cv2
import layouts
import nbformat
import numpy as np
import torch
from moving import video
from nbformat.v4 import new_code_cell, new_notebook
from program import socl

from socl_core.data.video import write_clip
from socl_core.models.alexnet import AlexNetV1
from socl_core.runs.spec import PROTOCOL_FOLDER
from socl_core.use import SHIPPED

RUN = "0123456789ab"  # in the store; `w` is the same run in a folder of its own
TINY = "--protocol smoke --set steps=2 --set videos=4 --set frames=3 --set test_videos=1 --set test_frames=3 "
TINY += "--set width=0.125 --set crop=127"
TRACK = "track --frames v --init 70,50,30,30 --out b.txt"
WEIGHTS, STORED = "w/weights.safetensors", f"runs/smoke/{RUN}"
ATTEMPT = ("o/", "w/state.json")  # what a training that fails leaves: its folder, and its cause
KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}


def build(root: Path, run: bool = True) -> None:
    """Makes the folder. run: with a run in it."""
    images, boxes = video(12)
    (root / "v").mkdir()
    for number, image in enumerate(images[:4], 1):
        cv2.imwrite(str(root / f"v/{number}.png"), image)
    shutil.copytree(root / "v", root / "jpg")
    for number, image in enumerate(images[:4], 1):
        cv2.imwrite(str(root / f"jpg/{number}.jpg"), image)
        (root / f"jpg/{number}.png").unlink()
    write_clip(root / "clip.mp4", images * 6)
    layouts.otb_sequence(root / "otb", "Deer")
    layouts.got10k_split(root / "got", "val")
    layouts.lasot_sequence(root / "las", "airplane-1")
    layouts.trackingnet_sequence(root / "tn", "TRAIN_0", "x", frames=3)
    for name in ("a", "b"):
        layouts.write_images(root / "own" / name, range(1, 4))
        (root / "own" / name / "clicks.csv").write_text("image,x,y\n0001.jpg,3,4\n0002.jpg,5,6\n")
        (root / "own" / name / "boxes.csv").write_text("image,x,y,w,h\n0001.jpg,3,4,9,9\n0002.jpg,5,6,9,9\n")
    np.savez(root / "boxes.npz", Deer=boxes)
    (root / "boxes").mkdir()
    (root / "boxes/Deer.txt").write_text("4,6,8,6\n" * 4)
    (root / "truth.txt").write_text("70,50,30,30\n" * 4)
    torch.save(AlexNetV1(0.125).state_dict(), root / "start.pth")
    shutil.copy(SHIPPED["socl-siam"], root / "start.safetensors")
    (root / "checksums.json").write_text(json.dumps({"Deer": 64 * "0"}))
    shutil.copy(PROTOCOL_FOLDER / "smoke.yaml", root / "own.yaml")
    (root / "page.ipynb").write_text(notebook("rate = 0.5  # float"))
    if not run:
        return
    done = socl(*f"train {TINY} --out w".split(), cwd=root)
    assert done.returncode == 0, done.stderr
    shutil.copytree(root / "w", root / STORED)


def notebook(parameters: str, kernel: bool = True) -> str:
    """The text of a notebook whose first cell holds its parameters."""
    cells = [new_code_cell(parameters, metadata={"tags": ["parameters"]}), new_code_cell("print(rate)")]
    return nbformat.writes(new_notebook(cells=cells, metadata=KERNEL if kernel else {}))


def check(world: Path, command: str, words: str, code: int = 2, written: str = "") -> str:
    """Runs a command in a world and returns what it prints: it ends with a code and says some words, `|` between
    them, in one line; all files are as before, and new ones are those that begin with `written` alone."""
    before = contents(world)
    done = socl(*shlex.split(command), cwd=world)
    said, after = done.stdout + done.stderr, contents(world)
    assert done.returncode == code, said
    assert all(word in said for word in words.split("|")), said
    assert "Traceback" not in said and "\x1b" not in said, said
    ours = [line for line in done.stderr.splitlines() if line.startswith("socl:")]
    assert len(ours) <= 1 and all(len(line) < 3200 for line in ours), said
    changed = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    may_change = tuple(written.split()) + ATTEMPT
    assert not [path for path in changed if not path.startswith(may_change)], changed
    return said


def contents(world: Path) -> dict[str, str]:
    """What each path of a world is, and of files the hash; the cache aside, and locks, which are empty."""
    found = {}
    for path in sorted(world.rglob("*")):
        name, mode = str(path.relative_to(world)), path.lstat().st_mode
        if name.split("/")[0] != "cache" and "lock" not in name and not path.is_dir():
            content = path.read_bytes() if stat.S_ISREG(mode) else b""
            found[name] = f"{stat.S_IFMT(mode)} {hashlib.sha256(content).hexdigest()}"
    return found


def put(path: Path, content: bytes | str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)


def replaced(make):
    """A damage that puts something in the place of a file."""

    def damage(path: Path) -> None:
        path.unlink()
        make(path)

    return damage


def half(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def flip(path: Path, at: int = -9) -> None:
    """Turns one bit."""
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


DAMAGES = {
    "gone": replaced(lambda path: None),
    "a pipe": replaced(os.mkfifo),
    "a folder": replaced(Path.mkdir),
    "a link to itself": replaced(lambda path: path.symlink_to(path.name)),
    "a link to nothing": replaced(lambda path: path.symlink_to("nothing")),
    "an endless device": replaced(lambda path: path.symlink_to("/dev/zero")),
    "empty": lambda path: put(path, b""),
    "half": half,
    "no text": lambda path: put(path, b"\xff\xfe\x00" * 99),
    "deep": lambda path: put(path, "[" * 99_999),
}
