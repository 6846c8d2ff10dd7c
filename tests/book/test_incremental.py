"""An edit has done again what depends on it and nothing else: dry runs of Snakemake in a copy of the project."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[2]
PARTS = ("socl_core", "socl_book", "notebooks", "book", "recorded", "Snakefile", "_config.yml")


# Stands for the command that the rules call: what it would make is there, and nothing is in it.
SOCL = """#!/bin/sh
case "$1 $2" in
  "book build") mkdir -p _build/html && touch _build/html/index.html ;;
  "book run") touch "$4" ;;
  *) touch "$(dirname "$2")/result.json" ;;
esac
"""


class Project:
    """A copy of the project in which everything has been made once, as far as Snakemake can see."""

    def __init__(self, folder: Path):
        self.folder = folder
        for part in PARTS:
            copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
            copy(ROOT / part, folder / part)
        shutil.rmtree(folder / "book" / "executed", ignore_errors=True)
        (folder / "bin").mkdir()
        (folder / "bin" / "socl").write_text(SOCL)
        (folder / "bin" / "socl").chmod(0o755)
        self.first = self.snakemake()

    def snakemake(self, *options: str) -> str:
        command = [Path(sys.executable).with_name("snakemake"), "html", "--cores", "1", "--config", "protocol=smoke"]
        environment = os.environ | {"PYTHONPATH": str(self.folder)}
        environment |= {"SOCL_DATA": str(self.folder / "none"), "PATH": f"{self.folder}/bin:{os.environ['PATH']}"}
        done = subprocess.run([*command, *options], cwd=self.folder, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def files(self) -> dict[Path, int]:
        """When each file of the project was written; what Python and Snakemake keep for themselves does not count."""
        files = (path for path in self.folder.rglob("*") if path.is_file())
        return {path: path.stat().st_mtime_ns for path in files if not {"__pycache__", ".snakemake"} & {*path.parts}}

    def wanted(self, *options: str) -> set[str]:
        """Outputs that a build would make now, as a dry run says, which writes nothing."""
        before = self.files()
        said = self.snakemake("--dry-run", *options)
        assert self.files() == before
        return set(re.findall(r"^    output: (\S+)$", said, re.M))

    def edit(self, name: str, old: str, new: str) -> None:
        text = (self.folder / name).read_text()
        assert old in text
        (self.folder / name).write_text(text.replace(old, new, 1))


def pages(*names: str) -> set[str]:
    return {f"book/executed/{name}.ipynb" for name in names}


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_what_an_edit_has_done_again(tmp_path):
    project, html = Project(tmp_path), {"_build/html/index.html"}
    assert project.wanted() == set()

    # The longest runs were made first, so that none was left to run alone at the end.
    made = re.findall(r"^    output: (runs/\S+)/result.json$", project.first, re.M)
    steps = [json.loads((tmp_path / run / "spec.json").read_text()).get("steps", 0) for run in made]
    assert len(set(steps)) > 1 and steps == sorted(steps, reverse=True)

    # Prose: pages are laid out again at most; nothing runs.
    project.edit("socl_core/runs/pipeline.py", '"""What a run does', '"""All that a run does')
    assert project.wanted() == set()
    project.edit("book/extend.md", "# ", "# A ")
    page = nbformat.read(tmp_path / "notebooks/table2.ipynb", as_version=4)
    page.cells[0].source += "\n\nOne more sentence."
    nbformat.write(page, tmp_path / "notebooks/table2.ipynb")
    assert project.wanted() == html
    project.snakemake()

    # The script of the eta widget is on the pages of the notebooks that import the widget.
    project.edit("socl_book/widgets/eta.js", "const MAX = 40;", "const MAX = 41;")
    assert project.wanted() == html | pages("top_maps", "home")
    project.edit("socl_book/widgets/eta.js", "const MAX = 41;", "const MAX = 40;")

    # A table belongs to its pages and to that of all claims; its runs are the same.
    table, claim = "socl_book/tables/4.yaml", "\n  - {text: more, above: [SoCL-Siam, 5%], below: [SoCL-Siam, 20%]}\n"
    project.edit(table, "\nclaims:\n", f"\nclaims:{claim}")
    assert project.wanted() == html | pages("table4", "claims")
    project.edit(table, f"\nclaims:{claim}", "\nclaims:\n")

    # A tracker belongs to the runs of its method, and to the notebooks that read their results.
    before = {path.parent.name for path in tmp_path.glob("runs/smoke/*/spec.json")}
    project.edit("socl_core/trackers/mil.py", "import cv2", "import cv2\n\nEDITED = 1")
    again = project.wanted()
    runs = {name for name in again if name.startswith("runs/")}
    assert len(runs) == 1 and not {Path(name).parent.name for name in runs} & before
    assert not again & pages("reading_guide", "point_annotations", "top_maps", "metrics")
    project.snakemake()
    assert '"method": "mil"' in (tmp_path / runs.pop()).with_name("spec.json").read_text()
