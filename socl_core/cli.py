"""The `socl` command."""

import json
import math
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
import yaml

from socl_core.errors import SoclError, UsageError

app = typer.Typer(
    help="Visual trackers trained from single point annotations: train, track, evaluate, tables, book.",
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None,
)  # fmt: skip
book_app = typer.Typer(help="Execute notebooks and build the pages.", no_args_is_help=True)
app.add_typer(book_app, name="book")

DataRoot = Annotated[
    Path | None,
    typer.Option("--data-root", help="Folder of the named data sets; else SOCL_DATA, else ./data."),
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


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


def _use_root(root: Path | None) -> None:
    import os

    if root:
        os.environ["SOCL_DATA"] = str(root)


def _settings(pairs: list[str]) -> dict:
    """`name=value` pairs with YAML values. A comma separates the items of a list."""
    changes = {}
    for pair in pairs:
        name, sign, value = pair.partition("=")
        if not sign or not name:
            raise UsageError(f"--set takes name=value, found '{pair}'")
        changes[name] = _yaml(value)
    return changes


def _yaml(text: str):
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        raise UsageError(f"'{text}' is no value; a bracket or quote may be missing") from None


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
    method: Annotated[str, typer.Option(help="socl-siam, box-siam, random-siam or mil.")] = "socl-siam",
    protocol: Annotated[str, typer.Option(help="smoke, laptop, reference or paper.")] = "laptop",
    seed: int = 0,
    data: Annotated[
        list[str] | None, typer.Option(help="Training set, LOADER or LOADER:PATH; may be repeated.")
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="Any parameter of the run, name=value; may be repeated.")
    ] = None,
    device: Device = "auto",
    data_root: DataRoot = None,
) -> None:
    """Train a tracker and evaluate it on the protocol's test set. A killed training goes on where it was."""
    _use_root(data_root)
    from socl_core.pipeline import work
    from socl_core.runs import Run, run_id
    from socl_core.spec import RunSpec, make_spec

    changes = _settings(set_ or []) | ({"data": data} if data else {})
    spec = make_spec(protocol, method, seed=seed, **changes)
    run = Run(out)
    if run.state not in ("absent", "queued") and run_id(RunSpec.model_validate(run.read("spec.json"))) != run_id(spec):
        raise UsageError(f"{out} holds another run; choose another --out or delete it")
    if run.state != "ok":
        work(run, spec, device)
    result = run.read("result.json")
    for name, mean in result["mean"].items():
        print(f"{name}: AUC {100 * mean['auc']:.1f}, precision {100 * mean['precision']:.1f}")
    if (out / "weights.safetensors").exists():
        print(f"weights: {out / 'weights.safetensors'}")


@app.command()
def track(
    weights: Annotated[Path, typer.Option(help="Weights written by `socl train`.")],
    frames: Annotated[Path, typer.Option(help="A folder of numbered images, or a video file.")],
    init: Annotated[str, typer.Option(help="First box x,y,w,h; x,y is its left top pixel, 0-based.")],
    out: Annotated[Path, typer.Option(help="Text file for the boxes, one x,y,w,h a line.")],
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
    weights: Annotated[Path, typer.Option(help="Weights written by `socl train`.")],
    data: Annotated[str, typer.Option(help="composite, otb, otb_dev, real_mini, otb:PATH or got10k:PATH.")],
    split: Annotated[str, typer.Option(help="dev or test.")] = "test",
    sequences: Annotated[str | None, typer.Option(help="Only these, comma separated.")] = None,
    export: Annotated[
        str | None, typer.Option(help="Also write the boxes for a server: otb, got10k, lasot or trackingnet:FOLDER.")
    ] = None,
    json_: AsJson = False,
    device: Device = "auto",
    data_root: DataRoot = None,
) -> None:
    """One-pass evaluation of weights: success AUC and precision in the OTB convention."""
    _use_root(data_root)
    from tqdm import tqdm

    from socl_core import data as sets
    from socl_core.conventions import find_convention
    from socl_core.data.files import read_boxes
    from socl_core.device import Compute
    from socl_core.evaluate import evaluate as run_evaluation
    from socl_core.evaluate import mean_scores
    from socl_core.pipeline import CACHE, make_tracker, read_weights, weights_spec
    from socl_core.results import write_results

    layout, sign, target = (export or "").partition(":")
    if export and not (sign and target):
        raise UsageError(f"--export takes a convention and a folder, as in got10k:my_tracker, found '{export}'")
    if export:
        find_convention(layout)
    compute, spec = Compute.choose(device), weights_spec(weights)
    network = read_weights(weights, compute)
    names = [name.strip() for name in sequences.split(",")] if sequences else None
    found = sets.load(data, sets.evaluation_split(data, split), names, cache=CACHE)
    with (
        tqdm(total=sum(map(len, found)), desc=f"track {data}", unit="frame") as bar,
        TemporaryDirectory() as folder,
    ):
        kept = Path(folder)
        scores = run_evaluation(lambda: make_tracker(spec, network, compute), found, kept, bar.update)
        for name, score in scores.items() if export else ():
            write_results(layout, Path(target), name, read_boxes(kept / f"{name}.txt"), score["fps"])
    result = mean_scores(scores) | {"sequences": scores}
    if json_:
        print(json.dumps(result, indent=1))
        return
    for name, score in scores.items():
        print(
            f"{name:24} AUC {100 * score['auc']:5.1f}  precision {100 * score['precision']:5.1f}"
            f"  {score['fps']:.0f} frames a second"
        )
    print(f"{'mean':24} AUC {100 * result['auc']:5.1f}  precision {100 * result['precision']:5.1f}")


@app.command()
def metrics(
    convention: Annotated[str, typer.Option(help="otb, got10k, lasot or trackingnet.")],
    boxes: Annotated[Path, typer.Option(help="Results: an npz of (N, 4) arrays, or a folder of text files.")],
    annotations: Annotated[Path, typer.Option(help="True boxes in the same forms.")],
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
        details = {name: value for name, value in vars(report).items() if name != "numbers"}
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
    name: Annotated[str, typer.Argument(help="2, or real (real video).")],
    protocol: str = "laptop",
    run: Annotated[bool, typer.Option("--run", help="Run what is missing.")] = False,
    seeds: Annotated[str | None, typer.Option(help="Comma separated; the protocol's by default.")] = None,
    record: Annotated[bool, typer.Option("--record", help="Copy finished results to recorded/.")] = False,
    json_: AsJson = False,
    device: Device = "auto",
    data_root: DataRoot = None,
) -> None:
    """A table of the paper: each cell's paper value, measured value, n and run ids."""
    _use_root(data_root)
    from socl_core import experiments
    from socl_core.data.files import write_atomic

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
                key = f"{result['spec']['method']}-s{result['spec']['seed']}-{result['id']}.json"
                write_atomic(experiments.RECORDED / protocol / key, json.dumps(result, indent=1) + "\n")
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
def select(
    try_: Annotated[list[str], typer.Option("--try", help="Values of a parameter, name=a,b,c; may be repeated.")],
    method: Annotated[str, typer.Option(help="socl-siam, box-siam, random-siam or mil.")] = "socl-siam",
    protocol: Annotated[str, typer.Option(help="smoke, laptop, reference or paper.")] = "laptop",
    on: Annotated[list[str] | None, typer.Option(help="Data set with a dev split; may be repeated.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="A parameter for all, name=value.")] = None,
    seeds: Annotated[str, typer.Option(help="Comma separated.")] = "0",
    json_: AsJson = False,
    device: Device = "auto",
    data_root: DataRoot = None,
) -> None:
    """Compare parameter values on dev splits: the mean AUC of every combination, best first."""
    _use_root(data_root)
    from socl_core.selection import candidates, ranking

    choices = {name: _yaml(f"[{text}]") for name, _, text in (pair.partition("=") for pair in try_)}
    tried = candidates(protocol, method, choices, _seeds(seeds), on or ["composite"], _settings(set_ or []))
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
    from socl_core.data.sequence import read_image
    from socl_core.prior import check_eta
    from socl_core.report import top_figure

    check_eta(eta)
    figure, numbers = top_figure(read_image(image), _numbers(point, 2, "--point x,y"), eta)
    temporary = out.with_name(f".{out.name}.tmp")
    figure.savefig(temporary, format="png", dpi=120)
    temporary.replace(out)
    print(
        f"{out}: TOP covers {numbers['cells']:.0f} of {numbers['of']} cells; "
        f"target about {numbers['size']:.0f} pixels wide"
    )


@app.command()
def status(json_: AsJson = False) -> None:
    """Every run in the store with its state."""
    from socl_core.runs import all_runs

    rows = []
    for run in all_runs():
        spec, state = run.read("spec.json"), run.state
        row = {
            "protocol": spec["protocol"],
            "run": run.id,
            "method": spec["method"],
            "seed": spec["seed"],
            "state": state,
        }
        if state == "ok":
            row["auc"] = {name: round(100 * mean["auc"], 1) for name, mean in run.read("result.json")["mean"].items()}
        rows.append(row)
    if json_:
        print(json.dumps(rows, indent=1))
        return
    for row in rows:
        print(
            f"{row['protocol']:10} {row['run']}  {row['method']:12} seed {row['seed']}  {row['state']:8} "
            f"{row.get('auc', '')}"
        )
    if not rows:
        print("no runs yet; `socl table 2 --run` or `make book` makes some")


@app.command(hidden=True)
def run(spec_file: Path, device: Device = "auto") -> None:
    """Do the run whose spec is in a file of the run store."""
    from socl_core.pipeline import run_or_load
    from socl_core.spec import RunSpec

    run_or_load(RunSpec.model_validate_json(spec_file.read_text()), device)


@book_app.command("execute")
def book_execute(
    notebook: Path,
    out: Path,
    parameter: Annotated[list[str] | None, typer.Option("-p", help="name=value; may be repeated.")] = None,
) -> None:
    """Execute one notebook with papermill; the copy appears when every cell has run."""
    from socl_core.book import execute

    execute(notebook, out, _settings(parameter or []))


@book_app.command("build")
def book_build() -> None:
    """Build the HTML from the executed notebooks."""
    from socl_core.book import build, fetch_mathjax

    fetch_mathjax()
    build()
