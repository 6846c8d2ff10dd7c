"""The locks anew, from the versions in constraints.txt: the hash of each file that is published of them, asked of `uv`.

torch has a lock of its own, which also has the build that pip takes here, such as one for the CPU alone.

python bench/lock.py
"""

import json
import re
import subprocess
import sys
from pathlib import Path

from socl_core.data.files import write_atomic

ROOT = Path(__file__).parents[1]
HASHES = ("uv", "pip", "compile", "--quiet", "--no-deps", "--generate-hashes", "--no-header", "--no-annotate",
          "--python-version", "3.11.7")  # fmt: skip
CHOICE = (sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed", "--no-deps",
          "--report", "-")  # fmt: skip


def printed(command: list[str], given: str = "") -> str:
    """What a command prints, in the folder of the project."""
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, input=given, text=True).stdout


def with_hash(lock: str, digest: str) -> str:
    """The lock of one package that may also be the file of a digest."""
    return lock if digest in lock else re.sub(r"\n", f"\n    --hash=sha256:{digest} \\\\\n", lock, count=1)


if __name__ == "__main__":
    write_atomic(ROOT / "requirements.lock", printed([*HASHES, "--no-emit-package", "torch", "constraints.txt"]))
    torch = re.search(r"^torch==\S+", (ROOT / "constraints.txt").read_text(), re.M)[0]
    chosen = json.loads(printed([*CHOICE, torch]))["install"][0]["download_info"]["archive_info"]["hashes"]["sha256"]
    write_atomic(ROOT / "torch.lock", with_hash(printed([*HASHES, "-"], torch), chosen))
