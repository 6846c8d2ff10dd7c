"""`pip install .` brings what socl_core needs and no more, and its commands work without the extra "book"."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions

import cv2
import numpy as np
import pytest
from layouts import otb_sequence
from program import ROOT, socl_apart

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
BOOK = (
    "socl_book", "matplotlib", "seaborn", "pandas", "jinja2", "papermill", "snakemake", "anywidget", "ipywidgets",
    "IPython", "ipykernel", "nbformat", "jupyter", "jupyter_book", "jupyter_client", "jupyter_core", "sphinx",
)  # fmt: skip
TINY = "--protocol smoke --set videos=4 --set steps=2 --set test_videos=1 --set test_frames=3"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A picture, an OTB folder and boxes of a tracker."""
    folder = tmp_path_factory.mktemp("alone")
    cv2.imwrite(str(folder / "a.png"), np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8))
    otb_sequence(folder / "otb", "Dog")
    for name in ("found", "true"):
        (folder / name).mkdir()
        (folder / name / "Dog.txt").write_text("1,2,30,40\n" * 3)
    return folder


def test_the_commands_of_core_work_without_the_book(folder):
    lines = (
        "--help",
        f"train {TINY} --out my_run",
        "track --weights my_run/weights.safetensors --frames otb/Dog --init 3,4,20,20 --out boxes.txt --render a.mp4",
        "evaluate --weights my_run/weights.safetensors --data otb:otb --json",
        "top --image a.png --point 60,40 --out top.png",
        "metrics --convention otb --boxes found --annotations true",
        "data check otb otb --sequences Dog",
        "data frames a.mp4 --out cut",
        "prior score --data otb:otb --split test --frames 1 --json",
        "status",
        "why 3f2a",
        "weights 3f2a --out half.safetensors",
        "parameters --method socl-cf",
        "gc",
    )
    expected = dict.fromkeys(lines, 0) | {lines[10]: 2, lines[11]: 2}  # there is no run to ask about
    for line, done in zip(lines, socl_apart(folder, *lines, absent=BOOK), strict=True):
        assert done.returncode == expected[line] and "Traceback" not in done.stderr, (line, done)
    for name in ("boxes.txt", "a.mp4", "top.png", "cut/000001.jpg"):
        assert (folder / name).stat().st_size > 0


def test_without_the_book_its_commands_are_absent_and_one_line_says_how_to_get_them(folder):
    help_, table = socl_apart(folder, "--help", "table 2", absent=BOOK)
    assert not {"book", "table"} & {*help_.stdout.split()}
    assert table.returncode == 2 and table.stdout == "" and table.stderr.count("\n") == 1
    assert "unknown command 'table'" in table.stderr and 'pip install ".[book]"' in table.stderr


def test_the_program_answers_without_importing_what_takes_long():
    for module, slow in (("commands.main", {"torch", "numpy", "cv2", "pydantic"}), ("data", {"torch", "skimage"})):
        code = f"import socl_core.{module}, sys; print(*{slow} & {{*sys.modules}})"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert (done.stdout.strip(), done.stderr) == ("", "")


def imported(*sources: str) -> set[str]:
    """Distributions that some code imports, in lower case."""
    nodes = [node for source in sources for node in ast.walk(ast.parse(source))]
    names = {alias.name.split(".")[0] for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module.split(".")[0] for node in nodes if isinstance(node, ast.ImportFrom) and node.level == 0}
    known = packages_distributions()
    third_party = names - sys.stdlib_module_names - {"socl_core", "socl_book"}
    return {known.get(name, [name])[0].lower() for name in third_party}


def declared(requirements: list[str]) -> set[str]:
    return {re.match(r"[\w.-]+", each)[0].lower() for each in requirements}


def test_core_declares_what_it_imports_and_no_more():
    found = imported(*(path.read_text() for path in (ROOT / "socl_core").rglob("*.py")))
    # Read for its photographs, not imported.
    assert found | {"scikit-learn"} == declared(PROJECT["dependencies"])


def test_the_extra_book_declares_what_the_book_and_its_notebooks_import():
    cells = []
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        cells += ["".join(c["source"]) for c in json.loads(path.read_text())["cells"] if c["cell_type"] == "code"]
    found = imported(*(path.read_text() for path in (ROOT / "socl_book").rglob("*.py")), *cells)
    book = declared(PROJECT["optional-dependencies"]["book"])
    assert found <= book | declared(PROJECT["dependencies"]), found - book


def test_what_the_environment_is_made_of_is_pinned_and_has_a_bill():
    """Of each package that the project needs, however far, `constraints.txt` has the version that is installed here."""
    import supply

    pins = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().lower().split() if "==" in line)
    pins = {re.sub(r"[-_.]+", "-", name): version for name, version in pins.items()}
    parts = {part["name"]: part for part in supply.bill(supply.packages())["components"]}
    versions = {name: part["version"].partition("+")[0] for name, part in parts.items()}
    assert {"torch", "numpy", "pillow", "jupyter-book", "pytest"} <= versions.keys() and "socl-book" not in versions
    assert {name: pins.get(name) for name in versions} == versions
    assert parts["numpy"]["purl"] == f"pkg:pypi/numpy@{pins['numpy']}" and parts["numpy"]["licenses"]


def test_each_pinned_version_is_locked_to_the_hashes_of_its_files():
    locks = (ROOT / "requirements.lock").read_text() + (ROOT / "torch.lock").read_text()
    packages = re.findall(r"^(\S+==\S+) \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", locks, re.M)
    assert locks == "".join(f"{package} \\\n{hashes}" for package, hashes in packages), "what else is in the locks?"
    normal = lambda pin: re.sub(r"[-_.]+(?=.*==)", "-", pin.lower())  # noqa: E731
    pins = (ROOT / "constraints.txt").read_text().split()
    assert sorted(normal(package) for package, _ in packages) == sorted(map(normal, pins)), "run bench/lock.py"
