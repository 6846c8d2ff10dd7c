"""Trackers for programs and for the `socl` command: started by a click or a box, with a confidence, beside others."""

from pathlib import Path

SHIPPED = {path.stem: path for path in sorted((Path(__file__).parents[1] / "weights").glob("*.safetensors"))}
