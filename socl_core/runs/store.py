"""The run store: what a run is, where its files are, and in which state it is.

`runs/<protocol>/<run id>/` holds spec.json, state.json, log.jsonl, checkpoint.pt, weights.safetensors,
boxes/<set>/<sequence>.txt, result.json. The id is a hash of the spec, of the code the run executes and of
its data, so a changed module or data set means another run, never a stale number. Files are written to a
temporary name and renamed.
"""

import contextlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from socl_core.data.files import write_atomic
from socl_core.data.reading import read_object, read_text
from socl_core.errors import DataError, SoclError, UsageError, cause
from socl_core.methods.spec import RunSpec
from socl_core.runs.identity import changes, identity, run_id
from socl_core.runs.locks import lock, locked
from socl_core.runs.spec import read_spec

RUNS = Path("runs")


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
        if not os.path.lexists(self.folder / "state.json"):
            return "absent"
        try:
            state = read_object(self.folder / "state.json").get("state")
        except DataError:
            return "killed"
        alive = state in ("queued", "ok", "failed") or (state == "running" and locked(self.folder / "lock"))
        return state if alive else "killed"

    @property
    def finished(self) -> bool:
        """Whether its result is there to be read."""
        try:
            return self.state == "ok" and bool(self.read("result.json"))
        except DataError:
            return False

    def read(self, name: str) -> dict:
        """A JSON file of the run, an object. Raises `DataError` when it is missing or damaged."""
        try:
            return read_object(self.folder / name)
        except DataError as error:
            raise DataError(f"{error}. {self._remedy}") from error

    @property
    def _remedy(self) -> str:
        return f"Delete {self.folder.absolute()} to have the run done again"

    def means(self) -> dict[str, dict[str, float]]:
        """Mean scores of a finished run by data set. Raises `DataError` where they are missing or damaged."""
        found = self.read("result.json").get("mean")
        if not isinstance(found, dict) or not all(isinstance(mean, dict) for mean in found.values()):
            raise DataError(f"{self.folder / 'result.json'} holds no means. {self._remedy}")
        return found

    def write(self, name: str, content: dict) -> None:
        write_atomic(self.folder / name, json.dumps(content, indent=1) + "\n")

    def log(self) -> list[dict]:
        """The training log, one entry a line; empty before the first.

        Raises `DataError` when it is damaged, or ends before the training did.
        """
        path = self.folder / "log.jsonl"
        lines = read_text(path).splitlines(keepends=True) if os.path.lexists(path) else []
        # A process at work, or a killed one, may leave half a line at the end.
        try:
            entries = [json.loads(line) for line in lines if line.endswith("\n")]
            last = entries[-1]["step"] if entries else 0
        except (ValueError, TypeError, LookupError, RecursionError) as error:
            raise DataError(f"{path} is damaged ({cause(error)}). {self._remedy}") from error
        if self.state == "ok" and (steps := self.read("spec.json").get("steps", 0)) != last:
            raise DataError(f"{path} does not go to step {steps}. {self._remedy}")
        return entries

    def queue(self, spec: RunSpec) -> None:
        """Leaves the spec in the folder of an absent run, so that another process can pick it up."""
        if self.state == "absent":
            self.describe(spec)
            self.write("state.json", {"state": "queued"})

    def boxes(self, data_set: str) -> Path:
        """The folder of the boxes on a data set; no two sets share one, whatever their paths hold."""
        return self.folder / "boxes" / quote(data_set, safe="")

    def claim(self, spec: RunSpec) -> None:
        """Makes the folder that of a spec. Call it while `working`, so that a refused start overwrites nothing.

        Raises `UsageError` where it holds work of another run.
        """
        begun = any((self.folder / name).exists() for name in ("checkpoint.pt", "weights.safetensors", "result.json"))
        if begun and (different := self._changes(identity(spec))):
            raise UsageError(f"{self.folder} holds another run ({different[0]}); choose another folder or delete it")
        self.describe(spec)

    def describe(self, spec: RunSpec) -> None:
        """Writes what the run is: spec.json for `socl run`, identity.json for `staleness`."""
        self.write("spec.json", spec.model_dump(mode="json"))
        self.write("identity.json", identity(spec))

    def staleness(self) -> list[str]:
        """Why no present spec leads to this run: the inputs that have changed since, none for a current one."""
        try:
            return self._changes(identity(read_spec(self.read("identity.json").get("spec"))))
        except SoclError as error:
            return [f"nothing leads to it any more: {error}"]

    def _changes(self, now: dict) -> list[str]:
        """What differs between the run's identity and another. Raises `DataError` where it has none."""
        try:
            return changes(self.read("identity.json"), now)
        except (TypeError, AttributeError) as error:
            raise DataError(f"{self.folder / 'identity.json'} is damaged ({cause(error)}). {self._remedy}") from error

    @property
    def since(self) -> float | None:
        """When the state was entered, in seconds since 1970."""
        with contextlib.suppress(OSError):
            return (self.folder / "state.json").stat().st_mtime
        return None

    @contextlib.contextmanager
    def working(self):
        """Holds the run's lock, and writes running, then ok or failed with the cause.

        Raises `SoclError` when another process works on the same run, `DataError` when the folder cannot be written.
        """
        with lock(self.folder / "lock", f"works on run {self.id}"):
            self.write("state.json", {"state": "running", "pid": os.getpid()})
            try:
                yield
            except Exception as error:
                with contextlib.suppress(DataError):  # on a full disk the cause is still told, and the state is killed
                    self.write("state.json", {"state": "failed", "cause": f"{type(error).__name__}: {error}"})
                raise
            self.write("state.json", {"state": "ok"})


def all_runs(root: Path = RUNS) -> list[Run]:
    """Every run in the store, by protocol and id."""
    return [Run(path.parent) for path in sorted(root.glob("*/*/spec.json"))]
