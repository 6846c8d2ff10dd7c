"""The paper's claims as objects: what each one says, and how runs or maps of this book judge it.

Every claim says that some difference is positive. It is reproduced when the whole 95 % interval is, contradicted
when the whole interval is negative, else inconclusive.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from socl_book.evidence import clip_evidence, sample_evidence
from socl_book.results import difference
from socl_book.tables import (
    HEADS,
    NOISES,
    PAPER_TABLE_1,
    PAPER_TABLE_2,
    PAPER_TABLE_4,
    TABLE_1_COLUMNS,
    Cell,
    Table,
    build_seeds,
    built_results,
    find_table,
    recorded_name,
    recorded_protocol,
    recorded_results,
)
from socl_core import data
from socl_core.data.annotation import BUDGETS
from socl_core.data.files import write_atomic
from socl_core.models.device import Compute
from socl_core.runs.identity import code_hash
from socl_core.runs.spec import make_spec
from socl_core.runs.store import Run
from socl_core.runs.training_set import CACHE
from socl_core.runs.weights import read_weights
from socl_core.scoring.statistics import Estimate, estimate, verdict


@dataclass(frozen=True)
class Claim:
    """A claim that one cell is above another, or at most `margin` points below it.

    section: where the paper says so. tag: S or A.
    """

    section: str
    text: str
    above: Cell
    below: Cell
    margin: float = 0.0
    tag: Literal["S", "A"] = "S"

    @property
    def paper(self) -> float | None:
        """The paper's difference in points."""
        return self.above.paper - self.below.paper if self.above.paper and self.below.paper else None

    def measured(self, protocol: str) -> dict[str, Estimate]:
        """The difference with its interval, "recorded" and in "this build", where both cells have results.

        Recorded results of another protocol, shown where a protocol has none, have it in their name.
        """
        own = recorded_protocol(protocol)
        sources = {recorded_name(protocol): (recorded_results, own), "this build": (built_results, protocol)}
        found = {}
        for source, (get, own) in sources.items():
            pair = [get(cell, protocol) for cell in (self.above, self.below)]
            scored = (*pair, self.above.metric, self.above.measured_on(own))
            if d := difference(*scored):
                mean, low, high, seeds = d
                found[source] = Estimate(mean + self.margin, low + self.margin, high + self.margin, seeds)
        return found

    def verdict(self, d: Estimate) -> str:
        """What its difference says of the claim. One seed decides nothing: it cannot know how much seeds differ."""
        return verdict(d) if d.seeds > 1 else "inconclusive"


@dataclass(frozen=True)
class MapClaim:
    """A claim about maps, not trackers: `evidence` gives for a protocol a number a video, or None without a run."""

    section: str
    text: str
    evidence: Callable[[str], list[float] | None]
    tag: Literal["S", "A"] = "S"
    paper: float | None = None

    def measured(self, protocol: str) -> dict[str, Estimate]:
        """Mean over videos with its interval, in "this build"; empty where the run behind it is missing."""
        values = self.evidence(protocol)
        return {"this build": estimate(values)} if values else {}

    def verdict(self, d: Estimate) -> str:
        """What its mean over videos says of the claim."""
        return verdict(d)


def of_table(name: str) -> list[Claim]:
    """The claims that a table makes. Raises `UsageError` for an unknown table."""
    cells = {(cell.row, cell.column): cell for cell in find_table(name).cells}
    section = f"Table {name}"
    if name == "1":
        above, below = reversed(PAPER_TABLE_1)
        return [Claim(section, f"points above boxes, {c}", cells[above, c], cells[below, c]) for c in TABLE_1_COLUMNS]
    if name == "2":
        (box, socl), columns = PAPER_TABLE_2, [f"{hours}h" for hours in BUDGETS]
        at_cost = [Claim(section, f"points above boxes at {c}", cells[socl, c], cells[box, c]) for c in columns]
        first, last = columns[0], columns[-1]
        growth = [
            Claim(section, f"{row} grows from {first} to {last}", cells[row, last], cells[row, first])
            for row in (socl, box)
        ]
        return at_cost + growth
    if name == "3":
        without, with_ = HEADS
        return [
            Claim(section, "a head harms SoCL-Siam", cells["SoCL-Siam", without], cells["SoCL-Siam", with_]),
            Claim(section, "a head helps SoCL-CF", cells["SoCL-CF", with_], cells["SoCL-CF", without]),
        ]
    if name == "4":
        best = cells["SoCL-Siam", "10%"]
        others = [cells["SoCL-Siam", f"{eta:.0%}"] for eta in PAPER_TABLE_4 if eta != 0.1]
        return [Claim(section, f"eta 10% above {cell.column}", best, cell) for cell in others]
    if name == "noise":
        # How much is a small loss? The paper's lead of points over boxes: more noise than that would undo it.
        lead = PAPER_TABLE_2["SoCL-Siam"][-1] - PAPER_TABLE_2["Box-Siam"][-1]
        clean, *noisy = (cells["SoCL-Siam", f"error {noise:.0%}"] for noise in NOISES)
        text = f"less than {lead:.1f} lost by clicks with an {{}} of the target's side"
        return [Claim("abstract", text.format(cell.column), cell, clean, lead, "A") for cell in noisy]
    return []


def gains(table: Table, base: str) -> dict[str, dict[str, Claim]]:
    """That each row of a table of several columns is above the row `base`: by row, then by column and over "all"."""
    cells = {(cell.row, cell.column): cell for cell in table.cells}
    found: dict[str, dict[str, Claim]] = {}
    for row in table.rows:
        pairs = {column: (cells[row, column], cells[base, column]) for column in table.columns}
        pairs["all"] = tuple(replace(cell, on=None) for cell in pairs[table.columns[0]])
        found[row] = {column: Claim(table.name, f"{row}, {column}", *pair) for column, pair in pairs.items()}
    return {row: claims for row, claims in found.items() if row != base}


def of_maps() -> list[MapClaim]:
    """The claims of sections D and E of the supplement."""
    clip = {
        "collapse": "without a clip most of the TOP map lies within two cells of the click",
        "widening": "clipped at eta 10 %, weight moves away from the click",
        "spill": "from 10 to 20 %, weight moves into the background",
    }
    samples = {
        "boundary": "soft negatives favour cells beside the target",
        "counterparts": "soft negatives favour other objects",
    }
    parts = (("section D", clip, _clip), ("section E", samples, _samples))
    return [
        MapClaim(section, text, lambda protocol, name=name, measure=measure: measure(protocol).get(name))
        for section, texts, measure in parts
        for name, text in texts.items()
    ]


def all_claims() -> list[Claim | MapClaim]:
    """Every checkable statement of the paper, in its order; the abstract's first."""
    return [*of_table("noise"), *(claim for name in "1234" for claim in of_table(name)), *of_maps()]


def decisive(claim: Claim | MapClaim, protocol: str) -> tuple[str, Estimate] | None:
    """The source with the most seeds, which judges a claim, and its difference; None where nothing was run."""
    return max(claim.measured(protocol).items(), key=lambda item: item[1].seeds, default=None)


def judged(claim: Claim | MapClaim, protocol: str) -> dict:
    """A claim as plain data: section, tag, text, paper, difference with interval, seeds, source, verdict.

    The verdict is "not run" where nothing was run.
    """
    row = {"section": claim.section, "tag": claim.tag, "claim": claim.text, "paper": claim.paper}
    if not (found := decisive(claim, protocol)):
        return row | {"difference": None, "interval": None, "seeds": 0, "source": None, "verdict": "not run"}
    source, d = found
    return row | {
        "difference": round(d.mean, 2),
        "interval": [round(d.low, 2), round(d.high, 2)],
        "seeds": d.seeds,
        "source": source,
        "verdict": claim.verdict(d),
    }


def _clip(protocol: str) -> dict[str, list[float]]:
    videos = make_spec(protocol, "socl-siam").test_videos
    return _kept(f"clip-{data.manifest('composite', 'test')}-{videos}", lambda: clip_evidence(_test_videos(videos)))


def _samples(protocol: str) -> dict[str, list[float]]:
    spec = make_spec(protocol, "socl-siam", seed=build_seeds(protocol)[0])
    run = Run.of(spec)
    if run.state != "ok":
        return {}

    def measure():
        compute = Compute.choose()
        network = read_weights(run.folder / "weights.safetensors", compute)
        return sample_evidence(_test_videos(spec.test_videos), network, spec, compute)

    return _kept(f"samples-{run.id}", measure)


def _test_videos(videos: int | None) -> list:
    return data.load("composite", "test", videos=videos, cache=CACHE)


def _kept(key: str, measure: Callable[[], dict[str, np.ndarray]]) -> dict[str, list[float]]:
    """What `measure` returned the last time that the same code was asked for the same key."""
    digest = hashlib.sha256(
        f"{key} {code_hash('socl_book.evidence', data.layout_module('composite'))}".encode()
    ).hexdigest()[:16]
    path = Path(CACHE) / "evidence" / f"{digest}.json"
    if not path.exists():
        write_atomic(path, json.dumps({name: values.tolist() for name, values in measure().items()}))
    return json.loads(path.read_text())
