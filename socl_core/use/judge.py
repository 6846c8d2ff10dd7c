"""What a training bought: a tracker before and after it, judged by a few boxes of one's own videos."""

from collections import deque
from collections.abc import Callable
from pathlib import Path

import numpy as np

from socl_core.data.layouts.clicks import read_boxed
from socl_core.data.reading import ImageFiles
from socl_core.errors import DataError
from socl_core.scoring.statistics import estimate
from socl_core.use.comparison import Comparison, annotated

Videos = dict[str, tuple[list[Path], np.ndarray]]


def judged_videos(folder: Path) -> Videos:
    """Images and boxes (N, 4) of the videos below a folder that have a `boxes.csv`, from the first box on, by name.

    Raises `DataError` where there is none, and for fewer than two boxes in one of them.
    """
    videos = {path.parent.name: read_boxed(path.parent) for path in sorted(folder.glob("*/boxes.csv"))}
    if not videos:
        raise DataError(f"no video to judge by in {folder}: expected <video>/boxes.csv beside the images of the video")
    for name, (images, boxes) in videos.items():
        known = np.flatnonzero(annotated(boxes))
        if len(known) < 2:
            raise DataError(
                f"{folder / name / 'boxes.csv'}: expected a box to start from and others, found {len(known)}"
            )
        span = slice(known[0], known[-1] + 1)
        videos[name] = images[span], boxes[span]
    return videos


def auc_by_video(make_tracker: Callable[[], object], videos: Videos) -> dict[str, float]:
    """AUC of a tracker on each video of `judged_videos`, started from its first box, over the frames that have one."""
    found = {}
    for name, (images, boxes) in videos.items():
        comparison = Comparison({"": make_tracker()})
        deque(comparison.run(ImageFiles(images), boxes[0]), maxlen=0)
        found[name] = comparison.rows(boxes)[0]["auc"]
    return found


def judged_words(before: dict[str, float] | None, after: dict[str, float]) -> str:
    """AUC after a training, with that before it and the mean difference where that is known, in percent.

    The interval is that of other videos of the same kind; one video tells none.
    """
    words = f"AUC {100 * np.mean([*after.values()]):.1f} over {len(after)} video" + "s" * (len(after) > 1)
    if before is None:
        return words
    gain = estimate([100 * (after[name] - before[name]) for name in after])
    interval = f", 95 % interval {gain.low:+.1f} to {gain.high:+.1f}" if len(after) > 1 else ""
    return f"{words}; before {100 * np.mean([*before.values()]):.1f}, gain {gain.mean:+.1f}{interval}"
