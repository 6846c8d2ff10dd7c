"""The eta widget: the page computes what Python computes, from file://, with no kernel and no network."""

import base64
import io
import itertools
import json
import math
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tiny import disc_video

from socl_book.views import widget_frame
from socl_book.widgets.eta import EtaWidget, coverage
from socl_core.errors import UsageError
from socl_core.methods.batches import Batch, Batches
from socl_core.methods.crops import CropStore
from socl_core.models.device import Compute
from socl_core.prior.click import view_click
from socl_core.prior.top import entropy
from socl_core.runs.spec import make_spec

HOST = Path(__file__).parents[2] / "book" / "assets" / "widget-host.js"
ETAS = [0, 0.5, 5, 12.5, 33, 40]


def image(size, seed):
    pixels = np.random.default_rng(seed).integers(0, 255, (size, size, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def synthetic(name, scale, box, seed):
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:44, :44] / 44 - 0.45
    score = scale * np.exp(-20 * (x**2 + y**2)) + rng.random((44, 44))
    return dict(name=name, image=image(64, seed), size=64, scores=score[None], points=[[29, 29]], box=box)


def movable(seed):
    """A frame with nine places of the click; its peak is where the click is."""
    places = sorted(itertools.product((20, 30, 40), repeat=2), key=lambda place: place != (30, 30))
    y, x = (np.mgrid[:44, :44] + 0.5) * 64 / 44
    scores = [20 * np.exp(-((x - px) ** 2 + (y - py) ** 2) / 90) for px, py in places]
    return dict(
        name="movable", image=image(64, seed), size=64, scores=scores, points=places, box=[22, 22, 20, 18]
    )  # fmt: skip


@pytest.fixture(scope="module")
def widget():
    return EtaWidget(
        [
            synthetic("large range", 30.0, [16, 20, 24.5, 20], 0),
            synthetic("flat", 0.0, [10, 10, 30, 30], 1),
            synthetic("no box </script> <!--", 5.0, None, 2),
            {**synthetic("ties", 0.0, [0, 0, 64, 64], 3), "scores": np.repeat([3.0, 1.0], 968).reshape(1, 44, 44)},
            movable(4),
        ]
    )


def transcription(frame, eta, point=0, temperature=1.0):
    """The formulas once more, one by one, with none of our functions."""
    numbers = struct.iter_unpack("<f", base64.b64decode(frame["scores"]))
    scores = np.array([number for (number,) in numbers]).reshape(len(frame["points"]), -1)[point]
    largest = np.sort(scores)[::-1][: max(1, math.ceil(eta * scores.size - 1e-9))]
    clip = largest.mean()
    clipped = np.minimum(scores, clip).reshape(44, 44)
    cells = np.array([clipped[y : y + 2, x : x + 2].mean() for y in range(0, 44, 2) for x in range(0, 44, 2)])
    weights = np.exp((cells - clip) / temperature)
    top = weights / weights.sum()
    entropy = -sum(p * math.log(p) for p in top if p > 0)
    mass = None if frame["mask"] is None else sum(p * m for p, m in zip(top, frame["mask"]))
    return {"clip": clip, "entropy": entropy, "effective": math.exp(entropy), "mass": mass}


@pytest.mark.parametrize("eta", [1e-3, 0.05, 0.1, 0.25, 0.5, 1.0])
def test_compute_equals_the_formulas(widget, eta):
    for frame in widget.frames:
        for point, temperature in itertools.product(range(0, len(frame["points"]), 4), (0.3, 1.0, 20.0)):
            found = EtaWidget.compute(frame, eta, point, temperature)
            expected = transcription(frame, eta, point, temperature)
            assert (found["mass"] is None) == (expected["mass"] is None)
            for name in [name for name, value in expected.items() if value is not None]:
                assert found[name] == pytest.approx(expected[name], rel=1e-9), name


def test_a_frame_of_a_video_has_the_top_map_that_trains():
    """The map that a reader drags is the one of a training on crops of 255 pixels, not augmented."""
    video = disc_video(0)
    widget = EtaWidget([widget_frame(video, 1, "a disc")])
    spec = make_spec("smoke", "socl-siam", crop=255)
    views = [view_click(video.frames[i], video.points[i]) for i in range(4)]
    scores = np.stack([view.scores for view in views])
    images = np.stack([view.image for view in views])
    store = CropStore(images, scores, np.array([0, 0, 1, 1]), np.arange(4), np.array([view.side for view in views]))
    batches = Batches(store, spec, Compute.choose("cpu"))
    trained = batches.top_maps(Batch.plain(torch.tensor([1])), 255)[0]
    assert EtaWidget.compute(widget.frames[0], spec.eta)["entropy"] == pytest.approx(float(entropy(trained)), rel=1e-6)


def test_coverage_of_cells_by_a_box():
    part = coverage([2, 4, 3, 4], [0, 0, 8, 8], 4)  # cells of 2 x 2 px
    assert part[2].tolist() == [0, 1, 0.5, 0]
    assert part.sum() * 4 == 3 * 4
    # cells that cover only the middle of the crop
    assert coverage([0, 0, 8, 8], [2, 2, 4, 4], 2).tolist() == [[1, 1], [1, 1]]


def test_mistakes_are_named(widget):
    good = synthetic("good", 1.0, None, 0)
    with pytest.raises(UsageError, match="points missing"):
        EtaWidget([{k: v for k, v in good.items() if k != "points"}])
    for wrong in (good["scores"][0], good["scores"][:, 1:], np.full((1, 44, 44), np.nan), np.zeros((2, 44, 44))):
        with pytest.raises(UsageError, match="frame 'good': expected P points and P x 44 x 44 finite scores"):
            EtaWidget([{**good, "scores": wrong}])
    with pytest.raises(UsageError, match="0 < eta <= 1"):
        EtaWidget([good], eta=0)
    for temperature in (0, -1, float("inf"), float("nan")):
        with pytest.raises(UsageError, match="expected a positive number"):
            EtaWidget.compute(widget.frames[0], 0.1, 0, temperature)


@pytest.fixture(scope="module")
def standalone(widget, tmp_path_factory):
    return page_of(widget, tmp_path_factory.mktemp("eta") / "page.html")


def page_of(widget, page):
    """A page with the host script and a widget's state as myst-nb writes them."""
    state = {widget.model_id: {"model_name": "AnyModel", "state": widget.get_state()}}
    text = json.dumps({"version_major": 2, "version_minor": 0, "state": state})
    text = text.replace("</script>", r"<\/script>").replace("<!--", r"\u003c!--")
    view = json.dumps({"version_major": 2, "model_id": widget.model_id})
    other = json.dumps({"version_major": 2, "model_id": "no such model"})
    page.write_text(
        f"""<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>a widget</title><body style="margin:8px">
        <script type="application/vnd.jupyter.widget-view+json">{view}</script>
        <script type="application/vnd.jupyter.widget-view+json">{other}</script>
        <script type="application/vnd.jupyter.widget-state+json">{text}</script>
        <script>{HOST.read_text()}</script></body></html>""",
        encoding="utf-8",
    )
    return page


def compare_with_python(widget, frames: list[dict], etas, temperatures=(0, -0.5, 1)) -> None:
    """Every eta, places of the click and temperatures on every frame of a shown eta widget: the numbers of Python.

    temperatures: logarithms to base 10.
    """
    slider, temperature = (widget.locator("input[type=range]").nth(i) for i in range(2))
    box, handle = widget.locator("input[type=checkbox]"), widget.locator("button.handle")
    for index, frame in enumerate(frames):
        widget.locator("select").select_option(str(index))
        for percent in etas:
            slide(slider, percent)
            assert equals_python(widget, frame)["eta"] == pytest.approx(
                percent / 100 or 1 / frame["places"] ** 2, abs=1e-15
            )
        box.check()
        for log in temperatures:
            slide(temperature, log)
            assert equals_python(widget, frame)["temperature"] == pytest.approx(10**log, rel=1e-12)
        box.uncheck()
        assert equals_python(widget, frame)["temperature"] == 1
        if len(frame["points"]) > 1:
            seen = set()
            for key in ("ArrowRight", "ArrowDown", "ArrowDown", "ArrowLeft", "ArrowLeft", "ArrowUp"):
                handle.press(key)
                seen.add(equals_python(widget, frame)["point"])
            assert len(seen) > 3, "the arrow keys do not move the click"
            handle.press("Home")
            assert equals_python(widget, frame)["point"] == 0


def slide(slider, value) -> None:
    slider.evaluate("(s, v) => { s.value = v; s.dispatchEvent(new Event('input')) }", str(value))


def equals_python(widget, frame: dict) -> dict[str, float]:
    """What an eta widget shows, equal to Python to 1e-6."""
    shown = {name: float(text or "nan") for name, text in widget.evaluate("w => ({...w.dataset})").items()}
    expected = EtaWidget.compute(frame, shown["eta"], int(shown["point"]), shown["temperature"])
    for name, value in expected.items():
        value = float("nan") if value is None else value
        assert shown[name] == pytest.approx(value, rel=1e-6, abs=1e-6, nan_ok=True), (name, shown)
    return shown


def check_pictures(page, widget: str, count: int) -> None:
    """Each of a widget's pictures has words, and a page of 400 px need not be scrolled sideways."""
    page.locator(widget).wait_for()
    words = [picture.get_attribute("aria-label") for picture in page.locator(f"{widget} [role=img]").all()]
    assert len(words) == count and all(words)
    assert page.evaluate("document.documentElement.scrollWidth") <= 400


def press_and_watch(page, widget) -> None:
    """Move the slider by keyboard: the number, the map and the words must change."""

    def seen():
        pixels = widget.locator("canvas").last.evaluate("c => c.toDataURL()")
        return widget.get_attribute("data-entropy"), pixels, widget.locator("dd").nth(2).inner_text()

    page.wait_for_timeout(100)  # the crop is decoded
    before = seen()
    widget.locator("input[type=range]").first.focus()
    for _ in range(8):
        page.keyboard.press("ArrowRight")
    after = seen()
    assert all(a != b for a, b in zip(before, after))


@pytest.mark.browser
def test_numbers_equal_python(open_page, standalone, widget):
    page, heard = open_page(standalone)
    shown = page.locator(".socl-eta")
    shown.wait_for()
    compare_with_python(shown, widget.frames, ETAS)
    assert (heard.asked, heard.failed, heard.errors) == ([], [], [])


@pytest.mark.browser
def test_keyboard_moves_everything(open_page, standalone):
    page, heard = open_page(standalone)
    shown = page.locator(".socl-eta")
    shown.wait_for()
    press_and_watch(page, shown)
    shown.get_by_role("button", name="20 %").press("Enter")
    assert shown.get_attribute("data-eta") == "0.2"
    assert shown.get_by_role("slider").get_attribute("aria-valuetext").startswith("20.0 %")
    shown.get_by_role("checkbox").press("Space")
    temperature = shown.get_by_role("slider", name="Softmax temperature")
    temperature.press("End")
    assert float(shown.get_attribute("data-temperature")) == pytest.approx(10**1.5)
    shown.get_by_role("checkbox").press("Space")
    assert shown.get_attribute("data-temperature") == "1" and not temperature.is_visible()
    shown.get_by_role("combobox", name="Frame").select_option("2")
    assert shown.get_attribute("data-mass") == "" and "no box" in shown.inner_text()
    assert page.locator(".socl-missing").inner_text().startswith("This control works when")
    assert (heard.asked, heard.errors) == ([], [])


@pytest.mark.browser
def test_the_click_is_dragged_to_the_nearest_place(open_page, standalone, widget):
    page, heard = open_page(standalone)
    shown = page.locator(".socl-eta")
    shown.wait_for()
    handle, frame = shown.locator("button.handle"), widget.frames[4]
    assert not handle.is_visible()  # the first frame has one place only
    shown.get_by_role("combobox", name="Frame").select_option("4")
    map_at, before = shown.locator("canvas").first.bounding_box(), shown.get_attribute("data-mass")

    def drag(x, y):
        at = handle.bounding_box()
        page.mouse.move(at["x"] + at["width"] / 2, at["y"] + at["height"] / 2)
        page.mouse.down()
        page.mouse.move(map_at["x"] + x / 64 * map_at["width"], map_at["y"] + y / 64 * map_at["height"], steps=4)
        page.mouse.up()
        return frame["points"][int(shown.get_attribute("data-point"))]

    assert drag(42, 18) == [40, 20]
    assert shown.get_attribute("data-mass") != before
    assert "moved 10 right, -10 down" in handle.get_attribute("aria-label")
    assert "click moved" in shown.locator(".summary").inner_text()
    assert drag(2, 33) == [20, 30]
    assert drag(31, 29) == [30, 30] and shown.get_attribute("data-mass") == before
    page.mouse.move(map_at["x"] + 3, map_at["y"] + 3)  # without the button down nothing moves
    assert shown.get_attribute("data-point") == "0"
    assert heard.errors == []


@pytest.mark.browser
def test_every_picture_has_words_and_fits_400_px(open_page, standalone):
    page, _ = open_page(standalone, width=400)
    check_pictures(page, ".socl-eta", 7)
