"""`socl data`: what is there of the official data sets, fetching what may be fetched freely, and your own videos."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from socl_core.commands.options import AsJson, RequiredSequences, Sequences, show
from socl_core.errors import DataError, UsageError, known

MOST_SHOWN = 20  # missing and damaged sequences on the screen; --json has all
STATES = ("complete", "missing", "damaged")

data_app = typer.Typer(
    help="Check data sets, fetch what may be fetched freely, cut your own videos.", no_args_is_help=True
)
app = typer.Typer()
app.add_typer(data_app, name="data")


@data_app.command()
def check(
    layout: Annotated[str, typer.Argument(help="got10k, lasot, otb or trackingnet; also otb_dev or real_mini.")],
    path: Annotated[Path | None, typer.Argument(help="Its folder; by default that below the data root.")] = None,
    split: Annotated[str | None, typer.Option(help="Only these, comma separated; all by default.")] = None,
    sequences: Sequences = None,
    decode: Annotated[bool, typer.Option("--decode", help="Decode every image, which takes long.")] = False,
    json_: AsJson = False,
) -> None:
    """What is complete, missing or damaged of a data set, by the official lists. Exits with 2 if anything is.

    Images are judged by their number and their first and last bytes. GOT-10k, LaSOT and TrackingNet ask you to
    accept their terms: the command names their sites.
    """
    from tqdm import tqdm

    from socl_core import data
    from socl_core.data.check import scan

    name = known("layout", layout, data.NAMED)
    spec, official = f"{data.NAMED[name]}:{path}" if path else name, name in data.LAYOUTS
    opened = data.open_layout(spec)
    scans = {}
    for part in split.split(",") if split else opened.splits:
        progress = partial(tqdm, desc=f"check {part}", unit="sequence", leave=False)
        scans[part] = scan(spec, part, sequences, official, decode, progress)
    if not official:  # such a folder need not have all splits
        scans = {part: each for part, each in scans.items() if each.findings} or scans
    counts = {part: {state: each.count(state) for state in STATES} for part, each in scans.items()}
    details = {part: {"cause": e.cause, "sequences": list(map(vars, e.findings))} for part, e in scans.items()}
    rows = {part: counts[part] | details[part] for part in scans}
    content = {"layout": name, "path": str(opened.folder), "site": opened.site, "splits": rows}
    lines = [f"{opened.folder} as {name}", f"{'split':8}" + "".join(f"{state:>10}" for state in STATES)]
    lines += [f"{part:8}" + "".join(f"{number:10}" for number in row.values()) for part, row in counts.items()]
    lines += [f"{part}: {line}" for part, each in scans.items() for line in _bad_news(each)]
    lines += [f"official site: {opened.site}" + " (`socl data fetch` reads from there)" * opened.free]
    show(json_, content, lines)
    if any(each.cause or each.count("missing") or each.count("damaged") for each in scans.values()):
        raise typer.Exit(2)


def _bad_news(found) -> Iterator[str]:
    """What is missing or damaged of a split, the first of each."""
    damaged = [f"{each.name} is damaged: {each.detail}" for each in found.findings if each.state == "damaged"]
    missing = [each.name for each in found.findings if each.state == "missing"]
    yield from [found.cause] * bool(found.cause) + damaged[:MOST_SHOWN]
    if missing:
        yield f"missing are {', '.join(missing[:MOST_SHOWN])}"
    for word, names in (("damaged", damaged), ("missing", missing)):
        if len(names) > MOST_SHOWN:
            yield f"{len(names) - MOST_SHOWN} more {word}; --json names them"


@data_app.command()
def fetch(
    name: Annotated[str, typer.Argument(help="otb.")],
    sequences: RequiredSequences,
    out: Annotated[Path | None, typer.Option(help="Folder to fetch to; by default otb below the data root.")] = None,
    source: Annotated[str | None, typer.Option("--from", help="Address of NAME.zip; the official site.")] = None,
    sha256: Annotated[str | None, typer.Option(help="Checksum of the one archive that is asked for.")] = None,
    checksums: Annotated[Path | None, typer.Option(help="JSON file of names and SHA-256 checksums.")] = None,
) -> None:
    """Fetch sequences that are free to fetch. An interrupted download goes on where it was.

    No official checksums are known here: that of a first download is noted in checksums.json beside the data, and
    a later download of the same sequence must agree with it, or with --sha256 or --checksums.
    """
    from socl_core import data
    from socl_core.data.fetch import OTB_SOURCE, fetch_otb, is_sha256, read_checksums

    layout = data.open_layout(known("data set", name, data.LAYOUTS))
    if not layout.free:
        raise UsageError(
            f"{name} cannot be fetched here; its site: {layout.site}. Accept its terms there, unpack it as it is, see "
            f"`socl data check {name} PATH`"
        )
    expected = read_checksums(checksums) if checksums else {}
    if sha256:
        if len(sequences) != 1 or not is_sha256(sha256):
            raise UsageError("--sha256 takes 64 hex digits, for one sequence; --checksums takes a file for several")
        expected[sequences[0]] = sha256
    fetch_otb(sequences, out or layout.folder, source or OTB_SOURCE, expected)


@data_app.command()
def frames(
    video: Annotated[Path, typer.Argument(help="A video file.")],
    out: Annotated[Path, typer.Option(help="Folder for the images, one of its own for each video.")],
    every: Annotated[int, typer.Option(min=1, help="Keep every so many-th frame.")] = 1,
) -> None:
    """Cut a video into numbered JPEGs, ready to be clicked and trained on."""
    import cv2
    from tqdm import tqdm

    from socl_core.data.files import write_atomic
    from socl_core.data.video import read_frames

    if not video.is_file():
        raise DataError(f"there is no video file {video}; expected the path of one")
    if next(out.glob("*.jpg"), None):
        raise UsageError(f"{out} holds images already; choose another --out, or delete them")
    images, total = read_frames(video)
    for number, image in enumerate(tqdm(images, total=total or None, desc=f"cut {video.name}", unit="frame")):
        if number % every == 0:
            jpeg = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 95])[1]
            write_atomic(out / f"{number + 1:06d}.jpg", jpeg.tobytes())
    if not (count := len(list(out.glob("*.jpg")))):
        raise DataError(f"{video} holds no frame that OpenCV can read; write it anew: ffmpeg -i {video.name} new.mp4")
    print(f"{count} images in {out}; click them on the page that `socl data click` writes")


@data_app.command()
def click(out: Annotated[Path, typer.Option(help="HTML file to write.")] = Path("click.html")) -> None:
    """Write the page that takes clicks on your own videos, to be opened in a browser. It needs no server."""
    from socl_core.commands.options import check_file
    from socl_core.data.click_page import click_page
    from socl_core.data.files import write_atomic

    check_file(out, ".html")
    write_atomic(out, click_page())
    print(f"open {out.absolute()} in a browser")


@data_app.command("import")
def import_(
    kind: Annotated[str, typer.Argument(help="coco, cvat, labelstudio, mot or yolo.")],
    file: Annotated[Path, typer.Argument(help="The annotation: a file, or YOLO's folder of text files.")],
    images: Annotated[Path, typer.Option(help="Folder of the numbered images that it marks.")],
    out: Annotated[Path, typer.Option(help="Folder for the clicked videos, one a target.")],
    target: Annotated[list[str] | None, typer.Option(help="Only this one; may be repeated.")] = None,
) -> None:
    """Points or boxes of another program as clicked videos: clicks.csv, and boxes.csv for judging where boxes are."""
    from socl_core.data.marks import import_marks

    counts = import_marks(kind, file, images, out, target)
    for name, count in counts.items():
        print(f"{name}: {count} images marked")
    print(f"videos in {out}; see `socl data check clicks {out}`")
