"""Many runs at once: grids of parameters, and their choice, on dev splits only."""

import numpy as np
from sklearn.model_selection import ParameterGrid

from socl_core import data
from socl_core.errors import UsageError
from socl_core.methods.spec import RunSpec
from socl_core.runs.pipeline import run_or_load
from socl_core.runs.spec import make_spec


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
        for setting in ParameterGrid(choices)
    }


def ranking(tried: dict[str, list[RunSpec]], device: str = "auto") -> list[dict]:
    """Settings with their AUC in percent by data set, mean over seeds, and over data sets, best first; runs
    what is missing."""
    rows = []
    for setting, specs in tried.items():
        means = [run_or_load(spec, device).read("result.json")["mean"] for spec in specs]
        auc = {name: round(100 * float(np.mean([mean[name]["auc"] for mean in means])), 2) for name in means[0]}
        rows.append({"setting": setting, "auc": auc, "mean": round(float(np.mean(list(auc.values()))), 2)})
    return sorted(rows, key=lambda row: -row["mean"])


def grid_specs(protocol: str, grid: dict) -> list[RunSpec]:
    """Every combination of parameter values as a spec: {"method": "socl-cf", "eta": [0.05, 0.1], "seed": [0, 1]}.

    A value that is no list is taken as one. Raises `UsageError` for no method, or anything unknown or out of range.
    """
    if "method" not in grid:
        raise UsageError(f"a grid names its method, as in {{method: socl-cf, eta: [0.05, 0.1]}}; found {grid}")
    points = ParameterGrid({name: values if isinstance(values, list) else [values] for name, values in grid.items()})
    return [make_spec(protocol, point.pop("method"), **point) for point in points]
