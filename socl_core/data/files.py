"""Text annotations, result files, and the one way to write a file: whole or not at all."""

import os
import re
import secrets
from pathlib import Path

import numpy as np

from socl_core.data.reading import ImageFiles, image_size, read_text
from socl_core.data.sequence import Sequence
from socl_core.errors import DataError, cause
from socl_core.geometry import box_centres

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png")
UNREAD_SUFFIXES = (".bmp", ".gif", ".tif", ".tiff", ".webp")  # whose frames would be missing without a word
BOX_FORMAT = "four numbers x, y, w, h separated by comma, tab or space"


def write_atomic(path: Path | str, content: bytes | str) -> None:
    """Write `content` (text as UTF-8) to `path`, creating its folder. A reader sees the old or the new file.

    The bytes go to a temporary name in the same folder, reach the disk (fsync), and are renamed. On any
    failure the temporary is removed and `path` is as before. Raises `DataError` when the system refuses.
    """
    path, data = Path(path), content.encode() if isinstance(content, str) else content
    require_regular(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(temporary, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise DataError(f"cannot write {path}: {cause(error)}; choose another place, or make room") from error
    finally:
        if os.path.exists(temporary):  # whatever went wrong, an interrupt included
            temporary.unlink()


def require_regular(path: Path) -> None:
    """Raises `DataError` for a device, a pipe or a folder, which a rename would put a file in the place of."""
    if os.path.exists(path) and not os.path.isfile(path):
        raise DataError(f"cannot write {path}: it is there and no regular file")


def append(path: Path, text: str) -> None:
    """Add text to a file. Raises `DataError` when the system refuses."""
    try:
        with open(path, "a") as file:
            file.write(text)
    except OSError as error:
        raise DataError(f"cannot write {path}: {cause(error)}; choose another place, or make room") from error


def write_boxes(path: Path | str, boxes: np.ndarray) -> None:
    """Write boxes (N, 4) x, y, w, h as N lines `x,y,w,h` with four decimals; NaN and inf are kept as words.

    Atomic. Raises `DataError` when `boxes` is not (N, 4) or the file cannot be written.
    """
    boxes = np.asarray(boxes, np.float64)
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise DataError(f"cannot write {path}: expected boxes of shape (N, 4), found {boxes.shape}")
    write_atomic(path, "".join(",".join(row) + "\n" for row in np.char.mod("%.4f", boxes)))


def as_written(boxes: np.ndarray) -> np.ndarray:
    """Boxes (N, 4) as `write_boxes` leaves them, so that scores can be computed again from the files."""
    return np.char.mod("%.4f", boxes).astype(np.float64)


def read_own_boxes(path: Path | str, frames: int) -> np.ndarray:
    """Boxes (frames, 4) that `write_boxes` wrote. Raises `DataError` for a file that is not whole."""
    text = read_text(path)
    if not text.endswith("\n") or text.count("\n") != frames:  # a cut number would still be one
        remedy = "delete it to have the sequence tracked again"
        raise DataError(f"{path} is cut off: expected {frames} whole lines; {remedy}")
    return read_boxes(path)


def read_boxes(path: Path | str) -> np.ndarray:
    """Read boxes (N, 4) float64 as they stand in a text file, one box a line.

    Commas, tabs and spaces separate. NaN and inf are read: a tracker may have returned them.
    Raises `DataError` naming the file and row for anything else, and for a file without a row.
    """
    if not (lines := read_text(path).rstrip().splitlines()):
        raise DataError(f"{path} is empty: expected one box a line, {BOX_FORMAT}")
    boxes = []
    for row, line in enumerate(lines, 1):
        try:
            boxes.append([float(field) for field in re.split(r"\s*,\s*|\s+", line.strip())])
        except ValueError:
            boxes.append([])
        if len(boxes[-1]) != 4:
            raise DataError(f"{path}, row {row}: expected {BOX_FORMAT}, found '{line.strip()[:60]}'")
    return np.array(boxes)


def read_annotation(path: Path | str, negative: bool = False) -> np.ndarray:
    """As `read_boxes`, but refuses NaN, inf and negative sizes; a zero size marks a frame without target.

    negative: a negative size marks one too, as in some published annotations.
    """
    boxes = read_boxes(path)
    bad = ~np.isfinite(boxes).all(1) | (not negative) & (boxes[:, 2:] < 0).any(1)
    if bad.any():
        row = int(np.argmax(bad))
        found = ", ".join(f"{value:g}" for value in boxes[row])
        raise DataError(f"{path}, row {row + 1}: expected finite numbers and no negative size, found {found}")
    return boxes


def read_labels(path: Path | str, rows: int, valid: range) -> np.ndarray:
    """Read one whole number of `valid` for each of `rows` frames, on a line each or with commas, to (rows,) int.

    Raises `DataError` naming the file and entry.
    """
    words = read_text(path).replace(",", " ").split()
    known = set(map(str, valid))
    for row, word in enumerate(words, 1):
        if word not in known:
            expected = f"{valid[0]} {'to' if len(valid) > 2 else 'or'} {valid[-1]}"
            raise DataError(f"{path}, row {row}: expected {expected}, found '{word[:40]}'")
    if len(words) != rows:
        raise DataError(f"{path} has {len(words)} rows, expected {rows}, one a frame")
    return np.array(words, int)


def image_files(folder: Path) -> list[Path]:
    """Paths of the JPEG and PNG files of a folder by frame number, hidden files left out.

    Raises `DataError` when there is no such folder or image, a numbered image is of another kind, or an image's name
    ends in no number.
    """
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if entry.name[0] != "." and entry.is_file()]
    except OSError as error:
        raise DataError(f"no image in {folder}: {cause(error)}") from error
    if other := [name for name in names if re.search(r"\d\.\w+$", name) and name.lower().endswith(UNREAD_SUFFIXES)]:
        raise DataError(f"{folder / min(other)} is of a kind that is not read: expected JPEG or PNG, as all frames")
    if not (paths := [folder / name for name in names if name.lower().endswith(IMAGE_SUFFIXES)]):
        raise DataError(f"no image in {folder}: expected numbered files such as 0001.jpg")
    return sorted(paths, key=lambda path: (frame_number(path), path.name))


def frame_number(path: Path) -> int:
    """The number an image's name ends in: 7 for `0007.jpg` and `img00007.jpg`."""
    digits = re.search(r"(\d+)$", path.stem)
    if not digits:
        raise DataError(f"image {path} has no frame number: expected a name such as 0001.jpg")
    return int(digits[1])


def box_sequence(
    name: str, images: list[Path], boxes: np.ndarray, present: np.ndarray | bool = True, labels: dict | None = None
) -> Sequence:
    """A `Sequence` of image files and boxes (N, 4) in pixel indices, points at the box centres,
    or at the nearest pixel where a centre lies outside of the frame.

    A frame is valid when the target is `present` ((N,) bool or one for all) and its box has a positive size
    and meets the image (the first frame's size stands for all). The boxes of other frames are kept as
    annotated, for the metrics that have rules for them; their points are NaN. labels: as in `Sequence`.
    """
    width, height = image_size(images[0])
    x, y, w, h = boxes.T
    # Pixel i covers i - 1/2 .. i + 1/2, so a box meets the image when it covers some of -1/2 .. width - 1/2.
    meets = (x < width) & (y < height) & (x + w > 0) & (y + h > 0)
    valid = (w > 0) & (h > 0) & meets & present
    # Nobody can click outside of the frame: where a box's centre is, the click is at the nearest pixel.
    clicks = np.clip(box_centres(boxes), 0, (width - 1, height - 1))
    points = np.where(valid[:, None], clicks, np.nan)
    return Sequence(name, ImageFiles(images), points, boxes, valid, labels=labels or {})
