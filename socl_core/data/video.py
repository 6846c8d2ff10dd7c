"""Frames from a folder or a video file, and clips with boxes drawn on them."""

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np

from socl_core.data.files import image_files, require_regular
from socl_core.data.reading import ImageFiles, limit
from socl_core.errors import DataError, UsageError

# BGR; the orange is one that colour-blind readers can tell from other colours (Okabe and Ito).
ORANGE, WHITE = (0, 159, 230), (255, 255, 255)
COLOURS = (ORANGE, (233, 180, 86), (115, 158, 0), (66, 228, 240), (178, 114, 0), (0, 94, 213), (167, 121, 204))
FARTHEST = 1e6  # pixels from the frame at which OpenCV can still draw
SPARE_FRAMES = 2  # that a header may count beyond those that a player shows
MOST_FRAMES = 1 << 20  # of a video: twelve hours
SPARE_MS = 1000  # that a header may run beyond the last frame, at most a twentieth: sound, or a frame rate that varies


def read_frames(source: str | Path) -> tuple[Iterator[np.ndarray], int]:
    """Frames BGR uint8 of a folder of numbered images, of a video file or of a camera, `camera:0` being the first,
    and how many there are (0: not known). A camera's go on until Control-C, or until it is taken away.

    Raises `DataError` when there is nothing to read and, after the last frame, when the file ends before its time.
    """
    kind, _, number = str(source).partition(":")
    if kind == "camera" and number.isdecimal() and len(number) < 4:
        return _filmed(int(number)), 0
    source = Path(source)
    if source.is_dir():
        folder = source / "img" if (source / "img").is_dir() else source
        images = ImageFiles(image_files(folder))
        return _ahead(iter(images)), len(images)
    if not source.is_file():
        raise DataError(f"there is no folder or video file {source}; expected one, or camera:0")
    video = cv2.VideoCapture(str(source))
    if not video.isOpened():
        raise DataError(f"{source} is no video that OpenCV can read; expected a video file or a folder of images")
    count = max(0, int(video.get(cv2.CAP_PROP_FRAME_COUNT)))
    return _ahead(_decoded(video, source, count)), count


def _ahead(frames: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    """The same frames, each decoded by a thread while its reader still works on the one before."""
    with ThreadPoolExecutor(1) as decoder:
        coming = decoder.submit(next, frames, None)
        while (frame := coming.result()) is not None:
            coming = decoder.submit(next, frames, None)
            yield frame


def _filmed(number: int) -> Iterator[np.ndarray]:
    camera = cv2.VideoCapture(number)
    if not camera.isOpened():
        raise DataError(f"camera {number} cannot be opened; expected the number of one that no other program uses")
    while camera.grab():
        yield camera.retrieve()[1]


def _decoded(video: cv2.VideoCapture, source: Path, count: int) -> Iterator[np.ndarray]:
    """The frames of a video; at a bad end, a `DataError`. OpenCV itself says nothing of a file that is cut."""
    read, last, most = 0, 0.0, limit("MOST_FRAMES", MOST_FRAMES)
    while video.grab():
        read, last = read + 1, video.get(cv2.CAP_PROP_POS_MSEC)
        whole, image = video.retrieve()
        if not whole:
            raise DataError(f"{source}: frame {read} cannot be decoded; write it anew: ffmpeg -i {source.name} new.mp4")
        if read > most:
            raise DataError(f"{source} has more than {most} frames; the variable SOCL_MOST_FRAMES allows more")
        yield image
    end = 1000 * count / (video.get(cv2.CAP_PROP_FPS) or 25)
    if read < count - SPARE_FRAMES and last < end - min(SPARE_MS, end / 20):
        raise DataError(
            f"{source} is cut or damaged: its header counts {count} frames, {read} can be read; "
            f"if it plays to its end, write it anew: ffmpeg -i {source.name} new.mp4"
        )


def count_frames(path: Path) -> int:
    """How many frames a video file holds; 0 for one that is cut or damaged."""
    try:
        return sum(1 for _ in read_frames(path)[0])
    except DataError:
        return 0


def draw_box(image: np.ndarray, box, colour=ORANGE, text: str = "") -> np.ndarray:
    """A copy of an image with a box drawn on it; nothing is drawn for a box that is not finite."""
    image = image.copy()
    if np.isfinite(box).all():
        x, y, w, h = np.clip(np.asarray(box, np.float64), -FARTHEST, FARTHEST)
        corners = tuple(int(round(v)) for v in (x, y)), tuple(int(round(v)) for v in (x + w - 1, y + h - 1))
        cv2.rectangle(image, *corners, (0, 0, 0), 4)
        cv2.rectangle(image, *corners, colour, 2)
    if text:
        write_words(image, text, (6, 16))
    return image


def write_words(image: np.ndarray, text: str, place: tuple[int, int]) -> None:
    """Writes white words with a dark edge on an image; place: x, y of the foot of the first letter."""
    for shade, width in (((0, 0, 0), 3), (WHITE, 1)):
        cv2.putText(image, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.45, shade, width, cv2.LINE_AA)


def write_clip(path: Path, frames: Iterable[np.ndarray]) -> None:
    """Writes frames BGR uint8 of one size, 25 a second, as an H.264 mp4 that browsers and players show; atomic.

    A last odd row or column is repeated, as the format wants even sides. The clip is read once before it takes the
    place of an older one. Raises `DataError` for no frame, frames of several sizes and what cannot be written,
    `UsageError` without the package imageio-ffmpeg.
    """
    require_regular(path)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.tmp.mp4")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        written = _encode(temporary, frames)
        if count_frames(temporary) != written:
            raise DataError(f"cannot write {path}: what was written cannot be read again")
        os.replace(temporary, path)
    except OSError as error:
        cause = error.strerror or str(error).partition("\n")[0]  # below it, imageio-ffmpeg has its whole command
        raise DataError(f"cannot write {path}: {cause}; is there room on the disk?") from error
    finally:
        temporary.unlink(missing_ok=True)


def _encode(path: Path, frames: Iterable[np.ndarray]) -> int:
    """Writes frames to a new file; how many there were."""
    try:
        import imageio_ffmpeg
    except ImportError:
        raise UsageError("a clip is written with the package imageio-ffmpeg: pip install imageio-ffmpeg") from None
    encoder, shape, count = None, None, 0
    try:
        for frame in frames:
            if shape not in (None, frame.shape):
                raise DataError(f"frame {count + 1} has the shape {frame.shape}, the first {shape}; expected one size")
            shape, count = frame.shape, count + 1
            frame = np.pad(frame, [(0, frame.shape[0] % 2), (0, frame.shape[1] % 2), (0, 0)], mode="edge")
            if encoder is None:
                options = {"fps": 25, "codec": "libx264", "pix_fmt_in": "bgr24", "macro_block_size": 2, "quality": 6}
                encoder = imageio_ffmpeg.write_frames(str(path), frame.shape[1::-1], **options)
                encoder.send(None)
            encoder.send(np.ascontiguousarray(frame))
    finally:
        if encoder:
            encoder.close()
    if not count:
        raise DataError("no frame to write to a clip")
    return count
