"""Choice of parameters, on dev splits only."""

from collections.abc import Iterator
from itertools import product

from socl_core import data
from socl_core.errors import UsageError
from socl_core.spec import RunSpec, make_spec


def grid(choices: dict[str, list]) -> Iterator[dict]:
    """Every combination of the listed values, as changes to a spec."""
    return (dict(zip(choices, values)) for values in product(*choices.values()))


def candidates(
    protocol: str, method: str, choices: dict[str, list], seeds: list[int], on: list[str], changes: dict
) -> dict[str, list[RunSpec]]:
    """Specs by their setting ("lr=0.01, tau=0.1"), one a seed, each evaluated on the dev splits of `on`.

    Raises `UsageError` for a data set whose only split is a test split: a choice made there would make its
    final numbers worthless.
    """
    for name in on:
        if (role := data.role(name, data.evaluation_split(name, "dev"))) != "dev":
            raise UsageError(f"parameters are chosen on dev splits only; {name} is {role} data")
    if overlap := {"seed", "split", "test"} & (choices.keys() | changes.keys()):
        raise UsageError(f"{', '.join(sorted(overlap))} cannot be tried: seeds and data sets have options of their own")
    if empty := [name for name, values in choices.items() if not values]:
        raise UsageError(f"no value to try for {', '.join(empty)}: expected name=a,b,c")
    fixed = changes | {"split": "dev", "test": tuple(on)}
    return {
        ", ".join(f"{name}={value}" for name, value in setting.items()): [
            make_spec(protocol, method, seed=seed, **(fixed | setting)) for seed in seeds
        ]
        for setting in grid(choices)
    }
