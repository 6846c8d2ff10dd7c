"""The `socl` command and its errors: what a user can mend is printed alone, with exit status 2."""

import os
import signal
import sys
from importlib.metadata import entry_points

import typer
from typer.core import TyperGroup

from socl_core.commands import compare, data, prior, runs, top, track, trackers
from socl_core.errors import SoclError, UsageError, unknown

EXTENSIONS = "socl.commands"  # group of entry points; each names a typer app of another package
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
for group in (track, compare, trackers, top, prior, data, runs):
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
    try:
        app()
    except SoclError as error:
        print(f"socl: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
