"""What can be run, by name. A method is one class, a `RunSpec`: its parameters, and what it does with them.

A module here is found by its `METHODS`, classes by name. A package of your own adds one by an entry point of the group
`socl.methods`, `name = "package.module"`.
"""

import ast
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING

from socl_core.errors import known

if TYPE_CHECKING:
    from socl_core.methods.spec import RunSpec


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


def find(name: str) -> "type[RunSpec]":
    """The class of a method; its module is imported now. Raises `UsageError` for an unknown one."""
    return import_module(modules()[known("method", name, modules())]).METHODS[name]
