"""From a protocol to the spec of a run: `make_spec` is the one way."""

import reprlib
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from socl_core import methods
from socl_core.data.reading import read_text
from socl_core.errors import DataError, UsageError, cause, known, unknown
from socl_core.methods.spec import RunSpec

PROTOCOL_FOLDER = Path(__file__).parents[1] / "protocols"


def protocols() -> list[str]:
    """Names of the protocols that ship with the package."""
    return sorted(path.stem for path in PROTOCOL_FOLDER.glob("*.yaml"))


def read_protocol(name: str) -> dict[str, Any]:
    """The contents of a protocol: of the package, or of a file `NAME.yaml` of your own.

    Raises `UsageError` for an unknown name, `DataError` for a file that holds none.
    """
    if not name.endswith((".yaml", ".yml")):
        return _read_own(known("protocol", name, protocols()))
    try:
        content = yaml.safe_load(read_text(name))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise DataError(f"cannot read the protocol {name}: {cause(error)}") from error
    shaped = isinstance(content, dict) and {"methods", "seeds"} <= content.keys()
    if not shaped or not all(isinstance(content.get(block) or {}, dict) for block in ("common", "methods")):
        raise DataError(f"{name} is no protocol: expected `seeds`, `common` and `methods`, as in the package's own")
    return content


@cache  # a page of the book asks for hundreds of specs
def _read_own(name: str) -> dict[str, Any]:
    return yaml.safe_load((PROTOCOL_FOLDER / f"{name}.yaml").read_text())


def make_spec(protocol: str, method: str, variant: str | None = None, /, **changes: Any) -> RunSpec:
    """The spec of a method at a protocol, with changes. Raises `UsageError` for anything unknown or out of range.

    variant: name of a block of the protocol's file with changes of its own, such as "real"; none is needed.
    Parameters that a protocol has in common for all methods count where a method has them.
    """
    model = methods.find(method)
    for name in changes:
        if name in ("protocol", "method"):
            raise UsageError(f"{name} is no parameter to set; it is chosen by its own option")
        if name not in model.model_fields:
            raise unknown(f"parameter of {method}", name, model.model_fields.keys() - {"protocol", "method"})
    content, values = read_protocol(protocol), {}
    for block in (content, content.get(variant, {})) if variant else (content,):
        common = block.get("common") or {}
        values |= {name: value for name, value in common.items() if name in model.model_fields}
        values |= (block.get("methods") or {}).get(method) or {}
    return _validated(model, {"protocol": Path(protocol).stem, "method": method} | values | changes)


def read_spec(content: Any) -> RunSpec:
    """The spec in plain data that `RunSpec.model_dump` gave. Raises `UsageError` where it is none of this version."""
    if not isinstance(content, dict) or not isinstance(content.get("method"), str):
        raise UsageError("expected the parameters of a run, with its method")
    return _validated(methods.find(content["method"]), content)


def _validated(model: type[RunSpec], values: dict[str, Any]) -> RunSpec:
    try:
        return model(**values)
    except ValidationError as error:
        first = error.errors()[0]
        if not first["loc"]:
            raise UsageError(first["msg"].removeprefix("Value error, ")) from None
        name = ".".join(map(str, first["loc"]))
        raise UsageError(f"parameter {name}: {first['msg']}, found {reprlib.repr(first['input'])}") from None
