"""What can be run, by name. A method is one module here: its labels, network, training step and tracker.

Adding a method is adding its module and its names below; runs of other methods stay what they are.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import torch

    from socl_core.methods.crops import Cut

MODULES = {
    "socl-siam": "socl_core.methods.siam",
    "box-siam": "socl_core.methods.siam",
    "random-siam": "socl_core.methods.siam",
    "socl-cf": "socl_core.methods.cf",
    "box-cf": "socl_core.methods.cf",
    "random-cf": "socl_core.methods.cf",
    "mil": "socl_core.methods.mil",
    "socl-transt": "socl_core.methods.transt",
    "transt": "socl_core.methods.transt",
}
NAMES = tuple(MODULES)


@dataclass(frozen=True)
class Method:
    """What the pipeline must know of a method.

    labels: what its training data carry; "points" never see a size. None: it is not trained.
    tracker: (spec, network, compute) -> a tracker under the contract of `IdentityTracker`.
    network: spec -> the untrained network; None for a method without one.
    step: (batches, step, network) -> values to log, of which "loss" is minimised.
    cut: spec -> how its training crops are cut.
    probe: (spec, network, sequences, compute) -> scores by sequence that tell of the network beside its tracking.
    """

    labels: Literal["points", "boxes"] | None
    tracker: Callable[..., object]
    network: "Callable[..., torch.nn.Module] | None" = None
    step: "Callable[..., dict[str, torch.Tensor]] | None" = None
    cut: "Callable[..., Cut] | None" = None
    probe: "Callable[..., dict[str, dict[str, float]]] | None" = None


def find(name: str) -> Method:
    """The method of a name in `NAMES`; its module is imported now."""
    return import_module(MODULES[name]).METHODS[name]
