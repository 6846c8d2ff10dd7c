"""How long scoring takes: the published boxes of one tracker on the 51 sequences of OTB-2013, by each convention.

Run `python bench/scoring.py`; it needs `reference_results/otb_boxes` below SOCL_DATA. The promise is at most
.1 s in the convention of OTB; reading the two npz files is given beside it.
"""

import os
import statistics
import time
from pathlib import Path

from socl_core.scoring.conventions import CONVENTIONS
from socl_core.scoring.results import read_results, read_truth, score_results


def milliseconds(work, rounds: int = 15) -> tuple[float, float]:
    """Median and most of some rounds."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times), max(times)


def main(tracker: str = "SiamFC-3s") -> None:
    folder = Path(os.environ.get("SOCL_DATA") or "data") / "reference_results" / "otb_boxes"
    files = folder / f"{tracker}.npz", folder / "_groundtruth_TB100.npz"
    if missing := [file for file in files if not file.exists()]:
        print(f"scoring is not timed: {missing[0]} is missing")
        return
    results, truth = read_results(files[0]), read_truth(files[1])
    results["tiger1"] = [truth["tiger1"].boxes]  # the published ones leave out five frames; only OTB's rules allow it
    cases = {name: lambda name=name: score_results(name, results, truth, "otb13") for name in CONVENTIONS}
    cases["reading both files"] = lambda: (read_results(files[0]), read_truth(files[1]))
    print(f"{tracker}, 51 sequences of OTB-2013\n{'':22}{'median ms':>10}{'most ms':>10}")
    for name, work in cases.items():
        print(f"{name:22}" + "".join(f"{value:10.1f}" for value in milliseconds(work)))


if __name__ == "__main__":
    main()
