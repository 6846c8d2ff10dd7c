"""What every method computes at the smoke protocol, as hashes: a change of form must leave them as they are.

    python bench/behaviour.py > before.json      # then move, rename, split
    python bench/behaviour.py --against before.json

Each method is trained and evaluated by `socl train` in a folder of its own; hashed are its weights, boxes and scores.
Another processor gives other hashes, as sums round differently there.
"""

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from safetensors.numpy import load_file

METHODS = ("socl-siam", "box-siam", "random-siam", "socl-cf", "box-cf", "random-cf", "mil", "socl-transt", "transt")


def hashes(folder: Path) -> dict[str, str]:
    """Hashes of the weights, boxes and scores of a finished run."""
    weights, boxes = hashlib.sha256(), hashlib.sha256()
    if (file := folder / "weights.safetensors").exists():
        for name, tensor in sorted(load_file(file).items()):
            weights.update(name.encode() + tensor.tobytes())
    for file in sorted(folder.glob("boxes/**/*.txt")):
        boxes.update(file.name.encode() + file.read_bytes())
    sequences = json.loads((folder / "result.json").read_text())["sequences"]
    kept = [
        (name, key, round(value, 9))
        for scores in sequences.values()
        for name, score in scores.items()
        for key, value in sorted(score.items())
        if key != "fps" and not key.startswith("template_")
    ]
    scores = hashlib.sha256(json.dumps(kept).encode())
    return {name: h.hexdigest()[:16] for name, h in (("weights", weights), ("boxes", boxes), ("scores", scores))}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", type=Path, help="earlier output; exits with 1 when anything differs")
    parser.add_argument("--methods", nargs="*", default=METHODS)
    options = parser.parse_args()
    socl, found = Path(sys.executable).with_name("socl"), {}
    with tempfile.TemporaryDirectory() as scratch:
        for method in options.methods:
            out = Path(scratch) / method
            command = [socl, "train", "--protocol", "smoke", "--method", method, "--out", str(out)]
            subprocess.run([str(word) for word in command], check=True, cwd=scratch, capture_output=True)
            found[method] = hashes(out)
    print(json.dumps(found, indent=1))
    if not options.against:
        return 0
    before = json.loads(options.against.read_text())
    changed = [
        f"{method} {part}" for method in found for part in found[method] if before[method][part] != found[method][part]
    ]
    print("changed: " + ", ".join(changed) if changed else "nothing changed", file=sys.stderr)
    return int(bool(changed))


if __name__ == "__main__":
    sys.exit(main())
