"""What a run is: its parameters, the code it executes and the data it reads, each with a hash."""

import ast
import hashlib
import json
from functools import cache
from pathlib import Path

from socl_core import data, methods
from socl_core.errors import DataError
from socl_core.methods.spec import RunSpec

ROOT = Path(__file__).parents[2]
PACKAGES = ("socl_core", "socl_book")
EXECUTED = "socl_core.runs.pipeline"  # with the modules of its method and of its data sets, the code of a run
# They only name parameters and methods: the values are in the spec itself, so a new name changes no other run.
DECLARATIONS = frozenset({"socl_core.methods.spec", "socl_core.methods"})
BESIDE = (".json", ".js", ".css")  # a module's table, script and style, which have its name


@cache
def imported_modules(module: str) -> frozenset[str]:
    """Names of the modules of this package that `module` imports, directly or not, itself included."""
    found, open_ = set(), [module]
    while open_:
        name = open_.pop()
        if name in found or not (path := module_path(name)):
            continue
        found.add(name)
        open_ += imports(ast.parse(path.read_text()))
    return frozenset(found)


def imports(tree: ast.AST) -> list[str]:
    """Names that the import statements of some code may mean as modules, wherever they stand in it."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return found


def module_path(name: str) -> Path | None:
    """The file of a module of this package, or None."""
    if name.split(".")[0] not in PACKAGES:
        return None
    base = ROOT.joinpath(*name.split("."))
    return next((p for p in (base.with_suffix(".py"), base / "__init__.py") if p.is_file()), None)


@cache
def _module_hash(name: str) -> str:
    path = module_path(name)
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        first = body[0] if isinstance(body, list) and body else None
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
            del body[0]
    digest = hashlib.sha256(ast.dump(tree).encode())
    for beside in (path.with_suffix(kind) for kind in BESIDE):
        digest.update(beside.read_bytes() if beside.exists() else b"")
    return digest.hexdigest()[:16]


def module_hashes(*modules: str) -> dict[str, str]:
    """Hash of each module that importing `modules` brings in, with the files of its name beside it (.json, .js).

    Comments, docstrings and layout do not count.
    """
    names = frozenset().union(*map(imported_modules, modules))
    return {name: _module_hash(name) for name in sorted(names)}


def code_hash(*modules: str) -> str:
    """One hash of all that `module_hashes` returns."""
    return _hash(module_hashes(*modules), 16)


def _hash(content: dict, digits: int) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:digits]


def run_modules(spec: RunSpec) -> dict[str, str]:
    """Hash of each module that a run of a spec executes."""
    read = map(data.layout_module, (*spec.data, *spec.test))
    found = module_hashes(EXECUTED, methods.MODULES[spec.method], *read)
    return {name: found[name] for name in found.keys() - DECLARATIONS}


def run_code(spec: RunSpec) -> str:
    """One hash of the code that a run of a spec executes."""
    return _hash(run_modules(spec), 16)


@cache
def data_hashes(spec: RunSpec) -> dict[str, str]:
    """Manifest hash of each data set of a spec, "absent" where it is not there; and of the weights it starts from."""
    sets = {f"{name}/train": (name, "train") for name in spec.data if spec.steps}
    sets |= {
        f"{name}/{split}": (name, split) for name in spec.test for split in [data.evaluation_split(name, spec.split)]
    }
    hashes = {
        key: "absent" if data.available(name) else data.manifest(name, split) for key, (name, split) in sets.items()
    }
    if spec.init:
        try:
            hashes["init"] = hashlib.sha256(Path(spec.init).read_bytes()).hexdigest()[:16]
        except OSError as error:
            raise DataError(f"cannot read the weights {spec.init}: {error.strerror or error}") from error
    return hashes


def identity(spec: RunSpec) -> dict:
    """All that a run's number depends on: parameters, hash of each module it executes, hash of each data set."""
    return {
        "spec": spec.model_dump(mode="json"),
        "code": run_modules(spec),
        "data": data_hashes(spec),
    }


def run_id(spec: RunSpec) -> str:
    """Identity of a run: twelve hex digits of the hash of `identity`."""
    return _hash(identity(spec), 12)


def changes(before: dict, now: dict) -> list[str]:
    """What differs between two identities, one sentence an input."""
    found = []
    for kind, label in (("spec", "parameter"), ("code", "module"), ("data", "data set")):
        old, new = before.get(kind, {}), now[kind]
        for name in sorted(old.keys() | new.keys()):
            if name not in new:
                found.append(f"{label} {name} is not used any more")
            elif name not in old:
                found.append(f"{label} {name} is new")
            elif old[name] != new[name]:
                found.append(f"{label} {name} changed" + (f": {old[name]} -> {new[name]}" if kind != "code" else ""))
    return found
