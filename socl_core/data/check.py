"""Which sequences of a data set are complete, missing or damaged: asked before any work starts."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal

from socl_core import data
from socl_core.data.layout import Layout, Place, select
from socl_core.errors import DataError


@dataclass(frozen=True)
class Finding:
    """What a scan found of one sequence; detail says what is missing or damaged."""

    name: str
    state: Literal["complete", "missing", "damaged"]
    detail: str = ""


@dataclass(frozen=True)
class Scan:
    """Findings of one split. unnamed: how many sequences of the published split are missing besides these, where
    only their number is known. cause: why no sequence was found at all, if so."""

    findings: list[Finding] = field(default_factory=list)
    unnamed: int = 0
    cause: str = ""

    def count(self, state: str) -> int:
        """How many sequences have that state."""
        return sum(finding.state == state for finding in self.findings) + self.unnamed * (state == "missing")


def scan(
    spec: str, split: str, sequences: Iterable[str] | None = None,
    official: bool = False, decode: bool = False, progress: Callable[[Iterable], Iterable] = iter,
) -> Scan:  # fmt: skip
    """State of the sequences of a split, or of those named in `sequences`.

    Damaged is what its loader refuses, a sequence with a truncated image, and, if official, one without the
    label files of the published data set. Images are judged by their first and last bytes; decode: by decoding.
    official: sequences of the published split that are not there are findings as well.
    progress: wraps the sequences while they are gone through, as tqdm does.
    Raises `UsageError` for an unknown data set, split or sequence.
    """
    layout, places, cause = data.with_split(spec, split), {}, ""
    try:
        places = layout.find(split)
    except DataError as error:
        cause = layout.missing() or str(error)
    if official:
        folders = {place.images for place in places.values()}
        places |= {name: place for name, place in layout.official(split).items() if place.images not in folders}
    unnamed = max(0, layout.counts.get(split, 0) - len(places)) if official and sequences is None else 0
    rows = progress(select(places, sequences).items())
    return Scan([_finding(layout, name, place, official, decode) for name, place in rows], unnamed, cause)


def require_complete(spec: str, split: str, sequences: Iterable[str] | None = None) -> None:
    """Raises `DataError` with all sequences of a split, or of those named, that are not complete."""
    found = scan(spec, split, sequences)
    if found.cause:
        raise DataError(found.cause)
    if bad := [finding for finding in found.findings if finding.state != "complete"]:
        named = "; ".join(f"{finding.name} is {finding.state}: {finding.detail}" for finding in bad[:10])
        more = f"; and {len(bad) - 10} more" if len(bad) > 10 else ""
        count = f"{len(bad)} of {len(found.findings)} sequences cannot be used, nothing was started"
        raise DataError(f"{count}: {named}{more}")


def _finding(layout: Layout, name: str, place: Place, official: bool, decode: bool) -> Finding:
    if not place.images.is_dir():
        return Finding(name, "missing", f"no folder {place.images}")
    fault = layout.fault(name, place, official, decode)
    return Finding(name, "damaged" if fault else "complete", fault)
