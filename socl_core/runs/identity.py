"""What a run is: its parameters, the code it executes and the data it reads, each with a hash.

Code is hashed by definition, not by file: a function, class or constant that moves to another module of the package, a
reworded docstring, comment or message, and another layout of the lines leave every run what it is.
"""

import ast
import hashlib
import json
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from socl_core import data, methods
from socl_core.data.reading import read_bytes
from socl_core.errors import DataError
from socl_core.methods.spec import RunSpec

ROOT = Path(__file__).parents[2]
PACKAGES = ("socl_core", "socl_book")
EXECUTED = "socl_core.runs.pipeline"  # with the modules of its method and of its data sets, the code of a run
# It only names methods: a new one changes no run of another.
DECLARATIONS = frozenset({"socl_core.methods"})
BESIDE = (".json", ".yaml", ".js", ".css")  # a module's table, script and style, which have its name
WORDS = frozenset({"description", "help", "desc", "unit"})  # arguments that only a reader sees
TELLERS = frozenset({"print"})  # calls that only tell


@cache
def imported_modules(module: str) -> frozenset[str]:
    """Names of the modules of these packages that `module` imports, directly or not, itself included."""
    reached, waiting = set(), [module]
    while waiting:
        name = waiting.pop()
        if name in reached or not (path := module_path(name)):
            continue
        reached.add(name)
        waiting += imports(ast.parse(path.read_text()))
    return frozenset(reached)


def imports(tree: ast.AST) -> list[str]:
    """Names that the import statements of some code may mean as modules, wherever they stand in it."""
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return names


def module_path(name: str) -> Path | None:
    """The file of a module of these packages, or of one that brings a method; None for any other."""
    package = name.split(".")[0]
    if package in PACKAGES:
        root = ROOT
    elif package in {module.split(".")[0] for module in methods.modules().values()}:
        root = Path(find_spec(package).origin).parent
        root = root.parent if (root / "__init__.py").is_file() else root
    else:
        return None
    base = root.joinpath(*name.split("."))
    return next((p for p in (base.with_suffix(".py"), base / "__init__.py") if p.is_file()), None)


class _WithoutWords(ast.NodeTransformer):
    """Takes out of code what changes no number: docstrings, messages, help texts, types of arguments, own imports."""

    def generic_visit(self, node: ast.AST) -> ast.AST:
        body = getattr(node, "body", None)
        first = body[0] if isinstance(body, list) and body else None
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
            del body[0]
        return super().generic_visit(node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST | None:
        """Own modules are hashed themselves; where they lie does not matter, but what they are called here does."""
        if (node.module or "").split(".")[0] not in PACKAGES:
            return node
        renamed = [alias for alias in node.names if alias.asname]
        return ast.ImportFrom(module="", names=renamed, level=0) if renamed else None

    def visit_If(self, node: ast.If) -> ast.AST | None:
        if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            node.body = [ast.Pass()]
        return self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        return ast.arg(node.arg)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        return self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        if isinstance(node.exc, ast.Call):
            node.exc.args, node.exc.keywords = [], []
        return self.generic_visit(node)

    def visit_keyword(self, node: ast.keyword) -> ast.AST | None:
        return None if node.arg in WORDS else self.generic_visit(node)

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        call = node.value
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in TELLERS:
            return ast.Pass()
        return self.generic_visit(node)


@cache
def _definition_hashes(module: str) -> dict[str, str]:
    """Hash of each top-level statement of a module, by what it defines, and of the files beside it."""
    path = module_path(module)
    hashes: dict[str, str] = {}
    for node in _WithoutWords().visit(ast.parse(path.read_text())).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            taken = {f"{getattr(node, 'module', '')}:{alias.name}:{alias.asname}" for alias in node.names}
            hashes |= {f"{module}.import {name}": _hash(name, 16) for name in taken}
            continue
        name = f"{module}.{_defined(node)}"
        hashes[name] = _hash([hashes.get(name), ast.dump(node)], 16)
    for beside in (path.with_suffix(kind) for kind in BESIDE):
        if beside.exists():
            hashes[f"{module}{beside.suffix}"] = hashlib.sha256(beside.read_bytes()).hexdigest()[:16]
    return hashes


def _defined(node: ast.stmt) -> str:
    """What a top-level statement defines: the name of a function, class or constant, else the kind of statement."""
    targets = getattr(node, "targets", [getattr(node, "target", None)])
    names = [name.id for target in targets if target for name in ast.walk(target) if isinstance(name, ast.Name)]
    return getattr(node, "name", None) or ",".join(names) or type(node).__name__.lower()


def definition_hashes(*modules: str) -> dict[str, str]:
    """Hash of each definition in the modules that importing `modules` brings in, by its full name.

    Comments, docstrings, messages, layout and the order of definitions do not count.
    """
    names = frozenset().union(*map(imported_modules, modules)) - DECLARATIONS
    return {name: value for module in sorted(names) for name, value in _definition_hashes(module).items()}


def code_hash(*modules: str) -> str:
    """One hash of all definitions that `modules` bring in, wherever they stand."""
    return _hash(sorted({*definition_hashes(*modules).values()}), 16)


def _hash(content, digits: int) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:digits]


def run_modules(spec: RunSpec) -> list[str]:
    """The modules whose imports make up the code of a run."""
    layouts = map(data.layout_module, (*spec.training_sets, *spec.test))
    return [EXECUTED, methods.modules()[spec.method], *dict.fromkeys(layouts)]


def run_code(spec: RunSpec) -> str:
    """One hash of the code that a run of a spec executes."""
    return code_hash(*run_modules(spec))


@cache
def data_hashes(spec: RunSpec) -> dict[str, str]:
    """Manifest hash of each data set of a spec, "absent" where it is not there; and of the weights it starts from.

    Raises `DataError` when these weights cannot be read.
    """
    sets = {f"{name}/train": (name, "train") for name in spec.training_sets}
    for name in spec.test:
        split = data.evaluation_split(name, spec.split)
        sets[f"{name}/{split}"] = (name, split)
    hashes = {
        key: "absent" if data.available(name) else data.manifest(name, split) for key, (name, split) in sets.items()
    }
    if start := getattr(spec, "init", None):
        try:
            hashes["init"] = hashlib.sha256(read_bytes(start)).hexdigest()[:16]
        except DataError as error:
            raise DataError(f"cannot read the weights to start from: {error}") from error
    return hashes


def identity(spec: RunSpec) -> dict:
    """All that a run's number depends on: parameters, hash of each definition it executes, hash of each data set."""
    return {
        "spec": spec.model_dump(mode="json"),
        "code": definition_hashes(*run_modules(spec)),
        "data": data_hashes(spec),
    }


def run_id(spec: RunSpec) -> str:
    """Identity of a run: twelve hex digits of a hash of all that `identity` holds, the names of definitions aside."""
    return _hash([spec.model_dump(mode="json"), run_code(spec), data_hashes(spec)], 12)


def changes(before: dict, now: dict) -> list[str]:
    """What differs between two identities, one sentence an input. A definition that only moved does not."""
    sentences = []
    for kind, label in (("spec", "parameter"), ("code", "code of"), ("data", "data set")):
        old, new = before.get(kind, {}), now[kind]
        if kind == "code":
            old, new = _only_here(old, new), _only_here(new, old)
        for name in sorted(old.keys() | new.keys()):
            if name not in new:
                sentences.append(f"{label} {name} is not used any more")
            elif name not in old:
                sentences.append(f"{label} {name} is new")
            elif old[name] != new[name]:
                values = "" if kind == "code" else f": {old[name]} -> {new[name]}"
                sentences.append(f"{label} {name} changed{values}")
    return sentences


def _only_here(hashes: dict[str, str], others: dict[str, str]) -> dict[str, str]:
    """The definitions whose content the others do not hold under any name."""
    there = {*others.values()}
    return {name: value for name, value in hashes.items() if value not in there}
