"""The run store: what a run is, where its files are, and in which state it is.

`runs/<protocol>/<run id>/` holds spec.json, state.json, log.jsonl, checkpoint.pt, weights.safetensors,
boxes/<set>/<sequence>.txt, result.json. The id is a hash of the spec, of the code the run executes and of
its data, so a changed module or data set means another run, never a stale number. Files are written to a
temporary name and renamed.
"""

import ast
import contextlib
import fcntl
import hashlib
import json
import os
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from socl_core import data
from socl_core.data.files import write_atomic
from socl_core.errors import DataError, SoclError
from socl_core.spec import RunSpec

RUNS = Path("runs")
PACKAGE = Path(__file__).parent
EXECUTED = "socl_core.pipeline"  # the module whose imports are the code of a run


@cache
def imported_modules(module: str) -> frozenset[str]:
    """Names of the modules of this package that `module` imports, directly or not, itself included."""
    found, open_ = set(), [module]
    while open_:
        name = open_.pop()
        if name in found or not (path := module_path(name)):
            continue
        found.add(name)
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                open_ += [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
                open_ += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return frozenset(found)


def module_path(name: str) -> Path | None:
    """The file of a module of this package, or None."""
    if name.split(".")[0] != PACKAGE.name:
        return None
    base = PACKAGE.joinpath(*name.split(".")[1:])
    return next((p for p in (base.with_suffix(".py"), base / "__init__.py") if p.is_file()), None)


@cache
def code_hash(module: str = EXECUTED) -> str:
    """Hash of the code that importing `module` brings in. Comments, docstrings and layout do not count."""
    digest = hashlib.sha256()
    for name in sorted(imported_modules(module)):
        tree = ast.parse(module_path(name).read_text())
        for node in ast.walk(tree):
            body = getattr(node, "body", None)
            first = body[0] if isinstance(body, list) and body else None
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                del body[0]
        digest.update(f"{name}\n{ast.dump(tree)}\n".encode())
    return digest.hexdigest()[:16]


@cache
def data_hashes(spec: RunSpec) -> dict[str, str]:
    """Manifest hash of each data set of a spec; "absent" where it is not there."""
    sets = {f"{name}/train": (name, "train") for name in spec.data if spec.steps}
    sets |= {
        f"{name}/{split}": (name, split) for name in spec.test for split in [data.evaluation_split(name, spec.split)]
    }
    return {
        key: "absent" if data.available(name) else data.manifest(name, split) for key, (name, split) in sets.items()
    }


def run_id(spec: RunSpec) -> str:
    """Identity of a run: twelve hex digits of the hash of spec, code and data."""
    identity = {"spec": spec.model_dump(mode="json"), "code": code_hash(), "data": data_hashes(spec)}
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Run:
    """One run in the store: its folder and what is in it."""

    folder: Path

    @classmethod
    def of(cls, spec: RunSpec, root: Path = RUNS) -> "Run":
        return cls(root / spec.protocol / run_id(spec))

    @property
    def id(self) -> str:
        return self.folder.name

    @property
    def state(self) -> str:
        """absent, queued, running, ok, failed or killed. A run that says running but holds no lock was killed."""
        try:
            state = json.loads((self.folder / "state.json").read_text())["state"]
        except FileNotFoundError:
            return "absent"
        except (ValueError, KeyError):
            return "killed"
        return "killed" if state == "running" and not self._locked() else state

    def read(self, name: str) -> dict:
        """A JSON file of the run. Raises `DataError` when it is missing or damaged."""
        try:
            return json.loads((self.folder / name).read_text())
        except (OSError, ValueError) as error:
            raise DataError(
                f"{self.folder / name} cannot be read ({error}); expected a JSON file written by a run"
            ) from error

    def write(self, name: str, content: dict) -> None:
        write_atomic(self.folder / name, json.dumps(content, indent=1) + "\n")

    def log(self) -> list[dict]:
        """The training log, one entry a line; empty before the first."""
        path = self.folder / "log.jsonl"
        lines = path.read_text().splitlines(keepends=True) if path.exists() else []
        # A killed process may leave half a line at the end.
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def queue(self, spec: RunSpec) -> None:
        """Leaves the spec in the folder, so that another process can pick the run up."""
        if self.state == "absent":
            self.write("spec.json", spec.model_dump(mode="json"))
            self.write("state.json", {"state": "queued"})

    @contextlib.contextmanager
    def working(self):
        """Holds the run's lock, and writes running, then ok or failed with the cause.

        Raises `SoclError` when another process works on the same run.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with open(self.folder / "lock", "w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise SoclError(f"run {self.id} is being worked on by another process; wait for it to end") from None
            self.write("state.json", {"state": "running", "pid": os.getpid(), "since": time.time()})
            try:
                yield
            except Exception as error:
                self.write("state.json", {"state": "failed", "cause": f"{type(error).__name__}: {error}"})
                raise
            self.write("state.json", {"state": "ok"})

    def _locked(self) -> bool:
        try:
            with open(self.folder / "lock") as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return False
        except BlockingIOError:
            return True
        except FileNotFoundError:
            return False


def all_runs(root: Path = RUNS) -> list[Run]:
    """Every run in the store, by protocol and id."""
    return [Run(path.parent) for path in sorted(root.glob("*/*/spec.json"))]
