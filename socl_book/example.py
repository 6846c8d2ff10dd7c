"""The running example of the method pages: a pair of frames of the first batch that a training of SoCL sees."""

from dataclasses import dataclass

import numpy as np
import torch

from socl_core import data
from socl_core.geometry import EXEMPLAR, SEARCH
from socl_core.methods.batches import Batch, Batches
from socl_core.models.device import Compute
from socl_core.runs.training_set import CACHE, training_crops


@dataclass(frozen=True)
class Example:
    """A pair of frames of a composite video, and the batch of step 0 that it is in.

    video: its name. image, point: the first frame, BGR (H, W, 3), and the click in it. side: frame pixels that its
    search crop shows. scores: its score map (G, G) as the training has stored it.
    batch: 2 x `pairs` crops that `batches` shows, all first frames before all second ones. place: of the first frame.
    """

    video: str
    image: np.ndarray
    point: np.ndarray
    side: float
    scores: np.ndarray
    batches: Batches
    batch: Batch
    pairs: int
    place: int

    def both(self, values: torch.Tensor) -> torch.Tensor:
        """Of values for every crop of the batch, those of the example's two frames."""
        return values[[self.place, self.place + self.pairs]]


def running_example(spec) -> Example:
    """The first pair of a composite video in the first batch of a training of `spec`, whose crops are made if absent.

    composite is the first of the spec's data sets.
    """
    videos = data.load("composite", "train", videos=spec.videos, cache=CACHE)
    store = training_crops(spec)
    batches = Batches(store, spec, Compute.choose())
    batch = batches.draw(0)
    rows = batch.rows[0].cpu().numpy()
    place = int(np.flatnonzero(store.video[rows] < len(videos))[0])
    row = rows[place]
    sequence, frame, side = videos[store.video[row]], store.frame[row], float(store.side[row]) * SEARCH / EXEMPLAR
    picture = sequence.frames[frame], sequence.points[frame], side, store.scores[row]
    return Example(sequence.name, *picture, batches, batch.flatten(), len(rows), place)
