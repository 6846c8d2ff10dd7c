"""The README and the pages of prose: their commands are ones that the program takes, their links lead somewhere."""

import json
import re
import shlex
import tomllib
from pathlib import Path

import pytest
import typer
import yaml

from socl_book.command_page import command_page
from socl_core.commands.main import app
from socl_core.data import LAYOUTS

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PROSE = [README, *sorted((ROOT / "book").glob("*.md"))]
LARGEST = 7 * 1024


def commands(path: Path, program: str) -> list[str]:
    """Commands of a program in the code of a page, without comments; those of `program` in tables too."""
    text = path.read_text().replace("\\\n", " ")
    blocks = re.findall(r"^```bash\n(.*?)^```", text, re.S | re.M) + re.findall(r"`([^`\n]+)`", text)
    lines = [line.split(" #")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if re.match(rf"{program} [a-z-]", line) and "COMMAND" not in line]


@pytest.mark.parametrize(
    ("page", "line"), [(path.name, line) for path in PROSE for line in commands(path, "socl")], ids=str
)
def test_every_command_is_one_that_the_program_takes(page, line):
    command, words = typer.main.get_command(app), shlex.split(line)[1:]
    context = typer.Context(command, info_name="socl")
    while hasattr(command, "commands") and words != ["--help"]:
        name, command, words = command.resolve_command(context, words)
        context = typer.Context(command, info_name=name, parent=context)
    if words and words != ["--help"]:  # else it is named, not called
        command.parse_args(context, words)


@pytest.mark.parametrize("path", PROSE, ids=lambda path: path.name)
def test_other_commands_exist_too(path):
    targets = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.M)[1].split()
    assert {line.split()[1] for line in commands(path, "make")} <= {*targets}
    for line in commands(path, "papermill"):
        source, *rest = shlex.split(line)[1:]
        cell = next(c for c in json.loads((ROOT / source).read_text())["cells"] if c["cell_type"] == "code")
        known = re.findall(r"^(\w+) =", "".join(cell["source"]), re.M)
        assert {rest[i + 1] for i, word in enumerate(rest) if word == "-p"} <= {*known}


def test_the_readme_is_short():
    assert len(README.read_bytes()) <= LARGEST


def test_links_and_paths_of_the_readme_lead_somewhere():
    text = README.read_text()
    targets = [each for each in re.findall(r"\]\(([^)]+)\)", text) if not each.startswith("http")]
    targets += re.findall(r"`((?:socl_core|socl_book|book|notebooks)/[^`]*)`", text)
    assert len(targets) > 10 and not [each for each in targets if not (ROOT / each).exists()]


def test_the_page_of_data_sets_names_every_layout():
    text = (ROOT / "book/data_sets.md").read_text()
    assert not [name for name in LAYOUTS if f"`{name}/" not in text and f"{name}:" not in text]


def test_the_page_of_dependencies_names_every_package():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    packages = {re.match(r"[\w.-]+", each)[0] for each in sum(extras, project["dependencies"])} - {"socl-book"}
    rows = re.findall(r"^\| ([\w., -]+?) \|", (ROOT / "book/dependencies.md").read_text(), re.M)
    assert {name for row in rows for name in row.split(", ")} - {"package"} == packages


def test_the_page_of_commands_has_a_section_for_each():
    page = command_page()
    for name in ("train", "data check", "book make", "table", "gc"):
        assert f"## `socl {name}`\n\n```text\nUsage: socl {name} " in page
    assert "socl run" not in page  # for the store alone


def test_every_page_of_prose_is_in_the_table_of_contents():
    parts = yaml.safe_load((ROOT / "book/_toc.yml").read_text())["parts"]
    listed = {chapter["file"] for part in parts for chapter in part["chapters"]}
    assert {path.stem for path in PROSE[1:]} - {"index"} == {name for name in listed if "/" not in name}
