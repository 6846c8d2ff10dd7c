"""Results of runs as one frame, a row a score: recorded ones, which ship with the book, and those of this build."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from socl_book.provenance import describe_changes
from socl_book.records import DIGITS, Result, read_records, recorded_file, result_of
from socl_book.tables import Cell, Table, all_tables, build_seeds, missing_data, wanted_specs
from socl_core.runs.store import Run
from socl_core.scoring.statistics import Estimate, estimate, prediction

SOURCES = {"recorded": "recorded", "build": "this build"}  # and what pages call them
POOLED = ("got10k_ao", "got10k_sr50", "got10k_sr75")  # metrics over the frames of all sequences together
COLUMNS = ["source", "method", "parameters", "seed", "set", "sequence", "metric", "value", "run"]


@dataclass(frozen=True)
class Agreement:
    """A build's mean of a cell, and where a build of as many seeds falls in 95 of 100 cases by the recorded seeds."""

    mean: float
    low: float
    high: float

    @property
    def inside(self) -> bool:
        return bool(self.low <= self.mean <= self.high)


@dataclass(frozen=True)
class Results:
    """Results behind tables at a protocol, by source ("recorded" or "build") and id of their run."""

    protocol: str
    runs: dict[tuple[str, str], Result]

    @cached_property
    def frame(self) -> pd.DataFrame:
        """A row a score, in [0, 1] where it is a share. parameters: what sets the run apart, without the seed."""
        rows = []
        for (source, run), result in self.runs.items():
            about = source, result.spec.method, describe_changes(result.spec), result.spec.seed
            rows += [
                (*about, name, sequence, metric, value, run)
                for name, sequences in result.sequences.items()
                for sequence, scores in sequences.items()
                for metric, value in scores.items()
            ]
        return pd.DataFrame(rows, columns=COLUMNS)

    def without(self, left_out: Callable[[str], bool]) -> "Results":
        """These results without the sequences that are left out."""
        fewer = Results(self.protocol, self.runs)
        names = [name for name in self.frame.sequence.unique() if left_out(name)]
        fewer.__dict__["frame"] = self.frame[~self.frame.sequence.isin(names)]
        return fewer

    @cached_property
    def _settings(self) -> dict[tuple[str, str, str], pd.DataFrame]:
        """The frame by source, method and parameters: a page selects hundreds of times."""
        return dict(iter(self.frame.groupby(["source", "method", "parameters"])))

    def protocol_of(self, source: str) -> str:
        """The protocol of a source's results: the records of laptop stand in where a protocol has none."""
        recorded = source == "recorded" and not recorded_file(self.protocol).exists()
        return "laptop" if recorded else self.protocol

    def name_of(self, source: str) -> str:
        """What pages call a source; records of another protocol are named after it."""
        own = self.protocol_of(source)
        return SOURCES[source] + ("" if own == self.protocol else f" ({own})")

    def select(self, cell: Cell, source: str) -> pd.DataFrame:
        """The rows of the frame behind a cell, by seed."""
        protocol = self.protocol_of(source)
        setting = source, cell.method, describe_changes(cell.spec(protocol, 0))
        rows = self._settings.get(setting, self.frame[:0])
        chosen = (rows.metric == cell.metric) & rows.set.isin(cell.measured_on(protocol))
        return rows[chosen].sort_values("seed", kind="stable")

    def runs_of(self, cell: Cell, source: str) -> list[Result]:
        """The results behind a cell, by seed."""
        return [self.runs[source, run] for run in self.select(cell, source).run.unique()]

    def scores(self, cell: Cell, source: str) -> pd.DataFrame:
        """Scores of a cell in percent: a row a seed, a column a (set, sequence) that all seeds have."""
        scores = self.select(cell, source).pivot(index="seed", columns=["set", "sequence"], values="value")
        return 100 * scores.dropna(axis="columns")

    def measured(self, cell: Cell, source: str) -> Estimate | None:
        """Mean of a cell in percent with its 95 % interval; None without a result."""
        return self._estimate(self.scores(cell, source), (cell,), source)

    def differences(self, above: tuple[Cell, ...], below: tuple[Cell, ...], source: str) -> pd.DataFrame:
        """Scores of some cells less those of others in percent, for the seeds and sequences that both have.

        Where a sequence counts in several pairs of cells, its difference is the mean of theirs.
        """
        pairs = [self._difference(a, b, source) for a, b in zip(above, below)]
        known = [pair.dropna(how="all").dropna(axis="columns") for pair in pairs]
        seeds = set.intersection(*(set(pair.index) for pair in known))
        return pd.concat(known).groupby(level=0).mean().loc[sorted(seeds)] if seeds else known[0][:0]

    def _difference(self, above: Cell, below: Cell, source: str) -> pd.DataFrame:
        ours, theirs = self.scores(above, source), self.scores(below, source)
        if len(theirs) == 1 and not below.spec(self.protocol, 0).network:  # it draws nothing: each seed is the same
            theirs = theirs.reindex(ours.index, method="nearest")
        return ours - theirs

    def difference(self, above: tuple[Cell, ...], below: tuple[Cell, ...], source: str) -> Estimate | None:
        """Mean of `differences` with its 95 % interval; None without a seed that all have."""
        return self._estimate(self.differences(above, below, source), above, source)

    def agreement(self, cell: Cell) -> "Agreement | None":
        """Whether this build's mean lies where the recorded seeds say that such a build falls; None where unknown.

        Records of the build's own seeds do not count: on the processor that made them they are the same runs.
        """
        recorded, built = self.scores(cell, "recorded"), self.scores(cell, "build")
        recorded = recorded.drop(built.index, errors="ignore")
        if len(recorded) < 2 or built.empty or self.protocol_of("recorded") != self.protocol:
            return None
        d, low_high = built.to_numpy().mean(), prediction(recorded.mean(axis="columns").to_numpy(), len(built))
        return Agreement(float(d), *low_high)

    def _estimate(self, values: pd.DataFrame, cells: tuple[Cell, ...], source: str) -> Estimate | None:
        if values.empty:
            return None
        scores = self.runs_of(cells[0], source)[0].sequences
        pooled = [scores[name][sequence].get("got10k_frames") for name, sequence in values.columns]
        # Two targets of one video are no two videos: Jogging.1 and Jogging.2 count together.
        videos = [f"{name} {sequence.partition('.')[0]}" for name, sequence in values.columns]
        return estimate(values, pooled if {cell.metric for cell in cells} <= {*POOLED} else None, videos)

    def describe(self, cell: Cell) -> dict:
        """A cell as plain data: paper, measured in this store, recorded, n, run ids."""
        built, recorded = (self.runs_of(cell, source) for source in ("build", "recorded"))
        means = [self.measured(cell, source) for source in ("build", "recorded")]
        (mean, interval), (recorded_mean, recorded_interval) = (
            (d and round(d.mean, DIGITS), d and [round(d.low, DIGITS), round(d.high, DIGITS)]) for d in means
        )
        return {
            "row": cell.row,
            "column": cell.column,
            "metric": cell.metric,
            "measured_on": cell.measured_on(self.protocol),
            "paper": cell.paper,
            "measured": mean,
            "interval": interval,
            "n": len(built),
            "runs": [result.id for result in built],
            "recorded": recorded_mean,
            "recorded_interval": recorded_interval,
            "recorded_n": len(recorded),
            "agrees": (found := self.agreement(cell)) and found.inside,
            "recorded_code_is_current": all(result.is_current for result in recorded) if recorded else None,
            "missing": missing_data(cell.spec(self.protocol, 0)),
        }


def read_results(protocol: str, tables: list[Table] | None = None, seeds: list[int] | None = None) -> Results:
    """All recorded results of a protocol, and those of finished runs behind tables, at the seeds of a build."""
    results = Results(protocol, {})
    for result in read_records(results.protocol_of("recorded")):
        results.runs["recorded", result.id] = result
    tables = list(all_tables().values()) if tables is None else tables
    cells = [cell for table in tables for cell in table.cells]
    seeds = build_seeds(protocol) if seeds is None else seeds
    for spec in dict.fromkeys(cell.spec(protocol, seed) for cell in cells for seed in seeds):
        if (run := Run.of(spec)).state == "ok":
            results.runs["build", run.id] = result_of(run)
    return results


def run_tables(protocol: str, tables: list[Table] | None = None) -> Results:
    """Results of all tables, after those runs of a build that some tables, all by default, still miss."""
    from socl_core.runs.pipeline import run_or_load  # slow to import, and a page without runs needs none

    for spec in wanted_specs(protocol, tables):
        run_or_load(spec)
    return read_results(protocol)
