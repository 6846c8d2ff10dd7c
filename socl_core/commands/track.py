"""`socl track`: targets of a video, each from a box or a click."""

import sys
import time
from collections import deque
from contextlib import suppress
from itertools import chain, islice
from pathlib import Path
from typing import Annotated

import typer

from socl_core.commands import options
from socl_core.commands.options import Device, Weights
from socl_core.errors import UsageError

INIT_HELP = "First box x,y,w,h of a target; x,y is its left top pixel, 0-based. May be repeated."
POINT_HELP = "Click x,y on a target; its box is found by the objectness. May be repeated."
OUT_HELP = "A .csv of frame, target, box and confidence; another name: one x,y,w,h a line, of one target."
CANDIDATES = 3  # boxes that a click may mean, shown by --render-start

app = typer.Typer()


@app.command()
def track(
    frames: Annotated[str, typer.Option(help="A folder of numbered images, a video file, or camera:0.")],
    init: Annotated[list[str] | None, typer.Option(help=INIT_HELP)] = None,
    point: Annotated[list[str] | None, typer.Option(help=POINT_HELP)] = None,
    out: Annotated[Path | None, typer.Option(help=OUT_HELP)] = None,
    weights: Weights = options.DEFAULT_WEIGHTS,
    start: Annotated[int, typer.Option(min=0, max=1 << 32, help="Frame of the boxes and clicks, counted from 0.")] = 0,
    stop_below: Annotated[float, typer.Option(min=0, max=1, help="Confidence below which a target is left.")] = 0.0,
    render: Annotated[Path | None, typer.Option(help="Also write an mp4 with the boxes drawn.")] = None,
    render_start: Annotated[
        Path | None, typer.Option(help="Also write a PNG of the first frame, with boxes that each click may mean.")
    ] = None,
    device: Device = "auto",
) -> None:
    """Track targets through a video, each from a box or a click. With --render-start alone, only show the start.

    A camera is filmed until Control-C.
    """
    starts = [options.numbers(text, 4, "--init x,y,w,h") for text in init or []]
    starts += [options.numbers(text, 2, "--point x,y") for text in point or []]
    if not starts or not (out or render or render_start):
        missing = "--out, --render or --render-start" if starts else "--init x,y,w,h or --point x,y"
        raise UsageError(f"expected {missing}")
    if out and out.suffix != ".csv" and len(starts) > 1:
        raise UsageError(f"{out}: boxes of several targets are written as a table; expected a name that ends in .csv")
    for path, suffix in ((out, ""), (render, ".mp4"), (render_start, ".png")):
        if path:
            options.check_file(path, suffix, frames)

    from tqdm import tqdm

    from socl_core.data.video import COLOURS, draw_box, read_frames, write_clip
    from socl_core.use.tracker import follow, tracker_maker

    images, count = read_frames(frames)
    images = islice(images, start, None)
    first = next(images, None)
    if first is None:
        raise UsageError(f"{frames} holds no frame" + f" {start}; expected --start below {count}" * bool(start))
    if render_start:
        _show_start(render_start, first, starts)
        if not (out or render):
            return
    rows = []

    def drawn_frames():
        bar = tqdm(total=count - start if count else None, desc="track", unit="frame")
        with bar, suppress(*[KeyboardInterrupt] * frames.startswith("camera:")):  # the end of what it films
            followed = follow(chain([first], images), starts, tracker_maker(weights, device), stop_below)
            for number, (image, boxes, confidences) in enumerate(followed, start):
                rows.append((number, boxes, confidences))
                for target, box in enumerate(boxes):
                    image = draw_box(image, box, COLOURS[target % len(COLOURS)])
                yield image
                bar.update()

    began = time.perf_counter()
    try:
        if render:
            write_clip(render, drawn_frames())
        else:
            deque(drawn_frames(), maxlen=0)
    except BaseException:  # an interrupt, or a damaged frame after hours
        if out and rows:
            part = out.with_name(f"{out.stem}.part{out.suffix}")
            _write(part, rows)
            print(f"the boxes of the {len(rows)} frames that were tracked are in {part}", file=sys.stderr)
        raise
    if out:
        _write(out, rows)
    written = ", ".join(map(str, filter(None, (out, render))))
    print(f"{len(rows)} frames, {len(rows) / (time.perf_counter() - began):.0f} a second, in {written}")


def _write(path: Path, rows: list[tuple]) -> None:
    """The rows (number of a frame, boxes (T, 4), confidences (T,)) as a table, or as boxes of the one target."""
    import numpy as np

    from socl_core.data.files import write_atomic, write_boxes

    if path.suffix != ".csv":
        return write_boxes(path, np.array([boxes[0] for _, boxes, _ in rows]))
    lines = ["frame,target,x,y,w,h,confidence"]
    for number, boxes, confidences in rows:
        for target, (box, confidence) in enumerate(zip(boxes, confidences), 1):
            if np.isfinite(box).all():
                lines.append(f"{number},{target}," + ",".join(f"{value:.2f}" for value in (*box, confidence)))
    write_atomic(path, "\n".join(lines) + "\n")


def _show_start(path: Path, image, starts: list) -> None:
    """Writes the first frame with the box of each start, and with the other boxes that a click may mean."""
    import cv2

    from socl_core.data.files import write_atomic
    from socl_core.data.video import COLOURS, draw_box, write_words
    from socl_core.use.start import boxes_of_click

    picture = image.copy()
    for target, start in enumerate(starts, 1):
        boxes = [start] if len(start) == 4 else boxes_of_click(image, start, CANDIDATES)
        for number, box in reversed([*enumerate(boxes, 1)]):  # the one that is taken lies above the others
            words = f"{target}.{number}" if len(boxes) > 1 else f"{target}"
            picture = draw_box(picture, box, COLOURS[(number - 1) % len(COLOURS)])
            write_words(picture, words, (int(box[0]) + 3, int(box[1]) + 14))
        for number, box in enumerate(boxes if len(boxes) > 1 else [], 1):
            taken = "  (taken)" * (number == 1)
            print(f"{target}.{number}  --init " + ",".join(f"{value:.0f}" for value in box) + taken)
    write_atomic(path, cv2.imencode(".png", picture)[1].tobytes())
    print(f"the start is shown in {path}; where no box fits, give one of your own with --init x,y,w,h")
