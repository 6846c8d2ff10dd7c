"""Fetching sequences that may be fetched freely: download with resume, checksums, unpacking that stays inside.

An archive is downloaded to `<folder>/.NAME.zip.part`, where an interrupted download goes on, checked, unpacked
to a folder beside it, checked again as a sequence, and only then renamed to `<folder>/NAME`.
"""

import errno
import fcntl
import hashlib
import json
import lzma
import os
import re
import shutil
import struct
import tempfile
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
    UnknownHandler,
)

from tqdm import tqdm

from socl_core.data.check import scan
from socl_core.data.files import write_atomic
from socl_core.data.layouts import otb
from socl_core.data.reading import read_object
from socl_core.errors import DataError, SoclError, UsageError, known

OTB_SOURCE = otb.OTB.site + "seq"
CHECKSUMS = "checksums.json"  # beside the data: name -> SHA-256 of its archive
TRIES = 3  # connections in a row that bring no new byte
OPENER = OpenerDirector()  # of the web alone: urllib's own would follow a server to ftp://
for handler in (ProxyHandler, HTTPHandler, HTTPSHandler, HTTPDefaultErrorHandler, HTTPRedirectHandler,
                HTTPErrorProcessor, UnknownHandler):  # fmt: skip
    OPENER.add_handler(handler())
CHUNK = 1 << 16  # most bytes that are read at once
SECONDS, SLOWEST = 20, 100  # without an answer; bytes a second
MOST_BYTES, MOST_FILES = 8 << 30, 100_000  # of one sequence, packed or unpacked


def fetch_otb(
    names: list[str], folder: Path, source: str = OTB_SOURCE, checksums: dict[str, str] | None = None,
    say: Callable[[str], None] = print,
) -> None:  # fmt: skip
    """Fetch the folders of OTB sequences (`Jogging`, not `Jogging.1`) from `<source>/<name>.zip` into `folder`.

    checksums: SHA-256 by name; where one is not given, that in `folder/checksums.json` holds, which notes what
    a first download brought. A sequence that is there and complete is left as it is. say: gets what was done.
    Raises `UsageError` for an unknown name or address and, once all were tried, `DataError` with those that cannot be
    fetched, are not what their checksum says, or are no archive of a whole sequence; `SoclError` where the disk is
    full or another process fetches.
    """
    if not source.startswith(("http://", "https://")):
        raise UsageError(f"an address begins with http:// or https://, found '{source}'")
    names = list(dict.fromkeys(known("OTB sequence", name, otb.LISTS["otb100"]) for name in names))
    failures = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder):
            for name in names:
                url = f"{source.rstrip('/')}/{name}.zip"
                try:
                    say(f"{name}: {_fetch(name, folder, url, (checksums or {}).get(name))}")
                except DataError as error:
                    failures.append(f"{name}: {error}")
    except BlockingIOError:
        raise SoclError(f"another process fetches to {folder}; wait for its end") from None
    except OSError as error:
        raise SoclError(f"cannot fetch to {folder}: {error}") from None
    if failures:
        raise DataError("not fetched: " + "; ".join(failures))


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(handle)


def _fetch(name: str, folder: Path, url: str, expected: str | None) -> str:
    """Fetch one sequence; what was done, in words."""
    if (folder / name).exists():
        _require_complete(folder, name, f"delete {folder / name} to fetch it again")
        return "complete, left as it is"
    noted = read_checksums(folder / CHECKSUMS) if (folder / CHECKSUMS).exists() else {}
    expected = expected or noted.get(name)
    archive = folder / f".{name}.zip.part"
    download(url, archive)
    try:
        with open(archive, "rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if expected and found != expected.lower():
            raise DataError(f"the archive has SHA-256 {found}, expected {expected}; it was removed")
        with tempfile.TemporaryDirectory(prefix=f".{name}.", dir=folder) as unpacked:
            unpack(archive, Path(unpacked))
            _require_complete(Path(unpacked), name, "nothing was kept of it")
            write_atomic(folder / CHECKSUMS, json.dumps(noted | {name: found}, indent=1, sort_keys=True) + "\n")
            (Path(unpacked) / name).rename(folder / name)
    except DataError:
        archive.unlink()  # it would fail again
        raise
    archive.unlink()
    judged = "as expected" if expected else f"not known before, noted in {folder / CHECKSUMS}"
    return f"fetched; SHA-256 {found}, {judged}"


def _require_complete(folder: Path, name: str, remedy: str) -> None:
    """Raises `DataError` unless a folder holds the whole sequence, all its targets."""
    try:
        (split,) = otb.OTB(folder).splits
        findings = scan(f"otb:{folder}", split, [name]).findings
    except UsageError:
        raise DataError(f"there is no {name}/img with {name}/groundtruth_rect.txt; {remedy}") from None
    for finding in findings:
        if finding.state != "complete":
            raise DataError(f"{finding.name} is {finding.state}: {finding.detail}; {remedy}")


def read_checksums(path: Path) -> dict[str, str]:
    """SHA-256 by name from a JSON file. Raises `DataError` for anything else."""
    found = read_object(path)
    if all(isinstance(value, str) and is_sha256(value) for value in found.values()):
        return {name: value.lower() for name, value in found.items()}
    raise DataError(f"{path}: expected a JSON object of names and SHA-256 values of 64 hex digits")


def is_sha256(text: str) -> bool:
    """Whether a text is 64 hex digits."""
    return bool(re.fullmatch("[0-9a-fA-F]{64}", text))


def download(url: str, path: Path) -> None:
    """Download `url` to `path`, going on after the bytes that are there.

    Raises `DataError` when the server refuses or the connection breaks again and again; the part stays. A part may be
    of another version of the file: that shows in the archive's own checksums.
    """
    tries = TRIES
    while tries:
        before = _size(path)
        try:
            if _continue(url, path) in (None, _size(path)):
                return
            error: Exception | str = "the server closed the connection"
        except HTTPError as refused:
            if refused.code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and before:
                return  # nothing is left
            raise DataError(f"cannot fetch {url}: the server answers {refused.code} {refused.reason}") from None
        except ValueError as wrong:  # no address, or an answer without an end
            raise DataError(f"cannot fetch {url}: {wrong}") from None
        except (URLError, HTTPException, ConnectionError, TimeoutError) as broken:
            error = broken
        tries = TRIES if _size(path) > before else tries - 1
    kept = f"{_size(path)} bytes are kept, the same command goes on after them"
    raise DataError(f"cannot fetch {url}: {error}; {kept}")


def _continue(url: str, path: Path) -> int | None:
    """One connection; the whole size of the file, if the server tells."""
    start = _size(path)
    request = Request(url, headers={"Range": f"bytes={start}-"} if start else {})
    with OPENER.open(request, timeout=SECONDS) as reply:
        start = start if reply.status == HTTPStatus.PARTIAL_CONTENT else 0
        length = reply.headers["Content-Length"]
        total = start + int(length) if length else None
        if (total or 0) > MOST_BYTES:
            raise ValueError(f"the server announces {total} bytes, expected at most {MOST_BYTES}")
        label = path.name.strip(".").partition(".")[0]
        bar = tqdm(total=total, initial=start, desc=label, unit="B", unit_scale=True)
        began = time.monotonic()
        with bar, open(path, "ab" if start else "wb") as file:
            while chunk := reply.read1(CHUNK):  # what has arrived, so that a cut loses nothing
                if file.tell() > MOST_BYTES:
                    raise ValueError(f"the server sends more than {MOST_BYTES} bytes")
                file.write(chunk)
                seconds = time.monotonic() - began
                if seconds > SECONDS and file.tell() - start < SLOWEST * seconds:
                    raise ValueError(f"the server sends less than {SLOWEST} bytes a second; try again later")
                bar.update(len(chunk))
    return total


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a zip archive below `folder`, whatever names it holds: zipfile takes `..` and roots off them, and writes
    links as files.

    Raises `DataError` for more than `MOST_FILES` or `MOST_BYTES`, before anything is written, and for damaged
    contents; `SoclError` when the disk has no room.
    """
    try:
        with zipfile.ZipFile(archive) as content:
            count, size = len(content.infolist()), sum(member.file_size for member in content.infolist())
            if count > MOST_FILES or size > MOST_BYTES:
                limit = f"at most {MOST_FILES} and {MOST_BYTES}"
                raise DataError(f"the archive would unpack to {count} files and {size} bytes; expected {limit}")
            if size > (room := shutil.disk_usage(folder).free):
                raise SoclError(f"{folder} has room for {room} bytes; {size} are needed")
            content.extractall(folder)
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, RuntimeError, EOFError, ValueError, struct.error) as error:
        raise DataError(f"what the server sent cannot be unpacked: {error}; it was removed") from None
    except OSError as error:  # a name that is too long, or of a file and of a folder
        if error.errno == errno.ENOSPC:
            raise
        raise DataError(f"the archive cannot be unpacked: {error}; it was removed") from None
