"""`socl data`: what is there of the official data sets, fetching what may be fetched freely, and your own videos."""

import json
from pathlib import Path
from typing import Annotated

import typer

from socl_core.commands.options import AsJson, RequiredSequences, Sequences
from socl_core.errors import DataError, UsageError, known

MOST_SHOWN = 20  # missing and damaged sequences on the screen; --json has all

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

    known("layout", layout, data.NAMED)
    spec = f"{data.NAMED[layout]}:{path}" if path else layout
    opened = data.open_layout(spec)
    folder, splits = opened.folder, split.split(",") if split else list(opened.splits)
    scans = {
        own: scan(spec, own, sequences, official=layout in data.LAYOUTS, decode=decode,
                  progress=lambda rows, own=own: tqdm(rows, desc=f"check {own}", unit="sequence", leave=False))
        for own in splits
    }  # fmt: skip
    if layout not in data.LAYOUTS:  # such a folder need not have all splits
        scans = {own: found for own, found in scans.items() if found.findings} or scans
    states = ("complete", "missing", "damaged")
    counts = {own: {state: found.count(state) for state in states} for own, found in scans.items()}
    if json_:
        rows = {
            own: counts[own] | {"cause": found.cause, "sequences": [vars(finding) for finding in found.findings]}
            for own, found in scans.items()
        }
        print(json.dumps({"layout": layout, "path": str(folder), "site": opened.site, "splits": rows}, indent=1))
    else:
        print(f"{folder} as {layout}\n{'split':8}" + "".join(f"{state:>10}" for state in states))
        for own, number in counts.items():
            print(f"{own:8}" + "".join(f"{number[state]:10}" for state in states))
        for own, found in scans.items():
            _print_findings(own, found)
        print(f"official site: {opened.site}" + (" (`socl data fetch` reads from there)" if opened.free else ""))
    if any(found.cause or found.count("missing") or found.count("damaged") for found in scans.values()):
        raise typer.Exit(2)


@data_app.command()
def fetch(
    name: Annotated[str, typer.Argument(help="otb.")],
    sequences: RequiredSequences,
    out: Annotated[Path | None, typer.Option(help="Folder to fetch to; by default otb below the data root.")] = None,
    source: Annotated[
        str | None, typer.Option("--from", help="Address that holds NAME.zip; the official site.")
    ] = None,
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
        raise DataError(f"there is no video file {video}")
    images, total = read_frames(video)
    count = 0
    for number, image in enumerate(tqdm(images, total=total or None, desc=f"cut {video.name}", unit="frame"), 1):
        if (number - 1) % every:
            continue
        count += 1
        write_atomic(
            out / f"{number:06d}.jpg", cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()
        )
    if not count:
        raise DataError(f"{video} holds no frame that OpenCV can read")
    print(f'{count} images in {out}; click them on the book\'s page "Click your own video"')


def _print_findings(split: str, found) -> None:
    if found.cause:
        print(f"{split}: {found.cause}")
    damaged = [finding for finding in found.findings if finding.state == "damaged"]
    for finding in damaged[:MOST_SHOWN]:
        print(f"{split}: {finding.name} is damaged: {finding.detail}")
    if len(damaged) > MOST_SHOWN:
        print(f"{split}: {len(damaged) - MOST_SHOWN} more damaged; --json names them")
    if missing := [finding.name for finding in found.findings if finding.state == "missing"]:
        rest = f" and {len(missing) - MOST_SHOWN} more; --json names them" if len(missing) > MOST_SHOWN else ""
        print(f"{split}: missing are {', '.join(missing[:MOST_SHOWN])}{rest}")
