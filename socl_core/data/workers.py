"""One function over many jobs in worker processes, with progress."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

import cv2
import torch
from tqdm import tqdm

from socl_core.errors import SoclError


def in_workers(function: Callable, jobs: list, workers: int, label: str, unit: str = "video") -> list:
    """`[function(job) for job in jobs]` in forked processes. Raises `SoclError` when one of them dies."""
    # A forked process waits for ever for OpenCV's threads of its parent, so the parent has none at the fork.
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        with ProcessPoolExecutor(min(workers, len(jobs)), multiprocessing.get_context("fork"), _start_worker) as pool:
            futures = [pool.submit(function, job) for job in jobs]
            try:
                return [future.result() for future in tqdm(futures, desc=label, unit=unit, mininterval=1)]
            except BaseException:  # an interrupt, or a job that failed: the others are not waited for
                for process in multiprocessing.active_children():
                    process.terminate()
                raise
    except (BrokenProcessPool, BlockingIOError, MemoryError) as error:
        raise SoclError(
            f"a worker died over {label}; is there enough memory? the command can be repeated and goes on"
        ) from error
    finally:
        cv2.setNumThreads(threads)


def _start_worker() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # which the parent hears as well
    # Neither library's threads survive a fork; with one thread each, none is waited for.
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Ends this process once its parent is gone: a worker of a killed one would wait for work for ever."""
    multiprocessing.parent_process().join()
    os._exit(1)
