"""Errors a user can mend. The command line prints the message alone and exits with status 2."""

import difflib
from collections.abc import Iterable

MOST_SHOWN = 60  # valid names in a message; a data set may have thousands


class SoclError(Exception):
    """Base of all errors whose message names the cause and what was expected."""


class UsageError(SoclError):
    """An option, parameter or value that is unknown or out of range."""


class DataError(SoclError):
    """A data set, annotation, image or stored artefact that is missing or damaged."""


def cause(error: BaseException) -> str:
    """What an error of the system or of another library says, on one line."""
    text = (isinstance(error, OSError) and error.strerror) or str(error)
    return (text.strip().splitlines() or [type(error).__name__])[0][:200]


def known(kind: str, name: str, valid: Iterable[str]) -> str:
    """`name` itself where it is a valid one of a `kind`. Raises `unknown` where it is not."""
    if name not in valid:
        raise unknown(kind, name, valid)
    return name


def unknown(kind: str, name: str, valid: Iterable[str]) -> UsageError:
    """A `UsageError` for an unknown `name` of a `kind`, naming the nearest valid one."""
    valid = sorted(valid)
    near = difflib.get_close_matches(name, valid, n=1, cutoff=0.4)
    hint = f"did you mean '{near[0]}'? " if near else ""
    rest = f" and {len(valid) - MOST_SHOWN} more" if len(valid) > MOST_SHOWN else ""
    return UsageError(f"unknown {kind} '{name}': {hint}valid are {', '.join(valid[:MOST_SHOWN])}{rest}")
