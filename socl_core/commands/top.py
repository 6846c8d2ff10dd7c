"""`socl top`: what one click says about an image, as a picture."""

from pathlib import Path
from typing import Annotated

import typer

from socl_core.commands.options import check_file, numbers

SCALE, TITLE = 4 / 3, 28  # of a panel: pixels to one of the search crop, height of its title

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

    from socl_core.data.files import write_atomic
    from socl_core.data.reading import read_image
    from socl_core.models.alexnet import GRID
    from socl_core.prior.click import view_click
    from socl_core.prior.top import check_eta, clip_scores, entropy, scores_at_cells, top_at_cells

    click = numbers(point, 2, "--point x,y")
    check_eta(eta)
    check_file(out, ".png", image)
    view = view_click(read_image(image), click)
    found = top_at_cells(view.scores, GRID, eta)
    panels = {
        "search region and point": None,
        "score map S": scores_at_cells(view.scores, GRID),
        f"clipped at eta = {eta:g}": scores_at_cells(clip_scores(view.scores, GRID, eta), GRID),
        "TOP map": found,
    }
    picture = np.hstack([_draw_panel(name, view.image, cells) for name, cells in panels.items()])
    write_atomic(out, cv2.imencode(".png", picture)[1].tobytes())
    cells = f"{float(entropy(found).exp()):.0f} of {found.numel()} cells"
    print(f"{out}: TOP covers {cells}; target about {view.size:.0f} pixels wide")


def _draw_panel(name: str, region, cells):
    """A search crop in a white margin with its name above, coloured by a map of its feature cells or marked."""
    import cv2

    from socl_core.geometry import SEARCH
    from socl_core.models.alexnet import GRID

    panel = cv2.resize(region, None, fx=SCALE, fy=SCALE)
    if cells is None:
        cv2.drawMarker(panel, (panel.shape[1] // 2, panel.shape[0] // 2), (255, 255, 255), cv2.MARKER_CROSS, 16, 2)
    else:
        start, length = (round(SCALE * pixels) for pixels in GRID.covered(SEARCH))
        levels = cv2.normalize(cells.numpy(), None, 0, 255, cv2.NORM_MINMAX, cv2.CV_8U)
        colours = cv2.applyColorMap(cv2.resize(levels, (length, length)), cv2.COLORMAP_CIVIDIS)  # for colour-blind eyes
        covered = panel[start : start + length, start : start + length]
        cv2.addWeighted(colours, 0.75, covered, 0.25, 0, dst=covered)
    panel = cv2.copyMakeBorder(panel, TITLE, 6, 6, 6, cv2.BORDER_CONSTANT, value=(255, 255, 255))
    return cv2.putText(panel, name, (6, TITLE - 9), cv2.FONT_HERSHEY_SIMPLEX, 0.55, (0, 0, 0), 1, cv2.LINE_AA)
