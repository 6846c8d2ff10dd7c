"""What a run trains on: crops of the videos that its budget pays for, cut once and kept in the cache."""

import math
import os
import time
from pathlib import Path

import numpy as np
import platformdirs

from socl_core import data
from socl_core.data.annotation import add_click_noise, budget_videos, labelled_frames, whole_videos
from socl_core.methods.crops import CropStore, Cut, build_store, keep_evenly
from socl_core.methods.spec import BoxLabels, PointLabels, TrainedSpec
from socl_core.runs.identity import code_hash
from socl_core.runs.locks import lock

CACHE = Path(os.environ.get("SOCL_CACHE") or platformdirs.user_cache_path("socl"))
WRITING_SECONDS = 3600  # nothing takes longer to write, so that what is older was left by a killed process
CROP_CODE = ("socl_core.data", "socl_core.data.annotation", "socl_core.methods.crops")
PRIOR_CODE = ("socl_core.data", "socl_core.data.annotation", "socl_core.prior.store")
# Tags of random streams, beyond any step of a training, whose stream is tagged with its number.
VIDEO_ORDER, LABEL_CHOICE = 10**9, 10**9 + 1


def training_crops(spec: TrainedSpec) -> CropStore:
    """The crops a spec trains on: the stores of its data sets, with the rows that the budget pays for."""
    cut = spec.cut()
    rng = np.random.default_rng([spec.seed, VIDEO_ORDER])
    parts = []
    for name in spec.data:
        store = open_store(name, spec, cut)
        parts.append(store.rows(affordable_rows(store, spec, rng)))
    return CropStore.join(parts)


def open_store(name: str, spec: TrainedSpec, cut: Cut, split: str = "train") -> CropStore:
    """The crop store of a data set's split, built first where it is not there. Point rules see points only.

    Noisy clicks differ from seed to seed, as those of another annotator would: a store each.
    """
    from_points = isinstance(spec, PointLabels)
    noise = spec.point_noise if from_points else 0.0
    content = training_content(name, split, spec.videos, spec.frames)
    if noise:
        content += f"-noise{noise:g}-{spec.seed}"
    kind = f"{cut.rule}-{cut.pixels}-{cut.exemplars:.3g}"
    folder = CACHE / "crops" / f"{code_hash(*CROP_CODE, data.layout_module(name))}-{content}-{kind}"
    if (folder / "index.json").exists():
        return CropStore.open(folder)
    # Runs side by side often need the same: crops of boxes, or the objectness behind all crops of points.
    priors = prior_folder(name, content)
    shared = priors if from_points else folder
    with lock(CACHE / "locks" / shared.name, "builds crops", patience=math.inf):
        sequences = [keep_evenly(s, spec.frames) for s in data.load(name, split, videos=spec.videos, cache=CACHE)]
        if from_points:
            clicked = [add_click_noise(sequence, noise, (spec.seed, k)) for k, sequence in enumerate(sequences)]
            sequences = [sequence.point_view() for sequence in clicked]
        return build_store(sequences, folder, cut, priors)


def training_content(name: str, split: str, videos: int | None, frames: int | None) -> str:
    """What a training set consists of: its manifest and how much of it is taken."""
    return f"{data.manifest(name, split)}-{split}-{videos}x{frames}"


def prior_folder(name: str, content: str) -> Path:
    """Where the objectness of a training set is kept, by its content and by the code that makes it."""
    return CACHE / "priors" / f"{code_hash(*PRIOR_CODE, data.layout_module(name))}-{content}"


def affordable_rows(store: CropStore, spec: TrainedSpec, rng: np.random.Generator) -> np.ndarray:
    """Rows of a store that a run may use: all frames of its share of the videos, or the labelled ones of them.

    The order of the videos depends on the seed alone, so that all conditions get the same videos and a
    larger share holds the smaller one. Boxes are on some frames of each video, or on whole videos.
    """
    videos = rng.permutation(np.unique(store.video))
    videos = videos[: budget_videos(len(videos), spec.share)]
    rows = {video: np.flatnonzero(store.video == video) for video in videos}
    if isinstance(spec, BoxLabels):
        if spec.boxed == "videos":
            count = whole_videos([len(rows[video]) for video in videos], spec.labelled)
            rows = {video: rows[video] for video in videos[:count]}
        else:
            for video, frames in rows.items():
                choice = np.random.default_rng([spec.seed, LABEL_CHOICE, video])
                rows[video] = frames[labelled_frames(len(frames), spec.labelled, choice)]
    return np.concatenate([rows[video] for video in sorted(rows)])


def stale_caches() -> dict[Path, str]:
    """Frames, crop stores and priors that no present code reads, and halves of killed builds, with the reason."""
    current = {"frames": (data.manifest("composite", "train"),)}
    for kind, code in (("crops", CROP_CODE), ("priors", PRIOR_CODE)):
        current[kind] = tuple(code_hash(*code, layout) for layout in data.layout_modules())
    stale = {}
    for kind, code in current.items():
        for path in sorted((CACHE / kind).glob("*")):
            if path.name.startswith("."):
                if time.time() - path.stat().st_mtime > WRITING_SECONDS:
                    stale[path] = "half a build; it was killed"
            elif not path.name.startswith(code):
                stale[path] = "made by other code"
    return stale
