"""What sets a run apart from its protocol, and the command that repeats it."""

import shlex
from functools import cache

import yaml

from socl_core.methods.spec import RunSpec
from socl_core.runs.spec import make_spec


def changed(spec: RunSpec) -> dict[str, tuple]:
    """Parameters that are not as the protocol has them for the method: name -> (there, here). The seed is none."""
    plain = _plain(spec.protocol, spec.method)
    here = spec.model_dump(mode="json", exclude={"seed"})
    return {name: (plain[name], value) for name, value in here.items() if value != plain[name]}


@cache
def _plain(protocol: str, method: str) -> dict:
    return make_spec(protocol, method).model_dump(mode="json")


def describe_changes(spec: RunSpec) -> str:
    """What `changed` finds in one line, as in "eta=0.2, head=true"; empty where nothing is changed."""
    return ", ".join(f"{name}={as_yaml(value)}" for name, (_, value) in changed(spec).items())


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
