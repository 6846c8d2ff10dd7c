"""The one style of the book's figures, and what they draw over pictures."""

import os

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns

from socl_core.geometry import SEARCH
from socl_core.models.alexnet import GRID

MAP = "cividis"
SERIES = sns.color_palette("colorblind")


def may_show(data_set: str) -> bool:
    """Whether pages may show frames of a data set: those of composite always, others' in a private build only."""
    return data_set == "composite" or os.environ.get("SOCL_PRIVATE") == "1"


def style() -> None:
    """The one style. Charts have a light ground, which book/assets/custom.css turns dark on dark pages."""
    sns.set_theme(style="whitegrid", palette="colorblind", font_scale=1.05)
    plt.rcParams |= {"figure.facecolor": "white", "savefig.facecolor": "white", "axes.titlesize": "medium"}


def show_map(axis, image: np.ndarray, values=None, title: str = "", step: int = GRID.stride) -> None:
    """Draw a search crop (255, 255, 3) BGR, with a map (n, n) about its middle, interpolated.

    step: pixels between two of the map's values, those of a feature cell by default.
    """
    axis.imshow(image[..., ::-1], extent=(0, SEARCH, SEARCH, 0))
    if values is not None:
        start, end = (SEARCH - len(values) * step) / 2, (SEARCH + len(values) * step) / 2
        axis.imshow(values, cmap=MAP, alpha=0.75, extent=(start, end, end, start), interpolation="bilinear")
    axis.set(xlim=(0, SEARCH), ylim=(SEARCH, 0), xticks=[], yticks=[])
    axis.set_title(title)
    for spine in axis.spines.values():
        spine.set_visible(False)


def outline(axis, box, colour="w", dash: str = "-") -> None:
    """Draw a box x, y, w, h in the coordinates of an axis."""
    axis.add_patch(plt.Rectangle(box[:2], *box[2:], fill=False, edgecolor=colour, linewidth=1.5, linestyle=dash))


def mark_click(axis, point, size: float = 11) -> None:
    """Draw the annotated point x, y as a white cross."""
    axis.plot(*point, "+", color="w", markersize=size, markeredgewidth=2)
