"""The package's trackers beside those of others on the same real targets, as `bench/peers.py` measured them."""

import json

import numpy as np

from socl_book.html import render_part
from socl_book.records import RECORDED
from socl_core import data
from socl_core.commands.options import SHIPPED
from socl_core.runs.weights import weights_spec
from socl_core.scoring.statistics import estimate

NAMES = {
    "socl-cf": "SoCL-CF (this book)",
    "socl-siam": "SoCL-Siam (this book)",
    "Nano": "NanoTrack v2",
    "KCF-GaussHog": "KCF",
}


def read_peers() -> dict[str, dict]:
    """What was measured of each tracker, best first: labels it learned from, by whom, fps of one core or None, and
    `auc`, an Estimate in percent over targets, of which those of one video count together."""
    rows = json.loads((RECORDED / "peers.json").read_text())["trackers"]
    for row in rows.values():
        row["targets"], scores = list(row["auc"]), 100 * np.array([list(row["auc"].values())])
        row["auc"] = estimate(scores, clusters=[name.partition(".")[0] for name in row["targets"]])
    return dict(sorted(rows.items(), key=lambda item: -item[1]["auc"].mean))


def peers_html() -> str:
    """A table of all trackers: labels, AUC with its interval, frames a second."""
    rows, lines = read_peers(), []
    for name, row in rows.items():
        auc = "{0.mean:.1f} [{0.low:.0f}, {0.high:.0f}]".format(row["auc"])
        fps = f"{row['fps']:.0f}" if "fps" in row else "–"
        lines.append((NAMES.get(name, name), row["labels"], auc, fps, row["by"]))
    count = len(rows["socl-cf"]["targets"])
    head = ["tracker", "learned from", f"AUC (%), {count} targets", "frames a second", "measured by"]
    return render_part(
        "plain_table", "Trackers on the same OTB-2013 targets, with 95 % intervals over them", head, lines
    )


def cost(name: str) -> dict:
    """What a tracker of the package cost: clicks, videos, seconds of its training, threads and device."""
    spec = weights_spec(SHIPPED[name])
    videos = [video for part in spec.data for video in data.load(part, "train")]
    clicks = sum(int(video.valid.sum()) for video in videos)
    return {"clicks": clicks, "videos": len(videos)} | json.loads((RECORDED / "training.json").read_text())[name]
