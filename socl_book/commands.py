"""`socl book`: notebooks to pages."""

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from socl_core.commands.options import AsJson, DataRoot, Device, MethodName, Protocol, seeds_of, settings, yaml_value

for package in ("matplotlib", "pandas", "jinja2", "papermill", "jupyter_book", "snakemake"):
    if not find_spec(package):  # `socl` then says how to install the extra "book"
        raise ModuleNotFoundError(f"No module named '{package}'", name=package)

app = typer.Typer()
book_app = typer.Typer(help="Execute notebooks and build the pages.", no_args_is_help=True)


app.add_typer(book_app, name="book")


@book_app.command("make")
def make(
    protocol: Annotated[str, typer.Option(help="smoke, laptop, reference or paper.")] = "laptop",
    cores: Annotated[int, typer.Option(min=1, help="Processes of Snakemake.")] = 2,
    profile: Annotated[Path | None, typer.Option(help="A profile of Snakemake, such as profiles/slurm.")] = None,
) -> None:
    """Everything: the runs that are missing, the notebooks that changed, the pages. `make book` calls it."""
    from socl_book.build import make as make_book

    make_book(protocol, cores, profile)


@book_app.command("run")
def run(
    notebook: Path,
    out: Path,
    parameter: Annotated[list[str] | None, typer.Option("-p", help="name=value; may be repeated.")] = None,
) -> None:
    """Execute one notebook with papermill; the copy appears when every cell has run."""
    from socl_book.build import execute

    execute(notebook, out, settings(parameter or []))


@book_app.command("build")
def build(
    protocol: Annotated[str, typer.Option(help="The protocol of the executed notebooks.")] = "laptop",
    data_root: DataRoot = None,
) -> None:
    """Build the HTML from the executed notebooks and the records of runs, with the prose that sources have now."""
    from socl_book.build import build as build_pages
    from socl_book.build import renew_prose
    from socl_book.command_page import write_command_page
    from socl_book.records import write_pages

    renew_prose()
    write_command_page()
    write_pages(protocol)
    build_pages()


@app.command()
def table(
    name: Annotated[
        str,
        typer.Argument(help="1 to 4, noise (careless clicks), real (real video), recipe or transt (one part changed)."),
    ],
    protocol: Protocol = "laptop",
    run: Annotated[bool, typer.Option("--run", help="Run what is missing.")] = False,
    seeds: Annotated[str | None, typer.Option(help="Comma separated; the protocol's by default.")] = None,
    record: Annotated[bool, typer.Option("--record", help="Copy finished results to recorded/.")] = False,
    json_: AsJson = False,
    device: Device = "auto",
    data_root: DataRoot = None,
) -> None:
    """A table of the paper: each cell's paper value, measured value, n and run ids."""
    from socl_book import tables as experiments

    chosen = experiments.find_table(name)
    numbers = seeds_of(seeds) if seeds else None
    if run:
        from socl_core.runs.pipeline import run_or_load

        for spec in experiments.wanted_specs(protocol, [chosen], numbers, whole=True):
            run_or_load(spec, device)
    cells = [experiments.describe_cell(cell, protocol, numbers) for cell in chosen.cells]
    if record:
        for cell in chosen.cells:
            for result in experiments.built_results(cell, protocol, numbers):
                experiments.record(result)
    if json_:
        print(json.dumps({"table": name, "protocol": protocol, "cells": cells}, indent=1))
        return
    print(f"{chosen.title} ({protocol})")
    for cell in cells:
        value = (
            f"{cell['measured']:.1f} [{cell['interval'][0]:.1f}, {cell['interval'][1]:.1f}]"
            if cell["n"]
            else cell["missing"] or "not run; --run runs it"
        )
        print(f"{cell['row']:45} {cell['column']:5} paper {cell['paper'] or '-':5}  measured {value}  n {cell['n']}")


@app.command()
def claims(protocol: Protocol = "laptop", json_: AsJson = False, data_root: DataRoot = None) -> None:
    """Every claim of the paper with its verdict, from the recorded runs and those of this store."""
    from socl_book.verdicts import all_claims, judged

    found = [judged(claim, protocol) for claim in all_claims()]
    if json_:
        print(json.dumps({"protocol": protocol, "claims": found}, indent=1))
        return
    for row in found:
        number = (
            ""
            if row["difference"] is None
            else "{:+6.1f} [{:+.1f}, {:+.1f}]".format(row["difference"], *row["interval"])
        )
        print(f"{row['verdict']:13} {row['section']:10} {row['claim']:75} {number}")


@app.command()
def select(
    try_: Annotated[list[str], typer.Option("--try", help="Values of a parameter, name=a,b,c; may be repeated.")],
    method: MethodName = "socl-siam",
    protocol: Protocol = "laptop",
    on: Annotated[list[str] | None, typer.Option(help="Data set with a dev split; may be repeated.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="A parameter for all, name=value.")] = None,
    seeds: Annotated[str, typer.Option(help="Comma separated.")] = "0",
    json_: AsJson = False,
    device: Device = "auto",
    data_root: DataRoot = None,
) -> None:
    """Compare parameter values on dev splits: the mean AUC of every combination, best first."""
    from socl_book.selection import candidates, ranking

    choices = {name: yaml_value(f"[{text}]") for name, _, text in (pair.partition("=") for pair in try_)}
    tried = candidates(protocol, method, choices, seeds_of(seeds), on or ["composite"], settings(set_ or []))
    rows = ranking(tried, device)
    if json_:
        print(json.dumps(rows, indent=1))
        return
    for row in rows:
        print(f"{row['mean']:6.2f}  {row['setting']:40} {row['auc']}")
