"""Rules for the notebooks' sources; that they run is tested by building the book at the smoke protocol."""

import re
from pathlib import Path

import nbformat
import pytest

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))


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
    root = Path(__file__).parents[2]
    listed = re.findall(r"executed/(\w+)", (root / "book/_toc.yml").read_text())
    for made in ("commands", "python"):  # of the program's help, and of docstrings
        listed.remove(made)
    assert sorted(listed) == [path.stem for path in NOTEBOOKS]


# A number with a unit of results, or a row of a table with decimals. What the paper states may be typed, and says so.
MEASURED = re.compile(
    r"\d\.\d+\s*(%|points|per cent)|\b(AUC|IoU)\b[^.|]{0,12}\d|\d(\.\d+)?\s*(AUC|IoU)\b|\|\s*[+–-]?\d*\.\d"
)
STATED = re.compile(r'class="tag tag-[sa]"|\b(paper|supplement)\b')


def typed_results(prose: str) -> list[str]:
    """Paragraphs of Markdown that type a measured number; code, formulas and what the paper states do not count."""
    plain = re.sub(r"```.*?```|`[^`]*`|\$[^$]*\$", "", prose, flags=re.S)
    return [part for part in plain.split("\n\n") if MEASURED.search(part) and not STATED.search(part)]


def test_prose_types_no_measured_number():
    root = NOTEBOOKS[0].parents[2]
    prose = {path.name: path.read_text() for path in (root / "book").glob("*.md")}
    for path in NOTEBOOKS:
        cells = nbformat.read(path, as_version=4).cells
        prose[path.name] = "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    found = {name: typed for name, text in prose.items() if (typed := typed_results(text))}
    assert found == {}, "let a code cell print these from the store"


@pytest.mark.parametrize(
    "text",
    ["SoCL-Siam reaches 37.2 %.", "3.4 points above", "an AUC of 40", "IoU 0.61", "| SoCL | 37.2 |", "| a | .95 |"],
)
def test_a_typed_result_is_found(text):
    assert typed_results(f"Words.\n\n{text}") == [text]
    assert typed_results(f"{text} stands in the paper.") == [] and typed_results(f"`{text}`") == []


def test_settings_are_no_results():
    assert typed_results("Clipped at 10 %, windows above 0.6, 95 % intervals, 2013, eta 0.1.") == []
