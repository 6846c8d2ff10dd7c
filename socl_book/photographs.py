"""Whether verdicts hang on one photograph: the composed test videos whose targets show textures are cut from a few."""

from collections.abc import Iterable

import pandas as pd

from socl_book.results import Results
from socl_book.tables import Claim
from socl_book.verdicts import judge
from socl_core.data.composite.scene import SPLITS
from socl_core.scoring.statistics import estimate

DRAWN = "drawn textures"


def photograph(sequence: str) -> str | None:
    """What the target of a composite test video, "test_012", is cut from; None for any other video."""
    number = sequence.removeprefix("test_")
    return SPLITS["test"].photograph_of(int(number)) or DRAWN if number.isdecimal() else None


def leave_one_out(claims: Iterable[Claim], results: Results) -> pd.DataFrame:
    """A row a claim on trackers with recorded seeds: its verdict over all videos, and without those of each photograph.

    "by photograph" is the 95 % interval with the videos of one photograph as one, those of drawn textures each its own.
    """
    sources = [*SPLITS["test"].photographs, DRAWN]
    parts = {source: results.without(lambda video, source=source: photograph(video) == source) for source in sources}
    rows = []
    for claim in claims:
        judged = judge(claim, results)
        if claim.measure or judged.difference is None or judged.one_seed:
            continue
        values = results.differences(claim.above, claim.below, judged.source)
        if {name for name, _ in values.columns} != {"composite"}:
            continue
        clusters = [each if (each := photograph(video)) != DRAWN else video for _, video in values.columns]
        d = estimate(values, clusters=clusters).shifted(claim.margin)
        interval = f"{d.mean:+.1f} [{d.low:+.1f}, {d.high:+.1f}]"
        row = {"claim": claim.text, "all videos": judged.verdict, "by photograph": interval}
        for source, part in parts.items():
            row[f"without {source.removesuffix('.png')}"] = judge(claim, part).verdict
        rows.append(row)
    return pd.DataFrame(rows)
