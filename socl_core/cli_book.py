"""`socl book`: notebooks to pages."""

from pathlib import Path
from typing import Annotated

import typer

from socl_core.cli_options import DataRoot, settings

book_app = typer.Typer(help="Execute notebooks and build the pages.", no_args_is_help=True)


@book_app.command("make")
def make(
    protocol: Annotated[str, typer.Option(help="smoke, laptop, reference or paper.")] = "laptop",
    cores: Annotated[int, typer.Option(min=1, help="Processes of Snakemake.")] = 2,
    profile: Annotated[Path | None, typer.Option(help="A profile of Snakemake, such as profiles/slurm.")] = None,
) -> None:
    """Everything: the runs that are missing, the notebooks that changed, the pages. `make book` calls it."""
    from socl_core.book import make as make_book

    make_book(protocol, cores, profile)


@book_app.command("run")
def run(
    notebook: Path,
    out: Path,
    parameter: Annotated[list[str] | None, typer.Option("-p", help="name=value; may be repeated.")] = None,
) -> None:
    """Execute one notebook with papermill; the copy appears when every cell has run."""
    from socl_core.book import execute

    execute(notebook, out, settings(parameter or []))


@book_app.command("build")
def build(
    protocol: Annotated[str, typer.Option(help="The protocol of the executed notebooks.")] = "laptop",
    data_root: DataRoot = None,
) -> None:
    """Build the HTML from the executed notebooks and the records of runs, with the prose that sources have now."""
    from socl_core.book import build as build_pages
    from socl_core.book import fetch_mathjax, renew_prose
    from socl_core.records import write_pages

    renew_prose()
    write_pages(protocol)
    fetch_mathjax()
    build_pages()
