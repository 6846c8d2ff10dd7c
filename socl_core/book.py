"""From notebooks to pages: execute one notebook, fetch the formula renderer, build the HTML.

The command line and the Snakefile call these three functions; nothing here knows what is on a page.
"""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

from socl_core.errors import SoclError, UsageError, unknown

MATHJAX, SCRIPT, FONTS = "mathjax@3.2.2", "tex-mml-chtml.js", "output/chtml/fonts/woff-v2"
FAILED = Path("runs/failed")
SCREEN = 24  # lines of a cause that still fit on one screen


def execute(notebook: Path, out: Path, parameters: dict | None = None) -> Path:
    """Run `notebook` with papermill and write the executed copy to `out`.

    The kernel's working directory is the caller's. The copy appears as `out` only when every cell has run:
    until then it has a temporary name beside it. A run that fails is kept as `runs/failed/<name>.ipynb`.

    Raises:
        UsageError: there is no such notebook, or it has no parameter of a given name.
        SoclError: a cell failed; the message holds the end of the traceback.
    """
    import papermill  # slow to import, and only this function needs it

    notebook, out, parameters = Path(notebook), Path(out), dict(parameters or {})
    if not notebook.is_file():
        raise UsageError(f"there is no notebook '{notebook}'")
    known = papermill.inspect_notebook(str(notebook))
    for name in parameters:  # papermill itself would only warn
        if name not in known:
            raise _unknown_parameter(notebook, name, known)

    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_name(f".{out.stem}.partial.ipynb")
    os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")  # the kernel inherits it and starts quietly
    quiet = {"extra_arguments": ["--log-level=50"]}  # its remarks about sockets would drown ours
    try:
        papermill.execute_notebook(str(notebook), str(partial), parameters, progress_bar=True, **quiet)
    except KeyboardInterrupt:
        _keep_failed(partial, out.name)
        raise
    except Exception as error:  # whatever stopped it, the reader needs the cause and the notebook
        kept = _keep_failed(partial, out.name)
        where = f"\nthe notebook up to the failure: {kept}" if kept else ""
        raise SoclError(f"{notebook}: {_cause(error)}{where}") from error
    _finish(partial, notebook, out)
    os.replace(partial, out)
    return out


def _unknown_parameter(notebook: Path, name: str, known: dict) -> UsageError:
    if not known:
        return UsageError(f"{notebook} takes no parameters, but '{name}' was given")
    return unknown(f"parameter of {notebook.name}", name, known)


def _keep_failed(partial: Path, name: str) -> Path | None:
    if not partial.is_file():
        return None
    FAILED.mkdir(parents=True, exist_ok=True)
    return Path(shutil.move(partial, FAILED / name))


def _cause(error: Exception) -> str:
    """What went wrong, from a notebook error or any other, in at most one screen."""
    traceback = getattr(error, "traceback", None)
    if not traceback:
        text = f"{type(error).__name__}: {error}"
        head = "the notebook did not run"
    else:
        text = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(traceback))
        head = f"cell {error.cell_index} failed with {error.ename}: {error.evalue}"
    lines = text.strip().splitlines()
    if len(lines) > SCREEN:
        lines = ["..."] + lines[-SCREEN:]
    return "\n".join([head, *lines])


def _finish(partial: Path, notebook: Path, out: Path) -> None:
    """Name the copy by its final name (no machine paths) and fold the injected parameters."""
    import nbformat

    page = nbformat.read(partial, as_version=4)
    page.metadata.setdefault("papermill", {}).update(input_path=notebook.name, output_path=out.name)
    for cell in page.cells:
        if "injected-parameters" in cell.metadata.get("tags", []):
            cell.metadata.tags.append("hide-input")
    nbformat.write(page, partial)


def fetch_mathjax(target: Path = Path("book/assets/mathjax")) -> bool:
    """Put a local copy of MathJax under `target`; True if formulas will need no network when a page is read.

    Without npm, or when npm cannot fetch the package, a stub asks the network for MathJax at that time.
    """
    target = Path(target)
    if (target / FONTS).is_dir() and (target / SCRIPT).is_file():
        return True
    npm = shutil.which("npm")
    with tempfile.TemporaryDirectory() as scratch:
        if npm is None:
            reason = "npm is not installed"
        else:
            done = subprocess.run([npm, "pack", MATHJAX, "--silent"], cwd=scratch, capture_output=True)
            if done.returncode == 0:
                _unpack_mathjax(next(Path(scratch).glob("*.tgz")), Path(scratch), target)
                return True
            reason = f"npm could not fetch {MATHJAX}"
    print(f"{reason}: formulas will need the network (or install npm and build again)", file=sys.stderr)
    from sphinx.ext.mathjax import MATHJAX_URL

    target.mkdir(parents=True, exist_ok=True)
    script = f"Object.assign(document.createElement('script'), {{src: '{MATHJAX_URL}'}})"
    (target / SCRIPT).write_text(f"document.head.append({script});\n")
    return False


def _unpack_mathjax(archive: Path, scratch: Path, target: Path) -> None:
    with tarfile.open(archive) as tar:
        tar.extractall(scratch, filter="data")
    source = scratch / "package/es5"
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source / FONTS, target / FONTS)
    shutil.copy(source / SCRIPT, target)  # last: script and fonts together mean that the copy is whole


def build(out: Path = Path("."), book: Path = Path("book"), config: Path = Path("_config.yml")) -> Path:
    """Build the HTML under `out/_build/html` and return its first page. Any warning of Sphinx is an error.

    Raises:
        SoclError: the build failed; the message lists the warnings. The full log is `out/_build/book.log`.
    """
    made = Path(out) / "_build"
    # A second, incremental run would not repeat the warnings of pages it does not read again, and pass.
    for old in ("html", ".doctrees", ".jupyter_cache"):
        shutil.rmtree(made / old, ignore_errors=True)
    made.mkdir(parents=True, exist_ok=True)
    log, page = made / "book.log", made / "html" / "index.html"
    command = [str(Path(sys.executable).with_name("jupyter-book")), "build", str(book)]
    command += ["--config", str(config), "--path-output", str(out), "-W", "-n", "--keep-going"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    lines = [_show(line) for line in _tee(process.stdout, log)]
    print("\r\x1b[K" if sys.stdout.isatty() else "", end="")
    if process.wait() != 0 or not page.is_file():
        bad = [line for line in lines if re.search(r"WARNING|ERROR|CRITICAL|[Ee]xception", line)]
        shown = "\n".join((bad or lines)[-SCREEN:])
        raise SoclError(f"the book did not build; the full log is {log}\n{shown}")
    print(f"book built: open {page} in a browser")
    return page


def _tee(stream, log: Path) -> Iterator[str]:
    with log.open("w") as file:
        for line in stream:
            line = re.sub(r"\x1b\[[0-9;]*m", "", line)
            file.write(line)
            yield line.rstrip("\n")


def _show(line: str) -> str:
    """One progress line that rewrites itself; silent when the output is a file."""
    step = re.match(r"(reading sources|writing output|copying images)\.*\s*\[\s*(\d+)%\]\s*(\S+)", line)
    if step and sys.stdout.isatty():
        print(f"\r\x1b[Kbook: {step[1]} {step[2]} % {step[3]}", end="", flush=True)
    return line
