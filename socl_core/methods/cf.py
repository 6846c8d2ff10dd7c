"""SoCL-CF, Box-CF, and their network with random weights: all three track with an online correlation filter.

They train as SoCL-Siam and Box-Siam do; the tracker takes the backbone without its head. [S for SoCL-CF]
"""

from typing import Literal

from socl_core.methods.siam import BoxTraining, SoclTraining, Untrained
from socl_core.models.device import Compute
from socl_core.models.siamese import SiameseNetwork
from socl_core.trackers.cf import CfOptions, CfTracker


class CfTracking(CfOptions):
    """Tracks with a correlation filter over the features of the backbone."""

    def tracker(self, network: SiameseNetwork, compute: Compute) -> CfTracker:
        return CfTracker(network.backbone, compute, self)


class SoclCf(CfTracking, SoclTraining):
    """SoCL-CF."""

    method: Literal["socl-cf"]


class BoxCf(CfTracking, BoxTraining):
    """Box-CF."""

    method: Literal["box-cf"]


class RandomCf(CfTracking, Untrained):
    """The filter over random weights, or over those of `init`."""

    method: Literal["random-cf"]


METHODS = {"socl-cf": SoclCf, "box-cf": BoxCf, "random-cf": RandomCf}
