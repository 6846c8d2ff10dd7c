"""SoCL-CF, Box-CF, and their network with random weights: all three track with an online correlation filter.

They train as SoCL-Siam and Box-Siam do; the tracker takes the backbone without its head. [S for SoCL-CF]
"""

from socl_core.methods import Method
from socl_core.methods.siam import box_cut, box_step, network, point_cut, socl_step
from socl_core.methods.spec import RunSpec
from socl_core.models.device import Compute
from socl_core.models.siamese import SiameseNetwork
from socl_core.trackers.cf import CfOptions, CfTracker


def tracker(spec: RunSpec, network: SiameseNetwork, compute: Compute) -> CfTracker:
    """A tracker with the network's backbone."""
    return CfTracker(network.backbone, compute, CfOptions(solver=spec.solver, scales=spec.scales, rate=spec.update))


METHODS = {
    "socl-cf": Method("points", tracker, network, socl_step, point_cut),
    "box-cf": Method("boxes", tracker, network, box_step, box_cut),
    "random-cf": Method(None, tracker, network),
}
