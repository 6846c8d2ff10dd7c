"""Two lines of Python: `tracker = socl_core.tracker("socl-cf")`, `tracker.init(image, box)`; then `update(image)`.

Conventions are OpenCV's: images BGR uint8 (H, W, 3); boxes x, y, w, h in pixels, where x, y is the left top pixel,
counted from 0.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from socl_core.data.video import read_frames
from socl_core.errors import UsageError
from socl_core.models.device import Compute, threads
from socl_core.runs.weights import read_weights, weights_spec
from socl_core.use import SHIPPED
from socl_core.use.confidence import confidence

LOST = 0.3  # confidence below which `Tracker.update` says that the target is not found


def tracker(weights: str | Path = "socl-cf", device: str = "auto") -> "Tracker":
    """A tracker, ready for `init`.

    weights: "socl-cf" (which goes on learning, and is the better one on real video), "socl-siam" (the faster one), or a
    file that `socl train` wrote.
    device: auto, cpu, cuda or cuda:N. Raises `DataError` for another file, `UsageError` for an absent device.

    >>> import numpy as np, socl_core
    >>> rng = np.random.default_rng(0)
    >>> scene, patch = rng.integers(90, 110, (200, 300, 3), np.uint8), rng.integers(0, 255, (40, 40, 3), np.uint8)
    >>> def frame(x):  # a patch that moves to the right
    ...     image = scene.copy()
    ...     image[80:120, x : x + 40] = patch
    ...     return image
    >>> tracker = socl_core.tracker("socl-cf", device="cpu")
    >>> tracker.init(frame(100), (100, 80, 40, 40))
    >>> for x in (104, 108, 112):
    ...     found, box = tracker.update(frame(x))
    >>> found, bool(abs(box[0] - 112) < 4), 0 <= tracker.confidence <= 1
    (True, True, True)
    """
    return Tracker(tracker_maker(weights, device)())


def track(
    video: str | Path | Iterable[np.ndarray], start, weights: str | Path = "socl-cf", device: str = "auto",
    first: int = 0,
) -> Iterator[tuple[np.ndarray, np.ndarray, float]]:  # fmt: skip
    """Yields (frame, box (4,), confidence) of each frame of a video from `first` on, counted from 0.

    video: a video file, a folder of numbered images, "camera:0", or frames BGR uint8.
    start: what is tracked, in that first frame: a box x, y, w, h, or a click x, y. weights, device: as in `tracker`.
    Raises `DataError` for what cannot be read or lies outside of the frame, `UsageError` for another start.

    >>> import numpy as np, socl_core
    >>> frames = [np.random.default_rng(0).integers(0, 255, (120, 160, 3), np.uint8)] * 3
    >>> for frame, box, confidence in socl_core.track(frames, (60, 50, 30, 20), device="cpu"):
    ...     print(box.round().astype(int).tolist(), round(confidence, 1))
    [60, 50, 30, 20] 1.0
    [60, 50, 30, 20] 1.0
    [60, 50, 30, 20] 1.0
    """
    images = read_frames(video)[0] if isinstance(video, str | Path) else video
    for image, boxes, confidences in follow(islice(images, first, None), [start], tracker_maker(weights, device)):
        yield image, boxes[0], float(confidences[0])


def follow(
    images: Iterable[np.ndarray], starts: list, make: Callable[[], object], stop_below: float = 0.0
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yields (image, boxes (T, 4), confidences (T,)) of T targets, each with a tracker of its own from its start.

    A target whose confidence falls below `stop_below` is left, and NaN from there on; with the last one all ends.
    """
    targets = [Tracker(make()) for _ in starts]
    for number, image in enumerate(images):
        for target, start in zip(targets, starts):
            if not number:
                target.begin(image, start)
            elif not target.left:
                target.update(image)
                target.left = target.confidence < stop_below
        if all(target.left for target in targets):
            return
        nothing = np.full(5, np.nan)
        rows = np.array([nothing if each.left else [*each.box, each.confidence] for each in targets])
        yield image, rows[:, :4], rows[:, 4]


def tracker_maker(weights: str | Path, device: str) -> Callable[[], object]:
    """What makes trackers under the contract of `IdentityTracker`, all with the network of one weights file."""
    path = SHIPPED.get(str(weights), Path(weights))
    compute, spec = Compute.choose(device), weights_spec(path)
    network = read_weights(path, compute)
    return lambda: spec.tracker(network, compute)


class Tracker:
    """`init(image, box)` or `init(image, point=(x, y))`, then `found, box = update(image)` for each later frame.

    box: float64 (4,), the last one. confidence: of it, from 0 to 1; 1 after `init`, NaN where the tracker tells none.
    left: whether its user has given it up.
    """

    def __init__(self, inner):
        self.inner, self.box, self.confidence, self.left = inner, None, float("nan"), False

    def init(self, image: np.ndarray, box=None, point=None) -> None:
        """Starts from a box, or from the box that objectness sees around a click.

        Raises `DataError` for a box or point outside of the image, `UsageError` unless just one of both is given.
        """
        if (box is None) == (point is None):
            raise UsageError("a tracker starts from a box or from a point: expected one of them")
        self.begin(image, point if box is None else box)

    def begin(self, image: np.ndarray, start) -> None:
        """As `init`, from four numbers x, y, w, h or two, x, y."""
        start = np.asarray(start, np.float64)
        if start.shape not in ((2,), (4,)):
            raise UsageError(f"expected a box x,y,w,h or a point x,y to start from, found {start.tolist()}")
        if len(start) == 2:
            from socl_core.use.start import boxes_of_click  # half a second, which a start from a box is spared

            start = boxes_of_click(image, start)[0]
        with threads(1):
            self.inner.init(image, start)
        self.box, self.confidence = start, 1.0

    def update(self, image: np.ndarray) -> tuple[bool, tuple[float, ...]]:
        """Whether the target is found in the next frame, and its box there.

        Where it is not, the box is where it seems to be nevertheless. Raises `UsageError` before `init`.
        """
        if self.box is None:
            raise UsageError("the tracker has no target yet: call init(image, box) first")
        with threads(1):  # more gain little for crops so small, and wait for each other where other programs run
            self.box = np.asarray(self.inner.update(image), np.float64)
        self.confidence = confidence(self.inner)
        return not self.confidence < LOST, tuple(self.box.tolist())
