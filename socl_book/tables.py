"""The paper's tables, and ours in their form, as data: one file of tables/ holds a table, its claims and its page."""

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from socl_core import data
from socl_core.errors import DataError, known
from socl_core.methods.spec import RunSpec
from socl_core.runs.spec import make_spec, read_protocol

FOLDER = Path(__file__).with_name("tables")


@dataclass(frozen=True)
class Cell:
    """One cell: a method with its changes to the protocol, and the paper's number in percent.

    metric: which score, as `evaluate` names it. variant: block of the protocol's file that applies. in_build:
    whether a build of the book runs it; the others are shown from recorded results, or run with
    `socl table NAME --run`. benchmark: whose convention the metric follows. test_set: the one that counts.
    """

    row: str
    column: str
    method: str
    changes: dict = field(default_factory=dict, hash=False)
    paper: float | None = None
    variant: str | None = None
    in_build: bool = True
    metric: str = "auc"
    benchmark: str = ""
    test_set: str | None = None

    def spec(self, protocol: str, seed: int) -> RunSpec:
        """The run behind the cell. Raises `UsageError` for a change that its method does not know."""
        return _cell_spec(self, protocol, seed)

    def measured_on(self, protocol: str) -> list[str]:
        """Evaluation sets that the number is over: `test_set`, or those in its benchmark's layout, or else all."""
        sets = [self.test_set] if self.test_set else self.spec(protocol, 0).test
        return [name for name in sets if name.partition(":")[0] == self.benchmark] or list(sets)


@cache  # a protocol's file takes some milliseconds to read, and a page asks for hundreds of specs
def _cell_spec(cell: Cell, protocol: str, seed: int) -> RunSpec:
    return make_spec(protocol, cell.method, cell.variant, seed=seed, **cell.changes)


@dataclass(frozen=True)
class Claim:
    """A claim that one cell is above another, or at most `margin` points below it. section: where the paper says so."""

    section: str
    text: str
    above: Cell
    below: Cell
    margin: float = 0.0
    tag: Literal["S", "A", "R"] = "S"

    @property
    def paper(self) -> float | None:
        """The paper's difference in points."""
        return self.above.paper - self.below.paper if self.above.paper and self.below.paper else None


@dataclass(frozen=True)
class MapClaim:
    """A claim about maps, not trackers: that a number is positive, video by video.

    measure: its name among those of `verdicts.EVIDENCE`, as in "clip.spill".
    """

    section: str
    text: str
    measure: str
    tag: Literal["S", "A", "R"] = "S"
    paper: float | None = None


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ColumnEntry(_Entry):
    """What the cells of a column have in common."""

    changes: dict[str, Any] = {}
    metric: str = "auc"
    benchmark: str = ""
    test_set: str | None = None
    build: bool = True


class RowEntry(_Entry):
    """What the cells of a row have in common. columns: those in which it has one; paper: a number for each."""

    method: str | None = None
    variant: str | None = None
    changes: dict[str, Any] = {}
    columns: list[str] | None = None
    paper: list[float | None] | None = None
    build: bool = True


class ClaimEntry(_Entry):
    """A claim: about cells `above` and `below`, each [row, column] or a row in every column; or about a `measure`."""

    text: str
    above: tuple[str, str] | str | None = None
    below: tuple[str, str] | str | None = None
    margin: float = Field(0.0, ge=0)
    measure: str | None = None
    section: str | None = None
    tag: Literal["S", "A", "R"] = "S"

    @model_validator(mode="after")
    def _is_of_one_kind(self):
        if not (type(self.above) is type(self.below) and (self.above is None) != (self.measure is None)):
            raise ValueError("a claim has either `above` and `below`, alike, or a `measure`")
        return self


class Table(_Entry):
    """A table of the paper, or one of ours in its form, and what it claims.

    pages: notebooks that read its runs, the one that shows it first. section: of its claims. base: the row that
    the others are compared with. method, changes, build: of all its cells.
    """

    name: str
    title: str
    unit: str = "AUC in percent"
    pages: list[str] = Field(min_length=1)
    section: str = ""
    base: str | None = None
    method: str | None = None
    changes: dict[str, Any] = {}
    build: bool = True
    column_entries: dict[str, ColumnEntry] = Field({}, alias="columns")
    row_entries: dict[str, RowEntry] = Field({}, alias="rows")
    claim_entries: list[ClaimEntry] = Field([], alias="claims")

    _cells: dict[tuple[str, str], Cell] = {}

    @model_validator(mode="after")
    def _fits_together(self):
        for row, entry in self.row_entries.items():
            columns = list(self.column_entries) if entry.columns is None else entry.columns
            paper = entry.paper or [None] * len(columns)
            if len(paper) != len(columns):
                raise ValueError(f"row {row} has {len(columns)} columns and {len(paper)} numbers of the paper")
            for column, number in zip(columns, paper):
                self._cells[row, column] = self._make_cell(row, column, number)
        if self.base not in (None, *self.row_entries):
            raise ValueError(f"there is no row {self.base!r} to compare with")
        if len(self.claims) < len(self.claim_entries):
            raise ValueError("a claim about whole rows needs a column that both have")
        return self

    def _make_cell(self, row: str, column: str, paper: float | None) -> Cell:
        own, method = self.row_entries[row], self.row_entries[row].method or self.method
        if column not in self.column_entries or not method:
            raise ValueError(f"row {row} has no method" if not method else f"row {row}: there is no column {column}")
        shared = self.column_entries[column]
        return Cell(
            row, column, method, self.changes | shared.changes | own.changes, paper, own.variant,
            self.build and shared.build and own.build, shared.metric, shared.benchmark, shared.test_set,
        )  # fmt: skip

    @property
    def cells(self) -> tuple[Cell, ...]:
        return tuple(self._cells.values())

    @property
    def rows(self) -> list[str]:
        return list(self.row_entries)

    @property
    def columns(self) -> list[str]:
        return list(self.column_entries)

    @property
    def label(self) -> str:
        """What the table is called on other pages."""
        return f"Table {self.name}" if self.name.isdigit() else self.title

    def cell(self, row: str, column: str) -> Cell:
        """The cell of a row and a column. Raises `ValueError` where there is none."""
        if (row, column) not in self._cells:
            raise ValueError(f"there is no cell [{row}, {column}]")
        return self._cells[row, column]

    @property
    def claims(self) -> list[Claim | MapClaim]:
        """What the table claims: an entry about whole rows makes one claim in each column that both have."""
        found = []
        for entry in self.claim_entries:
            section = self.section if entry.section is None else entry.section
            if entry.measure:
                found.append(MapClaim(section, entry.text, entry.measure, entry.tag))
                continue
            pairs = {"": (entry.above, entry.below)}
            if isinstance(entry.above, str):
                pairs = {column: ((entry.above, column), (entry.below, column)) for column in self.columns}
                pairs = {column: pair for column, pair in pairs.items() if self._cells.keys() >= set(pair)}
            for column, (above, below) in pairs.items():
                text = entry.text.format(column=column, margin=entry.margin)
                found.append(Claim(section, text, self.cell(*above), self.cell(*below), entry.margin, entry.tag))
        return found


def read_table(path: Path) -> Table:
    """The table in a YAML file, named after it. Raises `DataError` that names the file and what is wrong in it."""
    try:
        return Table.model_validate({"name": path.stem} | yaml.safe_load(path.read_text()))
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"]))
        message = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise DataError(f"{path}: {f'{where}: ' if where else ''}{message}") from error
    except (OSError, ValueError, TypeError, yaml.YAMLError) as error:
        raise DataError(f"{path} is no table: {error}") from error


@cache
def all_tables() -> dict[str, Table]:
    """Every table of the book by its name: those of the paper, then ours."""
    return {path.stem: read_table(path) for path in sorted(FOLDER.glob("*.yaml"))}


def find_table(name: str) -> Table:
    """A table by its name. Raises `UsageError` for an unknown one, or one that has claims alone."""
    return all_tables()[known("table", name, [name for name, table in all_tables().items() if table.cells])]


def tables_read_by(page: str) -> list[Table]:
    """The tables whose runs a notebook reads; the page of all claims reads every one."""
    return [table for table in all_tables().values() if page in (*table.pages, "claims")]


def all_claims() -> list[Claim | MapClaim]:
    """Every checkable statement of the paper, in its order; the abstract's first."""
    claims = [claim for table in all_tables().values() for claim in table.claims]
    return sorted(claims, key=lambda claim: claim.section != "abstract")


def build_seeds(protocol: str) -> list[int]:
    """Seeds that a build of the book runs at a protocol."""
    return read_protocol(protocol)["seeds"]


def missing_data(spec: RunSpec) -> str | None:
    """None when the data of a spec is there, else what is missing."""
    names = (*spec.training_sets, *spec.test)
    return next((message for name in names if (message := data.available(name))), None)


def wanted_specs(
    protocol: str, tables: list[Table] | None = None, seeds: list[int] | None = None, whole: bool = False
) -> list[RunSpec]:
    """Specs behind tables at a protocol whose data is there, each once; of a build, or of the whole tables."""
    seeds = build_seeds(protocol) if seeds is None else seeds
    tables = list(all_tables().values()) if tables is None else tables
    cells = [cell for table in tables for cell in table.cells if whole or cell.in_build]
    specs = [cell.spec(protocol, seed) for cell in cells for seed in seeds]
    return [spec for spec in dict.fromkeys(specs) if not missing_data(spec)]
