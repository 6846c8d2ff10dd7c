"""Finished runs with chosen scores, for the tests of tables, claims and pages."""

from pathlib import Path

from socl_book.records import Result, result_of
from socl_book.tables import Cell
from socl_core.runs.store import Run

HOSTILE = "otb:/a b/'\"$(rm x)`*,[é]\n\n<script>alert(1)</script>"


def fake_run(
    cell: Cell, seed: int, values: list[float], protocol: str = "smoke", root: Path = Path("runs"), names=None
) -> Result:
    """A finished run behind a cell in a store, with a score in percent for each sequence s0, s1, ... or of `names`."""
    spec = cell.spec(protocol, seed)
    run = Run.of(spec, root)
    scores = {"auc": 0.5, "precision": 0.5, "frames": 3, "got10k_frames": 1}
    names = names or [f"s{i}" for i in range(len(values))]
    sequences = {name: scores | {cell.metric: value / 100} for name, value in zip(names, values)}
    content = {
        "id": run.id,
        "spec": spec.model_dump(mode="json"),
        "sequences": {cell.measured_on(protocol)[0]: sequences},
        "mean": {"composite": {"auc": sum(values) / 100 / len(values), "precision": 0.5}},
        "seconds": {"training": 1.0},
        "provenance": {"code": "x", "data": {}, "device": "Processor A, torch 2"},
    }
    run.write("spec.json", content["spec"])
    run.write("result.json", content)
    run.write("state.json", {"state": "ok"})
    return result_of(run)
