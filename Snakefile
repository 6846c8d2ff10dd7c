# From runs to pages. `make book` calls this; on a cluster add an executor profile.
# Runs are named by a hash of spec, code and data, so a changed module makes new targets, never stale ones.
import hashlib
from pathlib import Path

from socl_book import tables as experiments
from socl_core import data
from socl_book.build import notebook_code
from socl_book.command_page import command_page
from socl_core.runs.identity import code_hash
from socl_core.runs.store import Run
from socl_core.runs.spec import PROTOCOL_FOLDER

PROTOCOL = config.get("protocol", "laptop")
NOTEBOOKS = [
    "reading_guide", "claims", "point_annotations",
    "objectness", "top_maps", "clip", "pseudo_boxes", "figure1", "train_record",
    "metrics", "table1", "table2", "table3", "table4", "recipe", "real_video", "model_card",
]
MADE = {"executed", "records", "mathjax", "clip"}  # below book/, by the build itself
PAGES = [f"book/executed/{name}.ipynb" for name in NOTEBOOKS]
TABLES = {"table1": ["1", "transt", "template"], "pseudo_boxes": ["2"], "table2": ["2"], "table3": ["3"], "table4": ["4"], "real_video": ["real"], "recipe": ["recipe"], "figure1": ["2"], "train_record": ["2"]}
TABLES["claims"] = list(experiments.TABLES)

GRID = experiments.grid_specs(PROTOCOL, config["grid"]) if "grid" in config else []
WHOLE = [experiments.find_table(str(name)) for name in config.get("tables", [])]
WHOLE = experiments.wanted_specs(PROTOCOL, WHOLE, config.get("seeds"), whole=True)

RUNS = {spec: Run.of(spec) for spec in [*experiments.wanted_specs(PROTOCOL), *GRID, *WHOLE]}
STEPS = {run.id: getattr(spec, "steps", 0) for spec, run in RUNS.items()}
for spec, run in RUNS.items():
    run.queue(spec)


def finished(specs):
    """The results of some specs."""
    return [str(RUNS[spec].folder / "result.json") for spec in specs]


def results(name):
    """Results that a notebook reads: those of its tables."""
    tables = [experiments.TABLES[table] for table in TABLES.get(name, [])]
    return finished(experiments.wanted_specs(PROTOCOL, tables))


def tables_hash():
    """Of what notebooks read besides code and results: recorded results, protocols."""
    files = sorted([*Path("recorded").rglob("*.json"), *PROTOCOL_FOLDER.glob("*.yaml")])
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]


rule html:
    input:
        PAGES,
        [f"notebooks/{name}.ipynb" for name in NOTEBOOKS],
        "_config.yml",
        [str(p) for p in Path("book").rglob("*") if p.suffix in {".md", ".yml", ".bib", ".css", ".js", ".svg"} and not MADE & {*p.parts}],
    output: "_build/html/index.html"
    params:
        records=code_hash("socl_book.records", *data.layout_modules()),
        commands=command_page(),
    shell: f"socl book build --protocol {PROTOCOL}"


# Runs over a grid of parameters: --config 'grid={method: socl-cf, eta: [0.05, 0.1], seed: [0, 1, 2]}' grid
rule grid:
    input: finished(GRID)


# Whole tables with some seeds: --config 'tables=[2, 3]' 'seeds=[0, 1, 2]' tables
rule tables:
    input: finished(WHOLE)


rule run:
    output: f"runs/{PROTOCOL}/{{id}}/result.json"
    priority: lambda wildcards: STEPS.get(wildcards.id, 0)  # the longest first, so that none is left to run alone at the end
    shell: f"socl run runs/{PROTOCOL}/{{wildcards.id}}/spec.json"


rule notebook:
    input:
        source=ancient("notebooks/{name}.ipynb"),  # its code cells are in `code`; its prose needs no kernel
        results=lambda wildcards: results(wildcards.name),
    output: "book/executed/{name}.ipynb"
    params:
        code=lambda wildcards: notebook_code(Path(f"notebooks/{wildcards.name}.ipynb")),
        tables=tables_hash(),
    shell: f"socl book run {{input.source}} {{output}} -p protocol={PROTOCOL}"
