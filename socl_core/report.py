"""Figures and tables of the pages. Every number comes from a run in the store or under recorded/."""

import base64
from html import escape
from itertools import cycle

import cv2
import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
import torch

from socl_core import data, experiments, prior
from socl_core import soft_samples as samples
from socl_core.clips import ORANGE, draw_box
from socl_core.data.crops import EXEMPLAR, LATTICE, SEARCH, context_side, crop, score_map
from socl_core.data.files import read_boxes
from socl_core.data.sequence import Sequence
from socl_core.device import Compute
from socl_core.metrics import OTB_ERRORS, OTB_OVERLAPS
from socl_core.models.alexnet import STRIDE, cell_centres, feature_size
from socl_core.objectness import objectness
from socl_core.runs import Run

MAP = "cividis"
KINDS = {"paper": "paper", "recorded": "recorded", "build": "this build"}
SERIES = sns.color_palette("colorblind")
CELLS = feature_size(SEARCH)
# Part of a search crop that its features cover: x, y, w, h in pixels from its left top corner.
COVERED = [float(cell_centres(SEARCH)[0]) + 0.5 - STRIDE / 2] * 2 + [float(CELLS * STRIDE)] * 2


def style() -> None:
    """Figures on an opaque light ground, legible on light and dark pages."""
    sns.set_theme(style="whitegrid", palette="colorblind", font_scale=0.9)
    plt.rcParams |= {"figure.facecolor": "white", "savefig.facecolor": "white", "axes.titlesize": "medium"}


def missing_box(message: str) -> str:
    """A clear box on a page for data or runs that are not there."""
    return f'<div class="socl-missing" role="note"><strong>Not here.</strong> {escape(message)}</div>'


def search_view(sequence: Sequence, i: int) -> dict:
    """What a point says about frame i: search crop, windows, score map on the feature grid, and where things are.

    The crop's scale comes from the windows; the box, where there is one, is given back for display only.
    Returns crop (255, 255, 3), scores (22, 22), point and box measured in pixels from the crop's left top
    corner (not from the middle of its first pixel), side of the search region.
    """
    image, point = sequence.frames[i], sequence.points[i]
    windows = objectness(image, point)
    side = context_side(windows.size(), windows.size()) * SEARCH / EXEMPLAR
    fine = score_map(windows, point, side)
    scale, middle = SEARCH / side, SEARCH / 2
    box = None
    if sequence.boxes is not None:
        x, y, w, h = sequence.boxes[i]
        box = [
            (x - 0.5 - point[0]) * scale + middle,
            (y - 0.5 - point[1]) * scale + middle,
            w * scale,
            h * scale,
        ]
    return {
        "image": crop(image, point, side, SEARCH),
        "scores": on_feature_grid(fine),
        "point": [middle, middle],
        "box": box,
        "size": windows.size(),
        "side": side,
    }


def on_feature_grid(fine: np.ndarray) -> np.ndarray:
    """A score map on the stored lattice (G, G) averaged onto the feature cells of a search crop (22, 22)."""
    per_cell = STRIDE // LATTICE
    margin = (len(fine) - CELLS * per_cell) // 2
    inner = fine[margin : margin + CELLS * per_cell, margin : margin + CELLS * per_cell]
    # The lattice is symmetric about the crop's middle as the feature grid is, so blocks fall onto cells.
    return inner.reshape(CELLS, per_cell, CELLS, per_cell).mean((1, 3))


def widget_frame(sequence: Sequence, i: int, name: str) -> dict:
    """A frame for the eta widget."""
    view = search_view(sequence, i)
    coded = cv2.imencode(".jpg", view["image"], [cv2.IMWRITE_JPEG_QUALITY, 85])[1]
    return {
        "name": name,
        "image": "data:image/jpeg;base64," + base64.b64encode(coded).decode(),
        "size": SEARCH,
        "score": view["scores"],
        "cells": COVERED,
        "point": view["point"],
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


def outline(axis, box, colour="w", label: str | None = None) -> None:
    """A box x, y, w, h drawn on an axis."""
    axis.add_patch(plt.Rectangle(box[:2], *box[2:], fill=False, edgecolor=colour, linewidth=1.5, label=label))


def top_figure(image: np.ndarray, point, eta: float):
    """Score map, clipped map and TOP map of one annotated point. Returns the figure and its numbers."""
    style()
    one = Sequence("image", [image], np.array([point], np.float64), None, np.array([True]))
    view = search_view(one, 0)
    scores = torch.as_tensor(view["scores"])
    top = prior.top_map(scores, eta)
    figure, axes = plt.subplots(1, 4, figsize=(12, 3.4), layout="constrained")
    show_map(axes[0], view["image"], None, "search region and point")
    axes[0].plot(*view["point"], "+", color="w", markersize=12, markeredgewidth=2)
    show_map(axes[1], view["image"], view["scores"], "score map S")
    show_map(
        axes[2],
        view["image"],
        scores.minimum(prior.clip_level(scores, eta)).numpy(),
        f"clipped at eta = {eta:g}",
    )
    show_map(axes[3], view["image"], top.numpy(), "TOP map")
    return figure, {"cells": float(prior.entropy(top).exp()), "of": scores.numel(), "size": view["size"]}


def soft_sample_maps(pair: list[dict], network, compute: Compute, spec) -> list[dict[str, np.ndarray]]:
    """Rows c to e of the paper's figure for a pair of views of one video.

    Each frame's template is the GST of the other. Returns per frame top, similarity (NaN on the target) and
    hard negative map, all (22, 22),.
    """
    batch = torch.stack([torch.from_numpy(view["image"]).permute(2, 0, 1) for view in pair])
    with torch.inference_mode():
        features = network.eval()(compute.images(batch)).float().cpu()
    top = prior.top_map(torch.stack([torch.as_tensor(view["scores"]) for view in pair]).float(), spec.eta)
    gst = samples.global_soft_template(features, top)
    other = gst.flip(0)
    similarity = samples.similarity_map(other, features)
    outside = samples.background(top, spec.background)
    hard = samples.hard_negative_map(similarity, outside, spec.tau_n)
    shown = similarity.masked_fill(~outside, torch.nan)
    return [{"top": t.numpy(), "similarity": s.numpy(), "hard": h.numpy()} for t, s, h in zip(top, shown, hard)]


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
    style()
    figure, axes = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
    hours = [int(column.rstrip("h")) for column in table.columns]
    for colour, row in zip(SERIES, experiments.PAPER_TABLE_2):
        cells = [cell for cell in table.cells if cell.row == row]
        axes[0].plot(hours, [cell.paper for cell in cells], "o-", color=colour, label=row)
        for shift, (source, dash) in enumerate({"built": "o-", "recorded": "s--"}.items()):
            get = experiments.built_results if source == "built" else experiments.recorded_results
            found = [(h, experiments.measured(get(cell, protocol))) for h, cell in zip(hours, cells)]
            found = [(h * (1 + 0.03 * shift), e) for h, e in found if e]
            if found:
                mean = np.array([e.mean for _, e in found])
                spread = np.abs(np.array([[e.low, e.high] for _, e in found]).T - mean)
                label = f"{row}, {'this build' if source == 'built' else 'recorded'}"
                axes[1].errorbar([h for h, _ in found], mean, spread, fmt=dash, color=colour, capsize=3, label=label)
    axes[0].set(title="paper, OTB-13", ylabel="AUC (%)")
    axes[1].set(title=f"measured, {protocol} protocol, composite test", ylabel="AUC (%)")
    for axis in axes:
        axis.set(
            xscale="log",
            xlabel="annotation hours (share of the videos)",
            xticks=hours,
            xticklabels=[str(h) for h in hours],
        )
        axis.minorticks_off()
        axis.legend(fontsize="small")
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


def table_html(table: experiments.Table, protocol: str) -> str:
    """A table with three numbers a cell: paper, recorded, this build; with interval, n and run ids on hover.

    Rows with a cell in one column only follow as a table of their own, which needs no empty columns.
    """
    columns = {row: [cell.column for cell in table.cells if cell.row == row] for row in table.rows}
    full = [row for row in table.rows if len(columns[row]) > 1]
    rest = [row for row in table.rows if row not in full]
    html = _table_part(table, full, table.columns, table.title, protocol) if full else ""
    for column in dict.fromkeys(columns[row][0] for row in rest):
        rows = [row for row in rest if columns[row][0] == column]
        html += _table_part(table, rows, [column], f"For scale, {column}" if full else table.title, protocol)
    return html


def _table_part(table: experiments.Table, rows: list[str], columns: list[str], title: str, protocol: str) -> str:
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in columns)
    source = experiments.recorded_protocol(protocol)
    names = KINDS | ({"recorded": f"recorded ({source})"} if source != protocol else {})
    kinds = "".join(f'<span class="{kind}">{escape(text)}</span>' for kind, text in names.items())
    kinds = f'<td class="kinds">{kinds}</td>'
    body = ""
    for row in rows:
        cells = {cell.column: experiments.describe_cell(cell, protocol) for cell in table.cells if cell.row == row}
        body += f'<tr><th scope="row">{escape(row)}</th>{kinds}'
        body += "".join(_cell_html(cells.get(column)) for column in columns) + "</tr>"
    label = escape(f"{title}; AUC in percent")
    return (
        f'<div class="socl-scroll" tabindex="0" role="region" aria-label="{label}"><table class="socl-table">'
        f"<caption>{label}; {escape(protocol)} protocol</caption>"
        f'<thead><tr><th scope="col">method</th><th scope="col"></th>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _cell_html(cell: dict | None) -> str:
    if cell is None:
        return "<td></td>"
    paper = f"{cell['paper']:.1f}" if cell["paper"] else "–"
    parts = [f'<span class="paper">{paper}</span>']
    for kind, prefix in (("recorded", "recorded_"), ("build", "")):
        value = cell["recorded" if prefix else "measured"]
        if value is None:
            text, hover = "not run", cell["missing"] or "not run yet"
        else:
            (low, high), n = cell[f"{prefix}interval"], cell[f"{prefix}n"]
            text = f"{value:.1f} <small>[{low:.0f}, {high:.0f}]</small>"
            hover = f"95 % interval {low:.1f} to {high:.1f} over {n} seed(s) and all sequences"
            hover += "; runs " + ", ".join(cell["runs"]) if not prefix else ""
        parts.append(f'<span class="{kind}" title="{escape(hover)}">{text}</span>')
    return f"<td>{''.join(parts)}</td>"


def tracked_frames(run: Run, name: str, sequence: Sequence):
    """Frames of a sequence with a run's boxes in orange and, where there is one, the true box in white."""
    boxes = read_boxes(run.folder / "boxes" / name / f"{sequence.name}.txt")
    for i in range(len(sequence)):
        image = sequence.frames[i]
        if sequence.boxes is not None and (sequence.boxes[i, 2:] > 0).all():
            image = draw_box(image, sequence.boxes[i], (255, 255, 255))
        yield draw_box(image, boxes[i], ORANGE, f"{sequence.name}  {i}")


def example_frames(split: str = "dev", count: int = 3) -> list[tuple[str, Sequence, int]]:
    """Frames for the pages: composite ones, and real ones where the data is there. Name, sequence, index."""
    found = [(f"composite {s.name}", s, len(s) // 2) for s in data.load("composite", split, videos=count)]
    if not data.available("real_mini"):
        found += [(s.name, s, len(s) // 2) for s in data.load("real_mini", "val")[:count]]
    return found
