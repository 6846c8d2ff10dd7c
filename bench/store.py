"""What the run store costs: hashes, state, checksums, log, checkpoints and weights, as a share of a run.

Run `python bench/store.py [protocol]`: one SoCL-Siam run in a temporary folder, every function of the store timed. What
a run reads and writes anyway, its crops and boxes, is counted as far as it is for safety: checksums and fsync.
"""

import os
import sys
import tempfile
import time
import zlib

from socl_core.runs import pipeline
from socl_core.runs import store as runs
from socl_core.runs.spec import make_spec
from socl_core.runs.store import Run


def main(protocol: str = "laptop") -> None:
    spent: dict[str, float] = {}
    inside = [0]

    def time_calls(owner, name: str) -> None:
        work = getattr(owner, name)

        def timed(*arguments, **options):
            inside[0] += 1
            start = time.perf_counter()
            try:
                return work(*arguments, **options)
            finally:
                inside[0] -= 1
                if not inside[0]:  # a call within another is in its time already
                    spent[name] = spent.get(name, 0) + time.perf_counter() - start

        setattr(owner, name, timed)

    os.chdir(tempfile.mkdtemp())
    spec = make_spec(protocol, "socl-siam")
    pipeline.training_crops(spec)  # built once for all runs
    for owner, name in [
        (runs, "identity"), (runs, "run_id"), (pipeline, "run_code"), (pipeline, "data_hashes"), (runs.Run, "write"),
        (pipeline, "append"), (pipeline, "write_atomic"), (pipeline, "save_weights"), (zlib, "crc32"), (os, "fsync"),
    ]:  # fmt: skip
        time_calls(owner, name)
    start = time.perf_counter()
    run = Run.of(spec)
    run.queue(spec)
    pipeline.work(run, spec)
    whole = time.perf_counter() - start
    for name, seconds in sorted(spent.items(), key=lambda item: -item[1]):
        print(f"{name:14} {seconds:8.3f} s")
    print(f"store {sum(spent.values()):.2f} s of {whole:.1f} s: {100 * sum(spent.values()) / whole:.2f} %")


if __name__ == "__main__":
    main(*sys.argv[1:])
