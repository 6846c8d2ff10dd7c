"""What features look like without a tracker: alignment, uniformity, effective rank.

They make the supplement's explanation of Table 3 measurable: with a head, the backbone should keep "more
detailed and rich information" [S], that is, a higher effective rank than the head's output has.
"""

import numpy as np
import torch
import torch.nn.functional as F

from socl_core.methods import soft_samples as samples
from socl_core.methods.batches import Batch, Batches
from socl_core.methods.crops import CropStore


def alignment(first: torch.Tensor, second: torch.Tensor) -> float:
    """Mean squared distance of positive pairs on the unit sphere: 0 is best, 4 worst. (Wang and Isola, 2020)

    first, second: (N, C), row i of both from one video.
    """
    return (F.normalize(first, dim=1) - F.normalize(second, dim=1)).square().sum(1).mean().item()


def uniformity(features: torch.Tensor) -> float:
    """Logarithm of the mean of exp(-2 d^2) over all pairs on the unit sphere: the lower, the more spread out.

    features: (N, C), at least 2. (Wang and Isola, 2020)
    """
    return F.pdist(F.normalize(features, dim=1)).square().mul(-2).exp().mean().log().item()


def effective_rank(features: torch.Tensor) -> float:
    """exp(entropy) of the singular values of the centred features (N, C), scaled to sum to 1. (Roy and Vetterli, 2007)

    Between 1 and min(N, C); features that are all equal have none: 0.
    """
    values = torch.linalg.svdvals((features - features.mean(0)).double())
    if values.sum() < 1e-9:
        return 0.0
    return torch.special.entr(values / values.sum()).sum().exp().item()


@torch.inference_mode()
def feature_statistics(network, batches: Batches, pairs: np.ndarray) -> dict[str, dict[str, float]]:
    """The three numbers of a network's backbone and, where it has one, of its head's output.

    pairs: (2, N) rows of the store behind `batches`, two crops a video, taken as they are stored.
    Alignment and uniformity are of global soft templates, effective rank of all cells.
    """
    network.eval()
    batch, pixels = Batch.plain(torch.from_numpy(pairs.ravel()).to(batches.compute.device)), batches.spec.crop
    with batches.compute.autocast():
        outputs = {"backbone": network.backbone(batches.crops(batch, pixels))}
        if not isinstance(network.head, torch.nn.Identity):
            outputs["head"] = network.head(outputs["backbone"])
    top, found = batches.top_maps(batch, pixels), {}
    for name, features in outputs.items():
        gst = samples.global_soft_template(features.float(), top)
        found[name] = {
            "alignment": alignment(*gst.chunk(2)),
            "uniformity": uniformity(gst),
            "effective rank": effective_rank(features.float().transpose(0, 1).flatten(1).T),
        }
    return found


def video_pairs(store: CropStore, gap: int) -> np.ndarray:
    """Rows (2, N) of a store: each frame with the one `gap` rows later in its video."""
    first = np.arange(len(store.video) - gap)
    first = first[store.video[first] == store.video[first + gap]]
    return np.stack([first, first + gap])
