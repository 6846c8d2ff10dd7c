"""One training loop for every method.

A step is a pure function of (seed, step): batches and augmentation are drawn from a generator seeded
with both, so that a run resumed from a checkpoint goes on as if it had never stopped.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F

from socl_core import losses, prior, soft_samples
from socl_core.data.crops import EXEMPLAR, LATTICE, SEARCH, CropStore
from socl_core.device import Compute
from socl_core.errors import DataError, SoclError
from socl_core.models.alexnet import STRIDE, cell_centres, feature_size
from socl_core.models.siamese import SiameseNetwork
from socl_core.spec import RunSpec
from socl_core.trackers.siam import correlate


class Batches:
    """Draws pairs of crops from a store that lies on the device, augmented there.

    A batch larger than the number of videos is reduced to it: two pairs of one video in a batch would be
    each other's false negatives.
    """

    def __init__(self, store: CropStore, spec: RunSpec, compute: Compute):
        self.spec, self.compute = spec, compute
        self.images = torch.from_numpy(np.array(store.images)).to(compute.device)
        self.scores = None
        if store.scores is not None:
            scores = torch.from_numpy(np.array(store.scores)).to(compute.device)
            self.scores = scores.minimum(prior.clip_level(feature_region(scores), spec.eta)[:, None, None])
        self.videos = [np.flatnonzero(store.video == v) for v in np.unique(store.video)]
        self.videos = [rows for rows in self.videos if len(rows) > 1]
        if len(self.videos) < 2:
            raise DataError(
                f"training needs at least 2 videos of at least 2 annotated frames, found {len(self.videos)}"
            )
        self.frame = store.frame
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
        """Augmented crops (B, 3, size, size): zoomed, shifted by (dx, dy) pixels, brightness times gain."""
        images = self.compute.images(self.images[rows.to(self.images.device)].permute(0, 3, 1, 2))
        images = sample(
            images, maps.to(images.device), torch.arange(size, device=images.device) - (size - 1) / 2, SEARCH
        )
        return (images * torch.from_numpy(gain).to(images.device)[:, None, None, None]).clamp(0, 255)

    def top_maps(self, rows: torch.Tensor, maps: torch.Tensor, size: int) -> torch.Tensor:
        """TOP maps (B, h, w) on the feature grid of the crops that `crops` returns for the same arguments."""
        scores = self.scores[rows.to(self.scores.device), None]
        offsets = (cell_centres(size) - (size - 1) / 2).to(scores.device)
        scores = sample(scores, maps.to(scores.device), offsets, scores.shape[-1] * LATTICE)
        return prior.softmax_map(scores[:, 0])


def feature_region(scores: torch.Tensor) -> torch.Tensor:
    """The part of stored score maps (N, G, G) that the features of a whole search crop cover: the clip level
    is a fraction of these locations, whatever the size of the training crop."""
    cells = feature_size(SEARCH) * STRIDE // LATTICE
    margin = (scores.shape[-1] - cells) // 2
    return scores[:, margin : margin + cells, margin : margin + cells]


def sample(images: torch.Tensor, maps: torch.Tensor, offsets: torch.Tensor, span: float) -> torch.Tensor:
    """Samples images (B, C, S, S) that span `span` pixels at `offsets` (n,) from their middle, zoomed and shifted.

    maps (B, 3): zoom, dx, dy in pixels; output offset o shows input offset o / zoom - d. Returns (B, C, n, n).
    """
    zoom, dx, dy = maps.unbind(1)
    x = (offsets / zoom[:, None] - dx[:, None]) * 2 / span
    y = (offsets / zoom[:, None] - dy[:, None]) * 2 / span
    n = len(offsets)
    grid = torch.stack([x[:, None, :].expand(-1, n, -1), y[:, :, None].expand(-1, -1, n)], -1)
    return F.grid_sample(images, grid, padding_mode="border", align_corners=False)


def socl_step(batches: Batches, step: int, network: SiameseNetwork) -> dict[str, torch.Tensor]:
    """Loss of SoCL-Siam on the batch of a step, with what the training record shows."""
    spec, compute = batches.spec, batches.compute
    rows, maps, gain = batches.draw(step)
    flat_rows, flat_maps = rows.flatten(), maps.flatten(0, 1)
    with compute.autocast():
        features = network(batches.crops(flat_rows, flat_maps, gain.ravel(), spec.crop))
    features = features.float()
    top = batches.top_maps(flat_rows, flat_maps, spec.crop)
    gst = soft_samples.global_soft_template(features, top)
    other = gst.roll(batches.size, 0)  # the GST of the paired frame
    sns, hard = soft_samples.soft_negative_sample(other, features, top, spec.tau_n, spec.background)
    loss = losses.socl_loss(gst[: batches.size], gst[batches.size :], sns, spec.tau)
    positive = F.cosine_similarity(gst, other, dim=1).mean()
    negative = F.cosine_similarity(gst, sns.roll(batches.size, 0), dim=1).mean()
    return {
        "loss": loss,
        "positive": positive,
        "hard_negative": negative,
        "top_cells": prior.entropy(top).exp().mean(),
        "sns_cells": prior.entropy(hard).exp().mean(),
    }


def box_step(batches: Batches, step: int, network: SiameseNetwork) -> dict[str, torch.Tensor]:
    """Loss of Box-Siam on the batch of a step."""
    spec, compute = batches.spec, batches.compute
    (first, second), maps, gain = batches.draw(step)
    maps[0][:, 1:] = 0  # the template is centred on its target, as it is in tracking
    with compute.autocast():
        template = network(batches.crops(first, maps[0], gain[0], EXEMPLAR))
        features = network(batches.crops(second, maps[1], gain[1], spec.crop))
    response = network.adjust(correlate(template, features, spec.correlation))
    offsets = (maps[1][:, 1:] * maps[1][:, :1]).to(compute.device)
    labels = losses.response_labels(offsets, response.shape[-1], STRIDE, spec.radius)
    return {
        "loss": losses.balanced_bce(response, labels),
        "positive": (response * labels).sum() / labels.sum().clamp(min=1),
        "hard_negative": response.masked_fill(labels > 0, -torch.inf).amax(),
    }


STEPS = {"socl-siam": socl_step, "box-siam": box_step}


def new_network(spec: RunSpec) -> SiameseNetwork:
    """The untrained network of a spec; its weights depend on the seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(spec.seed)
        return SiameseNetwork(spec.width, spec.head, spec.correlation)


@dataclass
class Training:
    """State of a training: network, optimiser and the next step. `state` and `restore` make it resumable."""

    spec: RunSpec
    batches: Batches
    compute: Compute
    step: int = 0

    def __post_init__(self):
        self.network = self.compute.module(new_network(self.spec)).train()
        make = {"sgd": partial(torch.optim.SGD, momentum=0.9), "adamw": torch.optim.AdamW}[self.spec.optimiser]
        self.optimiser = make(self.network.parameters(), lr=self.spec.lr, weight_decay=self.spec.weight_decay)

    def state(self) -> dict:
        return {
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
        }

    def restore(self, state: dict) -> None:
        self.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step = state["step"]

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
        """Trains to the last step. `log` receives the means since the last call every `log_every` steps.

        Values stay on the device between two log entries, so that no step waits for it.
        Raises `SoclError` naming the step when the loss is not finite.
        """
        pending: list[dict[str, torch.Tensor]] = []
        while self.step < self.spec.steps:
            for group in self.optimiser.param_groups:
                group["lr"] = self.learning_rate()
            values = STEPS[self.spec.method](self.batches, self.step, self.network)
            self.optimiser.zero_grad(set_to_none=True)
            values["loss"].backward()
            self.optimiser.step()
            pending.append({name: value.detach() for name, value in values.items()})
            self.step += 1
            if self.step % log_every == 0 or self.step == self.spec.steps:
                means = {name: torch.stack([p[name] for p in pending]).mean().item() for name in pending[0]}
                if not math.isfinite(means["loss"]):
                    raise SoclError(
                        f"the loss is not finite between steps {self.step - len(pending)} and {self.step}; "
                        "try a lower lr"
                    )
                log({"step": self.step, "lr": self.optimiser.param_groups[0]["lr"], **means})
                pending = []
            each_step(self)
