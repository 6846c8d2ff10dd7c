"""What can be run, by name. A method is one module: its spec, labels, network, training step and tracker.

A module here is found by its `METHODS`. A package of your own adds one by an entry point of the group `socl.methods`,
`name = "package.module"`.
"""

import ast
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from socl_core.errors import known

if TYPE_CHECKING:
    import torch

    from socl_core.methods.spec import RunSpec

@dataclass(frozen=True)
class Method:
    """What the pipeline must know of a method.

    spec: the class of its parameters.
    labels: what its training data carry; "points" never see a size. None: it is not trained.
    tracker: (spec, network, compute) -> a tracker under the contract of `IdentityTracker`.
    network: spec -> the untrained network; None for a method without one.
    step: (batches, step, network) -> values to log, of which "loss" is minimised.
    cut: spec -> how its training crops are cut, a `Cut`.
    """

    spec: "type[RunSpec]"
    labels: Literal["points", "boxes"] | None
    tracker: Callable[..., object]
    network: "Callable[..., torch.nn.Module] | None" = None
    step: "Callable[..., dict[str, torch.Tensor]] | None" = None
    cut: Callable[..., object] | None = None


@cache
def modules() -> dict[str, str]:
    """The module of each method by the method's name, found without importing one.

    Those are the modules of this package that define `METHODS`, and what installed packages name as entry points.
    """
    names = {}
    for path in sorted(Path(__file__).parent.glob("*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.Assign) and node.targets[0].id == "METHODS":
                names |= {key.value: f"{__name__}.{path.stem}" for key in node.value.keys}
    return names | {point.name: point.value for point in entry_points(group="socl.methods")}


def find(name: str) -> Method:
    """The method of a name; its module is imported now. Raises `UsageError` for an unknown one."""
    return import_module(modules()[known("method", name, modules())]).METHODS[name]
