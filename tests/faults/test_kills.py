"""kill -9 at random moments; the same command then ends with the same bytes."""

import json
import shutil
import time
from pathlib import Path

import faults
import nbformat
import numpy as np
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from socl_core.runs.store import Run

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
KILLS = 20  # of a training, an evaluation and a prior each; every one costs half of the work


def kill(work, folder, seconds, kills, again, seed):
    """Kills some work `kills` times, each at a random moment of what it took undisturbed; `again` undoes it where it
    ended before a kill. Then lets it end."""
    rng, done = np.random.default_rng(seed), 0
    while done < kills:
        process = faults.start(work, folder)
        time.sleep(rng.uniform(0.05, 0.9) * seconds)
        alive = process.is_alive()
        process.kill()
        process.join()
        done += alive
        if not alive:
            again()
    faults.finish(work, folder)


def test_training(whole, expected, tmp_path):
    shutil.copytree(whole[0] / "cache", tmp_path / "cache")
    kill(faults.run, tmp_path, whole[1]["run"], KILLS, lambda: shutil.rmtree(tmp_path / "runs"), seed=0)
    found, run = Run.of(faults.SPEC, tmp_path / "runs"), Run.of(faults.SPEC, whole[0] / "runs")
    assert faults.numbers(found) == expected
    for pattern in ("weights.safetensors", "log.jsonl", "boxes/**/*.txt", "spec.json", "identity.json"):
        assert faults.files(found.folder, pattern) == faults.files(run.folder, pattern) != {}
    left = {path.name for path in found.folder.rglob("*") if path.is_file()}
    assert left >= {path.name for path in run.folder.rglob("*") if path.is_file()}
    assert not found.folder.joinpath("checkpoint.pt").exists()


def test_evaluation(whole, expected, tmp_path):
    """With the weights there: each start goes on with the sequences that have no boxes."""
    for part in ("cache", "runs"):
        shutil.copytree(whole[0] / part, tmp_path / part)
    found = Run.of(faults.SPEC, tmp_path / "runs")

    def again():
        (found.folder / "result.json").unlink(missing_ok=True)
        shutil.rmtree(found.folder / "boxes", ignore_errors=True)

    again()
    seconds = faults.finish(faults.run, tmp_path)
    again()
    kill(faults.run, tmp_path, seconds, KILLS, again, seed=1)
    assert faults.numbers(found) == expected
    mine, theirs = ({k: v for k, v in json.loads((folder / "result.json").read_text()).items() if k != "seconds"}
                    for folder in (found.folder, Run.of(faults.SPEC, whole[0] / "runs").folder))  # fmt: skip
    for result in (mine, theirs):
        for score in result["sequences"]["composite"].values():
            score.pop("fps", None)
    assert mine == theirs


def test_priors_and_crops(whole, tmp_path):
    kill(faults.build, tmp_path, whole[1]["build"], KILLS, lambda: shutil.rmtree(tmp_path / "cache"), seed=2)
    for pattern in ("cache/priors/**/[!.]*", "cache/crops/[!.]*/*", "cache/frames/[!.]*"):
        assert faults.files(tmp_path, pattern) == {
            name: content for name, content in faults.files(whole[0], pattern).items() if "_test_" not in name
        } != {}  # fmt: skip


KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}


def test_notebook(tmp_path):
    sources = ["import time", *(f"time.sleep(0.2); print({i})" for i in range(5))]
    page = new_notebook(cells=[new_code_cell(source, id=f"cell{i}") for i, source in enumerate(sources)])
    page.metadata |= KERNEL
    out = tmp_path / "executed" / "page.ipynb"
    nbformat.write(page, tmp_path / "page.ipynb")

    def content():
        page = nbformat.read(out, as_version=4)
        for part in (page, *page.cells):
            part.metadata.pop("papermill", None)
            part.metadata.pop("execution", None)
        return page

    seconds = faults.finish(faults.notebook, tmp_path)
    expected = content()
    out.unlink()
    kill(faults.notebook, tmp_path, seconds, 3, out.unlink, seed=3)
    assert content() == expected and [path.name for path in out.parent.iterdir()] == ["page.ipynb"]


def test_pages(tmp_path):
    pages = tmp_path / "book"
    shutil.copytree(ROOT / "book" / "assets", pages / "assets", ignore=shutil.ignore_patterns("mathjax"))
    shutil.copy(ROOT / "book" / "references.bib", pages)
    shutil.copy(ROOT / "_config.yml", tmp_path)
    (pages / "_toc.yml").write_text("format: jb-book\nroot: index\n")
    (pages / "index.md").write_text("# A page\n\n{cite}`wu2024socl`\n\n```{bibliography}\n```\n")
    made = tmp_path / "_build" / "html"
    seconds = faults.finish(faults.pages, tmp_path)
    expected = faults.files(made, "**/*.html") | faults.files(made, "_static/**/*.js")
    assert "index.html" in expected
    kill(faults.pages, tmp_path, seconds, 3, lambda: None, seed=4)
    assert faults.files(made, "**/*.html") | faults.files(made, "_static/**/*.js") == expected
