"""The page of all commands: the help that the program prints, so that neither can be older than the other."""

from collections.abc import Iterator
from pathlib import Path

import typer

from socl_core.commands.main import app
from socl_core.data.files import write_atomic

PAGE = Path("book/executed/commands.md")
INTRO = """# Commands

What `socl` does, in the words of `socl COMMAND --help`. A wrong name or value ends with exit status 2 and names the
nearest valid one; a damaged file is named. `--json` prints one JSON object. Boxes are `x,y,w,h`, where `x,y` is the
left top pixel, counted from 0. A command that was killed goes on where it was.
"""


def command_page() -> str:
    """Return the page in Markdown, a section for each command."""
    return "\n".join([INTRO, *_sections(typer.main.get_command(app), "socl")])


def write_command_page() -> None:
    """Write the page below book/executed/, where the table of contents expects it."""
    write_atomic(PAGE, command_page())


def _sections(command, path: str) -> Iterator[str]:
    """A section of Markdown for a command, or for each one of a group."""
    for name, each in getattr(command, "commands", {}).items():
        if not each.hidden:
            yield from _sections(each, f"{path} {name}")
    if not hasattr(command, "commands"):
        with typer.Context(command, info_name=path, terminal_width=80) as context:
            yield f"## `{path}`\n\n```text\n{command.get_help(context)}\n```\n"
