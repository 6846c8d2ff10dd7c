"""Fits the confidence of the package's trackers (socl_core/use/confidence.py) on development videos.

    SOCL_DATA=FOLDER python bench/fit_confidence.py        # with otb_dev and real_mini; about five minutes

Each tracker follows each video from its first frame. A logistic regression on the logarithm of its sign, each video
with the same weight, says where half of the boxes are right, and how steeply the share rises. How well the sign tells
right boxes from wrong ones is shown for videos that the fit has not seen.
"""

from itertools import islice

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict

import socl_core
from socl_core import data
from socl_core.scoring.metrics import iou
from socl_core.use.confidence import SIGNS

FRAMES = {("otb_dev", "dev"): 400, ("real_mini", "train"): 120}  # at most, of each video
EVERY = {"otb_dev": 1, "real_mini": 2}  # video of the set


def follow(weights: str, sequence, frames: int) -> list[tuple[float, bool]]:
    """The sign of each tracked frame, and whether its box is right."""
    tracker, first, seen = socl_core.tracker(weights, device="cpu"), int(np.flatnonzero(sequence.valid)[0]), []
    for number, image in enumerate(islice(sequence.frames, first, first + frames + 1), first):
        if number == first:
            tracker.init(image, sequence.boxes[first])
            sign = SIGNS[type(tracker.inner)][0]
            continue
        tracker.update(image)
        if sequence.valid[number]:
            right = iou(np.array([tracker.box]), sequence.boxes[number][None])[0] > 0.5
            seen.append((sign(tracker.inner.view.response), bool(right)))
    return seen


def main() -> None:
    for weights in ("socl-cf", "socl-siam"):
        rows = []
        for number, ((name, split), frames) in enumerate(FRAMES.items()):
            for video, sequence in enumerate(data.load(name, split)[:: EVERY[name]]):
                rows += [(number, 1000 * number + video, *pair) for pair in follow(weights, sequence, frames)]
        which, video, sign, right = np.array(rows).T
        logs, right = np.log(np.maximum(sign, 1e-6))[:, None], right.astype(bool)
        _, index, count = np.unique(video, return_inverse=True, return_counts=True)
        model, weight = LogisticRegression(C=1e3), 1 / count[index]
        parts = {"groups": video, "cv": GroupKFold(10), "params": {"sample_weight": weight}}
        chance = cross_val_predict(model, logs, right, method="predict_proba", **parts)[:, 1]
        model.fit(logs, right, weight)
        power, offset = float(model.coef_[0, 0]), float(model.intercept_[0])
        told = {
            name: round(roc_auc_score(right[which == i], chance[which == i]), 2) for i, (name, _) in enumerate(FRAMES)
        }
        print(f"{weights}: half {np.exp(-offset / power):.3g}, power {power:.2g}; {len(right)} frames of {len(count)}")
        print(f"  area under the ROC curve on videos not fitted: {told}")


if __name__ == "__main__":
    main()
