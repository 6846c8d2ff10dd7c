"""What became of the claims: how results of this book, or its maps, judge each.

Every claim says that some difference is positive. It is reproduced or contradicted when the difference is not zero by a
test at 5 %, corrected by Holm for the claims of one table; equal when it is surely smaller than the margin, else open.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from socl_book.evidence import clip_evidence, sample_evidence
from socl_book.records import result_of
from socl_book.results import Results
from socl_book.tables import Claim, Table, all_tables, build_seeds
from socl_core import data
from socl_core.data.files import write_atomic
from socl_core.errors import known
from socl_core.models.device import Compute
from socl_core.runs.identity import code_hash
from socl_core.runs.spec import make_spec
from socl_core.runs.store import Run
from socl_core.runs.training_set import CACHE
from socl_core.runs.weights import read_weights
from socl_core.scoring.statistics import MARGIN, Estimate, estimate, holm, verdict


@dataclass(frozen=True)
class Judgement:
    """A claim as judged by the results of one source; "not run" without any."""

    claim: Claim
    source: str | None = None
    difference: Estimate | None = None
    p_value: float | None = None  # corrected for the claims of its table

    @property
    def one_seed(self) -> bool:
        """Whether one seed alone stands behind it, which decides nothing: it cannot know how much seeds differ."""
        return not self.claim.measure and self.difference is not None and self.difference.seeds == 1

    @property
    def verdict(self) -> str:
        """What the difference says of the claim."""
        if self.difference is None:
            return "not run"
        # A loss that a margin allows, and a share of a map, are not differences that could be called small.
        plain = not (self.claim.margin or self.claim.measure)
        return "open" if self.one_seed else verdict(self.difference, MARGIN if plain else 0.0, self.p_value)


def judgements(claim: Claim, results: Results) -> list[Judgement]:
    """A claim as judged by each source that has results for it: recorded ones first, then this build's.

    A claim about maps has its mean over videos in this build. A margin is added to the difference. The claims of a
    table are one family, and the details of a claim another.
    """
    if claim.measure:
        values = measure(claim.measure, results.protocol)
        return [Judgement(claim, "build", estimate(values))] if values else []
    family = next((table.claims for table in all_tables().values() if claim in table.claims), [claim])
    family = [other for other in family if other.detail == claim.detail and not other.measure]
    found = []
    for source in ("recorded", "build"):
        if d := _difference(claim, results, source):
            # Claims that one seed, or none, stands behind belong to the table all the same; they cannot be decided.
            others = [_difference(other, results, source) for other in family if other != claim]
            p_values = holm([d.p_value, *(other.p_value if other and other.seeds > 1 else 1.0 for other in others)])
            found.append(Judgement(claim, source, d, p_values[0]))
    return found


def _difference(claim: Claim, results: Results, source: str) -> Estimate | None:
    """The difference of a claim on trackers, with its margin added."""
    d = results.difference(claim.above, claim.below, source)
    return d and d.shifted(claim.margin)


def judge(claim: Claim, results: Results) -> Judgement:
    """A claim as judged by the source with the most seeds."""
    return max(judgements(claim, results), key=lambda j: j.difference.seeds, default=Judgement(claim))


def as_data(judged: Judgement, results: Results) -> dict:
    """A judged claim as plain data: section, tag, text, paper, difference with interval, seeds, source, verdict."""
    claim, d = judged.claim, judged.difference
    return {
        "section": claim.section,
        "detail": claim.detail,
        "tag": claim.tag,
        "claim": claim.text,
        "paper": claim.paper,
        "difference": d and round(d.mean, 2),
        "interval": d and [round(d.low, 2), round(d.high, 2)],
        "seeds": d.seeds if d else 0,
        "source": judged.source and results.name_of(judged.source),
        "verdict": judged.verdict,
    }


def gains(table: Table) -> dict[str, dict[str, Claim]]:
    """That each row of a table is above its base: by row, then by column and over "all" of their test sets."""
    claims: dict[str, dict[str, Claim]] = {}
    for row in table.rows:
        if row != table.base:
            pairs = {column: (table.cell(row, column), table.cell(table.base, column)) for column in table.columns}
            pairs["all"] = tuple(cell.model_copy(update={"test_set": None}) for cell in pairs[table.columns[0]])
            claims[row] = {
                column: Claim(
                    section=table.name,
                    text=row if column == "all" else f"{row}, {column}",
                    above=(above,),
                    below=(below,),
                )
                for column, (above, below) in pairs.items()
            }
    return claims


def measure(name: str, protocol: str) -> list[float] | None:
    """A number a video about the maps of this build, by a name as in "clip.spill"; None where its run is missing."""
    kind, _, part = name.partition(".")
    return EVIDENCE[known("measure", kind, EVIDENCE)](protocol).get(part)


def _clip(protocol: str) -> dict[str, list[float]]:
    videos = make_spec(protocol, "socl-siam").test_videos
    key = f"clip-{data.manifest('composite', 'test')}-{videos}"
    return _remembered(key, lambda: clip_evidence(_test_videos(videos)))


def run_of_maps(name: str, protocol: str) -> Run | None:
    """The finished run whose network made the maps of a measure; None for maps that need no network."""
    run = Run.of(make_spec(protocol, "socl-siam", seed=build_seeds(protocol)[0]))
    return run if name.startswith("samples") and run.state == "ok" else None


def _samples(protocol: str) -> dict[str, list[float]]:
    if not (run := run_of_maps("samples", protocol)):
        return {}

    def measure_samples():
        compute, spec = Compute.choose(), result_of(run).spec
        network = read_weights(run.folder / "weights.safetensors", compute)
        return sample_evidence(_test_videos(spec.test_videos), network, spec, compute)

    return _remembered(f"samples-{run.id}", measure_samples)


EVIDENCE = {"clip": _clip, "samples": _samples}


def _test_videos(videos: int | None) -> list:
    return data.load("composite", "test", videos=videos, cache=CACHE)


def _remembered(key: str, measure: Callable[[], dict[str, np.ndarray]]) -> dict[str, list[float]]:
    """What `measure` returned the last time that the same code was asked for the same key."""
    code = code_hash("socl_book.evidence", data.layout_module("composite"))
    path = CACHE / "evidence" / f"{hashlib.sha256(f'{key} {code}'.encode()).hexdigest()[:16]}.json"
    if not path.exists():
        write_atomic(path, json.dumps({name: values.tolist() for name, values in measure().items()}))
    return json.loads(path.read_text())
