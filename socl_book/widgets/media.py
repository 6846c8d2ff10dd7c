"""Figures and clips for a page, with words for readers who cannot see them.

The notebook that makes the picture makes the words, so they can hold its numbers; an alt text in a cell's
metadata could not.
"""

import base64
import io
import tempfile
from collections.abc import Iterable
from itertools import chain
from pathlib import Path

import numpy as np
from IPython.display import HTML
from jinja2 import Environment, PackageLoader
from matplotlib import pyplot
from matplotlib.text import Text
from PIL import Image

from socl_book.clips import data_url
from socl_core.data.video import write_clip
from socl_core.errors import DataError

GREY = "#767676"  # of words beside pictures, whose ground is that of the page: legible on light and on dark ones
DPI = 144  # of pictures
TEMPLATES = Environment(loader=PackageLoader("socl_book"), autoescape=True)


def figure(drawn, alt: str, caption: str = "") -> HTML:
    """A Matplotlib figure: lines as SVG, pictures as WebP, which is a tenth of a PNG. `alt` says what it shows.

    None, where there was nothing to draw, shows nothing.
    """
    if drawn is None:
        return HTML("")
    file = io.BytesIO()
    width = None
    if any(axis.images for axis in drawn.axes):
        for text in drawn.findobj(Text):
            text.set_color(GREY)
        drawn.savefig(file, format="webp", bbox_inches="tight", transparent=True, dpi=DPI, pil_kwargs={"quality": 85})
        kind, width = "webp", round(Image.open(file).width * 96 / DPI)  # letters as large as those of an SVG
    else:
        with pyplot.rc_context({"svg.hashsalt": "socl"}):  # equal figures are equal files
            drawn.savefig(file, format="svg", bbox_inches="tight", metadata={"Date": None})
        kind = "svg+xml"
    pyplot.close(drawn)  # or the inline backend would show it a second time, without words
    source = f"data:image/{kind};base64,{base64.b64encode(file.getvalue()).decode()}"
    return _render("figure", source=source, alt=alt, caption=caption, width=width)


def clip(frames: Iterable[np.ndarray], label: str, caption: str = "", autoplay: bool = False) -> HTML:
    """Frames BGR uint8 of one size as a silent H.264 clip with controls. `label` says what happens in it.

    Raises `DataError` without a frame.
    """
    frames = iter(frames)
    first = next(frames, None)
    if first is None:
        raise DataError("clip: there is no frame to show")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "clip.mp4"
        write_clip(file, chain([first], frames))
        source = f"data:video/mp4;base64,{base64.b64encode(file.read_bytes()).decode()}"
    poster = data_url(first)
    return _render("clip", source=source, poster=poster, label=label, caption=caption, autoplay=autoplay)


def _render(template: str, **values) -> HTML:
    return HTML(TEMPLATES.get_template(f"{template}.html.j2").render(values))
