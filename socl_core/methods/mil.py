"""MIL of OpenCV: learns nothing beforehand."""

from typing import Literal

from socl_core.methods import Method
from socl_core.methods.spec import RunSpec
from socl_core.trackers.mil import MilTracker


class MilSpec(RunSpec):
    """Parameters of MIL: where it is evaluated."""

    method: Literal["mil"]


METHODS = {"mil": Method(MilSpec, None, lambda spec, network, compute: MilTracker(spec.seed))}
