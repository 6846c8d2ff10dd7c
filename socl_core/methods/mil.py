"""MIL of OpenCV: learns nothing beforehand."""

from typing import Literal

from socl_core.methods.spec import RunSpec
from socl_core.trackers.mil import MilTracker


class Mil(RunSpec):
    """MIL, with no parameters of its own."""

    method: Literal["mil"]

    def tracker(self, network, compute) -> MilTracker:
        return MilTracker(self.seed)


METHODS = {"mil": Mil}
