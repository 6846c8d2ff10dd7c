"""The rules of socl_book.build.execute: typed parameters, whole outputs, failures kept and named."""

import fcntl

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from socl_book import build as book
from socl_book.build import execute, make, notebook_code, renew_prose
from socl_core.errors import DataError, SoclError, UsageError
from socl_core.runs import identity, locks

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
    parameters, injected = page.cells[:2]
    assert "injected-parameters" in injected.metadata.tags and "remove-cell" in injected.metadata.tags
    assert "hide-input" in parameters.metadata.tags
    assert parameters.metadata.mystnb.code_prompt_show == "Parameters of this page; here steps = 21"


def test_unknown_parameter_is_an_error_before_anything_runs(notebook, tmp_path):
    with pytest.raises(UsageError, match="unknown parameter of page.ipynb 'stepz': did you mean 'steps'"):
        execute(notebook("print(steps)"), tmp_path / "executed" / "page.ipynb", {"stepz": 1})
    assert not (tmp_path / "executed").exists()
    with pytest.raises(UsageError, match="there is no notebook"):
        execute(tmp_path / "absent.ipynb", tmp_path / "out.ipynb")


@pytest.mark.parametrize("content", ["", "no JSON", "[]", "{}", '{"cells": 3}', '{"nbformat": 4, "cells": [{}]}'])
def test_what_is_no_notebook_is_named(notebook, tmp_path, content):
    page, out = notebook("print(1)"), tmp_path / "executed" / "page.ipynb"
    out.parent.mkdir()
    out.write_text(content)
    with pytest.raises(DataError, match="executed/page.ipynb is no notebook"):
        renew_prose(page.parent, out.parent)
    with pytest.raises(DataError, match="is no notebook"):
        execute(out, tmp_path / "out.ipynb")
    for other in (tmp_path, "/", "out.txt"):
        with pytest.raises(UsageError, match="expected the name of a notebook"):
            execute(page, other)


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


@pytest.mark.parametrize("value", [2.5, "many", True, [1], None])
def test_a_parameter_of_another_type_is_an_error_before_anything_runs(notebook, tmp_path, value):
    with pytest.raises(UsageError, match="parameter steps of page.ipynb must be int, such as 3; found"):
        execute(notebook("print(steps)"), tmp_path / "executed" / "page.ipynb", {"steps": value})
    assert not (tmp_path / "executed").exists()


def test_code_in_a_parameter_is_a_text_and_nothing_else(notebook, tmp_path):
    path = notebook("print(name)")
    page = nbformat.read(path, as_version=4)
    page.cells[0].source = 'name = "x"  # str: a name'
    nbformat.write(page, path)
    hostile = '"; open("mark", "w"); "'
    assert printed(execute(path, tmp_path / "out.ipynb", {"name": hostile})) == hostile + "\n"
    assert not (tmp_path / "mark").exists()


def test_the_code_of_a_notebook_is_its_cells_and_what_they_import(notebook, monkeypatch, tmp_path):
    page = notebook("from socl_core.prior.top import top_at_cells", "def f():\n    import socl_core.scoring.metrics")
    before = notebook_code(page)
    original = identity._definition_hashes
    for module, same in [
        ("socl_book.figures", True),
        ("socl_core.prior.top", False),
        ("socl_core.scoring.metrics", False),
    ]:
        hashed = lambda name, edited=module: {"f": "new"} if name == edited else original(name)  # noqa: E731
        monkeypatch.setattr(identity, "_definition_hashes", hashed)
        assert (notebook_code(page) == before) is same
    before = notebook_code(notebook("print(1)"))
    assert notebook_code(notebook("print(2)")) != before
    page = nbformat.read(notebook("print(1)"), as_version=4)
    page.cells.insert(0, new_markdown_cell("# Prose"))
    nbformat.write(page, tmp_path / "notebooks" / "page.ipynb")
    assert notebook_code(tmp_path / "notebooks" / "page.ipynb") == before


def test_prose_is_renewed_and_what_was_executed_stays(notebook, tmp_path):
    path, out = notebook("print(steps)"), tmp_path / "executed" / "page.ipynb"
    execute(path, out, {"steps": 21})
    before = nbformat.read(out, as_version=4)
    page = nbformat.read(path, as_version=4)
    page.cells = [new_markdown_cell("# New"), page.cells[0], new_markdown_cell("and more"), page.cells[1]]
    nbformat.write(page, path)
    renew_prose(path.parent, out.parent)
    after = nbformat.read(out, as_version=4)
    assert [cell.source for cell in after.cells if cell.cell_type == "markdown"] == ["# New", "and more"]
    assert [cell for cell in after.cells if cell.cell_type == "code"] == before.cells
    assert [cell.cell_type for cell in after.cells] == ["markdown", "code", "code", "markdown", "code"]
    content = out.read_bytes()
    renew_prose(path.parent, out.parent)
    page.cells[3].source = "print(2 * steps)"
    nbformat.write(page, path)
    renew_prose(path.parent, out.parent)
    assert out.read_bytes() == content
    path.unlink()
    renew_prose(path.parent, out.parent)
    assert not out.exists()


def test_two_builds_at_once_are_one_build_and_a_message(notebook, tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "PATIENCE", 0)
    page, out = notebook("print(1)"), tmp_path / "executed" / "page.ipynb"
    for held, work in [
        ("runs/build.lock", lambda: make("smoke", 1)),
        ("runs/locks/page", lambda: execute(page, out)),
        ("_build/lock", lambda: book.build(tmp_path)),
    ]:
        (tmp_path / held).parent.mkdir(parents=True, exist_ok=True)
        with open(held, "w") as file:
            file.write("4711 on n")
            file.flush()
            fcntl.flock(file, fcntl.LOCK_EX)
            with pytest.raises(SoclError, match=r"another process \(4711 on n\) (builds|executes) "):
                work()
    assert not out.exists() and not (tmp_path / "_build" / "html").exists()
