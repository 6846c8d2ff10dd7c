"""`socl compare`: our trackers and those of OpenCV on one video, in a report of one file."""

import base64
import html
import tempfile
from itertools import chain
from pathlib import Path
from typing import Annotated

import typer

from socl_core.commands import options
from socl_core.commands.options import AsJson, Device
from socl_core.errors import UsageError
from socl_core.use import SHIPPED

TRUTH_HELP = "True boxes, one x,y,w,h a frame; nan,nan,nan,nan where it is not known."
WIDTH, COLUMNS = 1280, 3  # of the clip in pixels, and of its panels
STYLE = """body{font:16px/1.5 system-ui,sans-serif;max-width:80rem;margin:2rem auto;padding:0 1rem}video,svg{width:100%}
table{border-collapse:collapse}td,th{padding:.2rem 1rem;text-align:right;border-bottom:1px solid #ccc}
td:first-child,th:first-child{text-align:left}i{display:inline-block;width:.8em;height:.8em;margin-right:.5em}"""

app = typer.Typer()


@app.command()
def compare(
    frames: Annotated[Path, typer.Option(help="A folder of numbered images, or a video file.")],
    out: Annotated[Path, typer.Option(help="HTML file to write, with the clip inside.")],
    init: Annotated[str | None, typer.Option(help="First box x,y,w,h; x,y is its left top pixel, 0-based.")] = None,
    point: Annotated[str | None, typer.Option(help="Or a click x,y on the target.")] = None,
    truth: Annotated[Path | None, typer.Option(help=TRUTH_HELP)] = None,
    weights: Annotated[list[Path] | None, typer.Option(help=f"{options.WEIGHTS_HELP} May be repeated.")] = None,
    json_: AsJson = False,
    device: Device = "auto",
) -> None:
    """Our trackers beside those of OpenCV that are installed: MIL, and CSRT and KCF with opencv-contrib-python,
    NanoTrack and ViT with the files of their networks in the working folder.

    With --truth the AUC says how well each follows; without, how far it agrees with the middle of all of them, which
    may itself have lost the target.
    """
    import numpy as np
    from tqdm import tqdm

    from socl_core.data.files import read_boxes, write_atomic
    from socl_core.data.video import COLOURS, WHITE, draw_box, read_frames, write_clip
    from socl_core.use.comparison import Comparison
    from socl_core.use.peers import CLASSES, installed_peers
    from socl_core.use.start import boxes_of_click
    from socl_core.use.tracker import tracker_maker

    if bool(init) == bool(point):
        raise UsageError("expected one of --init x,y,w,h and --point x,y")
    start = options.numbers(init, 4, "--init x,y,w,h") if init else options.numbers(point, 2, "--point x,y")
    options.check_file(out, ".html")
    true = read_boxes(truth) if truth else None
    images, count = read_frames(frames)
    makers = {path.stem: tracker_maker(path, device) for path in weights or map(Path, SHIPPED)} | installed_peers()
    comparison = Comparison({name: make() for name, make in makers.items()})
    colours = dict(zip(makers, COLOURS * len(makers)))

    def panels():
        first = next(images, None)
        if first is None:
            raise UsageError(f"{frames} holds no frame; expected a video or a folder of images")
        box = boxes_of_click(first, start)[0] if point else np.array(start)
        bar = tqdm(comparison.run(chain([first], images), box), total=count or None, desc="compare", unit="frame")
        for number, (image, boxes) in enumerate(bar):
            if true is not None and number < len(true):
                image = draw_box(image, true[number], WHITE)
            yield _tiled({name: draw_box(image, found, colours[name]) for name, found in boxes.items()})

    with tempfile.TemporaryDirectory() as folder:
        write_clip(clip := Path(folder) / "clip.mp4", panels())
        video = base64.b64encode(clip.read_bytes()).decode()
    rows, (judged, left) = comparison.rows(true), ("AUC", "lost") if truth else ("agreement", "leaves the others")
    inks = {name: f"#{red:02x}{green:02x}{blue:02x}" for name, (blue, green, red) in colours.items()}
    write_atomic(out, _page(frames.name, video, rows, (judged, left), inks))
    lines = [f"{'tracker':16}{judged:>10}{'frames a second':>17}  {left}"]
    lines += [f"{row['tracker']:16}{100 * row['auc']:10.1f}{row['fps']:17.0f}  {_lost(row)}" for row in rows]
    content = [{name: value for name, value in row.items() if name != "overlap"} for row in rows]
    absent = [f"without {name}, which needs: {need}" for name, (_, need) in CLASSES.items() if name not in makers]
    options.show(json_, {"judged by": judged, "trackers": content}, [*lines, *absent, f"report: {out}"])


def _lost(row: dict) -> str:
    return "never" if row["lost"] is None else f"frame {row['lost']}"


def _tiled(pictures: dict):
    """Pictures BGR of one size with their names, in rows of `COLUMNS`, `WIDTH` pixels together, on white."""
    import cv2
    import numpy as np

    from socl_core.data.video import write_words

    columns = min(COLUMNS, len(pictures))
    height, width = next(iter(pictures.values())).shape[:2]
    size = (WIDTH // columns, round(height * WIDTH / columns / width))
    panels = [cv2.resize(picture, size, interpolation=cv2.INTER_AREA) for picture in pictures.values()]
    for panel, name in zip(panels, pictures):
        write_words(panel, name, (6, 16))
    panels += [np.full_like(panels[0], 255)] * (-len(panels) % columns)
    return np.vstack([np.hstack(panels[i : i + columns]) for i in range(0, len(panels), columns)])


def _page(name: str, video: str, rows: list[dict], columns: tuple[str, str], colours: dict[str, str]) -> str:
    """The report: a table, the clip, and the IoU of each tracker over time."""
    import numpy as np

    judged, left = columns
    against = "the true box" if judged == "AUC" else "the middle of all trackers' boxes, as no true boxes were given"
    cells = "".join(
        f"<tr><td><i style='background:{colours[row['tracker']]}'></i>{html.escape(row['tracker'])}</td>"
        f"<td>{100 * row['auc']:.1f}</td><td>{row['fps']:.0f}</td><td>{_lost(row)}</td></tr>" for row in rows
    )  # fmt: skip
    curves = ""
    for row in rows:
        known = np.flatnonzero(np.isfinite(row["overlap"]))
        places = zip(1000 * known / max(len(row["overlap"]) - 1, 1), 200 * (1 - row["overlap"][known]))
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        curves += f"<polyline points='{points}' fill='none' stroke='{colours[row['tracker']]}' stroke-width='2'/>"
    return f"""<!doctype html><html lang="en"><meta charset="utf-8"><title>Trackers on {html.escape(name)}</title>
<style>{STYLE}</style><h1>Trackers on {html.escape(name)}</h1>
<table><tr><th>tracker</th><th>{judged}</th><th>frames a second</th><th>{left}</th></tr>{cells}</table>
<p>{judged}: share of frames in which the overlap (IoU) with {against} is above a threshold, averaged over thresholds
from 0 to 1, in percent. {left.capitalize()}: the first of five frames in a row whose overlap is below 0.2. Frames a
second: on one processor core or the GPU, without reading the video.</p>
<video controls muted loop src="data:video/mp4;base64,{video}"></video>
<h2>Overlap in each frame</h2>
<svg viewBox="-40 -10 1050 240" role="img" aria-label="Overlap of each tracker over time">
<path d="M0 0V200H1000" fill="none" stroke="#888"/><text x="-30" y="8">1</text><text x="-30" y="204">0</text>
<text x="0" y="222">frame 0</text><text x="1000" y="222" text-anchor="end">{len(rows[0]["overlap"]) - 1}</text>
{curves}</svg>
</html>
"""
