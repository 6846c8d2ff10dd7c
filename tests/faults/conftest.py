import shutil

import faults
import pytest
import torch

from socl_core.runs.store import Run


@pytest.fixture(autouse=True)
def one_thread():
    """Sums are in the order of the processes of `faults`, which have one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def whole(tmp_path_factory):
    """A folder with the run of faults.SPEC that nothing has disturbed, and the seconds of its parts."""
    folder = tmp_path_factory.mktemp("whole")
    return folder, {"build": faults.finish(faults.build, folder), "run": faults.finish(faults.run, folder)}


@pytest.fixture
def copy(whole, tmp_path, monkeypatch):
    """A copy of that folder, which becomes the working directory, and its run."""
    for part in ("cache", "runs"):
        shutil.copytree(whole[0] / part, tmp_path / part)
    monkeypatch.chdir(tmp_path)
    return tmp_path, Run.of(faults.SPEC)


@pytest.fixture(scope="session")
def expected(whole):
    """All numbers of the undisturbed run."""
    return faults.numbers(Run.of(faults.SPEC, whole[0] / "runs"))
