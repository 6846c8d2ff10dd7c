"""The `socl` command."""

import hashlib
import io
import json
import math
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from socl_core.cli_book import book_app
from socl_core.cli_data import data_app
from socl_core.cli_options import (
    DEFAULT_WEIGHTS,
    AsJson,
    DataRoot,
    Device,
    MethodName,
    Protocol,
    Weights,
    check_file,
    settings,
    yaml_value,
)
from socl_core.cli_prior import objectness_app, prior_app
from socl_core.cli_runs import runs_app
from socl_core.errors import SoclError, UsageError, known

app = typer.Typer(
    help="Visual trackers trained from single point annotations: train, track, evaluate, tables, book.",
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None,
)  # fmt: skip
app.add_typer(book_app, name="book")
app.add_typer(prior_app, name="prior")
app.add_typer(objectness_app, name="objectness")
app.add_typer(data_app, name="data")
app.add_typer(runs_app)


def main() -> None:
    """Runs the command; an error a user can mend is printed alone and exits with status 2."""
    try:
        app()
    except SoclError as error:
        print(f"socl: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("socl: interrupted; finished work is kept, the same command goes on from it", file=sys.stderr)
        sys.exit(130)


def _numbers(text: str, count: int, form: str) -> list[float]:
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        values = []
    if len(values) != count or not all(map(math.isfinite, values)):
        raise UsageError(f"expected {form}, found '{text}'")
    return values


def _seeds(text: str) -> list[int]:
    seeds = _numbers(text, text.count(",") + 1, "--seeds 0,1,2")
    if any(seed < 0 or seed != int(seed) for seed in seeds):
        raise UsageError(f"seeds are whole numbers of at least 0, found '{text}'")
    return [int(seed) for seed in seeds]


@app.command()
def train(
    out: Annotated[Path, typer.Option(help="Folder for weights, log and boxes.")],
    method: MethodName = "socl-siam",
    protocol: Protocol = "laptop",
    seed: int = 0,
    data: Annotated[
        list[str] | None,
        typer.Option(help="Training set: composite, clicks:PATH, got10k:PATH and so on; may be repeated."),
    ] = None,
    init: Annotated[
        str | None, typer.Option(help="Weights the backbone starts from: safetensors or a torch state dict.")
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="Any parameter of the run, name=value; may be repeated.")
    ] = None,
    device: Device = "auto",
    data_root: DataRoot = None,
) -> None:
    """Train a tracker and evaluate it on the protocol's test set (composite, unless `--set test=...` names
    another). A killed training goes on where it was. `socl parameters` lists what --set can change.

    `torchrun --nproc-per-node N -m socl_core.cli train ...` divides every batch among N processes.
    """
    from socl_core import distributed
    from socl_core.identity import changes, identity
    from socl_core.pipeline import work
    from socl_core.runs import Run
    from socl_core.spec import make_spec

    given = {name: value for name, value in (("data", data), ("init", init)) if value}
    spec = make_spec(protocol, method, seed=seed, **(settings(set_ or []) | given))
    run = Run(out)
    with distributed.processes():
        if not distributed.rank():
            if not any((out / name).exists() for name in ("checkpoint.pt", "weights.safetensors", "result.json")):
                run.describe(spec)  # whatever was tried here before has come to nothing
            if different := changes(run.read("identity.json"), identity(spec)):
                raise UsageError(f"{out} holds another run ({different[0]}); choose another --out or delete it")
        if not run.finished:
            work(run, spec, device)
        if distributed.rank():
            return
    result = run.read("result.json")
    for name, mean in result["mean"].items():
        print(f"{name}: AUC {100 * mean['auc']:.1f}, precision {100 * mean['precision']:.1f}")
    if (out / "weights.safetensors").exists():
        print(f"weights: {out / 'weights.safetensors'}")


@app.command()
def track(
    frames: Annotated[Path, typer.Option(help="A folder of numbered images, or a video file.")],
    init: Annotated[str, typer.Option(help="First box x,y,w,h; x,y is its left top pixel, 0-based.")],
    out: Annotated[Path, typer.Option(help="Text file for the boxes, one x,y,w,h a line.")],
    weights: Weights = DEFAULT_WEIGHTS,
    render: Annotated[Path | None, typer.Option(help="Also write an mp4 with the boxes drawn.")] = None,
    device: Device = "auto",
) -> None:
    """Track one target through a video."""
    import numpy as np
    from tqdm import tqdm

    from socl_core.clips import draw_box, read_frames, write_clip
    from socl_core.data.files import write_boxes
    from socl_core.device import Compute
    from socl_core.pipeline import make_tracker, read_weights, weights_spec

    box = np.array(_numbers(init, 4, "--init x,y,w,h"))
    check_file(out)
    if render:
        check_file(render, ".mp4")
    compute = Compute.choose(device)
    tracker = make_tracker(weights_spec(weights), read_weights(weights, compute), compute)
    images, count = read_frames(frames)
    boxes: list[np.ndarray] = []

    def tracked():
        for image in tqdm(images, total=count or None, desc="track", unit="frame"):
            if boxes:
                boxes.append(tracker.update(image))
            else:
                tracker.init(image, box)
                boxes.append(box)
            yield draw_box(image, boxes[-1]) if render else None

    start = time.perf_counter()
    if render:
        write_clip(render, tracked())
    else:
        for _ in tracked():
            pass
    if not boxes:
        raise UsageError(f"{frames} holds no frame")
    write_boxes(out, np.array(boxes))
    print(f"{len(boxes)} frames, {len(boxes) / (time.perf_counter() - start):.0f} a second, boxes in {out}")


@app.command()
def evaluate(
    data: Annotated[
        str, typer.Option(help="composite, otb, otb_dev, real_mini, or got10k, lasot, otb, trackingnet:PATH.")
    ],
    weights: Weights = DEFAULT_WEIGHTS,
    split: Annotated[
        str | None, typer.Option(help="A split of the data set, or dev; by default the one for final numbers.")
    ] = None,
    sequences: Annotated[str | None, typer.Option(help="Only these, comma separated.")] = None,
    export: Annotated[
        str | None, typer.Option(help="Also write the boxes for a server: otb, got10k, lasot or trackingnet:FOLDER.")
    ] = None,
    json_: AsJson = False,
    device: Device = "auto",
    data_root: DataRoot = None,
) -> None:
    """One-pass evaluation of weights: success AUC and precision in the OTB convention.

    The official test splits of GOT-10k and TrackingNet (--split test) are annotated in their first frames alone:
    they are not scored here, --export writes their boxes for the server.
    """
    import numpy as np
    from tqdm import tqdm

    from socl_core import data as sets
    from socl_core.conventions import find_convention
    from socl_core.data.scan import require_complete
    from socl_core.device import Compute
    from socl_core.evaluate import evaluate as run_evaluation
    from socl_core.evaluate import mean_scores
    from socl_core.pipeline import CACHE, make_tracker, read_weights, weights_spec
    from socl_core.results import check_export, write_results

    layout, sign, target = (export or "").partition(":")
    if export and not (sign and target):
        raise UsageError(f"--export takes a convention and a folder, as in got10k:my_tracker, found '{export}'")
    if export:
        find_convention(layout)
    compute, spec = Compute.choose(device), weights_spec(weights)
    network = read_weights(weights, compute)
    names = [name.strip() for name in sequences.split(",")] if sequences else None
    if split:
        known(f"split of {data}", split, {*sets.splits(data), "dev", "test"})
    own = split if split in sets.splits(data) else sets.evaluation_split(data, split or "test")
    require_complete(data, own, names)
    found = sets.load(data, own, names, cache=CACHE)
    if any(sequence.boxes is None for sequence in found):
        raise UsageError(
            f"{data} has clicks alone, and a tracker is scored with boxes; lay boxed videos out as otb:PATH"
        )
    unscored = [sequence.name for sequence in found if not np.isfinite(sequence.boxes).all()]
    if export:
        check_export(layout, Path(target), [sequence.name for sequence in found])
    elif unscored:
        raise UsageError(f"{unscored[0]} is annotated in its first frame alone; --export writes boxes for the server")

    def keep(name, boxes, seconds):
        if export:
            write_results(layout, Path(target), name, boxes, seconds)

    with tqdm(total=sum(map(len, found)), desc=f"track {data}", unit="frame") as bar:
        scores = run_evaluation(
            lambda: make_tracker(spec, network, compute), found, each_frame=bar.update, each_sequence=keep
        )
    result = mean_scores(scores) | {"sequences": scores}
    result["weights"] = hashlib.sha256(weights.read_bytes()).hexdigest()
    if json_:
        print(json.dumps(result, indent=1))
        return
    for name, score in scores.items():
        print(f"{name:24} {_percent(score)}  {score['fps']:.0f} frames a second")
    print(f"{'mean':24} {_percent(result)}")


def _percent(score: dict) -> str:
    if "auc" not in score:
        return "not scored, annotated in its first frame alone"
    return f"AUC {100 * score['auc']:5.1f}  precision {100 * score['precision']:5.1f}"


@app.command()
def metrics(
    convention: Annotated[str, typer.Option(help="otb, got10k, lasot or trackingnet.")],
    boxes: Annotated[Path, typer.Option(help="Results: an npz of (N, 4) arrays, or a folder of <sequence>.txt.")],
    annotations: Annotated[Path, typer.Option(help="True boxes in the same forms, the same names.")],
    sequences: Annotated[str | None, typer.Option(help="otb13, otb100, or names with commas; all by default.")] = None,
    json_: AsJson = False,
) -> None:
    """Score result boxes of any tracker as the official toolkit does. Exits with 2 if a sequence was skipped."""
    from socl_core.conventions import find_convention
    from socl_core.results import read_results, read_truth, score_results

    find_convention(convention)
    report = score_results(convention, read_results(boxes), read_truth(annotations), sequences)
    if json_:
        counts = {"convention": convention, "scored": len(report.sequences)}
        details = {name: getattr(report, name) for name in ("sequences", "skipped", "notes")}
        print(json.dumps(counts | report.numbers | details, indent=1))
    else:
        for name, numbers in [*report.sequences.items(), (f"{len(report.sequences)} sequences", report.numbers)]:
            print(f"{name:24} " + "  ".join(f"{key} {100 * value:5.1f}" for key, value in numbers.items()))
        for note in report.notes:
            print(note)
    for name, reason in report.skipped.items():
        print(f"skipped {name}: {reason}", file=sys.stderr)
    if report.skipped:
        raise typer.Exit(2)


@app.command()
def table(
    name: Annotated[
        str,
        typer.Argument(help="1 to 4, noise (careless clicks), real (real video), recipe or transt (one part changed)."),
    ],
    protocol: Protocol = "laptop",
    run: Annotated[bool, typer.Option("--run", help="Run what is missing.")] = False,
    seeds: Annotated[str | None, typer.Option(help="Comma separated; the protocol's by default.")] = None,
    record: Annotated[bool, typer.Option("--record", help="Copy finished results to recorded/.")] = False,
    json_: AsJson = False,
    device: Device = "auto",
    data_root: DataRoot = None,
) -> None:
    """A table of the paper: each cell's paper value, measured value, n and run ids."""
    from socl_core import experiments

    chosen = experiments.find_table(name)
    numbers = _seeds(seeds) if seeds else None
    if run:
        from socl_core.pipeline import run_or_load

        for spec in experiments.wanted_specs(protocol, [chosen], numbers, whole=True):
            run_or_load(spec, device)
    cells = [experiments.describe_cell(cell, protocol, numbers) for cell in chosen.cells]
    if record:
        for cell in chosen.cells:
            for result in experiments.built_results(cell, protocol, numbers):
                experiments.record(result)
    if json_:
        print(json.dumps({"table": name, "protocol": protocol, "cells": cells}, indent=1))
        return
    print(f"{chosen.title} ({protocol})")
    for cell in cells:
        value = (
            f"{cell['measured']:.1f} [{cell['interval'][0]:.1f}, {cell['interval'][1]:.1f}]"
            if cell["n"]
            else cell["missing"] or "not run; --run runs it"
        )
        print(f"{cell['row']:45} {cell['column']:5} paper {cell['paper'] or '-':5}  measured {value}  n {cell['n']}")


@app.command()
def claims(protocol: Protocol = "laptop", json_: AsJson = False, data_root: DataRoot = None) -> None:
    """Every claim of the paper with its verdict, from the recorded runs and those of this store."""
    from socl_core.claims import all_claims, judged

    found = [judged(claim, protocol) for claim in all_claims()]
    if json_:
        print(json.dumps({"protocol": protocol, "claims": found}, indent=1))
        return
    for row in found:
        number = (
            ""
            if row["difference"] is None
            else "{:+6.1f} [{:+.1f}, {:+.1f}]".format(row["difference"], *row["interval"])
        )
        print(f"{row['verdict']:13} {row['section']:10} {row['claim']:75} {number}")


@app.command()
def select(
    try_: Annotated[list[str], typer.Option("--try", help="Values of a parameter, name=a,b,c; may be repeated.")],
    method: MethodName = "socl-siam",
    protocol: Protocol = "laptop",
    on: Annotated[list[str] | None, typer.Option(help="Data set with a dev split; may be repeated.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="A parameter for all, name=value.")] = None,
    seeds: Annotated[str, typer.Option(help="Comma separated.")] = "0",
    json_: AsJson = False,
    device: Device = "auto",
    data_root: DataRoot = None,
) -> None:
    """Compare parameter values on dev splits: the mean AUC of every combination, best first."""
    from socl_core.selection import candidates, ranking

    choices = {name: yaml_value(f"[{text}]") for name, _, text in (pair.partition("=") for pair in try_)}
    tried = candidates(protocol, method, choices, _seeds(seeds), on or ["composite"], settings(set_ or []))
    rows = ranking(tried, device)
    if json_:
        print(json.dumps(rows, indent=1))
        return
    for row in rows:
        print(f"{row['mean']:6.2f}  {row['setting']:40} {row['auc']}")


@app.command()
def top(
    image: Annotated[Path, typer.Option(help="A JPEG or PNG.")],
    point: Annotated[str, typer.Option(help="Annotated point x,y in pixels, 0-based.")],
    out: Annotated[Path, typer.Option(help="PNG to write.")],
    eta: Annotated[float, typer.Option(help="Clip fraction, above 0 and at most 1.")] = 0.1,
) -> None:
    """Draw score map, clipped map and TOP map of one annotated point."""
    import matplotlib

    matplotlib.use("Agg")
    from socl_core.data.files import write_atomic
    from socl_core.data.sequence import read_image
    from socl_core.prior import check_eta
    from socl_core.report import top_figure

    check_eta(eta)
    check_file(out, ".png")
    figure, numbers = top_figure(read_image(image), _numbers(point, 2, "--point x,y"), eta)
    figure.savefig(content := io.BytesIO(), format="png", dpi=120)
    write_atomic(out, content.getvalue())
    print(
        f"{out}: TOP covers {numbers['cells']:.0f} of {numbers['of']} cells; "
        f"target about {numbers['size']:.0f} pixels wide"
    )


if __name__ == "__main__":
    main()
