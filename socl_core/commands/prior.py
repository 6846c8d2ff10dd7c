"""`socl prior`: objectness around annotated points, built beforehand, and how good it is."""

from typing import Annotated

import typer

from socl_core.commands.options import AsJson, Cache, DataRoot, show
from socl_core.errors import known

prior_app = typer.Typer(
    help="Objectness around annotated points: build it for a data set, score it.", no_args_is_help=True
)
app = typer.Typer()
app.add_typer(prior_app, name="prior")


@prior_app.command("build")
def build(
    data: Annotated[list[str], typer.Option(help="composite, LAYOUT or LAYOUT:PATH; may be repeated.")],
    split: Annotated[str, typer.Option(help="Split of the data set.")] = "train",
    videos: Annotated[int | None, typer.Option(min=1, help="At most this many videos.")] = None,
    frames: Annotated[int | None, typer.Option(min=1, help="At most this many frames a video, evenly spread.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 2,
    data_root: DataRoot = None,
    cache: Cache = None,
) -> None:
    """Compute and keep the objectness around every annotated point; a killed build goes on where it was.

    Training builds what it needs by itself; this command does it beforehand, on as many cores as there are.
    Only points are read.
    """
    from socl_core import data as sets
    from socl_core.methods.crops import keep_evenly
    from socl_core.prior.store import build_priors
    from socl_core.runs.training_set import CACHE, prior_folder, training_content

    for name in data:
        sets.require(name)
        folder = prior_folder(name, training_content(name, split, videos, frames))
        sequences = [keep_evenly(s, frames).point_view() for s in sets.load(name, split, videos=videos, cache=CACHE)]
        built = build_priors(sequences, folder, workers)
        size = sum(path.stat().st_size for path in folder.glob("*.npz"))
        print(f"{name}: {built} of {len(sequences)} videos computed now, {size / 1e6:.1f} MB in {folder}")


@prior_app.command("score")
def score(
    data: Annotated[str, typer.Option(help="A data set with boxes: composite, LAYOUT or LAYOUT:PATH.")] = "composite",
    split: Annotated[str, typer.Option(help="Split of the data set; choose between variants on dev only.")] = "dev",
    eta: Annotated[float, typer.Option(help="Clip fraction.")] = 0.1,
    prior: Annotated[str, typer.Option(help="objectness, gaussian or oracle.")] = "objectness",
    scale: Annotated[str, typer.Option(help="Crop scale: window, free or box (the true one).")] = "window",
    cues: Annotated[str, typer.Option(help="Cues of the measure, comma separated: ms, cc, ss, ed.")] = "ms,cc,ss",
    sampling: Annotated[str, typer.Option(help="Windows: lattice or saliency.")] = "lattice",
    frames: Annotated[int, typer.Option(min=1, help="At most this many frames a video.")] = 20,
    json_: AsJson = False,
    data_root: DataRoot = None,
    cache: Cache = None,
) -> None:
    """How much of the prior lies on the target, and how well it knows the target's size."""
    from functools import partial

    from socl_core import data as sets
    from socl_core.models.alexnet import GRID
    from socl_core.prior.objectness import SAMPLINGS, Measure, objectness
    from socl_core.prior.quality import PRIORS, SCALES, quality
    from socl_core.prior.top import check_eta
    from socl_core.runs.training_set import CACHE

    sets.require(data)
    for what, name, valid in (("sampling", sampling, SAMPLINGS), ("prior", prior, PRIORS), ("scale", scale, SCALES)):
        known(what, name, valid)
    check_eta(eta)
    find = partial(objectness, measure=Measure.read(tuple(cues.split(","))), sampling=sampling)
    found = quality(sets.load(data, split, cache=CACHE), GRID, eta, frames, prior, scale, find)
    asked = {"data": data, "split": split, "eta": eta, "cues": cues, "sampling": sampling, "scale": scale}
    show(json_, asked | {"prior": prior} | found, (f"{name:22} {value:.4g}" for name, value in found.items()))
