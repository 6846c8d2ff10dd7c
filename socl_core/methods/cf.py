"""SoCL-CF, Box-CF, and their network with random weights: all three track with an online correlation filter.

They train as SoCL-Siam and Box-Siam do; the tracker takes the backbone without its head. [S for SoCL-CF]
"""

from typing import Literal

from socl_core.methods import Method
from socl_core.methods.siam import (
    BoxTraining,
    SoclTraining,
    box_cut,
    box_step,
    point_cut,
    random_network,
    socl_step,
    trained_network,
)
from socl_core.methods.spec import NetworkSpec
from socl_core.models.device import Compute
from socl_core.models.siamese import SiameseNetwork
from socl_core.trackers.cf import CfOptions, CfTracker


class SoclCfSpec(SoclTraining, CfOptions):
    """Parameters of SoCL-CF."""

    method: Literal["socl-cf"]


class BoxCfSpec(BoxTraining, CfOptions):
    """Parameters of Box-CF."""

    method: Literal["box-cf"]


class RandomCfSpec(NetworkSpec, CfOptions):
    """Parameters of the filter over random weights, or over those of `init`."""

    method: Literal["random-cf"]


def make_tracker(spec: CfOptions, network: SiameseNetwork, compute: Compute) -> CfTracker:
    """A tracker with the network's backbone."""
    return CfTracker(network.backbone, compute, spec)


METHODS = {
    "socl-cf": Method(SoclCfSpec, "points", make_tracker, trained_network, socl_step, point_cut),
    "box-cf": Method(BoxCfSpec, "boxes", make_tracker, trained_network, box_step, box_cut),
    "random-cf": Method(RandomCfSpec, None, make_tracker, random_network),
}
