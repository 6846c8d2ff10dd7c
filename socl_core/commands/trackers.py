"""`socl train`, `evaluate`, `metrics`: from data to a tracker, its boxes and its scores."""

import hashlib
import shutil
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from socl_core.commands import options
from socl_core.commands.options import (
    AsJson,
    Cache,
    DataRoot,
    Device,
    MethodName,
    Protocol,
    Sequences,
    Settings,
    Weights,
)
from socl_core.errors import DataError, UsageError, known
from socl_core.use import SHIPPED

DATA_HELP = "Training set: composite, clicks:PATH, got10k:PATH and so on; may be repeated."
INIT_HELP = "Weights the backbone starts from: those of a tracker or run, or published ones as torch has them."
JUDGE_HELP = "Videos with a boxes.csv each (image,x,y,w,h): their AUC before and after, by a few boxes."
SPLIT_HELP = "A split of the data set, or dev; by default the one for final numbers."
EXPLAIN_HELP = "Also say when the target was lost, and what happened then."
EXPORT_HELP = "Also write the boxes for a server: otb, got10k, lasot or trackingnet:FOLDER."

app = typer.Typer()


@app.command()
def train(
    out: Annotated[Path, typer.Option(help="Folder for weights, log and boxes.")],
    method: MethodName = "socl-siam",
    protocol: Protocol = "laptop",
    seed: int = 0,
    data: Annotated[list[str] | None, typer.Option(help=DATA_HELP)] = None,
    init: Annotated[str | None, typer.Option(help=INIT_HELP)] = None,
    judge: Annotated[Path | None, typer.Option(help=JUDGE_HELP)] = None,
    set_: Settings = None,
    device: Device = "auto",
    data_root: DataRoot = None,
    cache: Cache = None,
) -> None:
    """Train a tracker and evaluate it on the protocol's test set (composite, unless `--set test=...` names
    another). A killed training goes on where it was. `socl parameters` lists what --set can change.

    `torchrun --nproc-per-node N -m socl_core.commands.main train ...` divides every batch among N processes.
    """
    from socl_core import data as sets
    from socl_core.methods import distributed
    from socl_core.runs.pipeline import work
    from socl_core.runs.spec import make_spec
    from socl_core.runs.store import Run
    from socl_core.use.judge import auc_by_video, judged_videos, judged_words
    from socl_core.use.tracker import tracker_maker

    if out.resolve() == Path.cwd():
        raise UsageError("--out is the current folder; expected a folder of its own for the run")
    begun = _start(init) if init else {}
    given = {"seed": seed} | begun | options.settings(set_) | ({"data": data} if data else {})
    spec, run = make_spec(protocol, method, **given), Run(out)
    for name in spec.test:
        sets.evaluation_split(name, spec.split)  # refuses one that is none, before anything is written
    videos = judged_videos(judge) if judge else None
    with distributed.processes():
        work(run, spec, device)
        if distributed.rank():
            return
    for name, mean in run.means().items():
        print(f"{name}: {_percent(mean)}")
    if not (weights := out / "weights.safetensors").exists():
        return
    print(f"weights: {weights}")
    if videos:
        before = auc_by_video(tracker_maker(begun["init"], device), videos) if "width" in begun else None
        after = auc_by_video(tracker_maker(weights, device), videos)
        print(f"{judge}: {judged_words(before, after)}")


def _start(init: str) -> dict:
    """Parameters of a training that starts from weights: of a run, with the size of its network, or published ones."""
    from socl_core.runs.weights import weights_spec

    path = SHIPPED.get(init, init)
    try:
        first = weights_spec(Path(path))
    except DataError:  # no weights of a run
        return {"init": str(path)}
    return {"init": str(path)} | {name: getattr(first, name) for name in ("backbone", "width") if hasattr(first, name)}


@app.command()
def evaluate(
    data: Annotated[str, typer.Option(help="composite, a layout's name, or LAYOUT:PATH as in otb:PATH.")],
    weights: Weights = options.DEFAULT_WEIGHTS,
    split: Annotated[str | None, typer.Option(help=SPLIT_HELP)] = None,
    sequences: Sequences = None,
    export: Annotated[str | None, typer.Option(help=EXPORT_HELP)] = None,
    explain: Annotated[bool, typer.Option("--explain", help=EXPLAIN_HELP)] = False,
    json_: AsJson = False,
    device: Device = "auto",
    data_root: DataRoot = None,
    cache: Cache = None,
) -> None:
    """One-pass evaluation of weights: success AUC and precision in the OTB convention.

    The official test splits of GOT-10k and TrackingNet (--split test) are annotated in their first frames alone:
    they are not scored here, --export writes their boxes for the server.
    """
    from tqdm import tqdm

    from socl_core.data.files import read_own_boxes
    from socl_core.scoring import conventions, evaluation, results
    from socl_core.scoring.failures import failures
    from socl_core.use.tracker import tracker_maker

    convention, sign, folder = (export or "").partition(":")
    if export:
        if not (sign and folder):
            raise UsageError(f"--export takes a convention and a folder, as in got10k:my_tracker, found '{export}'")
        conventions.find_convention(convention)
    make_tracker = tracker_maker(weights, device)
    videos = _sequences_to_score(data, split, sequences, scored=not export)
    digest, kept = hashlib.sha256(weights.read_bytes()).hexdigest(), None
    if export:  # boxes are kept beside it until all are there, so that the same command goes on
        kept = Path(folder) / f".boxes-{hashlib.sha256(f'{digest} {data} {split}'.encode()).hexdigest()[:12]}"
        results.check_export(convention, Path(folder), [video.name for video in videos], kept.is_dir())

    lost = {}

    def each_sequence(name, boxes, seconds):
        if export:
            results.write_results(convention, Path(folder), name, boxes, seconds)
        if explain:
            lost[name] = failures(boxes, next(video for video in videos if video.name == name))

    with tqdm(total=sum(map(len, videos)), desc=f"track {data}", unit="frame") as bar:
        scores = evaluation.evaluate(make_tracker, videos, kept, bar.update, each_sequence)
    for video in videos if explain else ():
        if video.name not in lost:
            lost[video.name] = failures(read_own_boxes(kept / f"{video.name}.txt", len(video)), video)
    if kept:
        shutil.rmtree(kept)
    result = evaluation.mean_scores(scores) | {"sequences": scores}
    result["weights"] = digest
    if explain:
        result["failures"] = {name: [asdict(failure) for failure in each] for name, each in lost.items()}
    lines = []
    for name, score in scores.items():
        speed = f"  {score['fps']:.0f} frames a second" if "fps" in score else ""
        lines.append(f"{name:24} {_percent(score)}{speed}")
        lines += [f"  {failure}" for failure in lost.get(name, [])]
    options.show(json_, result, [*lines, f"{'mean':24} {_percent(result)}"])


def _sequences_to_score(data: str, split: str | None, names: list[str] | None, scored: bool) -> list:
    """Sequences of a split, complete and with boxes: in all frames if they are to be `scored`."""
    import numpy as np

    from socl_core import data as sets
    from socl_core.data.check import require_complete
    from socl_core.runs.training_set import CACHE

    if split:
        known(f"split of {data}", split, {*sets.splits(data), "dev", "test"})
    split = split if split in sets.splits(data) else sets.evaluation_split(data, split or "test")
    require_complete(data, split, names)
    videos = sets.load(data, split, names, cache=CACHE)
    for video in videos:
        if video.boxes is None:
            raise UsageError(f"{data} has clicks alone, and a tracker is scored with boxes; lay them out as otb:PATH")
        if scored and not np.isfinite(video.boxes).all():
            raise UsageError(f"{video.name} is annotated in its first frame alone; --export writes its boxes")
    return videos


def _percent(score: dict) -> str:
    if "auc" not in score:
        return "not scored, annotated in its first frame alone"
    return f"AUC {100 * score['auc']:5.1f}  precision {100 * score['precision']:5.1f}"


@app.command()
def metrics(
    convention: Annotated[str, typer.Option(help="otb, got10k, lasot or trackingnet.")],
    boxes: Annotated[Path, typer.Option(help="Results: an npz of (N, 4) arrays, or a folder of <sequence>.txt.")],
    annotations: Annotated[Path, typer.Option(help="True boxes in the same forms, the same names.")],
    sequences: Annotated[str | None, typer.Option(help=options.SEQUENCES_HELP)] = None,
    json_: AsJson = False,
) -> None:
    """Score result boxes of any tracker as the official toolkit does. Exits with 2 if a sequence was skipped."""
    from socl_core.scoring.conventions import find_convention
    from socl_core.scoring.results import read_results, read_truth, score_results

    find_convention(convention)
    report = score_results(convention, read_results(boxes), read_truth(annotations), sequences)
    details = {name: getattr(report, name) for name in ("sequences", "skipped", "notes")}
    content = {"convention": convention, "scored": len(report.sequences)} | report.numbers | details
    rows = [*report.sequences.items(), (f"{len(report.sequences)} sequences", report.numbers)]
    lines = [f"{name:24} " + "  ".join(f"{key} {100 * each:5.1f}" for key, each in row.items()) for name, row in rows]
    options.show(json_, content, lines + report.notes)
    for name, reason in report.skipped.items():
        print(f"skipped {name}: {reason}", file=sys.stderr)
    if report.skipped:
        raise typer.Exit(2)
