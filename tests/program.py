"""The `socl` command as tests call it."""

import contextlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).parents[1]
MANY = """
import sys

class Without:  # a finder that does not find some packages
    def __init__(self, finder):
        self.finder = finder

    def find_spec(self, name, *rest):
        return None if name.split(".")[0] in {absent!r} else self.finder.find_spec(name, *rest)

    def __getattr__(self, name):
        return getattr(self.finder, name)

sys.meta_path[:] = map(Without, sys.meta_path)
import json, program
for line in json.load(sys.stdin):
    print(json.dumps(vars(program.socl(*line, cwd="."))))
"""


def socl(*words, cwd) -> SimpleNamespace:
    """Run the command in this process, which spares the import of torch; returns returncode, stdout and stderr."""
    from socl_core.commands.main import main

    out, err, code = io.StringIO(), io.StringIO(), 0
    redirected = contextlib.redirect_stdout(out), contextlib.redirect_stderr(err)
    with contextlib.chdir(cwd), redirected[0], redirected[1], pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["socl", *map(str, words)])
        patch.setenv("SOCL_DATA", os.environ.get("SOCL_DATA", ""))  # --data-root sets it for the process: put it back
        try:
            main()
        except SystemExit as stop:
            code = stop.code or 0
    return SimpleNamespace(returncode=code, stdout=out.getvalue(), stderr=err.getvalue())


def socl_apart(
    folder: Path, *lines: str, packages: Path = ROOT, absent: tuple[str, ...] = (), within: tuple[str, ...] = ()
) -> list[SimpleNamespace]:
    """Run commands one after another in one other process, in `folder`, with the packages below a path.

    absent: packages that this process cannot import. within: the program that starts it, with its arguments.
    """
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(packages), str(ROOT / "tests")])}
    done = subprocess.run(
        [*within, sys.executable, "-c", MANY.format(absent=absent)], input=json.dumps([line.split() for line in lines]),
        cwd=folder, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [SimpleNamespace(**json.loads(line)) for line in done.stdout.splitlines()]
