"""The `socl` command and its errors: each ends in one line. Exit status 2 is for what a user can mend, 1 for a fault of
the program, whose traceback goes to a file."""

import contextlib
import os
import re
import signal
import sys
import tempfile
import traceback
from importlib.metadata import entry_points
from typing import NoReturn

import typer
from typer.core import TyperGroup

from socl_core.commands import compare, data, doctor, plan, prior, runs, top, track, trackers
from socl_core.commands.options import printable
from socl_core.errors import SoclError, UsageError, cause, unknown

EXTENSIONS = "socl.commands"  # group of entry points; each names a typer app of another package
LONGEST = 3000  # characters of a message
NO_MEMORY = re.compile("(not enough|out of|insufficient|allocate) memory", re.IGNORECASE)  # of torch and OpenCV
missing_packages: list[str] = []  # why extensions could not be loaded


class Commands(TyperGroup):
    """Commands of which some may not be installed."""

    def get_command(self, context, name):
        """The command of a name. Raises `UsageError` with the nearest name, and with how to install the others."""
        command = super().get_command(context, name)
        if command is None and not context.resilient_parsing:
            error = unknown("command", name, self.list_commands(context))
            if missing_packages:
                error = UsageError(
                    f'{error}; the commands of the book need `pip install ".[book]"` ({missing_packages[0]} is missing)'
                )
            raise error
        return command

    def invoke(self, context):
        try:
            return super().invoke(context)
        except KeyboardInterrupt:  # else typer prints a bare "Aborted"
            print("socl: interrupted; runs and downloads go on with the same command", file=sys.stderr)
            sys.exit(130)


app = typer.Typer(
    cls=Commands, help="Visual trackers trained from single point annotations: train, track, evaluate.",
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None,
)  # fmt: skip
for group in (track, compare, trackers, top, prior, data, runs, plan, doctor):
    app.add_typer(group.app)


def add_extensions() -> None:
    """Adds the commands of installed packages; those of an extra that is not installed are left out."""
    for point in entry_points(group=EXTENSIONS):
        try:
            app.add_typer(point.load())
        except ModuleNotFoundError as error:
            missing_packages.append(error.name or point.value)


add_extensions()


def main() -> None:
    """Runs the command line."""
    # Before torch is imported: a thread that waits should not spin, or other work would slow it tenfold.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that half-written files are removed
    for stream in (sys.stdout, sys.stderr):  # names of files need not be text, and not every terminal shows all
        with contextlib.suppress(AttributeError):
            stream.reconfigure(errors="backslashreplace")
    try:
        try:
            app()
        finally:
            if sys.stdout:
                sys.stdout.flush()
    except SoclError as error:
        stop(2, str(error))
    except OSError as error:
        if sys.stdout and sys.stdout is sys.__stdout__:  # what is left to print would fail again
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        stop(2, f"{error.filename}: {cause(error)}" if error.filename else cause(error))
    except UnicodeEncodeError as error:  # what the system calls a file need not be text
        near = error.object[max(0, error.start - 40) : error.end + 40].strip()
        stop(2, f"a name is no text in UTF-8; rename '{near}'")
    except Exception as error:
        if isinstance(error, MemoryError) or NO_MEMORY.search(str(error)):
            stop(2, f"not enough memory: {cause(error)}; smaller images, networks or batches need less")
        stop(1, f"a fault of the program, {type(error).__name__}: {cause(error)}; {_keep_traceback()}")


def stop(status: int, message: str) -> NoReturn:
    """Ends the command with a message, of which `LONGEST` characters are shown: it may quote a file."""
    print(f"socl: {printable(message[:LONGEST])}" + "..." * (len(message) > LONGEST), file=sys.stderr)
    sys.exit(status)


def _keep_traceback() -> str:
    """Writes where the present error came from to a file; says where that is."""
    try:
        with tempfile.NamedTemporaryFile("w", prefix="socl-", suffix=".txt", delete=False) as file:
            file.write(f"{sys.argv}\n{traceback.format_exc()}")
        return f"please report it with {file.name}"
    except OSError:
        return "please report it"


if __name__ == "__main__":
    main()
