"""`socl status`, `why`, `gc`, `weights`: the run store. `socl parameters`: what a run can be told."""

import json
import shutil
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from socl_core.commands.options import (
    AsJson,
    Cache,
    DataRoot,
    Device,
    MethodName,
    Protocol,
    check_file,
    find_shipped,
    printable,
    show,
)
from socl_core.errors import DataError, UsageError, cause, unknown

NO_RUNS = "no runs in ./runs yet; `socl table 2 --run` or `make book` makes some"
RunId = Annotated[str, typer.Argument(help="Id of a run, or its first digits.")]

app = typer.Typer()


@app.command()
def status(json_: AsJson = False, data_root: DataRoot = None) -> None:
    """Every run in the store ./runs: its state, since when, and whether code or data have changed since. Runs of
    `socl train --out FOLDER` are in their own folders."""
    from socl_core.runs.store import all_runs

    rows = []
    for run in all_runs():
        try:
            rows.append(_describe(run))
        except DataError as error:  # one damaged run hides no other
            print(f"socl: {error}", file=sys.stderr)
    show(json_, rows, map(_status_line, rows) if rows else [NO_RUNS])


def _status_line(row: dict) -> str:
    hours, changed = row["hours"], row["changed"][:1] + ["..."] * (len(row["changed"]) > 1)
    age = "" if hours is None else f"{hours:.1f} h" if hours < 48 else f"{hours / 24:.0f} d"
    return (
        f"{row['protocol']:10} {row['run']}  {row['method']:12} seed {row['seed']}  {row['state']:8} {age:>6}  "
        f"{row.get('auc') or row.get('cause') or ''}  {' '.join(changed)}"
    )


def _describe(run) -> dict:
    """What `status` tells of a run."""
    spec, state, reasons = run.read("spec.json"), run.state, run.staleness()
    named = {name: spec.get(name) for name in ("protocol", "method")}
    if not all(isinstance(value, str) for value in named.values()):
        raise DataError(f"{run.folder / 'spec.json'} names no protocol and method; delete {run.folder}")
    row = named | {"seed": spec.get("seed"), "run": run.id, "changed": reasons}
    row["state"] = "stale" if state == "ok" and reasons else state
    # A clock that was set back would make it negative.
    row["hours"] = max(0.0, round((time.time() - run.since) / 3600, 2)) if run.since else None
    if state == "ok":
        row["auc"] = {name: round(100 * mean["auc"], 1) for name, mean in run.means().items() if "auc" in mean}
    elif state == "failed":
        row["cause"] = str(run.read("state.json").get("cause"))
    return row


def _find(name: str):
    """The one run of the store whose id begins so."""
    from socl_core.runs.store import all_runs

    runs = {run.id: run for run in all_runs()}
    if not runs:
        raise UsageError(NO_RUNS)
    matches = [id_ for id_ in runs if id_.startswith(name)]
    if not matches:
        raise unknown("run", name, runs)
    if len(matches) > 1:
        raise UsageError(f"'{name}' names {len(matches)} runs: {', '.join(matches)}; give more digits")
    return runs[matches[0]]


@app.command()
def why(run: RunId, data_root: DataRoot = None) -> None:
    """Which inputs of a run have changed since it was made."""
    found = _find(run)
    reasons = found.staleness()
    print("\n".join(reasons) if reasons else f"{found.id} is current: code, data and parameters are as they were")


@app.command()
def weights(
    source: Annotated[
        Path, typer.Argument(callback=find_shipped, help="Id of a run, a weights file, socl-siam or socl-cf.")
    ],
    out: Annotated[Path, typer.Option(help="The file to write; ONNX where its name ends in .onnx.")],
) -> None:
    """Write trained weights in half precision, to hand them on, or as ONNX, for programs without torch."""
    from socl_core.runs.weights import read_tensors, save_weights

    check_file(out)
    file = source if source.is_file() else _find(str(source)).folder / "weights.safetensors"
    if out.suffix == ".onnx":
        from socl_core.use.onnx import write_onnx

        outputs = write_onnx(file, out)
        print(f"{out}: {out.stat().st_size / 1e3:.0f} kB, with the outputs {', '.join(outputs)}")
        return
    tensors, spec = read_tensors(file)
    halves = {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in tensors.items()}
    save_weights(halves, spec, out)
    print(f"{out}: {out.stat().st_size / 1e3:.0f} kB")


@app.command()
def parameters(method: MethodName = "socl-siam", protocol: Protocol = "laptop", json_: AsJson = False) -> None:
    """Every parameter that --set can change, with its value for a method at a protocol."""
    from socl_core.runs.spec import make_spec

    spec = make_spec(protocol, method)
    values = spec.model_dump(mode="json", exclude={"protocol", "method"})
    about = {name: field.description or "" for name, field in type(spec).model_fields.items()}
    show(json_, values, (f"{name:17} {json.dumps(value):16} {about[name]}" for name, value in values.items()))


@app.command()
def gc(
    yes: Annotated[bool, typer.Option("--yes", help="Delete without asking.")] = False,
    data_root: DataRoot = None,
    cache: Cache = None,
) -> None:
    """Delete what no present spec leads to: stale runs, caches of other code, halves of killed builds."""
    from socl_core.runs.store import all_runs
    from socl_core.runs.training_set import stale_caches

    stale = {r.folder: reasons[0] for r in all_runs() if r.state != "running" and (reasons := r.staleness())}
    unused = stale | stale_caches()
    for path, reason in unused.items():
        size = sum(each.stat().st_size for each in [path, *path.rglob("*")] if each.is_file()) / 1e6
        print(f"{size:8.1f} MB  {path}  ({reason})")
    if not unused:
        print("nothing to delete")
    elif yes or typer.confirm(f"delete these {len(unused)}?"):
        stay = 0
        for path in unused:
            try:
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
            except OSError as error:
                stay += 1
                print(f"socl: {printable(str(error.filename or path))} stays: {cause(error)}", file=sys.stderr)
        print(f"{len(unused) - stay} deleted")
        if stay:
            raise typer.Exit(2)


@app.command(hidden=True)
def run(spec_file: Path, device: Device = "auto") -> None:
    """Do the run whose spec is in a file of the run store."""
    from socl_core.runs.pipeline import run_or_load
    from socl_core.runs.spec import read_spec
    from socl_core.runs.store import Run

    run_or_load(read_spec(Run(spec_file.parent).read(spec_file.name)), device)
