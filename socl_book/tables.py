"""The paper's tables as data: which run stands behind each cell, and what the paper says."""

import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from socl_book.provenance import kept, repeats
from socl_book.results import measured
from socl_core import data
from socl_core.data.annotation import BUDGETS
from socl_core.data.files import write_atomic
from socl_core.errors import UsageError, unknown
from socl_core.methods.spec import RunSpec
from socl_core.runs.identity import run_code
from socl_core.runs.spec import make_spec, read_protocol, read_spec
from socl_core.runs.store import RUNS, Run

RECORDED = Path(__file__).parents[1] / "recorded"


@dataclass(frozen=True)
class Cell:
    """One cell: a method with its changes to the protocol, and the paper's number in percent.

    metric: which score, as `evaluate` names it. variant: block of the protocol's file that applies. in_build:
    whether a build of the book runs it; the others are shown from recorded results, or run with
    `socl table NAME --run`. on: the one evaluation set that counts; all those of the metric by default.
    """

    row: str
    column: str
    method: str
    changes: dict = field(default_factory=dict, hash=False)
    paper: float | None = None
    variant: str | None = None
    in_build: bool = True
    metric: str = "auc"
    on: str | None = None

    def spec(self, protocol: str, seed: int) -> RunSpec:
        return make_spec(protocol, self.method, self.variant, seed=seed, **self.changes)

    def measured_on(self, protocol: str) -> list[str]:
        """Evaluation sets that the number is over: those of the metric's own benchmark, or else all."""
        sets, benchmark = self.spec(protocol, 0).test, self.metric.partition("_")[0]
        if self.on:
            return [self.on]
        return [name for name in sets if name.partition(":")[0] == benchmark] or list(sets)


@dataclass(frozen=True)
class Table:
    """A table of the paper, or one of ours in its form."""

    name: str
    title: str
    cells: tuple[Cell, ...]
    unit: str = "AUC in percent"

    @property
    def rows(self) -> list[str]:
        return list(dict.fromkeys(cell.row for cell in self.cells))

    @property
    def columns(self) -> list[str]:
        return list(dict.fromkeys(cell.column for cell in self.cells))


TABLE_1_COLUMNS = {
    "GOT-10k AO": "got10k_ao",
    "GOT-10k SR.5": "got10k_sr50",
    "GOT-10k SR.75": "got10k_sr75",
    "TrackingNet AUC": "trackingnet_auc",
    "TrackingNet Pnorm": "trackingnet_normalised_precision",
    "TrackingNet P": "trackingnet_precision",
    "LaSOT AUC": "lasot_auc",
    "LaSOT Pnorm": "lasot_normalised_precision",
    "LaSOT P": "lasot_precision",
}
PAPER_TABLE_1 = {
    "TransT": (59.1, 68.0, 51.9, 72.4, 76.4, 67.1, 48.9, 50.1, 46.8),
    "SoCL-TransT": (62.2, 72.4, 52.5, 75.0, 80.5, 71.1, 56.0, 59.0, 56.9),
}  # [S]
ALL_TRANST = "TransT, every frame boxed (4.5 x the cost)"
PAPER_TABLE_2 = {"Box-Siam": (52.2, 54.3, 58.1, 58.8), "SoCL-Siam": (56.7, 58.2, 59.8, 60.9)}  # [S]
ALL_BOXES = "Box-Siam, every frame boxed (4.5 x the cost)"
BASELINES = {
    "random weights, cosine": ("random-siam", {}),
    "random weights, dot product": ("random-siam", {"correlation": "dot"}),
    "MIL (OpenCV)": ("mil", {}),
}


def _table_1() -> Table:
    """Same cost: SoCL-TransT clicks every frame of all videos, TransT boxes every frame of some videos. [S]"""
    rows = {row: (row.lower(), {}, numbers, True) for row, numbers in PAPER_TABLE_1.items()}
    rows[ALL_TRANST] = ("transt", {"labelled": 1.0}, (None,) * 9, False)
    rows["Box-Siam"] = ("box-siam", {"share": 1.0}, (None,) * 9, False)  # Table 2 trains it
    cells = (
        Cell(row, column, method, changes, number, in_build=in_build, metric=metric)
        for row, (method, changes, numbers, in_build) in rows.items()
        for (column, metric), number in zip(TABLE_1_COLUMNS.items(), numbers)
    )
    title = "TransT and SoCL-TransT at equal annotation time"
    return Table("1", title, tuple(cells), "percent, each benchmark's own convention")


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
    """Trained on composite and real_mini, or as the other tables on composite alone; tested on whole OTB sequences."""
    train, test = {"data": ("composite", "real_mini")}, {"test": ("otb",)}
    rows = {
        "SoCL-Siam, points": ("socl-siam", train | test),
        "SoCL-CF, points": ("socl-cf", train | test),
        "Box-Siam, 22 % of the boxes": ("box-siam", train | test),
        "random weights, cosine": ("random-siam", test),
        "MIL (OpenCV)": ("mil", test),
    }
    cells = [
        Cell(row, "AUC", method, changes, variant="real", in_build=row == "SoCL-Siam, points")
        for row, (method, changes) in rows.items()
    ]
    cells[3:3] = [
        Cell(f"{row}, composite alone", "AUC", method, test | {"data": ("composite",)}, in_build=False)
        for row, method in (("SoCL-Siam, points", "socl-siam"), ("Box-Siam, 22 % of the boxes", "box-siam"))
    ]
    return Table("real", "Trained on composite and real video, tested on OTB sequences", tuple(cells))


PAPER_TABLE_3 = {"SoCL-Siam": (60.9, 49.5), "SoCL-CF": (68.8, 69.6)}  # [S]
HEADS = {"without head": False, "with head": True}


def _table_3() -> Table:
    """A projection head in training, for a tracker that never learns online and for one that does. [S]

    The correlation filter on boxes and on random weights is ours, for scale.
    """
    cells = [
        Cell(row, column, row.lower(), {"head": head}, paper)
        for row, numbers in PAPER_TABLE_3.items()
        for (column, head), paper in zip(HEADS.items(), numbers)
    ]
    cells.append(Cell("Box-CF, 22 % of the boxes", "without head", "box-cf", in_build=False))
    cells.append(Cell("random weights, CF", "without head", "random-cf"))
    return Table("3", "SoCL-Siam and SoCL-CF, trained without and with a projection head", tuple(cells))


PAPER_TABLE_4 = {0.05: 60.0, 0.1: 60.9, 0.15: 59.5, 0.2: 59.1}  # [S]
SWEEP = (0.02, *PAPER_TABLE_4, 0.4)


def _table_4() -> Table:
    """SoCL-Siam at the paper's four clip fractions, and at two beyond them. [S for the four]"""
    cells = (
        Cell(
            "SoCL-Siam", f"{eta:.0%}", "socl-siam", {"eta": eta}, PAPER_TABLE_4.get(eta), in_build=eta in PAPER_TABLE_4
        )
        for eta in SWEEP
    )
    return Table("4", "SoCL-Siam by the clip fraction eta", tuple(cells))


NOISES = (0.0, 0.1, 0.2)


def _table_noise() -> Table:
    """SoCL-Siam trained from careless clicks: the paper's abstract calls it robust to annotation noise. [A]"""
    cells = (
        Cell("SoCL-Siam", f"error {noise:.0%}", "socl-siam", {"point_noise": noise}, in_build=False) for noise in NOISES
    )
    return Table("noise", "SoCL-Siam by the error of its clicks, in sides of the target", tuple(cells))


START = "starting point"  # row of the recipe that the others are compared with
STARTED = {"scale_rule": "window", "tau": 0.1, "tau_n": 0.1, "background": 0.05, "zoom": 0.1, "shift": 16.0,
           "batch": 16, "steps": 200, "lst": 0.0, "scales": 3, "window_influence": 0.176}  # fmt: skip
RECIPE = {  # one part of the reconstruction at a time
    START: {},
    "crop scale: of pseudo boxes": {"scale_rule": "pseudo"},
    "crop scale: free": {"scale_rule": "free"},
    "temperature of the loss .05": {"tau": 0.05},
    "temperature of the loss .2": {"tau": 0.2},
    "temperature of hard negatives .05": {"tau_n": 0.05},
    "temperature of hard negatives .2": {"tau_n": 0.2},
    "background below 20 % of the peak": {"background": 0.2},
    "zoom up to 25 %": {"zoom": 0.25},
    "shift up to 32 px": {"shift": 32.0},
    "batches of 32": {"batch": 32},
    "400 steps": {"steps": 400},
    "five scales of the tracker": {"scales": 5},
    "window of the tracker .3": {"window_influence": 0.3},
    "local soft templates": {"lst": 1.0},
}
KEPT = "as the protocol has it now"
DEV_SETS = {"composite dev": "composite", "otb_dev": "otb_dev"}


def _recipe() -> Table:
    """What each part of the reconstruction does for SoCL-Siam, on development videos alone. [R]"""
    dev = {"split": "dev", "test": tuple(DEV_SETS.values())}
    rows = {row: STARTED | changes for row, changes in RECIPE.items()} | {KEPT: {}}
    cells = (
        Cell(row, column, "socl-siam", dev | changes, in_build=False, on=name)
        for row, changes in rows.items()
        for column, name in DEV_SETS.items()
    )
    return Table("recipe", "SoCL-Siam with one part of the reconstruction changed, on development videos", tuple(cells))


EVEN = "even draws, nothing turned, 800 steps"
TURNED = "small shifts prevail, pairs turned, 800 steps"
HEAVY = "second matches at weight 4"
BEFORE = {"steps": 800, "weight_decay": 1e-4, "mismatch": 4.0, "mismatch_share": 1.0}
TRANST = {
    EVEN: BEFORE | {"turn_pairs": False, "jitter_power": 1.0},
    TURNED: BEFORE | {"turn_pairs": True, "jitter_power": 2.0},
    KEPT: {},
    HEAVY: {"mismatch": 4.0},
}
TRANST_ROWS = {row: (row.lower(), {}) for row in PAPER_TABLE_1} | {ALL_TRANST: ("transt", {"labelled": 1.0})}


def _table_transt() -> Table:
    """What the way to draw training pairs, longer training and second matches do for the rows of Table 1. [R]"""
    cells = (
        Cell(row, column, method, own | changes, in_build=False, metric="got10k_ao")
        for row, changes in TRANST.items()
        for column, (method, own) in TRANST_ROWS.items()
    )
    return Table("transt", "TransT by the pairs and steps of its training", tuple(cells), "AO in percent")


def _table_template() -> Table:
    """Does TransT look at its template? The score of the true box with it, and with that of another video. [R]"""
    columns = {"own template": "template_own", "another's template": "template_other"}
    cells = (
        Cell(row + words, column, method, own | TRANST[kind], in_build=row + words in PAPER_TABLE_1, metric=metric)
        for kind, words in ((KEPT, ""), (HEAVY, f", {HEAVY}"))
        for row, (method, own) in TRANST_ROWS.items()
        for column, metric in columns.items()
    )
    title = "TransT by what it makes of its template"
    return Table("template", title, tuple(cells), "target score of the cells in the true box, in percent")


TABLES = {
    "1": _table_1(),
    "2": _table_2(),
    "3": _table_3(),
    "4": _table_4(),
    "noise": _table_noise(),
    "real": _real_video(),
    "recipe": _recipe(),
    "transt": _table_transt(),
    "template": _table_template(),
}


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
    names = (*spec.training_sets, *spec.test)
    return next((message for name in names if (message := data.available(name))), None)


def wanted_specs(
    protocol: str, tables=TABLES.values(), seeds: list[int] | None = None, whole: bool = False
) -> list[RunSpec]:
    """Specs behind tables at a protocol whose data is there, each once; of a build, or of the whole tables."""
    seeds = build_seeds(protocol) if seeds is None else seeds
    cells = [cell for table in tables for cell in table.cells if whole or cell.in_build]
    specs = [cell.spec(protocol, seed) for cell in cells for seed in seeds]
    return [spec for spec in dict.fromkeys(specs) if not missing_data(spec)]


def grid_specs(protocol: str, grid: dict) -> list[RunSpec]:
    """Every combination of parameter values as a spec: {"method": "socl-cf", "eta": [0.05, 0.1], "seed": [0, 1]}.

    A value that is no list is taken as one. Raises `UsageError` for no method, or anything unknown or out of range.
    """
    from sklearn.model_selection import ParameterGrid  # slow to import, and only a grid needs it

    if "method" not in grid:
        raise UsageError(f"a grid names its method, as in {{method: socl-cf, eta: [0.05, 0.1]}}; found {grid}")
    points = ParameterGrid({name: values if isinstance(values, list) else [values] for name, values in grid.items()})
    return [make_spec(protocol, point.pop("method"), **point) for point in points]


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
        spec = read_spec(result["spec"])
        found.setdefault(_without_seed(spec), []).append(result)
    return {key: sorted(results, key=lambda r: r["spec"]["seed"]) for key, results in found.items()}


def record(result: dict, folder: Path = RECORDED, root: Path = RUNS) -> Path:
    """Keeps a result among the recorded ones of its protocol, in place of an earlier one of the same spec.

    With it go a short log and the boxes of one video, of its run in the store `root`, and how far its mean AUC is
    from that of each earlier record, which other code or another machine has made.
    """
    spec = read_spec(result["spec"])
    path = folder / spec.protocol / f"{spec.method}-s{spec.seed}-{result['id']}.json"
    content = result | kept(Run(root / spec.protocol / result["id"]), result)
    found = {other: json.loads(other.read_text()) for other in path.parent.glob(f"{spec.method}-s{spec.seed}-*.json")}
    earlier = {other: old for other, old in found.items() if read_spec(old["spec"]) == spec}
    content["repeats"] = [entry for old in earlier.values() for entry in repeats(old, result)]
    write_atomic(path, json.dumps(content, indent=1) + "\n")
    for other in earlier.keys() - {path}:
        other.unlink()
    _recorded.cache_clear()
    return path


def recorded_protocol(protocol: str, folder: Path = RECORDED) -> str:
    """The protocol whose recorded results a page of `protocol` shows: its own, or laptop where it has none."""
    return protocol if (folder / protocol).is_dir() else "laptop"


def recorded_name(protocol: str) -> str:
    """What recorded results are called on a page of `protocol`: those of another protocol are named after it."""
    own = recorded_protocol(protocol)
    return "recorded" if own == protocol else f"recorded ({own})"


def recorded_results(cell: Cell, protocol: str, folder: Path = RECORDED) -> list[dict]:
    """Recorded results behind a cell, whatever their seeds."""
    protocol = recorded_protocol(protocol, folder)
    found = _recorded(folder / protocol).get(_without_seed(cell.spec(protocol, 0)), [])
    return [result for result in found if cell.metric in next(iter(next(iter(result["sequences"].values())).values()))]


def _without_seed(spec: RunSpec) -> str:
    return json.dumps(spec.model_dump(mode="json", exclude={"seed"}), sort_keys=True)


def describe_cell(cell: Cell, protocol: str, seeds: list[int] | None = None) -> dict:
    """A cell as plain data: paper, measured in this store, recorded, n, run ids."""
    built, recorded = built_results(cell, protocol, seeds), recorded_results(cell, protocol)
    sets = cell.measured_on(protocol)
    recorded_sets = cell.measured_on(recorded_protocol(protocol))
    return {
        "row": cell.row,
        "column": cell.column,
        "metric": cell.metric,
        "measured_on": sets,
        "paper": cell.paper,
        "measured": (value := measured(built, cell.metric, sets)) and round(value.mean, 4),
        "interval": value and [round(value.low, 4), round(value.high, 4)],
        "n": len(built),
        "runs": [result["id"] for result in built],
        "recorded": (value := measured(recorded, cell.metric, recorded_sets)) and round(value.mean, 4),
        "recorded_interval": value and [round(value.low, 4), round(value.high, 4)],
        "recorded_n": len(recorded),
        "recorded_code_is_current": all(r["provenance"]["code"] == run_code(cell.spec(protocol, 0)) for r in recorded)
        if recorded
        else None,
        "missing": missing_data(cell.spec(protocol, 0)),
    }
