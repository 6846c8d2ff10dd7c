"""The one way to read a file that anybody may have written, as bytes, text, JSON or an image: a regular file, of a size
that memory holds."""

import io
import json
import os
import stat
from collections.abc import Iterator
from collections.abc import Sequence as AbstractSequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import cv2
import numpy as np
from PIL import Image

from socl_core.errors import DataError, UsageError, cause

MOST_BYTES = 1 << 30  # of a file that is read whole
MOST_TEXT = 1 << 26  # a line of 60 bytes for each of a million frames
MOST_PIXELS = 1 << 28  # of an image
Image.MAX_IMAGE_PIXELS = None  # Pillow's own limit would be a warning, then an error that tells no remedy
ORIENTATION = 274  # the tag in a JPEG of how the camera was held; from 5 on, width and height change places
MARKERS = ((b"\xff\xd8", b"\xff\xd9"), (b"\x89PNG", b"IEND"))  # how a JPEG and a PNG begin and end
GREY = 128  # what a decoder shows of the part that a JPEG lacks
FILLING = 2 * bytes(range(1, 128))  # no marker, and codes of any table
TAIL = 64  # bytes at the end among which the end's marker is; some writers pad it


def limit(name: str, usual: int) -> int:
    """A limit: the usual one, or that of the environment variable `SOCL_<NAME>`.

    Raises `UsageError` where that is no whole number.
    """
    text = os.environ.get(f"SOCL_{name}") or str(usual)
    if not (text.isascii() and text.isdecimal()):
        raise UsageError(f"SOCL_{name} is '{text}'; expected a whole number")
    return int(text)


@contextmanager
def open_regular(path: Path | str) -> Iterator[IO[bytes]]:
    """A regular file, open to be read. Raises `DataError` naming it for anything else, and where reading fails.

    A pipe is not waited for, and a device not read.
    """
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise DataError(f"cannot read {path}: it is no regular file; expected the path of one")
            yield file
    except (OSError, ValueError, MemoryError) as error:  # ValueError: a name with a zero in it
        raise DataError(f"cannot read {path}: {cause(error)}") from error


def read_bytes(path: Path | str, usual: int = MOST_BYTES) -> bytes:
    """The content of a regular file of at most `usual` bytes; the environment variable SOCL_MOST_BYTES allows more.

    Raises `DataError` as `open_regular`.
    """
    with open_regular(path) as file:
        size, most = os.fstat(file.fileno()).st_size, limit("MOST_BYTES", usual)
        if size > most:
            found = f"{size} bytes, expected at most {most}"
            raise DataError(f"cannot read {path}: {found}; the variable SOCL_MOST_BYTES allows more")
        return file.read()


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)


def read_text(path: Path | str) -> str:
    """The text of a file in UTF-8. Raises `DataError` naming the file when it is missing or no text."""
    try:
        return read_bytes(path, MOST_TEXT).decode("utf-8-sig")  # -sig: Windows editors prepend a byte order mark
    except UnicodeDecodeError as error:
        raise DataError(f"cannot read {path}: expected UTF-8 text, found other bytes") from error


def read_object(path: Path | str) -> dict:
    """The JSON object in a file. Raises `DataError` naming the file for anything else."""
    try:
        content = json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} cannot be read as JSON: {cause(error)}") from error
    if not isinstance(content, dict):
        raise DataError(f"{path} cannot be read: expected a JSON object, found a {type(content).__name__}")
    return content


class ImageFiles(AbstractSequence):
    """Frames decoded on demand from image files. Items are BGR uint8 (H, W, 3); grey becomes BGR.

    Raises `DataError` naming the file when it is missing, truncated or no image.
    """

    def __init__(self, paths: AbstractSequence[Path]):
        self.paths = [Path(path) for path in paths]

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index):
        if isinstance(index, slice):
            return ImageFiles(self.paths[index])
        return read_image(self.paths[index])


def read_image(path: Path, thorough: bool = False) -> np.ndarray:
    """Decode one image file to BGR uint8 (H, W, 3). Raises `DataError` for anything less than a whole image.

    thorough: look for a JPEG that ends before its time even where its last pixel is no sign of it.
    """
    data = read_bytes(path)
    if is_truncated(data[:8], data[-TAIL:]):
        # OpenCV decodes a truncated JPEG to a half grey image without a word.
        raise DataError(f"image {path} is truncated: it must end with its end-of-image marker; copy it again")
    _header_size(path, io.BytesIO(data))
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:  # more pixels than OpenCV reads
        image = None
    if image is None:
        raise DataError(f"image {path} cannot be decoded: it is damaged, or no JPEG or PNG")
    if (thorough or (image[-1, -1] == GREY).all()) and _ends_early(data):
        raise DataError(f"image {path} is truncated: its end-of-image marker comes before its last pixel")
    return image


def image_size(path: Path) -> tuple[int, int]:
    """Width and height of an image file, undecoded, as they are when it is decoded: a camera may note that a picture
    lies on its side. Raises `DataError` for what is no JPEG or PNG, or has too many pixels."""
    with open_regular(path) as file:
        return _header_size(path, file)


def _header_size(path: Path, file: IO[bytes]) -> tuple[int, int]:
    try:
        with Image.open(file, formats=("JPEG", "PNG")) as image:
            turned = "exif" in image.info and image.getexif().get(ORIENTATION, 1) >= 5
            size = image.size[::-1] if turned else image.size
    except Exception as error:  # of a damaged header Pillow may raise nearly anything
        raise DataError(f"image {path} cannot be decoded: it is damaged, or no JPEG or PNG") from error
    if size[0] * size[1] > (most := limit("MOST_PIXELS", MOST_PIXELS)):
        found = f"{size[0]} x {size[1]} pixels, expected at most {most}"
        raise DataError(f"image {path} cannot be decoded: {found}; the variable SOCL_MOST_PIXELS allows more")
    return size


def _ends_early(data: bytes) -> bool:
    """Whether the end-of-image marker of a JPEG comes before its last pixel: then pixels change with what is put
    before the marker, which a decoder does not look at once it has all of them."""
    if not data.startswith(MARKERS[0][0]):
        return False
    end = data.rfind(MARKERS[0][1])
    try:
        with Image.open(io.BytesIO(data)) as found, Image.open(io.BytesIO(data[:end] + FILLING + data[end:])) as filled:
            return found.tobytes() != filled.tobytes()
    except OSError:  # Pillow finds that it is cut
        return True


def is_truncated(head: bytes, tail: bytes) -> bool:
    """Whether a file whose first bytes are those of a JPEG or PNG lacks the marker in its last `TAIL` ones."""
    return any(head.startswith(start) and end not in tail for start, end in MARKERS)


def image_fault(path: Path, decode: bool = False) -> str | None:
    """Why an image file is no whole JPEG or PNG, by its first and last bytes or by decoding it; None if it is."""
    try:
        if decode:
            read_image(path, thorough=True)
        with open(path, "rb") as file:
            head = file.read(8)
            file.seek(max(0, path.stat().st_size - TAIL))
            tail = file.read()
    except (DataError, OSError) as error:
        return str(error)
    if not any(head.startswith(start) for start, _ in MARKERS):
        return f"{path.name} is no JPEG or PNG"
    return f"{path.name} is truncated" if is_truncated(head, tail) else None
