"""From notebooks to pages: run what is missing, execute one notebook, build the HTML.

The command line and the Snakefile call these functions; nothing here knows what is on a page.
"""

import ast
import contextlib
import hashlib
import importlib.util
import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from socl_core import data
from socl_core.data.click_page import SCRIPT as CLICK_SCRIPT
from socl_core.data.files import write_atomic
from socl_core.errors import DataError, SoclError, UsageError, cause, unknown
from socl_core.runs.identity import code_hash, imports, module_path
from socl_core.runs.locks import lock
from socl_core.runs.spec import read_protocol
from socl_core.runs.store import RUNS

SCRIPT, FONTS = "tex-mml-chtml.js", "output/chtml/fonts/woff-v2"
PROGRAMS = Path(sys.executable).parent  # of this environment, whether it is activated or not
FAILED = Path("runs/failed")
GRACE = 1  # seconds that programs have to end when they are told to
SCREEN = 24  # lines of a cause that still fit on one screen
COLOURS = re.compile(r"\x1b\[[0-9;]*m")  # of a terminal


def execute(notebook: Path, out: Path, parameters: dict | None = None) -> Path:
    """Run `notebook` with papermill and write the executed copy to `out`.

    The kernel's working directory is the caller's. The copy appears as `out` only when every cell has run:
    until then it has a temporary name beside it. A run that fails is kept as `runs/failed/<name>.ipynb`.

    Raises:
        UsageError: there is no such notebook, it has no parameter of a given name, or `out` is no name of one.
        DataError: the file is no notebook.
        SoclError: a cell failed; the message holds the end of the traceback.
    """
    import papermill  # slow to import, and only this function needs it

    notebook, out, parameters = Path(notebook), Path(out), dict(parameters or {})
    if not notebook.is_file():
        raise UsageError(f"there is no notebook '{notebook}'")
    if out.suffix != ".ipynb":
        raise UsageError(f"expected the name of a notebook, such as {notebook.name}, to write to; found '{out}'")
    read_notebook(notebook)
    try:
        known = papermill.inspect_notebook(str(notebook))
    except Exception as error:  # such as a notebook without a kernel
        raise DataError(f"{notebook} cannot be executed: {cause(error)}") from error
    for name, value in parameters.items():  # papermill itself would only warn
        if name not in known:
            raise _unknown_parameter(notebook, name, known)
        parameters[name] = _typed(notebook, name, value, known[name]["default"])

    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_name(f".{out.stem}.partial.ipynb")
    os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")  # the kernel inherits it and starts quietly
    quiet = {"extra_arguments": ["--log-level=50"]}  # its remarks about sockets would drown ours
    with lock(RUNS / "locks" / out.stem, f"executes {out}"), _nothing_kept_at_home():
        partial.unlink(missing_ok=True)  # of a killed one
        try:
            papermill.execute_notebook(str(notebook), str(partial), parameters, progress_bar=True, **quiet)
            _finish(partial, notebook, out)
        except KeyboardInterrupt:
            _keep_failed(partial, out.name)
            raise
        except Exception as error:  # whatever stopped it, the reader needs the cause and the notebook
            kept = _keep_failed(partial, out.name)
            where = f"\nthe notebook up to the failure: {kept}" if kept else ""
            raise SoclError(f"{notebook}: {_cause(error)}{where}") from error
    return out


@contextlib.contextmanager
def _nothing_kept_at_home() -> Iterator[None]:
    """Kernels keep their files, such as a history, in a folder that goes away, and read no settings of the user."""
    with tempfile.TemporaryDirectory() as folder:
        before = {name: os.environ.get(name) for name in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR")}
        os.environ.update(dict.fromkeys(before, folder))
        try:
            yield
        finally:
            for name, value in before.items():
                os.environ.pop(name)
                os.environ.update({name: value} if value else {})


def read_notebook(path: Path):
    """The notebook in a file. Raises `DataError` for what is no notebook."""
    import nbformat

    try:
        page = nbformat.read(path, as_version=4)
        nbformat.validate(page)
    except Exception as error:  # of what is none nbformat may raise nearly anything
        raise DataError(f"{path} is no notebook, or a damaged one ({type(error).__name__})") from error
    return page


def _unknown_parameter(notebook: Path, name: str, known: dict) -> UsageError:
    if not known:
        return UsageError(f"{notebook} takes no parameters, but '{name}' was given")
    return unknown(f"parameter of {notebook.name}", name, known)


def _typed(notebook: Path, name: str, value, default: str):
    """`value`, or `UsageError` unless it has the type of the default; a whole number is also a float."""
    try:
        wanted = type(ast.literal_eval(default))
    except (ValueError, SyntaxError, MemoryError, RecursionError) as error:
        raise UsageError(f"parameter {name} of {notebook.name} cannot be given: its default is no literal") from error
    with contextlib.suppress(ValueError):
        value = float(value) if wanted is float and type(value) in (int, str) else value  # YAML takes 1e3 for a text
    if type(value) is not wanted or (wanted is float and not math.isfinite(value)):
        raise UsageError(
            f"parameter {name} of {notebook.name} must be {wanted.__name__}, such as {default}; "
            f"found {type(value).__name__} {value!r}"
        )
    return value


def _keep_failed(partial: Path, name: str) -> Path | None:
    if not partial.is_file():
        return None
    FAILED.mkdir(parents=True, exist_ok=True)
    return Path(shutil.move(partial, FAILED / name))


def _cause(error: Exception) -> str:
    """What went wrong, from a notebook error or any other, in at most one screen."""
    traceback = getattr(error, "traceback", None)
    if getattr(error, "ename", None) in (UsageError.__name__, DataError.__name__, SoclError.__name__):
        return error.evalue  # it says all that a reader can mend
    if not traceback:
        text = f"{type(error).__name__}: {error}"
        head = "the notebook did not run"
    else:
        text = COLOURS.sub("", "\n".join(traceback))
        head = f"cell {error.cell_index} failed with {error.ename}: {error.evalue}"
    lines = text.strip().splitlines()
    if len(lines) > SCREEN:
        lines = ["..."] + lines[-SCREEN:]
    return "\n".join([head, *lines])


def _finish(partial: Path, notebook: Path, out: Path) -> None:
    """Give the copy its final name, inside (no machine paths) and outside, and its folded cells a name each."""
    import nbformat

    page = read_notebook(partial)
    page.metadata.setdefault("papermill", {}).update(input_path=notebook.name, output_path=out.name)
    code = [cell for cell in page.cells if cell.cell_type == "code"]
    tagged = lambda tag: [cell for cell in code if tag in cell.metadata.get("tags", [])]  # noqa: E731
    name = "Parameters of this page"
    for cell in tagged("injected-parameters"):
        name += "; here " + ", ".join(line for line in cell.source.splitlines() if " = " in line)
        cell.metadata.tags.append("remove-cell")
    for cell in tagged("parameters"):
        cell.metadata.tags.append("hide-input")
        cell.metadata["mystnb"] = {"code_prompt_show": name, "code_prompt_hide": name}
    for cell in tagged("hide-input")[1:2]:  # the first cell after the parameters
        if not cell.outputs:
            cell.metadata.tags.append("set-up")  # book/assets/page.js takes it to the end of the page
            cell.metadata["mystnb"] = {"code_prompt_show": "Set-up", "code_prompt_hide": "Set-up"}
    write_atomic(out, nbformat.writes(page) + "\n")
    partial.unlink()


def notebook_code(notebook: Path) -> str:
    """Hash of a notebook's code cells, of all that they import from this package and of all layouts of data: when it
    changes, the notebook has to run again. Its prose does not count."""
    cells = [cell for cell in read_notebook(notebook).cells if cell.cell_type == "code"]
    modules = {name for cell in cells for name in imports(ast.parse(cell.source)) if module_path(name)}
    own = json.dumps([(cell.source, cell.metadata) for cell in cells], sort_keys=True)
    return f"{hashlib.sha256(own.encode()).hexdigest()[:16]}-{code_hash(*sorted(modules), *data.layout_modules())}"


def renew_prose(sources: Path = Path("notebooks"), executed: Path = Path("book/executed")) -> None:
    """Give executed notebooks the prose that their sources have now; what was executed stays as it is.

    A copy whose code is not that of its source is left alone: it has to run again. One without a source is removed:
    Sphinx would build a page that no other leads to. Raises `DataError` for a damaged one.
    """
    import nbformat

    for path in sorted(executed.glob("[!.]*.ipynb")):
        if not (source := sources / path.name).is_file():
            path.unlink()
            continue
        copy, now = read_notebook(path), read_notebook(source)
        injected = [cell for cell in copy.cells if "injected-parameters" in cell.metadata.get("tags", [])]
        run = [cell for cell in copy.cells if cell.cell_type == "code" and cell not in injected]
        if [cell.source for cell in run] != [cell.source for cell in now.cells if cell.cell_type == "code"]:
            continue
        done, cells = iter(run), []
        for cell in now.cells:
            cells.append(next(done) if cell.cell_type == "code" else cell)
            if "parameters" in cell.metadata.get("tags", []):
                cells += injected
        if cells != copy.cells:
            copy.cells = cells
            write_atomic(path, nbformat.writes(copy) + "\n")


def make(protocol: str, cores: int, profile: Path | None = None, private: bool = False) -> None:
    """Runs, notebooks and pages, as far as they are missing or out of date, by Snakemake.

    private: show frames of real videos, which are not to be published.
    Raises `UsageError` for an unknown protocol, `SoclError` while another build works in this folder, and when a step
    fails.
    """
    read_protocol(protocol)
    programs = {"PATH": os.pathsep.join([str(PROGRAMS), os.environ.get("PATH", "")])}  # the steps call `socl`
    programs["SOCL_PRIVATE"] = "1" if private else ""
    with lock(RUNS / "build.lock", "builds the book in this folder") as held:
        command = [PROGRAMS / "snakemake", "--cores", str(cores), "--config", f"protocol={protocol}"]
        # Our lock ends with the processes that hold it; Snakemake's own would outlive a killed build.
        command += ["--quiet", "all", "--rerun-incomplete", "--nolock", "html"]
        command += ["--profile", str(profile)] if profile else []
        options = {"stdin": subprocess.DEVNULL, "pass_fds": [held.fileno()], "env": os.environ | programs}
        if _run_group(command, **options):
            raise SoclError("the build stopped at the step above; finished steps are kept, the same command goes on")


def _run_group(command: list, **options) -> int:
    """Exit status of a program whose own programs end with it, and all of them with this process: on demand, or killed,
    since a step that was killed is done again."""
    process = subprocess.Popen(command, process_group=0, **options)
    try:
        return process.wait()
    except BaseException:
        os.killpg(process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(GRACE)
        with contextlib.suppress(ProcessLookupError):  # all have ended
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise


def copy_mathjax(target: Path) -> None:
    """Put the script and the fonts of MathJax under `target`, so that formulas need no network when a page is read.

    They come from an installed package; Sphinx's own way of using it would copy 24 MB in place of 1.5.
    """
    source = Path(importlib.util.find_spec("sphinx-mathjax-offline").origin).parent / "static/mathjax"
    shutil.copytree(source / FONTS, target / FONTS, dirs_exist_ok=True)
    shutil.copy(source / SCRIPT, target)


def build(out: Path = Path("."), book: Path = Path("book"), config: Path = Path("_config.yml")) -> Path:
    """Build the HTML under `out/_build/html` and return its first page. Any warning of Sphinx is an error.

    Raises:
        SoclError: the build failed; the message lists the warnings. The full log is `out/_build/book.log`.
    """
    made = Path(out) / "_build"
    log, page = made / "book.log", made / "html" / "index.html"
    command = [PROGRAMS / "jupyter-book", "build", str(book)]
    command += ["--config", str(config), "--path-output", str(out), "-W", "-n", "--keep-going"]
    with lock(made / "lock", "builds these pages") as held:
        # A second, incremental run would not repeat the warnings of pages it does not read again, and pass.
        for old in ("html", ".doctrees", ".jupyter_cache"):
            shutil.rmtree(made / old, ignore_errors=True)
        copy_mathjax(book / "assets/mathjax")
        shutil.copy(CLICK_SCRIPT, book / "assets/click.js")
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "pass_fds": [held.fileno()]}
        with log.open("w") as file, subprocess.Popen(command, **options) as process:  # which holds the lock to its end
            for line in process.stdout:
                file.write(COLOURS.sub("", line))
                _show_progress(line)
    if process.returncode or not page.is_file():
        lines = log.read_text().splitlines()
        bad = [line for line in lines if re.search(r"WARNING|ERROR|CRITICAL|[Ee]xception", line)]
        shown = "\n".join((bad or lines)[-SCREEN:])
        raise SoclError(f"the book did not build; the full log is {log}\n{shown}")
    _lighten(page.parent)
    print(f"book built: open {page} in a browser")
    return page


def _lighten(html: Path) -> None:
    """Leave out what no reader needs: the theme's source maps, outputs and widgets' state in notebooks to download."""
    for source_map in html.rglob("*.map"):
        source_map.unlink()
    for notebook in (html / "_sources").rglob("*.ipynb"):
        content = json.loads(notebook.read_text())
        content["metadata"].pop("widgets", None)
        for cell in content["cells"]:
            if "outputs" in cell:
                cell["outputs"] = []
        notebook.write_text(json.dumps(content, indent=1))


def _show_progress(line: str) -> None:
    """Rewrite one line on a terminal with the step that a line of Sphinx tells of."""
    step = re.match(r"(reading|writing|copying) (?:\w+)\.*\s*\[\s*(\d+)%\]\s*(\S+)", COLOURS.sub("", line))
    if sys.stdout.isatty():
        print(f"\r\x1b[Kbook: {step[1]} {step[2]} % {step[3]}" if step else "\r\x1b[K", end="", flush=True)
