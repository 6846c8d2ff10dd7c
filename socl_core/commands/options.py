"""Options that several `socl` commands share."""

import math
import os
from pathlib import Path
from typing import Annotated

import typer
import yaml

from socl_core.errors import UsageError
from socl_core.methods import NAMES


def _use_root(root: Path | None) -> Path | None:
    if root:
        os.environ["SOCL_DATA"] = str(root)
    return root


DataRoot = Annotated[
    Path | None,
    typer.Option("--data-root", callback=_use_root, help="Folder of the named data sets; else SOCL_DATA, else ./data."),
]
SHIPPED = {path.stem: path for path in sorted((Path(__file__).parents[1] / "weights").glob("*.safetensors"))}


def _of_the_package(path: Path) -> Path:
    return path if path.exists() else SHIPPED.get(str(path), path)


Weights = Annotated[
    Path,
    typer.Option(
        callback=_of_the_package, help=f"A file written by `socl train`, or {' or '.join(SHIPPED)} of the package."
    ),
]
DEFAULT_WEIGHTS = Path("socl-siam")  # the faster one
MethodName = Annotated[str, typer.Option(help=", ".join(NAMES))]
Protocol = Annotated[str, typer.Option(help="smoke, laptop, reference or paper.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def check_file(path: Path, suffix: str = "") -> None:
    """Before hours of work: raises `UsageError` where no file can be written, or its name ends in another suffix."""
    if path.is_dir():
        raise UsageError(f"{path} is a folder; expected the name of a file")
    if suffix and path.suffix.lower() != suffix:
        raise UsageError(f"{path}: expected a name that ends in {suffix}")


def settings(pairs: list[str]) -> dict:
    """`name=value` pairs with YAML values. A comma separates the items of a list."""
    changes = {}
    for pair in pairs:
        name, sign, value = pair.partition("=")
        if not sign or not name:
            raise UsageError(f"--set takes name=value, found '{pair}'")
        changes[name] = yaml_value(value)
    return changes


def yaml_value(text: str):
    """The value that a text stands for in YAML. Raises `UsageError` for one that is none."""
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        raise UsageError(f"'{text}' is no value; a bracket or quote may be missing") from None


def numbers(text: str, count: int, form: str) -> list[float]:
    """`count` numbers with commas. Raises `UsageError` with the `form` expected."""
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        values = []
    if len(values) != count or not all(map(math.isfinite, values)):
        raise UsageError(f"expected {form}, found '{text}'")
    return values


def seeds_of(text: str) -> list[int]:
    """Seeds with commas. Raises `UsageError` for anything else."""
    seeds = numbers(text, text.count(",") + 1, "--seeds 0,1,2")
    if any(seed < 0 or seed != int(seed) for seed in seeds):
        raise UsageError(f"seeds are whole numbers of at least 0, found '{text}'")
    return [int(seed) for seed in seeds]
