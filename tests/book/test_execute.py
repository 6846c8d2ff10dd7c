"""The rules of socl_core.book.execute: typed parameters, whole outputs, failures kept and named."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from socl_core.book import execute
from socl_core.errors import SoclError, UsageError

KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}


@pytest.fixture
def notebook(tmp_path, monkeypatch):
    """write(*sources) -> path of a notebook with a parameters cell; the working directory is a fresh one."""
    monkeypatch.chdir(tmp_path)

    def write(*sources):
        cells = [new_code_cell("steps = 3  # int: how many", metadata={"tags": ["parameters"]})]
        path = tmp_path / "notebooks" / "page.ipynb"
        path.parent.mkdir(exist_ok=True)
        nbformat.write(new_notebook(cells=cells + [new_code_cell(s) for s in sources], metadata=KERNEL), path)
        return path

    return write


def printed(path):
    page = nbformat.read(path, as_version=4)
    return "".join(out.get("text", "") for cell in page.cells for out in cell.get("outputs", []))


def test_parameters_arrive_and_the_copy_has_its_final_name(notebook, tmp_path):
    out = execute(notebook("print(steps * 2)"), tmp_path / "executed" / "page.ipynb", {"steps": 21})
    assert printed(out) == "42\n"
    assert [p.name for p in out.parent.iterdir()] == ["page.ipynb"]
    page = nbformat.read(out, as_version=4)
    assert str(tmp_path) not in str(page.metadata) and "partial" not in str(page.metadata)
    injected = next(cell for cell in page.cells if "injected-parameters" in cell.metadata.tags)
    assert "hide-input" in injected.metadata.tags


def test_unknown_parameter_is_an_error_before_anything_runs(notebook, tmp_path):
    with pytest.raises(UsageError, match="unknown parameter of page.ipynb 'stepz': did you mean 'steps'"):
        execute(notebook("print(steps)"), tmp_path / "executed" / "page.ipynb", {"stepz": 1})
    assert not (tmp_path / "executed").exists()
    with pytest.raises(UsageError, match="there is no notebook"):
        execute(tmp_path / "absent.ipynb", tmp_path / "out.ipynb")


def test_failure_is_kept_and_leaves_the_last_good_copy(notebook, tmp_path):
    out = tmp_path / "executed" / "page.ipynb"
    out.parent.mkdir()
    out.write_text("the last good copy")
    with pytest.raises(SoclError, match="ValueError: the cause") as failure:
        execute(notebook("print('before')", "raise ValueError('the cause')"), out)
    assert out.read_text() == "the last good copy"
    assert len(str(failure.value).splitlines()) <= 30
    kept = tmp_path / "runs" / "failed" / "page.ipynb"
    assert "runs/failed/page.ipynb" in str(failure.value)
    assert "before" in printed(kept)
    assert "papermill-error-cell-tag" in kept.read_text()
    assert [p.name for p in out.parent.iterdir()] == ["page.ipynb"]


def test_a_kernel_that_dies_is_a_failure(notebook, tmp_path):
    with pytest.raises(SoclError, match="(?i)kernel.*died"):
        execute(notebook("import os", "os._exit(1)"), tmp_path / "page.ipynb")
    assert not (tmp_path / "page.ipynb").exists()
