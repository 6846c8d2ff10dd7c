"""Small data sets in the official folder layouts, for tests."""

from pathlib import Path

import cv2
import numpy as np

WIDTH, HEIGHT = 40, 30


def picture(number: int) -> np.ndarray:
    """A frame whose brightness tells its number."""
    return np.full((HEIGHT, WIDTH, 3), (number * 5) % 256, np.uint8)


def write_images(folder: Path, numbers, name: str = "{:04d}.jpg") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        assert cv2.imwrite(str(folder / name.format(number)), picture(number))


def text(rows, separator: str = ",") -> str:
    return "".join(separator.join(f"{value:g}" for value in row) + "\n" for row in rows)


def some_boxes(n: int) -> list[list[float]]:
    return [[3 + i % 9, 5 + i % 7, 8, 6] for i in range(n)]


def otb_sequence(root, name, numbers=range(1, 5), boxes=None, annotation="groundtruth_rect.txt", separator=","):
    """`<root>/<name>` with images of these numbers and 1-based boxes (default: one an image)."""
    numbers = list(numbers)
    write_images(root / name / "img", numbers)
    rows = some_boxes(len(numbers)) if boxes is None else boxes
    (root / name / annotation).write_text(text(rows, separator))
    return root / name


def got10k_split(root, split="train", names=("a", "b"), frames=3, boxes=None):
    """`<root>/<split>` with these sequences and the label files of the official layout."""
    for name in names:
        home = root / split / name
        write_images(home, range(1, frames + 1), "{:08d}.jpg")
        rows = some_boxes(frames) if boxes is None else boxes
        (home / "groundtruth.txt").write_text(text(rows))
        (home / "absence.label").write_text("0\n" * frames)
        (home / "cover.label").write_text("8\n" * frames)
        (home / "cut_by_image.label").write_text("0\n" * frames)
        (home / "meta_info.ini").write_text(f"[METAINFO]\nresolution: ({WIDTH}, {HEIGHT})\n")
    (root / split / "list.txt").write_text("".join(name + "\n" for name in names))
    return root / split


def lasot_sequence(root, name, frames=3, boxes=None, hidden=(), outside=()):
    """`<root>/<category>/<name>` with 1-based boxes and its label files: frames (from 0) that are hidden or outside."""
    home = root / name.rpartition("-")[0] / name
    write_images(home / "img", range(1, frames + 1), "{:08d}.jpg")
    (home / "groundtruth.txt").write_text(text(some_boxes(frames) if boxes is None else boxes))
    for label, rows in (("full_occlusion", hidden), ("out_of_view", outside)):
        (home / f"{label}.txt").write_text(",".join(str(int(i in rows)) for i in range(frames)))
    return home


def trackingnet_sequence(root, chunk, name, frames=12, boxes=None):
    """A sequence of a chunk; of TEST, only the first frame has a box."""
    write_images(root / chunk / "frames" / name, range(frames), "{}.jpg")
    rows = some_boxes(1 if chunk == "TEST" else frames) if boxes is None else boxes
    (root / chunk / "anno").mkdir(parents=True, exist_ok=True)
    (root / chunk / "anno" / f"{name}.txt").write_text(text(rows))
    return root / chunk / "frames" / name
