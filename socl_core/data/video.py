"""Frames from a folder or a video file, and clips with boxes drawn on them."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import imageio_ffmpeg
import numpy as np

from socl_core.data.files import image_files
from socl_core.data.sequence import ImageFiles
from socl_core.errors import DataError

# BGR; the orange is one that colour-blind readers can tell from other colours (Okabe and Ito).
ORANGE, WHITE = (0, 159, 230), (255, 255, 255)


def read_frames(source: Path) -> tuple[Iterator[np.ndarray], int]:
    """Frames BGR uint8 of a folder of numbered images or of a video file, and how many there are.

    Raises `DataError` when there is nothing to read.
    """
    if source.is_dir():
        folder = source / "img" if (source / "img").is_dir() else source
        images = ImageFiles(image_files(folder))
        return iter(images), len(images)
    if not source.is_file():
        raise DataError(f"there is no folder or video file {source}")
    video = cv2.VideoCapture(str(source))
    if not video.isOpened():
        raise DataError(f"{source} is no video that OpenCV can read; expected a video file or a folder of images")
    return _decoded(video), max(0, int(video.get(cv2.CAP_PROP_FRAME_COUNT)))


def _decoded(video: cv2.VideoCapture) -> Iterator[np.ndarray]:
    while True:
        found, image = video.read()
        if not found:
            return
        yield image


def draw_box(image: np.ndarray, box, colour=ORANGE, text: str = "") -> np.ndarray:
    """A copy of an image with a box drawn on it; nothing is drawn for a box that is not finite."""
    image = image.copy()
    if np.isfinite(box).all():
        x, y, w, h = np.asarray(box, np.float64)
        corners = tuple(int(round(v)) for v in (x, y)), tuple(int(round(v)) for v in (x + w - 1, y + h - 1))
        cv2.rectangle(image, *corners, (0, 0, 0), 4)
        cv2.rectangle(image, *corners, colour, 2)
    if text:
        for shade, width in (((0, 0, 0), 3), (WHITE, 1)):
            cv2.putText(image, text, (6, 16), cv2.FONT_HERSHEY_SIMPLEX, 0.45, shade, width, cv2.LINE_AA)
    return image


def write_clip(path: Path, frames: Iterable[np.ndarray]) -> None:
    """Writes frames BGR uint8 of one size, 25 a second, as an H.264 mp4 that browsers and players show; atomic.

    A last odd row or column is repeated, as the format wants even sides.
    """
    temporary, writer = path.with_name(f".{path.stem}.tmp.mp4"), None
    try:
        for frame in frames:
            frame = np.pad(frame, [(0, frame.shape[0] % 2), (0, frame.shape[1] % 2), (0, 0)], mode="edge")
            if writer is None:
                options = {
                    "fps": 25,
                    "codec": "libx264",
                    "pix_fmt_in": "bgr24",
                    "macro_block_size": 2,
                    "quality": 6,
                }
                writer = imageio_ffmpeg.write_frames(str(temporary), frame.shape[1::-1], **options)
                writer.send(None)
            writer.send(np.ascontiguousarray(frame))
        if writer is None:
            raise DataError(f"no frame to write to {path}")
        writer.close()
        os.replace(temporary, path)
    except OSError as error:
        raise DataError(f"cannot write {path}: {error}") from error
    finally:
        if writer is not None:
            writer.close()
        temporary.unlink(missing_ok=True)
