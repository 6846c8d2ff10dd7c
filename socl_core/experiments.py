"""The paper's tables as data: which run stands behind each cell, and what the paper says."""

import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np

from socl_core import data
from socl_core.annotation import BUDGETS
from socl_core.errors import unknown
from socl_core.runs import RUNS, Run, code_hash
from socl_core.spec import RunSpec, make_spec, read_protocol
from socl_core.statistics import Estimate, estimate

RECORDED = Path(__file__).parents[1] / "recorded"


@dataclass(frozen=True)
class Cell:
    """One cell: a method with its changes to the protocol, and the paper's number, AUC in percent.

    variant: block of the protocol's file that applies. in_build: whether a build of the book runs it; the
    others are shown from recorded results, or run with `socl table NAME --run`.
    """

    row: str
    column: str
    method: str
    changes: dict = field(default_factory=dict, hash=False)
    paper: float | None = None
    variant: str | None = None
    in_build: bool = True

    def spec(self, protocol: str, seed: int) -> RunSpec:
        return make_spec(protocol, self.method, self.variant, seed=seed, **self.changes)


@dataclass(frozen=True)
class Table:
    """A table of the paper, or one of ours in its form."""

    name: str
    title: str
    cells: tuple[Cell, ...]

    @property
    def rows(self) -> list[str]:
        return list(dict.fromkeys(cell.row for cell in self.cells))

    @property
    def columns(self) -> list[str]:
        return list(dict.fromkeys(cell.column for cell in self.cells))


PAPER_TABLE_2 = {"Box-Siam": (52.2, 54.3, 58.1, 58.8), "SoCL-Siam": (56.7, 58.2, 59.8, 60.9)}  # [S]
ALL_BOXES = "Box-Siam, every frame boxed (4.5 x the cost)"
BASELINES = {
    "random weights, cosine": ("random-siam", {}),
    "random weights, dot product": ("random-siam", {"correlation": "dot"}),
    "MIL (OpenCV)": ("mil", {}),
}


def _table_2() -> Table:
    """Same videos, same cost: SoCL-Siam clicks every frame, Box-Siam boxes 22.2 % of the frames. [S]"""
    cells = [
        Cell(row, f"{hours}h", row.lower(), {"share": share}, paper)
        for row, numbers in PAPER_TABLE_2.items()
        for (hours, share), paper in zip(BUDGETS.items(), numbers)
    ]
    cells.append(Cell(ALL_BOXES, "880h", "box-siam", {"labelled": 1.0}, in_build=False))
    cells += [Cell(row, "880h", method, changes) for row, (method, changes) in BASELINES.items()]
    return Table("2", "Box-Siam and SoCL-Siam at the same annotation cost on the same videos", tuple(cells))


def _real_video() -> Table:
    """Real video: trained on composite and real_mini, tested on the full length of OTB sequences."""
    train, test = {"data": ("composite", "real_mini")}, {"test": ("otb",)}
    rows = {
        "SoCL-Siam, points": ("socl-siam", train | test),
        "Box-Siam, 22 % of the boxes": ("box-siam", train | test),
        "random weights, cosine": ("random-siam", test),
        "MIL (OpenCV)": ("mil", test),
    }
    cells = (
        Cell(row, "AUC", method, changes, variant="real", in_build=method == "socl-siam")
        for row, (method, changes) in rows.items()
    )
    return Table("real", "Trained on composite and real video, tested on OTB sequences", tuple(cells))


TABLES = {"2": _table_2(), "real": _real_video()}


def find_table(name: str) -> Table:
    """A table by its name. Raises `UsageError` for an unknown one."""
    if name not in TABLES:
        raise unknown("table", name, TABLES)
    return TABLES[name]


def build_seeds(protocol: str) -> list[int]:
    """Seeds that a build of the book runs at a protocol."""
    return read_protocol(protocol)["seeds"]


def missing_data(spec: RunSpec) -> str | None:
    """None when the data of a spec is there, else what is missing."""
    names = (*spec.data, *spec.test) if spec.steps else spec.test
    return next((message for name in names if (message := data.available(name))), None)


def wanted_specs(
    protocol: str, tables=TABLES.values(), seeds: list[int] | None = None, whole: bool = False
) -> list[RunSpec]:
    """Specs behind tables at a protocol whose data is there, each once; of a build, or of the whole tables."""
    seeds = build_seeds(protocol) if seeds is None else seeds
    cells = [cell for table in tables for cell in table.cells if whole or cell.in_build]
    specs = [cell.spec(protocol, seed) for cell in cells for seed in seeds]
    return [spec for spec in dict.fromkeys(specs) if not missing_data(spec)]


def built_results(cell: Cell, protocol: str, seeds: list[int] | None = None, root: Path = RUNS) -> list[dict]:
    """Results of the finished runs behind a cell in the run store."""
    specs = [cell.spec(protocol, seed) for seed in (build_seeds(protocol) if seeds is None else seeds)]
    found = [Run.of(spec, root) for spec in specs]
    return [run.read("result.json") for run in found if run.state == "ok"]


@cache
def _recorded(folder: Path) -> dict[str, list[dict]]:
    """Recorded results by spec without its seed, in the order of seeds."""
    found: dict[str, list[dict]] = {}
    for path in sorted(folder.glob("*.json")):
        result = json.loads(path.read_text())
        spec = RunSpec.model_validate(result["spec"])
        found.setdefault(_without_seed(spec), []).append(result)
    return {key: sorted(results, key=lambda r: r["spec"]["seed"]) for key, results in found.items()}


def recorded_protocol(protocol: str, folder: Path = RECORDED) -> str:
    """The protocol whose recorded results a page of `protocol` shows: its own, or laptop where it has none."""
    return protocol if (folder / protocol).is_dir() else "laptop"


def recorded_results(cell: Cell, protocol: str, folder: Path = RECORDED) -> list[dict]:
    """Recorded results behind a cell, whatever their seeds."""
    protocol = recorded_protocol(protocol, folder)
    return _recorded(folder / protocol).get(_without_seed(cell.spec(protocol, 0)), [])


def _without_seed(spec: RunSpec) -> str:
    return json.dumps(spec.model_dump(mode="json", exclude={"seed"}), sort_keys=True)


def scores(results: list[dict], metric: str = "auc") -> np.ndarray:
    """Scores (seeds, sequences) in percent over all evaluation sets of some results."""
    return np.array([[100 * s[metric] for each in r["sequences"].values() for s in each.values()] for r in results])


def measured(results: list[dict]) -> Estimate | None:
    """Mean AUC in percent with its interval, None without a result."""
    return estimate(scores(results)) if results else None


def describe_cell(cell: Cell, protocol: str, seeds: list[int] | None = None) -> dict:
    """A cell as plain data: paper, measured in this store, recorded, n, run ids."""
    built, recorded = built_results(cell, protocol, seeds), recorded_results(cell, protocol)
    return {
        "row": cell.row,
        "column": cell.column,
        "paper": cell.paper,
        "measured": (value := measured(built)) and round(value.mean, 2),
        "interval": value and [round(value.low, 2), round(value.high, 2)],
        "n": len(built),
        "runs": [result["id"] for result in built],
        "recorded": (value := measured(recorded)) and round(value.mean, 2),
        "recorded_interval": value and [round(value.low, 2), round(value.high, 2)],
        "recorded_n": len(recorded),
        "recorded_code_is_current": all(r["provenance"]["code"] == code_hash() for r in recorded) if recorded else None,
        "missing": missing_data(cell.spec(protocol, 0)),
    }


def difference(results_a: list[dict], results_b: list[dict]) -> Estimate:
    """Mean difference a - b in percent with its 95 % interval, paired by seed and sequence."""
    seeds = sorted({r["spec"]["seed"] for r in results_a} & {r["spec"]["seed"] for r in results_b})
    a, b = ([r for r in results if r["spec"]["seed"] in seeds] for results in (results_a, results_b))
    key = lambda r: r["spec"]["seed"]  # noqa: E731
    return estimate(scores(sorted(a, key=key)) - scores(sorted(b, key=key)))
