"""Figures of the pages. Every number comes from a run in the store or under recorded/."""

import base64
from itertools import cycle, product

import cv2
import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
import torch
from skimage.segmentation import mark_boundaries

from socl_book import tables as experiments
from socl_book.results import differences, measured
from socl_book.verdicts import Claim, decisive, gains
from socl_book.views import COVERED, on_feature_grid, search_view, soft_sample_maps  # noqa: F401
from socl_core import data
from socl_core.data.files import read_own_boxes
from socl_core.data.sequence import Sequence
from socl_core.data.video import ORANGE, draw_box
from socl_core.geometry import EXEMPLAR, SEARCH
from socl_core.methods import soft_samples as samples
from socl_core.models.device import Compute
from socl_core.prior import cues
from socl_core.prior.objectness import edge_map, objectness_of_clicks, superpixels, work_image
from socl_core.prior.top import score_map
from socl_core.runs.pipeline import CACHE, make_tracker, read_weights, weights_spec
from socl_core.runs.store import Run
from socl_core.scoring import metrics
from socl_core.scoring.metrics import OTB_ERRORS, OTB_OVERLAPS
from socl_core.trackers.search import View

MAP = "cividis"
CUE_NAMES = {
    "ms": "multi-scale saliency",
    "cc": "colour contrast",
    "ss": "superpixel straddling",
    "ed": "edge density",
}
SERIES = sns.color_palette("colorblind")
CLICKS = (-48, -32, -16, 0, 16, 32, 48)  # offsets of the widget's clicks; a target is about 64 crop pixels wide


def style() -> None:
    """Figures on an opaque light ground, legible on light and dark pages."""
    sns.set_theme(style="whitegrid", palette="colorblind", font_scale=0.9)
    plt.rcParams |= {"figure.facecolor": "white", "savefig.facecolor": "white", "axes.titlesize": "medium"}


def widget_frame(sequence: Sequence, i: int, name: str) -> dict:
    """A frame for the eta widget, with the score maps of clicks in and around the target, in one and the same crop."""
    view, image, point = search_view(sequence, i), sequence.frames[i], sequence.points[i]
    offsets = sorted(product(CLICKS, CLICKS), key=lambda offset: offset != (0, 0))  # the annotated click comes first
    clicks = point + np.array(offsets) * view["side"] / SEARCH
    inside = ((clicks >= 0) & (clicks <= np.array(image.shape[1::-1]) - 1)).all(1)
    windows = objectness_of_clicks(image, clicks[inside])
    return {
        "name": name,
        "image": _data_url(view["image"]),
        "size": SEARCH,
        "points": np.add(view["point"], offsets)[inside],
        "scores": [on_feature_grid(score_map(each, point, view["side"])) for each in windows],
        "cells": COVERED,
        "box": view["box"],
    }


def show_map(axis, image: np.ndarray, values: np.ndarray | None, title: str = "") -> None:
    """A crop, with a map of the feature grid interpolated over the part that it covers."""
    axis.imshow(image[..., ::-1], extent=(0, SEARCH, SEARCH, 0))
    if values is not None:
        x, y, w, h = COVERED
        axis.imshow(values, cmap=MAP, alpha=0.75, extent=(x, x + w, y + h, y), interpolation="bilinear")
    axis.set(xlim=(0, SEARCH), ylim=(SEARCH, 0), xticks=[], yticks=[])
    axis.set_title(title)
    for spine in axis.spines.values():
        spine.set_visible(False)


def outline(axis, box, colour="w", label: str | None = None, dash: str = "-") -> None:
    """A box x, y, w, h drawn on an axis."""
    style = {"fill": False, "edgecolor": colour, "linewidth": 1.5, "linestyle": dash}
    axis.add_patch(plt.Rectangle(box[:2], *box[2:], **style, label=label))


def cue_pictures(image: np.ndarray) -> dict[str, np.ndarray]:
    """What each cue of objectness sees of a BGR image (H, W, 3), in its size: cue -> (H, W) or RGB (H, W, 3)."""
    small, _ = work_image(image)
    saliency = cues.saliency_maps(torch.from_numpy(small).permute(2, 0, 1)[None].float())[0].mean(0).numpy()
    pictures = {
        "ms": saliency,
        "cc": small[..., ::-1],
        "ss": mark_boundaries(small[..., ::-1], superpixels(small)),
        "ed": edge_map(small).astype(np.uint8),
    }
    size = image.shape[1::-1]
    return {cue: cv2.resize(p, size, interpolation=cv2.INTER_NEAREST) for cue, p in pictures.items()}


def figure_one(columns: list[tuple[str, dict, dict]], title: str):
    """Rows a to e of the paper's figure: input, score map, TOP map, masked similarity, hard negative map.

    columns: name, view and soft samples of each frame.
    """
    style()
    rows = [
        "(a) input",
        "(b) score map",
        "(c) TOP map",
        "(d) similarity,\ntarget masked",
        "(e) hard negative map",
    ]
    figure, axes = plt.subplots(
        5, len(columns), figsize=(1.9 * len(columns) + 1, 10), layout="constrained", squeeze=False
    )
    for j, (name, view, maps) in enumerate(columns):
        values = [None, view["scores"], maps["top"], maps["similarity"], maps["hard"]]
        for i, (row, value) in enumerate(zip(rows, values)):
            show_map(axes[i, j], view["image"], value, name if i == 0 else "")
            if j == 0:
                axes[i, j].set_ylabel(row)
        axes[0, j].plot(*view["point"], "+", color="w", markersize=11, markeredgewidth=2)
        if view["box"]:
            outline(axes[0, j], view["box"])
    figure.suptitle(title)
    return figure


def training_figure(log: list[dict], method: str):
    """Loss and similarities against the step."""
    style()
    steps = [entry["step"] for entry in log]
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.4), layout="constrained")
    left.plot(steps, [entry["loss"] for entry in log], color=SERIES[0])
    left.set(
        title="training loss",
        xlabel="step",
        ylabel="SoCL loss" if "socl" in method else "balanced logistic loss",
    )
    names = {"positive": "positive", "hard_negative": "hard negative"}
    for colour, (key, label) in zip(SERIES[1:], names.items()):
        right.plot(steps, [entry[key] for entry in log], color=colour, label=label)
    right.set(
        title="what the loss compares",
        xlabel="step",
        ylabel="cosine similarity" if "socl" in method else "response",
    )
    right.legend()
    return figure


def budget_figure(table: experiments.Table, protocol: str):
    """AUC against the budget: the paper, and this build with intervals."""
    hours = [int(column.rstrip("h")) for column in table.columns]
    rows = {row: [cell for cell in table.cells if cell.row == row] for row in experiments.PAPER_TABLE_2}
    return _line_figure(rows, hours, protocol, "annotation hours (share of the videos)")


def sweep_figure(table: experiments.Table, protocol: str):
    """AUC of Table 4 against the clip fraction: the paper, and as measured with intervals."""
    percents = [float(column.rstrip("%")) for column in table.columns]
    return _line_figure({row: list(table.cells) for row in table.rows}, percents, protocol, "clip fraction eta (%)")


def _line_figure(rows: dict[str, list[experiments.Cell]], at: list[float], protocol: str, label: str):
    """Cells of some rows at places `at` on a logarithmic axis: left the paper's numbers, right the measured ones."""
    style()
    figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    for colour, (row, cells) in zip(SERIES, rows.items()):
        paper = [(x, cell.paper) for x, cell in zip(at, cells) if cell.paper]
        axes[0].plot(*zip(*paper), "o-", color=colour, label=row)
        for shift, (source, dash) in enumerate({"built": "o-", "recorded": "s--"}.items()):
            get = experiments.built_results if source == "built" else experiments.recorded_results
            found = [(x, measured(get(cell, protocol))) for x, cell in zip(at, cells)]
            found = [(x * (1 + 0.03 * shift), e) for x, e in found if e]
            if found:
                mean = np.array([e.mean for _, e in found])
                spread = np.abs(np.array([[e.low, e.high] for _, e in found]).T - mean)
                name = f"{row}, {'this build' if source == 'built' else experiments.recorded_name(protocol)}"
                axes[1].errorbar([x for x, _ in found], mean, spread, fmt=dash, color=colour, capsize=3, label=name)
    axes[0].set(title="paper, OTB-13", ylabel="AUC (%)")
    sets = next(iter(rows.values()))[0].measured_on(protocol)
    axes[1].set(title=f"measured, {protocol} protocol, {' and '.join(sets)} test", ylabel="AUC (%)")
    for axis in axes:
        axis.set(xscale="log", xlabel=label, xticks=at, xticklabels=[f"{x:g}" for x in at])
        axis.minorticks_off()
        axis.legend(fontsize="small", loc="upper center", bbox_to_anchor=(0.5, -0.18), ncols=2, frameon=False)
    return figure


def difference_figure(claims: list[Claim], protocol: str):
    """Per-sequence differences of claims, mean over seeds, with the mean of all and its interval."""
    style()
    figure, axis = plt.subplots(figsize=(10, 0.9 + 0.7 * len(claims)), layout="constrained")
    for row, claim in enumerate(claims):
        if not (found := decisive(claim, protocol)):
            continue
        source, d = found
        get = experiments.built_results if source == "this build" else experiments.recorded_results
        pair = (get(cell, protocol) for cell in (claim.above, claim.below))
        sets = claim.above.measured_on(protocol if source == "this build" else experiments.recorded_protocol(protocol))
        each = claim.margin + differences(*pair, claim.above.metric, sets).mean(0)
        axis.plot(each, [row] * len(each), "o", color=SERIES[0], alpha=0.5)
        axis.errorbar(d.mean, row, xerr=[[d.mean - d.low], [d.high - d.mean]], fmt="D", color=SERIES[1], capsize=4)
    axis.axvline(0, color="0.3", linewidth=1)
    axis.set(yticks=range(len(claims)), yticklabels=[claim.text for claim in claims], ylim=(len(claims) - 0.5, -0.5))
    axis.set(title="difference by sequence (dots), mean with 95 % interval (diamond)", xlabel="points")
    return figure


def gains_figure(table: experiments.Table, base: str, protocol: str):
    """What each row of a table gains over the row `base` on all sequences, the largest on top; None without a run."""
    found = {row: decisive(claims["all"], protocol) for row, claims in gains(table, base).items()}
    found = sorted((judged[1], row) for row, judged in found.items() if judged)
    if not found:
        return None
    style()
    figure, axis = plt.subplots(figsize=(9, 1.2 + 0.3 * len(found)), layout="constrained")
    for place, (d, _) in enumerate(found):
        spread = [[d.mean - d.low], [d.high - d.mean]]
        axis.errorbar(d.mean, place, xerr=spread, fmt="o", color=SERIES[0], capsize=3)
    axis.axvline(0, color="0.3", linewidth=1)
    axis.set(yticks=range(len(found)), yticklabels=[row for _, row in found])
    axis.set(title="changes to the starting point", xlabel="points of AUC gained on development videos, 95 % interval")
    return figure


def success_figure(scores: dict[str, list[dict[str, np.ndarray]]]):
    """Success and precision curves of trackers in the OTB convention: mean over sequences, AUC and P20 in the legend.

    scores: by tracker, what `conventions.otb` gives for each sequence.
    """
    style()
    figure, axes = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
    parts = [("success", OTB_OVERLAPS, np.mean), ("precision", OTB_ERRORS, lambda curve: curve[20])]
    for axis, (curve, thresholds, number) in zip(axes, parts):
        for tracker, colour, dash in zip(scores, SERIES, cycle(("-", "--", "-.", ":"))):
            mean = np.mean([score[curve] for score in scores[tracker]], 0)
            axis.plot(thresholds, mean, dash, color=colour, label=f"{tracker} [{number(mean):.3f}]")
        axis.set(ylim=(-0.02, 1.02), ylabel=curve)
        axis.legend(fontsize="small")
    axes[0].set(title="success plot [AUC]", xlabel="overlap threshold")
    axes[1].set(title="precision plot [20 px]", xlabel="centre error threshold (px)")
    return figure


def tracked_frames(run: Run, name: str, sequence: Sequence):
    """Frames of a sequence with a run's boxes in orange and, where there is one, the true box in white."""
    boxes = read_own_boxes(run.folder / "boxes" / name / f"{sequence.name}.txt", len(sequence))
    for i in range(len(sequence)):
        image = sequence.frames[i]
        if sequence.boxes is not None and (sequence.boxes[i, 2:] > 0).all():
            image = draw_box(image, sequence.boxes[i], (255, 255, 255))
        yield draw_box(image, boxes[i], ORANGE, f"{sequence.name}  {i}")


def box_agreement(found: np.ndarray, true: np.ndarray) -> dict[str, float]:
    """Mean IoU of boxes (N, 4) with true ones, centre error in sides of the target, size over the true size."""
    side, true_side = (np.sqrt(boxes[:, 2:].prod(1)) for boxes in (found, true))
    return {
        "IoU": float(metrics.iou(found, true).mean()),
        "centre error": float((metrics.centre_error(found, true) / true_side).mean()),
        "size": float(np.exp(np.log(side / true_side).mean())),
    }


def example_frames(split: str = "dev", count: int = 3) -> list[tuple[str, Sequence, int]]:
    """Frames for the pages: composite ones, and real ones where the data is there. Name, sequence, index."""
    found = [(f"composite {s.name}", s, len(s) // 2) for s in data.load("composite", split, videos=count)]
    if not data.available("real_mini"):
        found += [(s.name, s, len(s) // 2) for s in data.load("real_mini", "val")[:count]]
    return found


def statistics_figure(statistics: dict[tuple[str, str, str], dict[str, float]]):
    """Bars of feature statistics: a panel a number, a group a tracker, a bar a training and output."""
    style()
    names = list(next(iter(statistics.values()), {}))
    figure, axes = plt.subplots(1, max(1, len(names)), figsize=(10, 3.2), layout="constrained", squeeze=False)
    rows = list(dict.fromkeys(row for row, _, _ in statistics))
    kinds = list(dict.fromkeys((column, output) for _, column, output in statistics))
    for axis, name in zip(axes[0], names):
        for k, (colour, (column, output)) in enumerate(zip(SERIES, kinds)):
            heights = [statistics.get((row, column, output), {}).get(name, np.nan) for row in rows]
            places = np.arange(len(rows)) + (k - (len(kinds) - 1) / 2) * 0.8 / len(kinds)
            axis.bar(places, heights, 0.75 / len(kinds), color=colour, label=f"{output}, {column}")
        axis.set(title=name, xticks=range(len(rows)), xticklabels=rows)
    figure.legend(*axes[0][0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize="small")
    return figure


def heads_clip(runs: dict[tuple[str, str], Run], compute: Compute, frames: int = 24, width: int = 320) -> dict:
    """The first dev video of composite for the heads widget, tracked by finished runs named (tracker, column).

    Every second frame after the first is kept, at most `frames`, `width` pixels wide.
    """
    sequence = data.load("composite", "dev", videos=1, cache=CACHE)[0]
    kept = range(1, min(len(sequence), 2 * frames), 2)
    height = round(width * sequence.frames[0].shape[0] / sequence.frames[0].shape[1])
    scale = width / sequence.frames[0].shape[1]
    return {
        "name": f"composite {sequence.name}",
        "size": [width, height],
        "frames": [_data_url(cv2.resize(sequence.frames[i], (width, height))) for i in kept],
        "truth": [np.round(sequence.boxes[i] * scale, 2).tolist() if sequence.valid[i] else None for i in kept],
        "runs": [
            {"tracker": name, "head": experiments.HEADS[column]} | tracked_views(run, sequence, kept, scale, compute)
            for (name, column), run in runs.items()
            if run.state == "ok"
        ],
    }


def tracked_views(run: Run, sequence: Sequence, kept: range, scale: float, compute: Compute) -> dict:
    """Boxes, response and similarity maps of a run's tracker in the frames `kept`, for `HeadsWidget`.

    Similarity is the cosine of each cell with the mean feature of the target's cells in the first frame.
    """
    weights = run.folder / "weights.safetensors"
    tracker = make_tracker(weights_spec(weights), read_weights(weights, compute), compute)
    tracker.init(sequence.frames[0], sequence.boxes[0])
    features = tracker.features(sequence.frames[0], [tracker.side * SEARCH / EXEMPLAR], SEARCH)[0].float()
    count, step = features.shape[-1], tracker.grid.stride * tracker.side / EXEMPLAR
    away = (torch.arange(count) - (count - 1) / 2).abs() * step
    inside = torch.outer(*(away <= max(extent, step) / 2 + 1e-6 for extent in tracker.target[::-1])).to(features.device)
    template = features[:, inside].mean(1)
    found: dict[str, list] = {"boxes": [], "response": [], "similarity": []}
    for i in range(1, kept[-1] + 1):
        box, view = tracker.update(sequence.frames[i]), tracker.view
        if i in kept:
            found["boxes"].append(np.round(box * scale, 2).tolist())
            cosine = samples.similarity_map(template[None], view.features[None].float())[0]
            response = view.response - view.response.min()
            found["response"].append(_widget_map(response / response.max().clamp(min=1e-12), view, scale))
            found["similarity"].append(_widget_map(cosine, view, scale))
    return found


def _widget_map(values: torch.Tensor, view: View, scale: float) -> dict:
    side = len(values) * view.step * scale
    corner = (view.centre + 0.5) * scale - side / 2
    percent = torch.round(100 * values).int().flatten().tolist()
    return {
        "grid": len(values),
        "region": [*np.round(corner, 2).tolist(), round(side, 2), round(side, 2)],
        "values": percent,
    }


def _data_url(image: np.ndarray) -> str:
    coded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 85])[1]
    return "data:image/jpeg;base64," + base64.b64encode(coded).decode()
