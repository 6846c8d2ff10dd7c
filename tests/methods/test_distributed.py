"""Two processes train as one does."""

import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import TINY_TRANST, random_store
from torch import nn

from socl_core.errors import UsageError
from socl_core.methods import distributed, losses
from socl_core.methods.batches import Batch, Batches
from socl_core.methods.training import Training
from socl_core.models.device import Compute
from socl_core.runs.spec import make_spec
from socl_core.runs.store import Run

SCRIPT = """
import sys
import torch
from tiny import random_store
from socl_core.methods import distributed, losses
from test_distributed import train, values
with distributed.processes():
    found = {method: train(method) for method in ("socl-siam", "box-siam", "transt")}
    rank = distributed.rank()
    a, b, sns = (part[distributed.own_rows()].clone().requires_grad_() for part in values())
    gathered = [distributed.gather(part) for part in (a, b, sns)]
    loss = losses.socl_loss(*gathered, 0.1)
    loss.backward()
    found["gathered"] = [part.detach() for part in gathered]
    found["gradients"] = [part.grad for part in (a, b, sns)]
    uneven = torch.arange(6.0)[rank * 2 :].requires_grad_()  # of 6 and of 4
    found["mean"] = distributed.mean_of_all(uneven)
    found["mean"].backward()
    found["mean"], found["mean gradient"] = found["mean"].detach(), uneven.grad
    torch.save(found, f"{sys.argv[1]}/{rank}.pt")
"""


def values():
    """GSTs of both frames and SNSs of four videos."""
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(*shape, generator=generator) for shape in ((4, 8), (4, 8), (8, 8))]


SMALL = {
    "socl-siam": {"crop": 127, "width": 0.125, "lst": 0.5},
    "box-siam": {"crop": 159, "width": 0.125},
    # Three of four videos are matched again: two in one process, one in the other.
    "transt": TINY_TRANST | {"mismatch_share": 0.7},
}


def train(method, steps=20):
    """Log and weights after a training of four pairs a batch."""
    spec = make_spec("laptop", method, steps=steps, batch=4, seed=1, **SMALL[method])
    store = random_store(videos=6)
    if method == "transt":
        store = replace(store, boxes=np.tile(np.array([4, 0, 30, 20], np.float32), (len(store.images), 1)))
    compute, log = Compute(torch.device("cpu"), False), []
    training = Training(spec, Batches(store, spec, compute), compute)
    # In float32 rounding grows with each step of a young network, in one process as in two.
    backbone = training.network.double().backbone
    backbone.register_forward_pre_hook(lambda network, images: (images[0].double(),))
    training.run(log.append, 5)
    return log, {name: tensor.clone() for name, tensor in training.network.state_dict().items()}


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """What each of two processes found."""
    folder, here = tmp_path_factory.mktemp("pair"), Path(__file__).parent
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    given = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "OMP_NUM_THREADS": "1"}
    paths = [*map(str, (here, here.parent, here.parents[1])), os.environ.get("PYTHONPATH", "")]
    given["PYTHONPATH"] = os.pathsep.join(paths)
    started = [
        subprocess.Popen(
            [sys.executable, "-c", SCRIPT, str(folder)],
            env=os.environ | given | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        for process in started:
            assert process.wait(timeout=120) == 0, process.stderr.read()
    finally:
        for process in started:
            process.kill()
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(2)]


def joined(parts):
    """Rows of the whole batch, of which each process has every second one."""
    return torch.stack(parts, 1).flatten(0, 1)


@pytest.mark.slow
@pytest.mark.parametrize("method", SMALL)
def test_two_processes_train_as_one(pair, method):
    log, weights = train(method)
    for found, state in (part[method] for part in pair):
        for name, tensor in weights.items():
            torch.testing.assert_close(state[name], tensor, atol=1e-5, rtol=0)
        for ours, alone in zip(found, log, strict=True):
            assert ours == pytest.approx(alone, rel=1e-5, abs=1e-6)
    assert log[0]["loss"] != pytest.approx(log[-1]["loss"], abs=1e-3)  # something was learnt meanwhile


@pytest.mark.slow
def test_the_negatives_of_all_processes_are_gathered_with_gradient(pair):
    a, b, sns = (part.requires_grad_() for part in values())
    losses.socl_loss(a, b, sns, 0.1).backward()
    for i, whole in enumerate((a, b, sns)):
        for part in pair:
            torch.testing.assert_close(part["gathered"][i], whole.detach())
        # Each of the two has the derivative of the sum of two equal losses.
        found = joined([part["gradients"][i] for part in pair])
        torch.testing.assert_close(found, 2 * whole.grad)


@pytest.mark.slow
def test_the_mean_is_of_all_values_whichever_process_has_them(pair):
    for part in pair:
        assert float(part["mean"]) == pytest.approx((15 + 14) / 10)
        torch.testing.assert_close(part["mean gradient"], torch.full_like(part["mean gradient"], 2 / 10))


@pytest.mark.slow
def test_torchrun_trains_one_run(tmp_path):
    small = ["videos=4", "frames=4", "steps=4", "batch=4", "width=0.125", "test_videos=1", "test_frames=3"]
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command += ["-m", "socl_core.commands.main", "train", "--protocol", "smoke", "--device", "cpu", "--out", "run"]
    command += [word for change in small for word in ("--set", change)]
    path = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
    for said in ("AUC", "AUC"):  # the second time it is there already
        done = subprocess.run(
            command, cwd=tmp_path, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.count(said) == 1
    run = Run(tmp_path / "run")
    assert run.finished and run.read("result.json")["provenance"]["processes"] == 2
    assert [entry["step"] for entry in run.log()] == [1, 2, 3, 4]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_batch_normalisation_of_one_process_is_torchs(monkeypatch, dtype):
    monkeypatch.setattr(distributed, "all_reduce", lambda sums: sums)
    whole, plain = distributed.WholeBatchNorm(3), nn.BatchNorm2d(3)
    images = torch.randn(4, 3, 5, 5, generator=torch.Generator().manual_seed(0)).to(dtype)
    torch.testing.assert_close(whole(images), plain(images))  # the type as well
    for name, statistics in plain.named_buffers():
        torch.testing.assert_close(getattr(whole, name), statistics)


def test_alone_nothing_changes(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    rows, network = torch.arange(6).view(2, 3), nn.Sequential(nn.BatchNorm2d(2))
    with distributed.processes(), distributed.first_then_others():
        assert (distributed.rank(), distributed.size()) == (0, 1)
        assert distributed.gather(rows) is rows
        batch = Batch.plain(rows)
        assert torch.equal(distributed.share(batch).rows, rows)
        step = distributed.over_processes(lambda batches, number, network: (batches, number, network), network)
        assert step("batches", 7) == ("batches", 7, network) and type(network[0]) is nn.BatchNorm2d


def test_a_batch_that_does_not_divide_is_refused(monkeypatch):
    monkeypatch.setattr(distributed, "size", lambda: 2)
    with pytest.raises(UsageError, match="a batch of 3 videos does not divide among 2 processes"):
        distributed.share(Batch.plain(torch.zeros(2, 3)))
