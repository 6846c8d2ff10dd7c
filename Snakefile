# From runs to pages. `make book` calls this; on a cluster add an executor profile.
# Runs are named by a hash of spec, code and data, so a changed module makes new targets, never stale ones.
import hashlib
from pathlib import Path

from socl_core import experiments
from socl_core.runs import Run, code_hash

PROTOCOL = config.get("protocol", "laptop")
NOTEBOOKS = ["reading_guide", "point_annotations", "top_maps", "figure1", "train_record", "metrics", "table2", "real_video"]
PAGES = [f"book/executed/{name}.ipynb" for name in NOTEBOOKS]
TABLES = {"table2": ["2"], "real_video": ["real"], "figure1": ["2"], "train_record": ["2"]}

RUNS = {}
for spec in experiments.wanted_specs(PROTOCOL):
    run = Run.of(spec)
    run.queue(spec)
    RUNS[run.id] = run


def results(name):
    """Results that a notebook reads: those of its tables."""
    tables = [experiments.TABLES[table] for table in TABLES.get(name, [])]
    return [str(Run.of(spec).folder / "result.json") for spec in experiments.wanted_specs(PROTOCOL, tables)]


def recorded_hash():
    files = sorted(Path("recorded").rglob("*.json"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]


rule html:
    input:
        PAGES,
        "_config.yml",
        [str(p) for p in Path("book").rglob("*") if p.suffix in {".md", ".yml", ".bib", ".css", ".js", ".svg"} and "mathjax" not in p.parts and "executed" not in p.parts],
    output: "_build/html/index.html"
    shell: "socl book build"


rule run:
    output: f"runs/{PROTOCOL}/{{id}}/result.json"
    threads: 2
    shell: f"socl run runs/{PROTOCOL}/{{wildcards.id}}/spec.json"


rule notebook:
    input:
        source="notebooks/{name}.ipynb",
        results=lambda wildcards: results(wildcards.name),
    output: "book/executed/{name}.ipynb"
    params:
        code=code_hash("socl_core.report"),
        recorded=recorded_hash(),
    threads: 2
    shell: f"socl book execute {{input.source}} {{output}} -p protocol={PROTOCOL}"
