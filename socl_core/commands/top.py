"""`socl top`: what one click says about an image, as a picture."""

from pathlib import Path
from typing import Annotated

import typer

from socl_core.commands.options import check_file, numbers

PANEL, TITLE = 340, 28  # pixels: side of a panel, height of its title

app = typer.Typer()


@app.command()
def top(
    image: Annotated[Path, typer.Option(help="A JPEG or PNG.")],
    point: Annotated[str, typer.Option(help="Annotated point x,y in pixels, 0-based.")],
    out: Annotated[Path, typer.Option(help="PNG to write.")],
    eta: Annotated[float, typer.Option(help="Clip fraction, above 0 and at most 1.")] = 0.1,
) -> None:
    """Draw score map, clipped map and TOP map of one annotated point."""
    import cv2
    import numpy as np
    import torch

    from socl_core.data.files import write_atomic
    from socl_core.data.sequence import read_image
    from socl_core.geometry import EXEMPLAR, SEARCH, context_side, crop
    from socl_core.methods.training import sample
    from socl_core.models.alexnet import GRID
    from socl_core.prior import top as prior
    from socl_core.prior.objectness import objectness

    click = numbers(point, 2, "--point x,y")
    prior.check_eta(eta)
    check_file(out, ".png")
    frame = read_image(image)
    windows = objectness(frame, click)
    side = context_side(windows.size(), windows.size()) * SEARCH / EXEMPLAR
    scores = prior.feature_region(torch.from_numpy(prior.score_map(windows, click, side))[None], GRID)
    clipped = scores.minimum(prior.clip_level(scores, eta)[:, None, None])
    offsets = torch.from_numpy(GRID.centres(SEARCH)).double() - (SEARCH - 1) / 2
    cells = sample(clipped[None], torch.tensor([[1.0, 0, 0]]).double(), offsets, scores.shape[-1] * prior.LATTICE)
    found = prior.softmax_map(cells[0, 0])

    region = crop(frame, click, side, SEARCH)
    pointed = cv2.drawMarker(_panel(region), (PANEL // 2, PANEL // 2), (255, 255, 255), cv2.MARKER_CROSS, 16, 2)
    maps = {"score map S": scores[0], f"clipped at eta = {eta:g}": clipped[0], "TOP map": found}
    panels = {"search region and point": pointed} | {name: _panel(region, each.numpy()) for name, each in maps.items()}
    picture = np.hstack([_titled(panel, name) for name, panel in panels.items()])
    write_atomic(out, cv2.imencode(".png", picture)[1].tobytes())
    print(
        f"{out}: TOP covers {float(prior.entropy(found).exp()):.0f} of {found.numel()} cells; "
        f"target about {windows.size():.0f} pixels wide"
    )


def _panel(region, values=None):
    """A search crop as a panel (PANEL, PANEL, 3), under the colours of a map of the part that features cover."""
    import cv2

    from socl_core.geometry import SEARCH
    from socl_core.models.alexnet import GRID

    panel = cv2.resize(region, (PANEL, PANEL))
    if values is not None:
        covered = round(GRID.cells(SEARCH) * GRID.stride * PANEL / SEARCH)
        edge = (PANEL - covered) // 2
        levels = cv2.normalize(values, None, 0, 255, cv2.NORM_MINMAX, cv2.CV_8U)
        levels = cv2.resize(levels, (covered, covered), interpolation=cv2.INTER_LINEAR)
        under = panel[edge : edge + covered, edge : edge + covered]
        # Readers who see few colours can tell the levels of this scale apart.
        under[:] = cv2.addWeighted(cv2.applyColorMap(levels, cv2.COLORMAP_CIVIDIS), 0.75, under, 0.25, 0)
    return panel


def _titled(panel, name: str):
    """A panel with a white margin around it and its name above."""
    import cv2

    panel = cv2.copyMakeBorder(panel, TITLE, 6, 6, 6, cv2.BORDER_CONSTANT, value=(255, 255, 255))
    return cv2.putText(panel, name, (6, TITLE - 9), cv2.FONT_HERSHEY_SIMPLEX, 0.55, (0, 0, 0), 1, cv2.LINE_AA)
