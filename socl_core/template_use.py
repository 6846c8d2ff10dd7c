"""Whether a TransT finds its target by its template: scores with the own template and with another video's."""

import numpy as np
import torch

from socl_core.data.crops import context_side, crop
from socl_core.data.sequence import Sequence, box_centres, evenly
from socl_core.device import Compute
from socl_core.losses import cells_inside
from socl_core.models.transt import TransT


@torch.inference_mode()
def template_use(
    network: TransT, search: int, sequences: list[Sequence], compute: Compute, frames: int = 4
) -> tuple[float, float]:
    """Mean target score, in [0, 1], of the cells in the true box: with the template of the same video, and of the next.

    Search crops of `search` pixels are centred on the true boxes of at most `frames` later frames a video. A network
    that finds whatever looks like an object in the middle gives the same number twice.
    """
    network = network.eval()
    templates = [_tokens(network, s, 0, 1.0, search // 2, compute) for s in sequences]
    scores = []
    for number, sequence in enumerate(sequences):
        for i in evenly(np.flatnonzero(sequence.valid[1:]) + 1, frames):
            view = _tokens(network, sequence, i, 2.0, search, compute)
            inside = _cells(sequence.boxes[i], view[0].shape[1])
            pair = (templates[number], templates[(number + 1) % len(templates)])
            scores.append([float(network.match(t, view)[0].float().softmax(-1)[0, inside, 0].mean()) for t in pair])
    own, other = np.mean(scores, 0)
    return float(own), float(other)


def _tokens(network: TransT, sequence: Sequence, frame: int, sides: float, size: int, compute: Compute):
    """Tokens of a crop of `size` pixels around the true box of a frame, which shows `sides` times its context."""
    box = sequence.boxes[frame]
    centre, side = box_centres(box[None])[0], sides * float(context_side(*box[2:]))
    pixels = torch.from_numpy(crop(sequence.frames[frame], centre, side, size))
    with compute.autocast():
        return network.tokens(compute.images(pixels.permute(2, 0, 1)[None]))


def _cells(box: np.ndarray, count: int) -> torch.Tensor:
    """Which of the `count` cells of a search crop around a box lie in it: (count,) bool."""
    sizes = box[2:] / (2 * context_side(*box[2:]))
    return cells_inside(torch.tensor([[0.5, 0.5, *sizes]], dtype=torch.float32), round(count**0.5))[0]
