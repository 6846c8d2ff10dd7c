"""Where a number comes from: how to repeat a run, what sets it apart, and what a record keeps beside its scores."""

import shlex
from contextlib import suppress
from html import escape

import numpy as np
import yaml

from socl_core.data.files import read_own_boxes
from socl_core.data.sequence import evenly
from socl_core.errors import DataError
from socl_core.methods.spec import RunSpec
from socl_core.runs.identity import run_code
from socl_core.runs.spec import make_spec, read_spec
from socl_core.runs.store import Run

LOGGED = 40  # entries of a log that a record keeps at most


def changed(spec: RunSpec) -> dict[str, tuple]:
    """Parameters that are not as the protocol has them for the method: name -> (there, here). The seed is none."""
    plain = make_spec(spec.protocol, spec.method, seed=spec.seed).model_dump(mode="json")
    return {name: (plain[name], value) for name, value in spec.model_dump(mode="json").items() if value != plain[name]}


def as_yaml(value) -> str:
    """A value of a parameter in one line, as `--set` reads it."""
    text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10**6)
    return text.removesuffix("...\n").strip()


def command(spec: RunSpec) -> str:
    """The command that repeats a run, for a shell."""
    words = ["socl", "train", "--protocol", spec.protocol, "--method", spec.method, "--seed", str(spec.seed)]
    for name, (_, value) in changed(spec).items():
        words += ["--set", f"{name}={as_yaml(value)}"]
    return shlex.join([*words, "--out", "my_run"])


def command_html(spec: RunSpec) -> str:
    """The command with an element an option, so that lines break between options only."""
    first, *options = command(spec).split(" --")
    return " ".join(f"<span>{html_text(part)}</span>" for part in (first, *(f"--{option}" for option in options)))


def html_text(value) -> str:
    """Any text inside one HTML block of a Markdown page, which an empty line would end."""
    return escape(str(value)).replace("\n", "&#10;").replace("\r", "&#13;")


def is_current(result: dict) -> bool:
    """Whether the present code is that of a result's run."""
    return result["provenance"].get("code") == run_code(read_spec(result["spec"]))


def page_name(source: str, run_id: str) -> str:
    """Name of the page of a run: a recorded run and one of this build may have the same id."""
    return f"{source}-{run_id}"


def kept(run: Run, result: dict) -> dict:
    """What a record holds beside the result: a thinned log, and the boxes of the first composite video, if any.

    A part that is missing or damaged is left out.
    """
    found: dict = {}
    with suppress(DataError):
        if log := run.log():
            chosen = evenly(np.arange(len(log)), LOGGED)
            found["log"] = [{"step": log[i]["step"], "loss": round(log[i]["loss"], 4)} for i in chosen]
    for name, scores in list(result.get("sequences", {}).get("composite", {}).items())[:1]:
        with suppress(DataError):
            boxes = read_own_boxes(run.folder / "boxes" / "composite" / f"{name}.txt", scores["frames"])
            found["boxes"] = {name: [_rounded(box) for box in boxes]}
    return found


def _rounded(box: np.ndarray) -> list[float] | None:
    """To a tenth of a pixel; None for a box that is not finite, which JSON cannot hold."""
    return np.round(box, 1).tolist() if np.isfinite(box).all() else None


def repeats(old: dict, new: dict) -> list[dict]:
    """The repeats that an earlier record names, and itself unless it is the same execution: their id, code, device,
    mean AUC by data set, and the largest distance of one to that of the new result."""
    found = [*old.get("repeats", [])]
    if (old["id"], old.get("seconds")) != (new["id"], new.get("seconds")):  # nothing takes as long twice
        auc = {name: mean.get("auc", 0) for name, mean in old["mean"].items()}
        made = {name: old["provenance"][name] for name in ("code", "device")}
        found.append({"id": old["id"], **made, "auc": auc})
    return [entry | {"distance": _distance(entry["auc"], new)} if "auc" in entry else entry for entry in found]


def _distance(auc: dict[str, float], new: dict) -> float:
    """The largest difference between mean AUCs by data set and those of a result."""
    return max(abs(auc[name] - mean.get("auc", 0)) for name, mean in new["mean"].items())
