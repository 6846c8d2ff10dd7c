# From runs to pages. `make book` calls this; on a cluster add an executor profile.
# Runs are named by a hash of spec, code and data, so a changed module makes new targets, never stale ones.
# Pages are those of book/_toc.yml; which results a page reads stands in socl_book/tables/*.yaml.
import hashlib
import os
import re
from pathlib import Path

from socl_book.build import notebook_code
from socl_book.records import place, recorded_seconds
from socl_book.selection import grid_specs
from socl_book.tables import FOLDER, find_table, tables_read_by, wanted_specs
from socl_core import data
from socl_core.runs.identity import code_hash
from socl_core.runs.spec import PROTOCOL_FOLDER
from socl_core.runs.store import Run

PROTOCOL = config.get("protocol", "laptop")
LISTED = re.findall(r"executed/(\w+)", Path("book/_toc.yml").read_text())
NOTEBOOKS = [name for name in LISTED if Path(f"notebooks/{name}.ipynb").is_file()]
PAGES = [f"book/executed/{name}.ipynb" for name in NOTEBOOKS]
MADE = {"executed", "records", "mathjax", "clip"}  # below book/, by the build itself

GRID = grid_specs(PROTOCOL, config["grid"]) if "grid" in config else []
WHOLE = [find_table(str(name)) for name in config.get("tables", [])]
WHOLE = wanted_specs(PROTOCOL, WHOLE, config.get("seeds"), whole=True)

RUNS = {spec: Run.of(spec) for spec in [*wanted_specs(PROTOCOL), *GRID, *WHOLE]}
SECONDS = recorded_seconds(PROTOCOL)  # where a run has none, its steps are a guess
LENGTH = {run.id: round(SECONDS.get(place(spec)[:2], getattr(spec, "steps", 0))) for spec, run in RUNS.items()}


onstart:  # not of a dry run, which writes nothing
    for spec, run in RUNS.items():
        run.queue(spec)


def finished(specs):
    """The results of some specs."""
    return [str(RUNS[spec].folder / "result.json") for spec in specs]


def read_files(page):
    """Hash of what a notebook reads besides code and results: its tables, recorded results, protocols, templates."""
    files = [FOLDER / f"{table.name}.yaml" for table in tables_read_by(page)]
    files += [*Path("recorded").rglob("*.json*"), *PROTOCOL_FOLDER.glob("*.yaml"), *Path("socl_book/templates").glob("*.j2")]
    return hashlib.sha256(b"".join(file.read_bytes() for file in sorted(files))).hexdigest()[:16]


rule html:
    input:
        PAGES,
        [f"notebooks/{name}.ipynb" for name in NOTEBOOKS],
        "_config.yml",
        [str(p) for p in Path("book").rglob("*") if p.suffix in {".md", ".yml", ".bib", ".css", ".js", ".svg", ".py", ".yaml"} and not MADE & {*p.parts}],
    output: "_build/html/index.html"
    params: records=code_hash("socl_book.run_pages", *data.layout_modules())
    shell: f"socl book build --protocol {PROTOCOL}"


# Runs over a grid of parameters: --config 'grid={method: socl-cf, eta: [0.05, 0.1], seed: [0, 1, 2]}' grid
rule grid:
    input: finished(GRID)


# Whole tables with some seeds: --config 'tables=[2, 3]' 'seeds=[0, 1, 2]' tables
rule tables:
    input: finished(WHOLE)


rule run:
    output: f"runs/{PROTOCOL}/{{id}}/result.json"
    priority: lambda wildcards: LENGTH.get(wildcards.id, 0)  # the longest first, so that none is left to run alone at the end
    shell: f"socl run runs/{PROTOCOL}/{{wildcards.id}}/spec.json"


rule notebook:
    input:
        source=ancient("notebooks/{name}.ipynb"),  # its code cells are in `code`; its prose needs no kernel
        results=lambda wildcards: finished(wanted_specs(PROTOCOL, tables_read_by(wildcards.name))),
    output: "book/executed/{name}.ipynb"
    params:
        code=lambda wildcards: notebook_code(Path(f"notebooks/{wildcards.name}.ipynb")),
        private=os.environ.get("SOCL_PRIVATE", ""),
        files=lambda wildcards: read_files(wildcards.name),
    shell: f"socl book run {{input.source}} {{output}} -p protocol={PROTOCOL}"
