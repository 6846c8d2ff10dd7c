"""How far one seed's AUC moves between processors: a cell of Table 2 trained again with other instructions.

    python bench/processors.py [--seeds 6] [--column 880h] [--record]

The runs have the seeds of the recorded ones and all their settings, but torch may use AVX2 and float32 alone, as on an
older processor: sums are rounded otherwise, and a training goes another way. They go on where they were stopped.
"""

import os

# Before torch is imported, which reads them once.
os.environ |= {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"}

import argparse  # noqa: E402
import json  # noqa: E402
from pathlib import Path  # noqa: E402

import torch  # noqa: E402

from socl_book.records import RECORDED, read_records  # noqa: E402
from socl_book.tables import Cell, find_table  # noqa: E402
from socl_core.models.device import Compute, threads  # noqa: E402
from socl_core.runs.pipeline import evaluate_on, trained_network  # noqa: E402
from socl_core.runs.store import Run  # noqa: E402
from socl_core.scoring.evaluation import mean_scores  # noqa: E402

RUNS = Path("runs/processors")  # beside the usual ones, whose ids these share
PLAIN = Compute(torch.device("cpu"), bf16=False)


def auc_again(cell: Cell, seed: int) -> float:
    """AUC in percent of a cell on the test videos of composite, trained and tracked with AVX2 and float32."""
    spec = cell.spec("laptop", seed)
    run, label = Run.of(spec, RUNS), f"{cell.row} seed {seed}"
    with run.working(), threads(spec.threads):
        network = trained_network(run, spec, PLAIN, label)
        return 100 * mean_scores(evaluate_on("composite", spec, network, PLAIN, run, label))["auc"]


def compare(cell: Cell, seeds: int) -> dict:
    """AUC of each seed as recorded and again, and what both were computed with."""
    recorded = {result.id: result for result in read_records("laptop")}
    rows = []
    for seed in range(seeds):
        record = recorded[Run.of(cell.spec("laptop", seed)).id]
        rows.append([round(100 * record.mean["composite"]["auc"], 2), round(auc_again(cell, seed), 2)])
        print(f"seed {seed}: {rows[-1][0]} recorded, {rows[-1][1]} again", flush=True)
    return {"cell": f"{cell.row}, {cell.column}", "devices": [record.provenance.device, PLAIN.describe()], "auc": rows}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=6, help="the first so many; they must be recorded")
    parser.add_argument("--column", default="880h", help="of Table 2")
    parser.add_argument("--record", action="store_true", help="keep the figures for the page Results at a glance")
    options = parser.parse_args()
    found = compare(find_table("2").cell("SoCL-Siam", options.column), options.seeds)
    if options.record:
        (RECORDED / "processors.json").write_text(json.dumps(found, indent=1) + "\n")
