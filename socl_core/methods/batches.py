"""Batches of a training: pairs of stored crops, one pair a video, augmented on the device."""

import math
from dataclasses import dataclass

import numpy as np
import torch

from socl_core.errors import DataError
from socl_core.geometry import resample
from socl_core.methods.crops import CropStore
from socl_core.methods.spec import RunSpec
from socl_core.models.device import Compute
from socl_core.models.siamese import BACKBONES
from socl_core.prior.top import clip_scores, scores_at_cells, softmax_map


@dataclass(frozen=True)
class Batch:
    """Which stored crops are shown, and how they are augmented; leading axes (2, B): the two frames of B videos.

    rows: of the crop store. zoom: factor. shift (..., 2): of the picture, x, y in pixels. gain: factor on brightness.
    """

    rows: torch.Tensor
    zoom: torch.Tensor
    shift: torch.Tensor
    gain: torch.Tensor

    @classmethod
    def plain(cls, rows: torch.Tensor) -> "Batch":
        """Stored crops as they are, without augmentation."""
        ones = torch.ones(rows.shape, device=rows.device)
        return cls(rows, ones, torch.zeros(*rows.shape, 2, device=rows.device), ones)

    def __getitem__(self, index) -> "Batch":
        return Batch(*(values[index] for values in vars(self).values()))

    def flatten(self) -> "Batch":
        """One leading axis (2 B,): all first frames, then all second ones."""
        return Batch(*(values.flatten(0, 1) for values in vars(self).values()))


class Batches:
    """Draws batches from a crop store, which lies on the device, and shows their crops and TOP maps.

    A batch larger than the number of videos is reduced to it: two pairs of one video in a batch would be
    each other's false negatives.
    """

    def __init__(self, store: CropStore, spec: RunSpec, compute: Compute):
        self.spec, self.compute, self.grid = spec, compute, BACKBONES[spec.backbone].grid
        on_device = lambda array: torch.from_numpy(np.array(array)).to(compute.device)  # noqa: E731
        self.images = on_device(store.images)
        self.boxes = None if store.boxes is None else on_device(store.boxes)
        self.scores = None
        if store.scores is not None and "eta" in type(spec).model_fields:  # only soft samples read maps
            self.scores = clip_scores(on_device(store.scores), self.grid, spec.eta)
        self.frame, self.video = store.frame, store.video
        videos = [np.flatnonzero(store.video == video) for video in np.unique(store.video)]
        self.videos = [rows for rows in videos if len(rows) > 1]
        if len(self.videos) < 2:
            raise DataError(
                f"training needs at least 2 videos of at least 2 annotated frames, found {len(self.videos)}; "
                "try --data composite too"
            )
        self.size = min(spec.batch, len(self.videos))

    def draw(self, step: int) -> Batch:
        """The batch of a step, on the device: a function of the spec's seed and the step alone."""
        rng = np.random.default_rng([self.spec.seed, step])
        chosen = rng.choice(len(self.videos), self.size, replace=False)
        rows = np.array([self._pair(self.videos[video], rng) for video in chosen]).T
        zoom = np.exp(rng.uniform(-1, 1, rows.shape) * math.log1p(self.spec.zoom))
        shift = rng.uniform(-1, 1, (*rows.shape, 2)) * self.spec.shift
        gain = rng.uniform(0.8, 1.2, rows.shape)
        augmentation = (torch.from_numpy(values.astype(np.float32)) for values in (zoom, shift, gain))
        return Batch(*(values.to(self.compute.device) for values in (torch.from_numpy(rows), *augmentation)))

    def _pair(self, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        first = rng.choice(rows)
        near = rows[(np.abs(self.frame[rows] - self.frame[first]) < self.spec.max_gap) & (rows != first)]
        second = rng.choice(near) if len(near) else rng.choice(rows[rows != first])
        return np.array([first, second])

    def crops(self, batch: Batch, pixels: int) -> torch.Tensor:
        """Crops (B, 3, pixels, pixels) of a batch of one leading axis, augmented at most as `draw` does it."""
        # Only what crops of this size can show is read: pixels from the middle, and one more to interpolate.
        stored, reach = self.images.shape[1], pixels / 2 * (1 + self.spec.zoom) + self.spec.shift
        edge = max(0, stored // 2 - math.ceil(reach) - 1)
        shown = slice(edge, stored - edge)
        images = self.compute.images(self.images[batch.rows, shown, shown].permute(0, 3, 1, 2))
        offsets = torch.arange(pixels, device=images.device) - (pixels - 1) / 2
        images = resample(images, offsets, images.shape[-1], batch.zoom, batch.shift)
        return (images * batch.gain[:, None, None, None]).clamp(0, 255)

    def top_maps(self, batch: Batch, pixels: int) -> torch.Tensor:
        """TOP maps (B, h, w) on the feature cells of the crops that `crops` shows of the same batch."""
        return softmax_map(self.clipped_scores(batch, pixels))

    def clipped_scores(self, batch: Batch, pixels: int) -> torch.Tensor:
        """Clipped scores (B, h, w) on the feature grid of the crops that `crops` returns for the same arguments."""
        return scores_at_cells(self.scores[batch.rows], self.grid, pixels, batch.zoom, batch.shift)
