"""One training over several processes that `torchrun` starts: each computes its share of every batch.

It equals the training of one process. Batches are drawn as ever and divided; batch normalisation takes the statistics
of the whole batch; what a loss compares is gathered, so that every process has the loss of the whole batch with the
negatives of all. The collectives carry gradients: that of a process is the derivative of the sum of all processes'
equal losses, and DistributedDataParallel's mean over processes makes it that of one. Without torchrun nothing here
changes anything.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.nn.functional import all_reduce  # the sum over processes, with gradient
from torch.nn.parallel import DistributedDataParallel

from socl_core.errors import UsageError

PATIENCE = timedelta(days=1)  # while the first process builds crops, or evaluates, the others wait


@contextmanager
def processes() -> Iterator[None]:
    """The group of processes that torchrun started this one in; none where WORLD_SIZE is not set."""
    if "WORLD_SIZE" not in os.environ:
        yield
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]) % torch.cuda.device_count())
    dist.init_process_group(timeout=PATIENCE)  # gloo for tensors on CPUs, NCCL on GPUs
    try:
        yield
    finally:
        dist.destroy_process_group()


def rank() -> int:
    """Number of this process; 0, the one that writes, where there is no group."""
    return dist.get_rank() if dist.is_initialized() else 0


def size() -> int:
    """How many processes train together."""
    return dist.get_world_size() if dist.is_initialized() else 1


@contextmanager
def first_then_others() -> Iterator[None]:
    """The first process runs the block, then the others do, who find what it wrote."""
    if rank():
        dist.barrier()
    yield
    if size() > 1 and not rank():
        dist.barrier()


def own_rows() -> slice:
    """This process's rows of the whole batch: every `size`-th."""
    return slice(rank(), None, size())


def share(batch):
    """This process's part of a `Batch` (2, B) of pairs. Raises `UsageError` when B does not divide."""
    count = batch.rows.shape[1]
    if count % size():
        raise UsageError(f"a batch of {count} videos does not divide among {size()} processes; set batch to fit")
    return batch[:, own_rows()]


def gather(rows: torch.Tensor) -> torch.Tensor:
    """The rows (B, ...) of the whole batch, of which each process has its `own_rows`, with gradient."""
    if size() == 1:
        return rows
    parts = [rows if process == rank() else torch.zeros_like(rows) for process in range(size())]
    return all_reduce(torch.stack(parts, 1)).flatten(0, 1)


def mean_of_all(values: torch.Tensor) -> torch.Tensor:
    """Mean of the values of all processes, with gradient; each may have another number of them."""
    if size() == 1:
        return values.mean()
    return all_reduce(values.sum()) / all_reduce(values.new_tensor(values.numel()))


class WholeBatchNorm(nn.BatchNorm2d):
    """Batch normalisation with the statistics of all processes; torch's SyncBatchNorm runs on GPUs alone."""

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        if not self.training:
            return super().forward(features)
        x = features.to(self.running_mean.dtype)  # bfloat16 is too coarse for sums
        shape, n = (1, -1, 1, 1), size() * x.numel() // x.shape[1]
        mean = all_reduce(x.sum((0, 2, 3))) / n
        centred = x - mean.view(shape)
        var = all_reduce(centred.square().sum((0, 2, 3))) / n
        with torch.no_grad():
            self.num_batches_tracked += 1
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(var * n / (n - 1), self.momentum)
        x = centred * (var + self.eps).rsqrt().view(shape)
        x = x * self.weight.view(shape) + self.bias.view(shape) if self.affine else x
        return x.to(features.dtype)


class _Step(nn.Module):
    """A training step as a module, as DistributedDataParallel sees only what is computed in `forward`."""

    def __init__(self, step: Callable, network: nn.Module):
        super().__init__()
        self.step, self.network = step, network

    def forward(self, batches, number: int) -> dict[str, torch.Tensor]:
        return self.step(batches, number, self.network)


def over_processes(step: Callable, network: nn.Module) -> Callable:
    """(batches, number) -> values of a training step (batches, number, network), in all processes at once.

    The network has gradients averaged over them, and its batch normalisation becomes `WholeBatchNorm`.
    """
    own = _Step(step, network)
    if size() == 1:
        return own
    for module in network.modules():
        if type(module) is nn.BatchNorm2d:
            module.__class__ = WholeBatchNorm  # in place: the optimiser holds its parameters
    # Static: each step uses the same part of the network, which may be less than all. Buffers are equal already.
    return DistributedDataParallel(own, forward_sync_buffers=False, static_graph=True)
