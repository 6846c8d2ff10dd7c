"""The `socl` command."""

import hashlib
import io
import json
import sys
import time
from contextlib import suppress
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated

import typer

from socl_core.commands.data import data_app
from socl_core.commands.options import (
    DEFAULT_WEIGHTS,
    AsJson,
    DataRoot,
    Device,
    MethodName,
    Protocol,
    Weights,
    check_file,
    numbers,
    settings,
)
from socl_core.commands.prior import prior_app
from socl_core.commands.runs import runs_app
from socl_core.errors import SoclError, UsageError, known

app = typer.Typer(
    help="Visual trackers trained from single point annotations: train, track, evaluate, tables, book.",
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None,
)  # fmt: skip
app.add_typer(prior_app, name="prior")
app.add_typer(data_app, name="data")
app.add_typer(runs_app)


def add_extensions() -> None:
    """Adds the commands of installed packages that name a typer app as an entry point of the group `socl.commands`."""
    for point in entry_points(group="socl.commands"):
        with suppress(ModuleNotFoundError):  # an extra whose dependencies are not installed has no commands
            app.add_typer(point.load())


add_extensions()


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

    `torchrun --nproc-per-node N -m socl_core.commands.main train ...` divides every batch among N processes.
    """
    from socl_core.methods import distributed
    from socl_core.methods.spec import make_spec
    from socl_core.runs.identity import changes, identity
    from socl_core.runs.pipeline import work
    from socl_core.runs.store import Run

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

    from socl_core.data.files import write_boxes
    from socl_core.data.video import draw_box, read_frames, write_clip
    from socl_core.models.device import Compute
    from socl_core.runs.pipeline import make_tracker, read_weights, weights_spec

    box = np.array(numbers(init, 4, "--init x,y,w,h"))
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
    from socl_core.data.check import require_complete
    from socl_core.models.device import Compute
    from socl_core.runs.pipeline import CACHE, make_tracker, read_weights, weights_spec
    from socl_core.scoring.conventions import find_convention
    from socl_core.scoring.evaluation import evaluate as run_evaluation
    from socl_core.scoring.evaluation import mean_scores
    from socl_core.scoring.results import check_export, write_results

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
    from socl_core.scoring.conventions import find_convention
    from socl_core.scoring.results import read_results, read_truth, score_results

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
def top(
    image: Annotated[Path, typer.Option(help="A JPEG or PNG.")],
    point: Annotated[str, typer.Option(help="Annotated point x,y in pixels, 0-based.")],
    out: Annotated[Path, typer.Option(help="PNG to write.")],
    eta: Annotated[float, typer.Option(help="Clip fraction, above 0 and at most 1.")] = 0.1,
) -> None:
    """Draw score map, clipped map and TOP map of one annotated point."""
    import matplotlib

    matplotlib.use("Agg")
    from socl_book.figures import top_figure
    from socl_core.data.files import write_atomic
    from socl_core.data.sequence import read_image
    from socl_core.prior.top import check_eta

    check_eta(eta)
    check_file(out, ".png")
    figure, found = top_figure(read_image(image), numbers(point, 2, "--point x,y"), eta)
    figure.savefig(content := io.BytesIO(), format="png", dpi=120)
    write_atomic(out, content.getvalue())
    print(
        f"{out}: TOP covers {found['cells']:.0f} of {found['of']} cells; "
        f"target about {found['size']:.0f} pixels wide"
    )


if __name__ == "__main__":
    main()
