"""Whether a TransT finds its target by its template: scores with the own template and with another video's."""

import numpy as np
import torch

from socl_core.data.sequence import Sequence, evenly
from socl_core.geometry import box_centres, context_side, crop
from socl_core.methods.losses import cells_inside
from socl_core.models.device import Compute
from socl_core.models.transt import TransT


@torch.inference_mode()
def template_use(
    network: TransT, search: int, sequences: list[Sequence], compute: Compute, frames: int = 4
) -> dict[str, dict[str, float]]:
    """Mean target score, in [0, 1], of the cells in the true box by sequence: `template_own` with its own template,
    `template_other` with that of the next sequence.

    Search crops of `search` pixels are centred on the true boxes of at most `frames` later frames. A network that
    finds whatever looks like an object in the middle gives the same number twice. Sequences without a valid later
    frame have none, and one alone has no other.
    """
    network = network.eval()
    templates = [_tokens(network, s, 0, 1.0, search // 2, compute) for s in sequences]
    found: dict[str, dict[str, float]] = {}
    for number, sequence in enumerate(sequences):
        pair = {"template_own": templates[number], "template_other": templates[(number + 1) % len(templates)]}
        scores: dict[str, list[float]] = {name: [] for name in pair}
        for i in evenly(np.flatnonzero(sequence.valid[1:]) + 1, frames):
            view = _tokens(network, sequence, i, 2.0, search, compute)
            inside = _cells(sequence.boxes[i], view[0].shape[1])
            for name, template in pair.items():
                with compute.autocast():
                    classes = network.match(template, view)[0].float().softmax(-1)
                scores[name].append(float(classes[0, inside, 0].mean()))
        if len(templates) > 1 and scores["template_own"]:
            found[sequence.name] = {name: float(np.mean(values)) for name, values in scores.items()}
    return found


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
