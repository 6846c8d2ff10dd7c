"""The running example of the method pages: a pair of frames of the first batch that a training of SoCL sees."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from socl_core import data
from socl_core.data.sequence import Sequence
from socl_core.geometry import EXEMPLAR, SEARCH
from socl_core.methods.batches import Batch, Batches
from socl_core.methods.crops import CropStore
from socl_core.models.device import Compute
from socl_core.runs.training_set import CACHE, training_crops


@dataclass(frozen=True)
class Example:
    """A pair of frames of the composite video `sequence`, and the batch of step 0 that it is in.

    store: the crops of the training. batches: shows them augmented. batch: 2 x `pairs` crops, all first frames
    before all second ones. pair: place of the example's first frame in it; its second frame is `pairs` later.
    """

    sequence: Sequence
    store: CropStore
    batches: Batches
    batch: Batch
    pairs: int
    pair: int

    @cached_property
    def row(self) -> int:
        """The first frame's crop in the store."""
        return int(self.batch.rows[self.pair])

    @property
    def image(self) -> np.ndarray:
        """The first frame, BGR (H, W, 3)."""
        return self.sequence.frames[self.store.frame[self.row]]

    @property
    def point(self) -> np.ndarray:
        """The click in it: x, y."""
        return self.sequence.points[self.store.frame[self.row]]

    @property
    def side(self) -> float:
        """Frame pixels that its search crop shows: one scale for the video, which the windows of its frames give."""
        return float(self.store.side[self.row]) * SEARCH / EXEMPLAR

    def both(self, values: torch.Tensor) -> torch.Tensor:
        """Of values for every crop of the batch, those of the example's two frames."""
        return values[[self.pair, self.pair + self.pairs]]


def running_example(spec) -> Example:
    """The first pair of a composite video in the first batch of a training of `spec`, whose crops are made if absent.

    composite is the first of the spec's data sets.
    """
    videos = data.load("composite", "train", videos=spec.videos, cache=CACHE)
    store = training_crops(spec)
    batches = Batches(store, spec, Compute.choose())
    batch = batches.draw(0)
    video = store.video[batch.rows[0].cpu().numpy()]
    pair = int(np.flatnonzero(video < len(videos))[0])
    return Example(videos[video[pair]], store, batches, batch.flatten(), len(video), pair)
