"""The rooms of socl_core: imports point downwards only, and no chain of them is long."""

import ast
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# A room may import from those before it, and from itself.
ROOMS = ("errors", "geometry", "data", "prior", "models", "trackers", "scoring", "methods", "runs", "use", "commands")
FLOORS = 10


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module_name(path): path for name in ("socl_core", "socl_book") for path in (ROOT / name).rglob("*.py")}


@cache
def imports(module: str) -> frozenset[str]:
    """Modules of the two packages that the import statements of a module name, wherever they stand in it."""
    named = set()
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.Import):
            named |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively"
            named |= {f"{node.module}.{alias.name}" for alias in node.names}
            named |= set() if f"{node.module}.{node.names[0].name}" in MODULES else {node.module}
    return frozenset(named & MODULES.keys()) - {module, "socl_core"}


CORE = sorted(name for name in MODULES if name.startswith("socl_core."))


def room(module: str) -> int:
    return ROOMS.index(module.split(".")[1])


@pytest.mark.parametrize("module", CORE)
def test_imports_point_downwards(module):
    assert not [name for name in imports(module) if name.startswith("socl_book")]
    assert not [name for name in imports(module) if room(name) > room(module)]


def test_there_are_no_cycles_and_few_floors():
    floors: dict[str, int] = {}
    for module in TopologicalSorter({name: imports(name) for name in MODULES}).static_order():  # refuses a cycle
        floors[module] = 1 + max((floors[name] for name in imports(module)), default=0)
    highest = max(CORE, key=floors.__getitem__)
    assert floors[highest] <= FLOORS, floors[highest]
