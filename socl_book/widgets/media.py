"""Figures and clips for a page, with words for readers who cannot see them.

The notebook that makes the picture makes the words, so they can hold its numbers; an alt text in a cell's
metadata could not.
"""

import base64
import io
from html import escape
from pathlib import Path

from IPython.display import HTML
from matplotlib import pyplot

from socl_core.errors import DataError


def figure(drawn, alt: str, caption: str = "") -> HTML:
    """A Matplotlib figure as a PNG. `alt` says what the picture shows."""
    file = io.BytesIO()
    drawn.savefig(file, format="png", dpi=144, bbox_inches="tight", metadata={"Software": None})
    pyplot.close(drawn)  # or the inline backend would show it a second time, without words
    source = f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
    return _wrapped("socl-figure", f'<img src="{source}" alt="{escape(alt)}">', caption)


def clip(mp4: Path | bytes, label: str, caption: str = "") -> HTML:
    """A silent H.264 clip that plays on demand. `label` says what happens in it.

    Raises `DataError` if the file is absent.
    """
    if not isinstance(mp4, bytes):
        if not Path(mp4).is_file():
            raise DataError(f"clip: there is no file '{mp4}'")
        mp4 = Path(mp4).read_bytes()
    source = f"data:video/mp4;base64,{base64.b64encode(mp4).decode()}"
    video = f'<video controls muted loop playsinline width="480" aria-label="{escape(label)}">'
    video += f'<source type="video/mp4" src="{source}">{escape(label)}</video>'
    return _wrapped("socl-clip", video, caption)


def _wrapped(style: str, content: str, caption: str) -> HTML:
    words = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return HTML(f'<figure class="{style}">{content}{words}</figure>')
