"""The paper's tables, and ours in their form, as data: one file of tables/ holds a table, its claims and its page."""

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


class Cell(BaseModel):
    """One cell: a method with its changes to the protocol, and the paper's number in percent.

    variant: block of the protocol's file that applies. build: whether a build of the book runs it; the others are
    shown from recorded results, or run with `socl table NAME --run`. metric: which score, as `evaluate` names it.
    benchmark: whose convention that is. test_set: the one that counts.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    row: str
    column: str
    method: str
    changes: dict[str, Any] = {}
    paper: float | None = None
    variant: str | None = None
    build: bool = True
    metric: str = "auc"
    benchmark: str = ""
    test_set: str | None = None

    def spec(self, protocol: str, seed: int) -> RunSpec:
        """The run behind the cell. Raises `UsageError` for a change that its method does not know."""
        return make_spec(protocol, self.method, self.variant, seed=seed, **self.changes)

    def measured_on(self, protocol: str) -> list[str]:
        """Evaluation sets that the number is over: `test_set`, or those in its benchmark's layout, or else all."""
        sets = [self.test_set] if self.test_set else self.spec(protocol, 0).test
        return [name for name in sets if name.partition(":")[0] == self.benchmark] or list(sets)


class Claim(BaseModel):
    """A claim that some cells are above others, or at most `margin` points below them; or one about maps, not trackers.

    above, below: cells in pairs; of several, the mean difference counts. detail: whether it only divides up such a
    claim of its table. measure: name of a number that is positive, video by video, where the claim on maps holds, as
    in "clip.spill". section: where the paper says so.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    section: str
    text: str
    above: tuple[Cell, ...] = ()
    below: tuple[Cell, ...] = ()
    detail: bool = False
    measure: str | None = None
    margin: float = Field(0.0, ge=0)
    tag: Literal["S", "A", "R"] = "S"

    @model_validator(mode="after")
    def _is_of_one_kind(self):
        if len(self.above) != len(self.below) or bool(self.above) == bool(self.measure):
            raise ValueError("a claim has either `above` and `below`, or a `measure`")
        return self

    @property
    def paper(self) -> float | None:
        """The paper's difference in points."""
        numbers = [(above.paper, below.paper) for above, below in zip(self.above, self.below)]
        if not numbers or not all(all(pair) for pair in numbers):
            return None
        return sum(above - below for above, below in numbers) / len(numbers)


class Table(BaseModel):
    """A table of the paper, or one of ours in its form, and what it claims.

    pages: notebooks that read its runs, the one that shows it first. base: the row that the others are compared with.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    title: str
    unit: str = "AUC in percent"
    pages: list[str] = Field(min_length=1)
    base: str | None = None
    columns: list[str]
    cells: tuple[Cell, ...]
    claims: tuple[Claim, ...]

    @property
    def rows(self) -> list[str]:
        return list(dict.fromkeys(cell.row for cell in self.cells))

    @property
    def label(self) -> str:
        """What the table is called on other pages."""
        return f"Table {self.name}" if self.name.isdigit() else self.title

    def cell(self, row: str, column: str) -> Cell:
        """The cell of a row and a column. Raises `KeyError` where there is none."""
        return {(cell.row, cell.column): cell for cell in self.cells}[row, column]


def read_table(path: Path) -> Table:
    """The table in a YAML file, named after it. Raises `DataError` that names the file and what is wrong in it.

    `columns` and `rows` hold what cells have by their column and row, and `common` what all have; of a row, `columns`
    are those where it has a cell, and `paper` has a number for each. `above` and `below` of claims are [row, column].
    """
    try:
        content = yaml.safe_load(path.read_text())
        common, columns, rows = (content.pop(part, {}) for part in ("common", "columns", "rows"))
        cells = [cell for row, own in rows.items() for cell in _cells(common, columns, row, own)]
        cells = {(cell.row, cell.column): cell for cell in cells}
        section, entries = content.pop("section", ""), content.pop("claims", [])
        claims = [claim for entry in entries for claim in _claims({"section": section} | entry, cells, columns)]
        if content.get("base") not in (None, *rows):
            raise ValueError(f"there is no row {content['base']} to compare with")
        return Table(name=path.stem, columns=list(columns), cells=tuple(cells.values()), claims=claims, **content)
    except ValidationError as error:
        first = error.errors()[0]
        raise DataError(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    except KeyError as error:
        raise DataError(f"{path}: there is no {error.args[0]}") from error
    except (OSError, ValueError, TypeError, AttributeError, yaml.YAMLError) as error:
        raise DataError(f"{path}: {error}") from error


def _cells(common: dict, columns: dict[str, dict], row: str, own: dict) -> list[Cell]:
    """The cells of a row: a cell has what all have, what its column has and what its row has."""
    own = dict(own)
    names = own.pop("columns", list(columns))
    paper = own.pop("paper", [None] * len(names))
    cells = []
    for column, number in zip(names, paper, strict=True):
        parts = (common, columns[column], own)
        cell = {name: value for part in parts for name, value in part.items()}
        cell["changes"] = {name: value for part in parts for name, value in part.get("changes", {}).items()}
        cell["build"] = all(part.get("build", True) for part in parts)
        cells.append(Cell(row=row, column=column, paper=number, **cell))
    return cells


def _claims(entry: dict, cells: dict[tuple[str, str], Cell], columns: dict) -> list[Claim]:
    """The claims of an entry: one; or, where `above` and `below` are rows, one in each column that both have.

    With `pooled` that is one claim on the mean over these columns, and its columns follow as details.
    """
    entry = dict(entry)
    pooled, above, below = entry.pop("pooled", None), entry.pop("above", None), entry.pop("below", None)
    if not (isinstance(above, str) and isinstance(below, str)):
        sides = {side: (cells[tuple(at)],) for side, at in (("above", above), ("below", below)) if isinstance(at, list)}
        return [_worded(Claim(**entry, **sides))]
    both = [column for column in columns if {(above, column), (below, column)} <= cells.keys()]
    if not both:
        raise ValueError(f"no column has a cell in both rows {above} and {below}")
    pairs = {column: {"above": (cells[above, column],), "below": (cells[below, column],)} for column in both}
    details = [_worded(Claim(**entry, **pairs[column], detail=bool(pooled)), column) for column in both]
    if not pooled:
        return details
    sides = {side: tuple(pair[side][0] for pair in pairs.values()) for side in ("above", "below")}
    return [Claim(**entry | {"text": pooled}, **sides), *details]


def _worded(claim: Claim, column: str = "") -> Claim:
    return claim.model_copy(update={"text": claim.text.format(column=column, margin=claim.margin)})


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


def all_claims() -> list[Claim]:
    """Every checkable statement of the paper, in its order; the abstract's last, which name no numbers."""
    claims = [claim for table in all_tables().values() for claim in table.claims]
    return sorted(claims, key=lambda claim: claim.section == "abstract")


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
    cells = [cell for table in tables for cell in table.cells if whole or cell.build]
    specs = [cell.spec(protocol, seed) for cell in cells for seed in seeds]
    return [spec for spec in dict.fromkeys(specs) if not missing_data(spec)]
