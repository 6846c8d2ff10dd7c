"""`socl book`: notebooks to pages."""

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from socl_core.commands.options import (
    AsJson,
    DataRoot,
    Device,
    MethodName,
    Protocol,
    Settings,
    Weights,
    seeds_of,
    settings,
    show,
    yaml_value,
)
from socl_core.errors import UsageError

for package in ("matplotlib", "pandas", "jinja2", "papermill", "jupyter_book", "snakemake"):
    if not find_spec(package):  # `socl` then says how to install the extra "book"
        raise ModuleNotFoundError(f"No module named '{package}'", name=package)

app = typer.Typer()
book_app = typer.Typer(help="Execute notebooks and build the pages.", no_args_is_help=True)


app.add_typer(book_app, name="book")


@book_app.command("make")
def make(
    protocol: Protocol = "laptop",
    cores: Annotated[int, typer.Option(min=1, max=4096, help="Processes of Snakemake.")] = 2,
    profile: Annotated[Path | None, typer.Option(help="A profile of Snakemake, such as profiles/slurm.")] = None,
    private: Annotated[bool, typer.Option("--private", help="Show frames of real videos; not to publish.")] = False,
) -> None:
    """Everything: the runs that are missing, the notebooks that changed, the pages. `make book` calls it."""
    from socl_book.build import make as make_book

    make_book(protocol, cores, profile, private)


@book_app.command("run")
def run(
    notebook: Path,
    out: Path,
    parameter: Annotated[list[str] | None, typer.Option("-p", help="name=value; may be repeated.")] = None,
) -> None:
    """Execute one notebook with papermill; the copy appears when every cell has run."""
    from socl_book.build import execute

    execute(notebook, out, settings(parameter))


@book_app.command("build")
def build(
    protocol: Annotated[str, typer.Option(help="The protocol of the executed notebooks.")] = "laptop",
    data_root: DataRoot = None,
) -> None:
    """Build the HTML from the executed notebooks and the records of runs, with the prose that sources have now."""
    from socl_book.api_page import write_api_page
    from socl_book.build import build as build_pages
    from socl_book.build import renew_prose
    from socl_book.command_page import write_command_page
    from socl_book.run_pages import write_pages

    renew_prose()
    write_command_page()
    write_api_page()
    write_pages(protocol)
    build_pages()


@book_app.command("pdf")
def pdf() -> None:
    """Print the built pages to _build/socl.pdf; needs Chromium, and no LaTeX."""
    from socl_book.pdf import write_pdf

    print(f"printed: {write_pdf()}")


@app.command()
def table(
    name: Annotated[
        str,
        typer.Argument(help="Of a file of socl_book/tables, such as 2 or noise; a wrong one lists them all."),
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
    from socl_book.records import record as keep
    from socl_book.results import read_results
    from socl_book.tables import find_table, wanted_specs

    chosen, numbers = find_table(name), None if seeds is None else seeds_of(seeds)
    if run:
        from socl_core.runs.pipeline import run_or_load

        for spec in wanted_specs(protocol, [chosen], numbers, whole=True):
            run_or_load(spec, device)
    results = read_results(protocol, [chosen], numbers)
    cells = [results.describe(cell) for cell in chosen.cells]
    if record:
        keep(result for (source, _), result in results.runs.items() if source == "build")
    lines = (
        f"{cell['row']:45} {cell['column']:5} paper {cell['paper'] or '-':5}  measured "
        + ("{:.1f} [{:.1f}, {:.1f}]".format(cell["measured"], *cell["interval"])
           if cell["n"] else cell["missing"] or "not run; --run runs it")
        + f"  n {cell['n']}"
        for cell in cells
    )  # fmt: skip
    show(json_, {"table": name, "protocol": protocol, "cells": cells}, [f"{chosen.title} ({protocol})", *lines])


@app.command()
def claims(protocol: Protocol = "laptop", json_: AsJson = False, data_root: DataRoot = None) -> None:
    """Every claim of the paper with its verdict, from the recorded runs and those of this store."""
    from socl_book.results import read_results
    from socl_book.tables import all_claims
    from socl_book.verdicts import as_data, judge

    results = read_results(protocol)
    judged = [as_data(judge(claim, results), results) for claim in all_claims()]
    lines = (
        f"{row['verdict']:13} {row['section']:10} {row['claim']:75} "
        + ("{:+6.1f} [{:+.1f}, {:+.1f}]".format(row["difference"], *row["interval"]) if row["interval"] else "")
        for row in judged
    )
    show(json_, {"protocol": protocol, "claims": judged}, lines)


@app.command()
def select(
    try_: Annotated[list[str], typer.Option("--try", help="Values of a parameter, name=a,b,c; may be repeated.")],
    method: MethodName = "socl-siam",
    protocol: Protocol = "laptop",
    on: Annotated[list[str] | None, typer.Option(help="Data set with a dev split; may be repeated.")] = None,
    set_: Settings = None,
    seeds: Annotated[str, typer.Option(help="Comma separated.")] = "0",
    json_: AsJson = False,
    device: Device = "auto",
    data_root: DataRoot = None,
) -> None:
    """Compare parameter values on dev splits: the mean AUC of every combination, best first."""
    from socl_book.selection import candidates, ranking

    pairs = [pair.partition("=") for pair in try_]
    choices = {name: yaml_value(f"[{text}]") for name, _, text in pairs}
    if len(choices) < len(pairs):
        raise UsageError("--try names a parameter twice; expected name=a,b,c once for each")
    tried = candidates(protocol, method, choices, seeds_of(seeds), on or ["composite"], settings(set_))
    rows = ranking(tried, device)
    show(json_, rows, (f"{row['mean']:6.2f}  {row['setting']:40} {row['auc']}" for row in rows))


@app.command("negatives")
def negatives(
    data: Annotated[str, typer.Option(help="Training set with boxes, LOADER or LOADER:PATH.")] = "composite",
    protocol: Protocol = "laptop",
    weights: Weights = Path("socl-siam"),
    set_: Settings = None,
    json_: AsJson = False,
    data_root: DataRoot = None,
) -> None:
    """Where soft negative samples come from on the crops that SoCL-Siam trains on: background, or target?

    True boxes are read for this report alone.
    """
    from socl_book.negatives import MEASURES, measure_negatives
    from socl_core import data as sets
    from socl_core.models.device import Compute
    from socl_core.runs.spec import make_spec
    from socl_core.runs.weights import read_weights

    sets.require(data)
    spec, compute = make_spec(protocol, "socl-siam", **settings(set_)), Compute.choose("cpu")
    report = measure_negatives(data, spec, read_weights(weights, compute), compute)
    lines = [f"{100 * report[name]:5.1f} %  {words}" for name, words in MEASURES.items()]
    median = f"of the hard negative map on the target, median of {report['n']} crops"
    lines.append(f"{100 * report['sns_mass_median']:5.1f} %  {median}")
    show(json_, {"data": data, "crop": spec.crop, "background": spec.background} | report, lines)
