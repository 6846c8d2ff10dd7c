"""kill -9 and SIGTERM at random moments; the same command then ends with the same bytes.

A notebook and a build take long: KILLS=20 in the environment asks for as many kills of them as of all else.
"""

import json
import os
import shutil
import time
from itertools import cycle
from pathlib import Path

import faults
import nbformat
import numpy as np
import psutil
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from socl_core.runs.store import Run

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
KILLS = 20  # of a training, an evaluation and a prior each; every one costs half of the work
LONG = int(os.environ.get("KILLS", 2))  # of what takes more than seconds
PROMPT = 10  # seconds on a busy machine, within which a process and those that it started end; 2 on another


def kill(work, seconds, kills, again, seed, end=None):
    """Kills some work, a function and its arguments, `kills` times, each at a random moment of what it took
    undisturbed; `again` undoes it where it ended before a kill. Then lets it end. end: kills a process in another way.
    """
    rng, done = np.random.default_rng(seed), 0
    while done < kills:
        process = faults.start(*work)
        time.sleep(rng.uniform(0.05, 0.9) * seconds)
        if alive := process.is_alive():
            (end or type(process).kill)(process)
        process.join()
        done += alive
        if not alive:
            again()
    faults.finish(*work)


def kill_all(process):
    """As when memory or power is gone: a process and all that it has started."""
    children = psutil.Process(process.pid).children(recursive=True)
    for each in (process, *children):
        each.kill()


def terminate(process):
    """SIGTERM, after which nothing goes on."""
    children, begin = psutil.Process(process.pid).children(recursive=True), time.monotonic()
    process.terminate()
    process.join(PROMPT)
    while time.monotonic() - begin < PROMPT and not all(map(ended, children)):
        time.sleep(0.01)
    print(f"{time.monotonic() - begin:.2f} s for {1 + len(children)} processes")
    assert process.exitcode in (143, -15) and all(map(ended, children)), (process.exitcode, children)


def ended(process):
    """Whether a process is no more, be it that nobody has asked for its exit status."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_training(whole, expected, tmp_path):
    shutil.copytree(whole[0] / "cache", tmp_path / "cache")
    kill((faults.run, tmp_path), whole[1]["run"], KILLS, lambda: shutil.rmtree(tmp_path / "runs"), seed=0)
    found, run = Run.of(faults.SPEC, tmp_path / "runs"), Run.of(faults.SPEC, whole[0] / "runs")
    assert faults.numbers(found) == expected
    for pattern in ("weights.safetensors", "log.jsonl", "boxes/**/*.txt", "spec.json", "identity.json"):
        assert faults.files(found.folder, pattern) == faults.files(run.folder, pattern) != {}
    left = {path.name for path in found.folder.rglob("*") if path.is_file()}
    assert left >= {path.name for path in run.folder.rglob("*") if path.is_file()}
    assert not found.folder.joinpath("checkpoint.pt").exists()


def begun(work, folder, pattern):
    """The process of some work once it has written a file whose name matches a pattern."""
    process = faults.start(*work)
    while not list(folder.glob(pattern)) and process.is_alive():
        time.sleep(0.01)
    return process


PARTS = ("cache/priors/*/*.npz", "runs/*/*/checkpoint.pt", "runs/*/*/boxes/*/*.txt")


def test_sigterm_of_a_run(expected, tmp_path):
    """In the middle of each of its parts, by the command that a build calls."""
    found = Run.of(faults.SPEC, tmp_path / "runs")
    found.queue(faults.SPEC)
    work = faults.command, tmp_path, "run", str(found.folder / "spec.json"), "--device", "cpu"
    for part in PARTS:
        terminate(begun(work, tmp_path, part))
        assert found.state == "killed"
    faults.finish(*work)
    assert faults.numbers(found) == expected


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
    kill((faults.run, tmp_path), seconds, KILLS, again, seed=1)
    assert faults.numbers(found) == expected
    mine, theirs = ({k: v for k, v in json.loads((folder / "result.json").read_text()).items() if k != "seconds"}
                    for folder in (found.folder, Run.of(faults.SPEC, whole[0] / "runs").folder))  # fmt: skip
    for result in (mine, theirs):
        for score in result["sequences"]["composite"].values():
            score.pop("fps", None)
    assert mine == theirs


def test_priors_and_crops(whole, tmp_path):
    kill((faults.build, tmp_path), whole[1]["build"], KILLS, lambda: shutil.rmtree(tmp_path / "cache"), seed=2)
    for pattern in ("cache/priors/**/[!.]*", "cache/crops/[!.]*/*", "cache/frames/[!.]*"):
        assert faults.files(tmp_path, pattern) == {
            name: content for name, content in faults.files(whole[0], pattern).items() if "_test_" not in name
        } != {}  # fmt: skip


KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}


def write_notebook(path):
    sources = ["protocol = 'smoke'", "import time", *(f"time.sleep(0.2); print({i})" for i in range(5))]
    cells = [new_code_cell(source, id=f"cell{i}") for i, source in enumerate(sources)]
    cells[0].metadata.tags = ["parameters"]
    page = new_notebook(cells=[new_markdown_cell("# A notebook", id="title"), *cells])
    page.metadata |= KERNEL
    path.parent.mkdir(exist_ok=True)
    nbformat.write(page, path)


def test_notebook(tmp_path):
    write_notebook(tmp_path / "page.ipynb")
    out = tmp_path / "executed" / "page.ipynb"

    def content():
        page = nbformat.read(out, as_version=4)
        for part in (page, *page.cells):
            part.metadata.pop("papermill", None)
            part.metadata.pop("execution", None)
        return page

    seconds = faults.finish(faults.notebook, tmp_path)
    expected = content()
    out.unlink()
    kill((faults.notebook, tmp_path), seconds, LONG, out.unlink, seed=3)
    assert content() == expected and [path.name for path in out.parent.iterdir()] == ["page.ipynb"]


def built(folder):
    """What readers open of the book of a folder."""
    html = folder / "_build" / "html"
    return faults.files(html, "**/*.html") | faults.files(html, "_static/**/*.js")


def test_what_does_not_end_is_killed(tmp_path):
    terminate(begun((faults.stubborn, tmp_path), tmp_path, "begun"))


def test_build(tmp_path):
    """Of `socl book make`, with Snakemake, the commands that this calls, and a kernel: SIGTERM and kill -9 in turn."""
    pages = tmp_path / "book"
    shutil.copytree(ROOT / "book" / "assets", pages / "assets", ignore=shutil.ignore_patterns("mathjax"))
    for name in ("Snakefile", "book/references.bib"):
        shutil.copy(ROOT / name, tmp_path / name)
    config = (ROOT / "_config.yml").read_text().replace("only_build_toc_files: false", "only_build_toc_files: true")
    (tmp_path / "_config.yml").write_text(config)
    (pages / "_toc.yml").write_text("format: jb-book\nroot: index\nchapters: [{file: executed/page}]\n")
    (pages / "index.md").write_text("# A page\n\n{cite}`wu2024socl`\n\n```{bibliography}\n```\n")
    write_notebook(tmp_path / "notebooks" / "page.ipynb")
    work = faults.command, tmp_path, "book", "make", "--protocol", "smoke", "--cores", "1"

    def again():
        for made in ("book/executed", "_build/html"):
            shutil.rmtree(tmp_path / made)

    seconds = faults.finish(*work)
    expected = built(tmp_path)
    assert "executed/page.html" in expected
    again()
    ends = cycle([terminate, kill_all])
    kill(work, seconds, LONG, again, seed=5, end=lambda process: next(ends)(process))
    assert built(tmp_path) == expected
