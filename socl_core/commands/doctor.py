"""`socl doctor`: whether everything that the other commands need is here."""

import os
import platform
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import typer

from socl_core.commands.options import Cache, DataRoot, Device
from socl_core.errors import SoclError, UsageError

NEEDED_GB = 2.0  # of free disk: crops and frames of the composed videos, with room
TINY = {"videos": 4, "steps": 2, "test_videos": 1, "test_frames": 4}  # of the smoke protocol

app = typer.Typer()


@app.command()
def doctor(device: Device = "auto", data_root: DataRoot = None, cache: Cache = None) -> None:
    """Check the environment, data sets and caches, and do one tiny run. Exits with 2 if something is wrong."""
    wrong = 0
    for name, check in {
        "environment": _environment, "video": _video, "weights": _weights, "data": _data, "cache": _cache,
        "tiny run": lambda: _tiny_run(device),
    }.items():  # fmt: skip
        try:
            for line in check():
                print(f"ok     {name}: {line}")
        except (SoclError, ImportError, OSError) as error:
            wrong += 1
            print(f"WRONG  {name}: {error}")
    if wrong:
        raise typer.Exit(2)


def _environment() -> Iterator[str]:
    import cv2
    import torch

    from socl_core.models.device import Compute

    yield f"Python {platform.python_version()}, OpenCV {cv2.__version__}, {platform.system()} {platform.machine()}"
    yield f"{Compute.choose().describe()}, {os.cpu_count()} cores, {torch.get_num_threads()} threads"


def _video() -> Iterator[str]:
    import numpy as np

    from socl_core.data.video import count_frames, write_clip

    with tempfile.TemporaryDirectory() as folder:
        write_clip(clip := Path(folder) / "a.mp4", [np.full((32, 48, 3), 9 * i, np.uint8) for i in range(9)])
        yield f"{count_frames(clip)} frames of H.264 written and read"


def _weights() -> Iterator[str]:
    from socl_core.runs.weights import read_tensors
    from socl_core.use import SHIPPED

    for name, path in SHIPPED.items():
        tensors, spec = read_tensors(path)
        yield f"{name} is whole: {sum(t.numel() for t in tensors.values()) / 1e3:.0f} thousand parameters"


def _data() -> Iterator[str]:
    from socl_core import data

    root = os.environ.get("SOCL_DATA") or "data"
    there = [name for name in data.NAMED if not data.available(name)]
    yield f"{', '.join(there)} in {root}" + " (others: --data-root, SOCL_DATA, or socl data fetch)" * (len(there) == 1)


def _cache() -> Iterator[str]:
    from socl_core.data.files import write_atomic
    from socl_core.runs.training_set import CACHE

    write_atomic(probe := CACHE / ".writable", "")
    probe.unlink()
    size = sum(path.stat().st_size for path in CACHE.rglob("*") if path.is_file())
    free = shutil.disk_usage(CACHE).free / 1e9
    if free < NEEDED_GB:
        raise UsageError(f"{free:.1f} GB free at {CACHE}; expected {NEEDED_GB:g}: make room, or name another --cache")
    yield f"{size / 1e6:.0f} MB in {CACHE}, {free:.0f} GB free; `socl gc` deletes what no run needs"


def _tiny_run(device: str) -> Iterator[str]:
    from socl_core.runs.pipeline import work
    from socl_core.runs.spec import make_spec
    from socl_core.runs.store import Run

    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        run = Run(Path(folder))
        work(run, make_spec("smoke", "socl-siam", **TINY), device)
        found = run.read("result.json")["mean"]["composite"]["auc"]
    yield f"trained and evaluated in {time.perf_counter() - start:.0f} s, AUC {100 * found:.0f}"
