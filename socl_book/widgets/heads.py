"""Projection heads, to play with: what trackers trained with and without one see, frame by frame."""

import anywidget
import numpy as np
import traitlets

from socl_book.widgets.source import script, style
from socl_core.scoring.metrics import iou


class HeadsWidget(anywidget.AnyWidget):
    """Switches between trackers and heads over a stored clip; all values plain JSON.

    clip: a dict, positions in pixels of its frames measured from the left top corner:
        name    shown above the clip
        size    [width, height] of a frame
        frames  N data URLs
        truth   N boxes [x, y, w, h], or None where there is none
        runs    list of dicts: tracker (its name), head (bool), boxes (N of them), response and similarity: N maps,
                each a dict of grid (cells along a side), region [x, y, w, h] that they cover, and values in percent
    tracker, head: the run that is shown. frame: index into `frames`.
    """

    _esm = script("heads.js")
    _css = style()

    clip = traitlets.Dict().tag(sync=True)
    tracker = traitlets.Unicode().tag(sync=True)
    head = traitlets.Bool(False).tag(sync=True)
    frame = traitlets.Int(0).tag(sync=True)

    def __init__(self, clip: dict, **traits):
        super().__init__(clip=clip, **({"tracker": clip["runs"][0]["tracker"]} | traits))

    @staticmethod
    def compute(clip: dict, tracker: str, head: bool, frame: int) -> dict:
        """The numbers that the page shows, from the Python side: overlap with the truth in a frame, and its mean.

        `overlap` is None in a frame without truth; `mean` is over the frames that have one.
        """
        (run,) = (run for run in clip["runs"] if (run["tracker"], run["head"]) == (tracker, head))
        overlaps = [
            None if truth is None else float(iou(np.array(box), np.array(truth)))
            for box, truth in zip(run["boxes"], clip["truth"])
        ]
        return {"overlap": overlaps[frame], "mean": float(np.mean([o for o in overlaps if o is not None]))}
