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

from socl_core import methods
from socl_core.errors import DataError, SoclError
from socl_core.geometry import resample
from socl_core.methods.crops import CropStore
from socl_core.methods.distributed import over_processes
from socl_core.methods.spec import RunSpec
from socl_core.models.device import Compute
from socl_core.models.init import load_init
from socl_core.models.siamese import BACKBONES
from socl_core.prior.top import clip_scores, scores_at_cells, softmax_map


class Batches:
    """Draws pairs of crops from a store that lies on the device, augmented there.

    A batch larger than the number of videos is reduced to it: two pairs of one video in a batch would be
    each other's false negatives.
    """

    def __init__(self, store: CropStore, spec: RunSpec, compute: Compute):
        self.spec, self.compute, self.grid = spec, compute, BACKBONES[spec.backbone].grid
        self.images = torch.from_numpy(np.array(store.images)).to(compute.device)
        self.boxes = None if store.boxes is None else torch.from_numpy(np.array(store.boxes)).to(compute.device)
        self.scores = None
        if store.scores is not None:
            scores = torch.from_numpy(np.array(store.scores)).to(compute.device)
            self.scores = clip_scores(scores, self.grid, spec.eta)
        self.videos = [np.flatnonzero(store.video == v) for v in np.unique(store.video)]
        self.videos = [rows for rows in self.videos if len(rows) > 1]
        if len(self.videos) < 2:
            raise DataError(
                f"training needs at least 2 videos of at least 2 annotated frames, found {len(self.videos)}"
            )
        self.frame, self.video = store.frame, store.video
        self.size = min(spec.batch, len(self.videos))

    def draw(self, step: int) -> tuple[torch.Tensor, torch.Tensor, np.ndarray]:
        """Rows (2, B) of the pairs of a step, affine maps (2, B, 3) zoom, dx, dy, and brightness (2, B)."""
        rng = np.random.default_rng([self.spec.seed, step])
        chosen = rng.choice(len(self.videos), self.size, replace=False)
        rows = np.array([self._pair(self.videos[v], rng) for v in chosen]).T
        zoom = np.exp(rng.uniform(-1, 1, rows.shape) * math.log1p(self.spec.zoom))
        shift = rng.uniform(-1, 1, (*rows.shape, 2)) * self.spec.shift
        maps = np.concatenate([zoom[..., None], shift], -1).astype(np.float32)
        return (
            torch.from_numpy(rows),
            torch.from_numpy(maps),
            rng.uniform(0.8, 1.2, rows.shape).astype(np.float32),
        )

    def _pair(self, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        first = rng.choice(rows)
        near = rows[(np.abs(self.frame[rows] - self.frame[first]) < self.spec.max_gap) & (rows != first)]
        second = rng.choice(near) if len(near) else rng.choice(rows[rows != first])
        return np.array([first, second])

    def crops(self, rows: torch.Tensor, maps: torch.Tensor, gain: np.ndarray, size: int) -> torch.Tensor:
        """Augmented crops (B, 3, size, size): zoomed, shifted by (dx, dy) pixels, brightness times gain.

        maps: at most as large as those of `draw`.
        """
        # Only what crops of this size can show is read: pixels from the middle, and one more to interpolate.
        stored, reach = self.images.shape[1], size / 2 * (1 + self.spec.zoom) + self.spec.shift
        edge = max(0, stored // 2 - math.ceil(reach) - 1)
        shown = slice(edge, stored - edge)
        images = self.images[rows.to(self.images.device), shown, shown].permute(0, 3, 1, 2)
        offsets = torch.arange(size, device=images.device) - (size - 1) / 2
        maps = maps.to(images.device)
        images = resample(self.compute.images(images), offsets, images.shape[-1], maps[:, 0], maps[:, 1:])
        return (images * torch.from_numpy(gain).to(images.device)[:, None, None, None]).clamp(0, 255)

    def top_maps(self, rows: torch.Tensor, maps: torch.Tensor, size: int) -> torch.Tensor:
        """TOP maps (B, h, w) on the feature grid of the crops that `crops` returns for the same arguments."""
        scores, maps = self.scores[rows.to(self.scores.device)], maps.to(self.scores.device)
        return softmax_map(scores_at_cells(scores, self.grid, size, maps[:, 0], maps[:, 1:]))


def new_network(spec: RunSpec) -> nn.Module:
    """The untrained network of a spec; its weights depend on the seed, and on the file of `init`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(spec.seed)
        network = methods.find(spec.method).network(spec)
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
        rest = [parameter for parameter in self.network.parameters() if all(parameter is not own for own in backbone)]
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
        videos = sorted(set(self.batches.video[self.batches.draw(step)[0].numpy().ravel()].tolist()))
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
        step = over_processes(methods.find(self.spec.method).step, self.network)
        while self.step < self.spec.steps:
            for group in self.optimiser.param_groups:
                group["lr"] = self.learning_rate() * group["factor"]
            values = step(self.batches, self.step)
            self.optimiser.zero_grad(set_to_none=True)
            values["loss"].backward()
            self.optimiser.step()
            self.pending.append({name: value.detach() for name, value in values.items()})
            self.step += 1
            if self.step % log_every == 0 or self.step == self.spec.steps:
                self.check_finite()
                names = self.pending[0]
                means = {name: torch.stack([p[name] for p in self.pending]).mean().item() for name in names}
                self.entries.append({"step": self.step, "lr": self.optimiser.param_groups[-1]["lr"], **means})
                self.pending = []
                log(self.entries[-1])
            each_step(self)
