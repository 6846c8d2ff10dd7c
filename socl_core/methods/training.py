"""One training loop for every method.

A step is a pure function of (seed, step): batches and augmentation are drawn from a generator seeded
with both, so that a run resumed from a checkpoint goes on as if it had never stopped.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import nn

from socl_core.errors import SoclError, UsageError
from socl_core.methods.batches import Batches
from socl_core.methods.distributed import over_processes, rank
from socl_core.methods.spec import RunSpec
from socl_core.models.device import Compute
from socl_core.models.init import load_init

MOST_PARAMETERS = 1 << 29  # 2 GB; a training takes four times as much


def new_network(spec: RunSpec) -> nn.Module:
    """The untrained network of a spec; its weights depend on the seed, and on the file of `init`.

    Raises `UsageError` for one of more than `MOST_PARAMETERS`, before it takes any memory.
    """
    with torch.device("meta"):
        size = sum(parameter.numel() for parameter in spec.network().parameters())
    if size > MOST_PARAMETERS:
        raise UsageError(f"the network would have {size} parameters, expected at most {MOST_PARAMETERS}; reduce width")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(spec.seed)
        network = spec.network()
    if spec.init:
        load_init(network.backbone, Path(spec.init))
    return network


@dataclass
class Training:
    """State of a training: network, optimiser and the next step. `state` and `restore` make it resumable."""

    spec: RunSpec
    batches: Batches
    compute: Compute
    step: int = 0

    def __post_init__(self):
        self.network = self.compute.module(new_network(self.spec)).train()
        self.entries: list[dict] = []  # the log
        self.pending: list[dict[str, torch.Tensor]] = []  # values of the steps since its last entry
        make = {"sgd": partial(torch.optim.SGD, momentum=0.9), "adamw": torch.optim.AdamW}[self.spec.optimiser]
        backbone = list(self.network.backbone.parameters())
        rest = [p for name, p in self.network.named_parameters() if not name.startswith("backbone.")]
        groups = [{"params": backbone, "factor": self.spec.backbone_lr}, {"params": rest, "factor": 1.0}]
        # Fused: TransT has hundreds of small tensors; on a CPU 1.4 ms in place of 16 of its steps of 200.
        self.optimiser = make(groups, lr=self.spec.lr, weight_decay=self.spec.weight_decay, fused=True)

    def check_finite(self) -> None:
        """Raises `SoclError` naming the first step since the last log entry whose loss is not finite, or the last
        step when it left weights that are not."""
        finite = [bool(pending["loss"].isfinite()) for pending in self.pending]
        if not all(finite):
            what, step = "loss is not finite at", self.step - len(finite) + finite.index(False)
        elif not all(tensor.isfinite().all() for tensor in self.network.state_dict().values()):
            what, step = "weights are not finite after", self.step - 1
        else:
            return
        videos = sorted(set(self.batches.video[self.batches.draw(step).rows.cpu().numpy().ravel()].tolist()))
        raise SoclError(f"the {what} step {step}, on the videos number {videos}; try a lower lr")

    def state(self) -> dict:
        return {
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "entries": self.entries,
            "pending": self.pending,
        }

    def restore(self, state: dict) -> None:
        self.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step, self.entries, self.pending = state["step"], state["entries"], state["pending"]

    def learning_rate(self) -> float:
        """Linear warm-up over the first twentieth, then half a cosine down to zero."""
        done, warm = self.step + 1, max(1, self.spec.steps // 20)
        return self.spec.lr * min(done / warm, 0.5 * (1 + math.cos(math.pi * self.step / self.spec.steps)))

    def run(
        self,
        log: Callable[[dict], None],
        log_every: int,
        each_step: Callable[["Training"], None] = lambda _: None,
    ) -> None:
        """Trains to the last step. `log` receives each new entry: the means of `log_every` steps.

        Values stay on the device between two log entries, so that no step waits for it.
        Raises `SoclError` naming step and videos when the loss is not finite.
        """
        step = over_processes(self.spec.step, self.network)
        while self.step < self.spec.steps:
            self._take_step(step)
            if self.step % log_every == 0 or self.step == self.spec.steps:
                self.check_finite()
                names = self.pending[0]
                means = {name: torch.stack([p[name] for p in self.pending]).mean().item() for name in names}
                self.entries.append({"step": self.step, "lr": self.optimiser.param_groups[-1]["lr"], **means})
                self.pending = []
                log(self.entries[-1])
            each_step(self)

    def _take_step(self, step: Callable) -> None:
        for group in self.optimiser.param_groups:
            group["lr"] = self.learning_rate() * group["factor"]
        with torch.random.fork_rng(devices=[]):  # dropout follows from seed and step, other in each process
            torch.manual_seed(np.random.SeedSequence([self.spec.seed, self.step, rank()]).generate_state(1)[0].item())
            values = step(self.batches, self.step)
        self.optimiser.zero_grad(set_to_none=True)
        values["loss"].backward()
        self.optimiser.step()
        self.pending.append({name: value.detach() for name, value in values.items()})
        self.step += 1
