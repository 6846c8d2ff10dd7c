"""MIL of OpenCV: learns nothing beforehand."""

from socl_core.methods import Method
from socl_core.trackers.mil import MilTracker

METHODS = {"mil": Method(None, lambda spec, network, compute: MilTracker(spec.seed))}
