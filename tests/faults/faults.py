"""What the fault tests do again and again: a tiny run, work in a process of its own, everything that was written."""

import hashlib
import multiprocessing
import os
import resource
import signal
import sys
import time
from importlib import import_module
from pathlib import Path

import cv2
import torch

from socl_book import build as book
from socl_core.commands.main import main
from socl_core.data.files import read_own_boxes
from socl_core.errors import SoclError
from socl_core.models.device import Compute
from socl_core.runs import pipeline
from socl_core.runs.spec import make_spec
from socl_core.runs.store import Run

SPEC = make_spec("smoke", "socl-siam", videos=4, frames=3, width=0.125, steps=80, crop=127, batch=4,
                 test_videos=3, test_frames=4)  # fmt: skip
CPU = Compute(torch.device("cpu"), False)

# Forked from a server that has imported everything: a kill meets the work, not the imports.
FORK = multiprocessing.get_context("forkserver")
FORK.set_forkserver_preload(["faults"])


def run(folder: Path) -> None:
    """The run of SPEC in a folder, with a checkpoint after every step."""
    _in(folder)
    pipeline.CHECKPOINT_SECONDS = -1
    pipeline.run_or_load(SPEC, "cpu")


def build(folder: Path) -> None:
    """Priors and crops of SPEC."""
    _in(folder)
    pipeline.training_crops(SPEC)


def notebook(folder: Path) -> None:
    """Executes page.ipynb."""
    _in(folder)
    book.execute(Path("page.ipynb"), Path("executed/page.ipynb"))


def command(folder: Path, *words: str) -> None:
    """A command of `socl` as its users start it, with a checkpoint after every step."""
    _in(folder)
    pipeline.CHECKPOINT_SECONDS = -1
    sys.argv = ["socl", *words]
    main()


def stubborn(folder: Path) -> None:
    """A build by a program that will not end."""
    _in(folder)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    book._run_group(["sh", "-c", "trap '' TERM; sleep 1; touch begun; sleep 60; sleep 60"])


def _in(folder: Path) -> None:
    os.chdir(folder)
    cv2.setNumThreads(1)
    torch.set_num_threads(1)


def start(work, *arguments):
    """A process that does some work; it exits with 2 on an error that names its cause, else with 0 or 1. What the
    error says can be received from `said`."""
    hearing, saying = FORK.Pipe(duplex=False)
    process = FORK.Process(target=_guarded, args=(saying, work, *arguments))
    process.start()
    saying.close()  # so that listening ends with the process
    process.said = hearing
    return process


def _guarded(saying, work, *arguments) -> None:
    try:
        work(*arguments)
    except SoclError as error:
        saying.send(str(error))
        raise SystemExit(2) from None


def finish(work, *arguments) -> float:
    """Does some work to its end; how many seconds it took."""
    begin = time.monotonic()
    process = start(work, *arguments)
    process.join(900)
    assert process.exitcode == 0, f"{work.__name__} ended with {process.exitcode}"
    return time.monotonic() - begin


def files(folder: Path, pattern: str) -> dict[str, bytes]:
    """Contents of the files of a folder by their paths in it."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.glob(pattern)) if p.is_file()}


def numbers(run: Run) -> dict:
    """All that a page may read of a run: scores, log, boxes, weights; no seconds and speeds. Of a tensor its digest:
    pytest, where it shows a whole difference, would be at thousands of numbers for hours."""
    result = run.read("result.json")
    sequences = {
        name: {key: value for key, value in score.items() if key != "fps"}
        for name, score in result["sequences"]["composite"].items()
    }
    network = pipeline.read_weights(run.folder / "weights.safetensors", CPU)
    boxes = {
        name: read_own_boxes(run.folder / "boxes" / "composite" / f"{name}.txt", score["frames"]).tolist()
        for name, score in sequences.items()
    }
    weights = {
        name: hashlib.sha256(tensor.numpy().tobytes()).hexdigest() for name, tensor in network.state_dict().items()
    }
    return {"id": result["id"], "mean": result["mean"], "sequences": sequences, "log": run.log()} | {
        "boxes": boxes, "weights": weights, "spec": run.read("spec.json"), "stale": run.staleness()
    }  # fmt: skip


def limited(folder: Path, size: int) -> None:
    """The run where no file may grow beyond `size` bytes, as on a full disk."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    run(folder)


def unprivileged(folder: Path) -> None:
    """The run as a user who must not write to the folder, nor perhaps read where Python lies."""
    import_module("socl_core.data.composite")
    import_module("socl_core.methods.siam")
    if os.getuid() == 0:
        os.setuid(65534)
    run(folder)
