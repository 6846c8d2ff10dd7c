"""The page of the Python interface: signatures and docstrings of what programs call, whose examples a test runs."""

import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from socl_core.data.files import write_atomic

PAGE = Path("book/executed/python.md")
INTRO = """# Trackers in Python

What programs call, in the words of the code. Images are BGR uint8 as OpenCV has them; boxes are `x, y, w, h` and points
`x, y` in pixels, counted from 0. An error that a user can mend is a `socl_core.errors.SoclError`, one line of words.

```python
import cv2
import socl_core

video = cv2.VideoCapture("my.mp4")
tracker = socl_core.tracker("socl-cf")
tracker.init(video.read()[1], point=(352, 36))
while (image := video.read()[1]) is not None:
    found, box = tracker.update(image)
```
"""
WIDTH = 60  # of the parameters in a line
# What is told of each module: names, with the methods of a class after a colon.
PUBLIC = {
    "socl_core": ("tracker", "track"),
    "socl_core.use.tracker": ("Tracker:init,update",),
    "socl_core.use.start": ("boxes_of_click",),
    "socl_core.use.comparison": ("Comparison:run,rows",),
    "socl_core.prior.objectness": ("objectness",),
    "socl_core.data": ("load",),
    "socl_core.scoring.metrics": ("iou",),
    "socl_core.scoring.evaluation": ("evaluate",),
}


def api_page() -> str:
    """The page in Markdown, a section for each name of `PUBLIC`."""
    return "\n".join([INTRO, *_sections()])


def write_api_page() -> None:
    """Writes the page below book/executed/, where the table of contents expects it."""
    write_atomic(PAGE, api_page())


def _sections() -> Iterator[str]:
    for module, names in PUBLIC.items():
        for entry in names:
            name, _, methods = entry.partition(":")
            found = getattr(import_module(module), name)
            yield f"## `{module}.{name}`\n\n{_told(name, found)}"
            for method in filter(None, methods.split(",")):
                yield f"### `{name}.{method}`\n\n{_told(method, getattr(found, method))}"


def _told(name: str, found: object) -> str:
    """Signature, docstring and its examples."""
    words, *examples = re.split(r"^(?=>>> )", inspect.getdoc(found) or "", maxsplit=1, flags=re.MULTILINE)
    signature = inspect.signature(found)
    shown = ", ".join(map(str, signature.parameters.values()))
    if len(shown) > WIDTH:
        shown = "".join(f"\n    {each}," for each in signature.parameters.values()) + "\n"
    shown = re.sub(r"\b(?:[a-z_]+\.)+(?=\w)", "", f"{name}({shown})")  # types without their modules
    prose = words.strip().replace("<", "&lt;")
    blocks = "".join(f"\n```pycon\n{example.strip()}\n```\n" for example in examples)
    return f"```python\n{shown}\n```\n\n{prose}\n{blocks}"
