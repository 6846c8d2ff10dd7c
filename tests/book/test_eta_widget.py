"""The eta widget: the page computes what Python computes, from file://, with no kernel and no network."""

import base64
import io
import json
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from socl_core.errors import UsageError
from socl_core.widgets.eta import EtaWidget, coverage

HOST = Path(__file__).parents[2] / "book" / "assets" / "widget-host.js"
ETAS = [0, 0.5, 1, 2.5, 5, 7.5, 10, 12.5, 15, 20, 25, 33, 40]


def image(size, seed):
    pixels = np.random.default_rng(seed).integers(0, 255, (size, size, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def synthetic(name, grid, scale, box, seed):
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:grid, :grid] / grid - 0.45
    score = scale * np.exp(-20 * (x**2 + y**2)) + rng.random((grid, grid))
    return dict(name=name, image=image(64, seed), size=64, score=score, point=[29, 29], box=box)


@pytest.fixture(scope="module")
def widget():
    return EtaWidget(
        [
            synthetic("large range", 22, 30.0, [16, 20, 24.5, 20], 0),
            synthetic("flat", 20, 0.0, [10, 10, 30, 30], 1),
            synthetic("no box </script> <!--", 7, 5.0, None, 2),
            {**synthetic("ties", 10, 0.0, [0, 0, 64, 64], 3), "score": np.repeat([3.0, 1.0], 50)},
        ]
    )


def transcription(frame, eta):
    """The formulas once more, one by one, with none of our functions."""
    scores = np.array(frame["score"])
    largest = np.sort(scores)[::-1][: max(1, math.ceil(eta * scores.size - 1e-9))]
    clip = largest.mean()
    weights = np.exp(np.minimum(scores, clip) - clip)
    top = weights / weights.sum()
    entropy = -sum(p * math.log(p) for p in top if p > 0)
    mass = None if frame["mask"] is None else sum(p * m for p, m in zip(top, frame["mask"]))
    return {"clip": clip, "entropy": entropy, "effective": math.exp(entropy), "mass": mass}


@pytest.mark.parametrize("eta", [1e-3, 0.05, 0.1, 0.25, 0.5, 1.0])
def test_compute_equals_the_formulas(widget, eta):
    for frame in widget.frames:
        found, expected = EtaWidget.compute(frame, eta), transcription(frame, eta)
        assert (found["mass"] is None) == (expected["mass"] is None)
        for name in [name for name, value in expected.items() if value is not None]:
            assert found[name] == pytest.approx(expected[name], rel=1e-9), name


def test_coverage_of_cells_by_a_box():
    part = coverage([2, 4, 3, 4], [0, 0, 8, 8], 4)  # cells of 2 x 2 px
    assert part[2].tolist() == [0, 1, 0.5, 0]
    assert part.sum() * 4 == 3 * 4
    # cells that cover only the middle of the crop
    assert coverage([0, 0, 8, 8], [2, 2, 4, 4], 2).tolist() == [[1, 1], [1, 1]]


def test_mistakes_are_named(widget):
    good = widget.frames[0]
    with pytest.raises(UsageError, match="point missing"):
        EtaWidget([{k: v for k, v in good.items() if k != "point"}])
    with pytest.raises(UsageError, match="22 x 22 finite scores, found 480"):
        EtaWidget([{**good, "score": good["score"][4:]}])
    with pytest.raises(UsageError, match="0 < eta <= 1"):
        EtaWidget([good], eta=0)


def test_state_is_plain_json(widget):
    state = widget.get_state()
    assert json.loads(json.dumps(state["frames"])) == widget.frames
    # Sphinx puts the module into a script element and escapes only the closing tag.
    assert "</script" not in state["_esm"] and "<!--" not in state["_esm"]


@pytest.fixture(scope="module")
def standalone(widget, tmp_path_factory):
    """A page with the host script and the state as myst-nb writes them."""
    state = {widget.model_id: {"model_name": "AnyModel", "state": widget.get_state()}}
    text = json.dumps({"version_major": 2, "version_minor": 0, "state": state})
    text = text.replace("</script>", r"<\/script>").replace("<!--", r"\u003c!--")
    view = json.dumps({"version_major": 2, "model_id": widget.model_id})
    other = json.dumps({"version_major": 2, "model_id": "no such model"})
    page = tmp_path_factory.mktemp("eta") / "page.html"
    page.write_text(
        f"""<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>eta</title><body style="margin:8px">
        <script type="application/vnd.jupyter.widget-view+json">{view}</script>
        <script type="application/vnd.jupyter.widget-view+json">{other}</script>
        <script type="application/vnd.jupyter.widget-state+json">{text}</script>
        <script>{HOST.read_text()}</script></body></html>""",
        encoding="utf-8",
    )
    return page


@pytest.mark.browser
def test_numbers_equal_python(open_page, standalone, widget, compare_with_python):
    page, heard = open_page(standalone)
    shown = page.locator(".socl-eta")
    shown.wait_for()
    compare_with_python(shown, widget.frames, ETAS)
    assert (heard.asked, heard.failed, heard.errors) == ([], [], [])


@pytest.mark.browser
def test_keyboard_moves_everything(open_page, standalone, press_and_watch):
    page, heard = open_page(standalone)
    shown = page.locator(".socl-eta")
    shown.wait_for()
    press_and_watch(page, shown)
    shown.get_by_role("button", name="20 %").press("Enter")
    assert shown.get_attribute("data-eta") == "0.2"
    assert shown.get_by_role("slider").get_attribute("aria-valuetext").startswith("20.0 %")
    shown.get_by_role("combobox", name="Frame").select_option("2")
    assert shown.get_attribute("data-mass") == "" and "no box" in shown.inner_text()
    assert page.locator(".socl-missing").inner_text().startswith("This control works when")
    assert (heard.asked, heard.errors) == ([], [])


@pytest.mark.browser
def test_every_picture_has_words_and_fits_400_px(open_page, standalone):
    page, _ = open_page(standalone, width=400)
    page.locator(".socl-eta").wait_for()
    words = [picture.get_attribute("aria-label") for picture in page.locator(".socl-eta [role=img]").all()]
    assert len(words) == 7 and all(words)
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
