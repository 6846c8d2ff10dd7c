"""Options that `socl` commands share, and how their texts are read."""

import json
import math
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer
import yaml

from socl_core import methods
from socl_core.errors import UsageError
from socl_core.use import SHIPPED


def _use_root(root: Path | None) -> Path | None:
    if root:
        os.environ["SOCL_DATA"] = str(root)
    return root


def _use_cache(folder: Path | None) -> Path | None:
    if folder:
        os.environ["SOCL_CACHE"] = str(folder)
    return folder


def find_shipped(path: Path) -> Path:
    """A path, or that of the package's weights of this name."""
    return path if path.exists() else SHIPPED.get(str(path), path)


def _read_names(text: str | None) -> list[str] | None:
    from socl_core.data.layouts.otb import LISTS

    if text is None:
        return None
    names = list(LISTS.get(text) or filter(None, (name.strip() for name in text.split(","))))
    if not names:
        raise UsageError("--sequences names none; expected names with commas, otb13 or otb100")
    return names


MEDIA = (".jpg", ".jpeg", ".png", ".mp4", ".mkv", ".avi", ".mov", ".webm")
DEFAULT_WEIGHTS = Path("socl-cf")  # the better one on real video
WEIGHTS_HELP = f"A file written by `socl train`, or {' or '.join(SHIPPED)} of the package."
ROOT_HELP = "Folder of the named data sets; else SOCL_DATA, else ./data."
CACHE_HELP = "Folder for frames, crops and objectness; else SOCL_CACHE, else the platform's for caches."
SEQUENCES_HELP = "Only these: otb13, otb100, or names with commas; all by default."

Cache = Annotated[Path | None, typer.Option("--cache", callback=_use_cache, help=CACHE_HELP)]
DataRoot = Annotated[Path | None, typer.Option("--data-root", callback=_use_root, help=ROOT_HELP)]
Weights = Annotated[Path, typer.Option(callback=find_shipped, help=WEIGHTS_HELP)]
Sequences = Annotated[str | None, typer.Option(callback=_read_names, help=SEQUENCES_HELP)]
RequiredSequences = Annotated[str, typer.Option(callback=_read_names, help="otb13, otb100, or names with commas.")]
Settings = Annotated[list[str] | None, typer.Option("--set", help="A parameter, name=value; may be repeated.")]
MethodName = Annotated[str, typer.Option(help=", ".join(methods.modules()))]
Protocol = Annotated[str, typer.Option(help="smoke, laptop, reference or paper.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def check_file(path: Path, suffix: str = "", source: Path | str | None = None) -> None:
    """Asks before hours of work whether a file can be written, with its folder made where it is not there.

    suffix: that it must have; without one, it may have none of pictures and videos. source: a file that is read.
    Raises `UsageError` for a folder, a device or another `suffix`, `DataError` where it cannot be written.
    """
    from socl_core.data.files import write_atomic

    if os.path.isdir(path):
        raise UsageError(f"{path} is a folder; expected the name of a file")
    if suffix and path.suffix.lower() != suffix:
        raise UsageError(f"{path}: expected a name that ends in {suffix}")
    if not suffix and path.suffix.lower() in MEDIA:
        raise UsageError(f"{path} would hold text; expected another name, such as {path.stem}.txt")
    if source and os.path.exists(path) and os.path.exists(source) and os.path.samefile(path, source):
        raise UsageError(f"{path} is the file that is read, and would be lost; expected another name")
    if Path("/dev") in path.absolute().parents or (os.path.exists(path) and not os.path.isfile(path)):
        raise UsageError(f"{path} is no regular file, which it would be replaced by; expected the name of a file")
    write_atomic(probe := path.with_name(f".{path.name}.writable"), "")
    probe.unlink()


def show(as_json: bool, content: object, lines: Iterable[str]) -> None:
    """Print `content` as JSON, or else some lines of text."""
    if as_json:
        lines = [json.dumps(content, indent=1)]
    for line in lines:
        print(printable(line.rstrip()))


def printable(text: str) -> str:
    """A text whose control characters, which names of files and replies of servers may hold, are written as escapes."""
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)


def settings(pairs: list[str] | None) -> dict:
    """`name=value` pairs with YAML values. A comma separates the items of a list.

    Raises `UsageError` for what is no such pair, no value, or true or false where a parameter is no switch.
    """
    changes = {}
    for pair in pairs or []:
        name, sign, value = pair.partition("=")
        if not sign or not name:
            raise UsageError(f"--set takes name=value, found '{pair}'")
        changes[name] = yaml_value(value)
        if isinstance(changes[name], bool) and not _may_be_switch(name):  # else it would count as 1 or 0
            raise UsageError(f"{name} is no switch, found '{value}'; `socl parameters` shows what it takes")
    return changes


def _may_be_switch(name: str) -> bool:
    """Whether a parameter of a method is on or off; also for a name that no method has."""
    fields = [methods.find(method).model_fields.get(name) for method in methods.modules()]
    return not any(fields) or any(field.annotation is bool for field in fields if field)


def yaml_value(text: str):
    """The value that a text stands for in YAML. Raises `UsageError` for one that is none."""
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError):  # such as of a date that is none
        raise UsageError(f"'{text[:60]}' is no value; a bracket or quote may be missing") from None


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
        raise UsageError(f"expected seeds that are whole numbers of at least 0, found '{text}'")
    return [int(seed) for seed in seeds]
