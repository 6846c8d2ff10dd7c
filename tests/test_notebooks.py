"""Rules for the notebooks' sources; that they run is tested by building the book at the smoke protocol."""

import re
from pathlib import Path

import nbformat
import pytest

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_has_no_outputs_and_documents_its_parameters(path):
    cells = nbformat.read(path, as_version=4).cells
    code = [cell for cell in cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in code)
    parameters = [cell for cell in code if "parameters" in cell.metadata.get("tags", [])]
    assert len(parameters) == 1
    for line in parameters[0].source.splitlines():
        assert re.fullmatch(r"\w+ = .+  # (str|int|float|bool): .+", line), line
    assert any(line.startswith("protocol = ") for line in parameters[0].source.splitlines())
    assert cells[0].source.startswith("# ")


def test_every_notebook_is_a_page_and_every_page_a_notebook():
    root = Path(__file__).parents[1]
    listed = re.findall(r"executed/(\w+)", (root / "book/_toc.yml").read_text())
    assert sorted(listed) == [path.stem for path in NOTEBOOKS]
    built = re.search(r"NOTEBOOKS = \[(.*?)\]", (root / "Snakefile").read_text(), re.S)[1]
    assert re.findall(r'"(\w+)"', built) == listed
