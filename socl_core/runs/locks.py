"""Locks on files: one process works on a run, a build or a notebook at a time, and a killed one holds none."""

import fcntl
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from socl_core.data.reading import open_regular
from socl_core.errors import DataError, SoclError, cause

PATIENCE = 2.0  # seconds; a look at a lock takes it for a moment, and a killed process takes one to end


@contextmanager
def lock(path: Path, work: str, patience: float | None = None) -> Iterator[IO]:
    """Holds the lock of a file, made where it is not there; the system releases it however the process ends.

    patience: seconds, else `PATIENCE`. Raises `SoclError` when another process has `work` in hand for longer,
    `DataError` when the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = open(path, "a+b", buffering=0)  # noqa: SIM115 - closed below; "w" would empty the file of a holder
    except OSError as error:
        raise DataError(f"cannot write {path}: {cause(error)}; choose another place, or make room") from error
    with file:
        end = time.monotonic() + (PATIENCE if patience is None else patience)
        while not _taken(file):
            if time.monotonic() > end:
                file.seek(0)
                raise SoclError(
                    f"another process ({file.read(60).decode(errors='replace')}) {work}; wait for it to end"
                )
            time.sleep(0.02)
        with suppress(OSError):  # who holds it is for messages only; a full disk is found by what follows
            file.truncate(0)
            file.write(f"{os.getpid()} on {platform.node()}".encode())
        yield file


def locked(path: Path) -> bool:
    """Whether a process holds the lock of a file."""
    try:
        with open_regular(path) as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return False
    except DataError as error:  # there is none to be read, or the system refuses the lock
        return isinstance(error.__cause__, BlockingIOError)


def _taken(file: IO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
