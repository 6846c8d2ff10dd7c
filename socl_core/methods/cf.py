"""SoCL-CF, Box-CF, and their network with random weights: all three track with an online correlation filter.

They train as SoCL-Siam and Box-Siam do; the tracker takes the backbone without its head. [S for SoCL-CF]
"""

from typing import Literal

from pydantic import BaseModel, Field

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


class Filter(BaseModel):
    """Parameters of the tracker."""

    scales: int = Field(3, ge=1, le=99, description="at which a tracker looks for its target")
    solver: Literal["closed", "cg"] = Field(
        "cg", description="of the correlation filter: conjugate gradient, or closed form"
    )
    filter_rate: float = Field(0.02, ge=0, lt=1, description="learning rate of the correlation filter, a frame")


class SoclCfSpec(SoclTraining, Filter):
    """Parameters of SoCL-CF."""

    method: Literal["socl-cf"]


class BoxCfSpec(BoxTraining, Filter):
    """Parameters of Box-CF."""

    method: Literal["box-cf"]


class RandomCfSpec(NetworkSpec, Filter):
    """Parameters of the filter over random weights, or over those of `init`."""

    method: Literal["random-cf"]


def make_tracker(spec: Filter, network: SiameseNetwork, compute: Compute) -> CfTracker:
    """A tracker with the network's backbone."""
    options = CfOptions(solver=spec.solver, scales=spec.scales, rate=spec.filter_rate)
    return CfTracker(network.backbone, compute, options)


METHODS = {
    "socl-cf": Method(SoclCfSpec, "points", make_tracker, trained_network, socl_step, point_cut),
    "box-cf": Method(BoxCfSpec, "boxes", make_tracker, trained_network, box_step, box_cut),
    "random-cf": Method(RandomCfSpec, None, make_tracker, random_network),
}
