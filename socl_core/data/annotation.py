"""What annotation costs, what a budget buys, and what an annotator hands over."""

from dataclasses import replace

import numpy as np

from socl_core.data.sequence import Sequence
from socl_core.errors import UsageError, known

BOX_OVER_POINT = 4.5  # a box takes 4.5 times as long as a point [S]
GOT10K_FRAMES = 1_400_000  # training frames of GOT-10k, rounded
SECONDS_A_POINT = {
    "section B": 880 * 3600 / GOT10K_FRAMES,  # the largest budget of Table 2 buys the whole set
    "section A": 1200 * 3600 / GOT10K_FRAMES,  # the whole set is said to take 1.2K hours
}
BUDGETS = {110: 1 / 8, 220: 1 / 4, 440: 1 / 2, 880: 1.0}  # hours of Table 2 -> share of the videos [S]


def frames_for(seconds: float, label: str, seconds_a_point: float) -> int:
    """Frames that a budget of `seconds` buys with a `label`, "point" or "box"."""
    costs = {"point": 1.0, "box": BOX_OVER_POINT}
    return int(seconds / (seconds_a_point * costs[known("label", label, costs)]) + 1e-9)


def budget_videos(videos: int, share: float) -> int:
    """How many of the videos a share buys; at least one, and `UsageError` unless 0 < share <= 1."""
    return max(1, round(videos * _checked(share, "videos")))


def labelled_frames(frames: int, share: float, rng: np.random.Generator) -> np.ndarray:
    """Frames of one video that get a label when only a share is paid for, sorted. [R: drawn at random]

    At least two, as training needs a pair, unless the video has fewer.
    """
    count = min(frames, max(2, round(frames * _checked(share, "labelled frames"))))
    return np.sort(rng.choice(frames, count, replace=False))


def whole_videos(lengths: list[int], share: float) -> int:
    """How many videos, taken in order, have all their frames labelled when a share of all frames is paid for. [S]

    The largest number that the budget covers, but at least two, as training needs them; all if there are fewer.
    lengths: frames of each video, in the order in which they are labelled.
    """
    labels = _checked(share, "labelled frames") * sum(lengths)
    paid = int(np.searchsorted(np.cumsum(lengths), labels + 1e-6, "right"))
    return min(len(lengths), max(2, paid))


def _checked(share: float, what: str) -> float:
    if not 0 < share <= 1:
        raise UsageError(f"the share of {what} must be above 0 and at most 1, found {share}")
    return share


def add_click_noise(sequence: Sequence, noise: float, seed: int | tuple[int, ...]) -> Sequence:
    """The sequence as a careless annotator clicks it: points moved by `jitter_points`, kept in the frame."""
    if not noise:
        return sequence
    if sequence.boxes is None:
        raise UsageError(f"sequence {sequence.name} has clicks alone, and no sides for point_noise; expected 0")
    rows, points = np.flatnonzero(sequence.valid), sequence.points.copy()
    points[rows] = jitter_points(points[rows], sequence.boxes[rows], noise, np.random.default_rng(seed))
    height, width = sequence.frames[int(rows[0])].shape[:2] if len(rows) else (1, 1)
    return replace(sequence, points=points.clip(0, (width - 1, height - 1)))


def jitter_points(points: np.ndarray, boxes: np.ndarray, noise: float, rng: np.random.Generator) -> np.ndarray:
    """Points (N, 2) moved by a normal error of `noise` times the box side (square root of area).

    It is part of the simulated annotator and the only place where points and sizes meet.
    """
    sides = np.sqrt(np.prod(boxes[:, 2:], axis=1, keepdims=True))
    return points + rng.normal(size=points.shape) * noise * sides
