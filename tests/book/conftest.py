"""System Chromium with no network, for the tests of pages."""

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import pytest

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
LOCAL = ("file:", "data:", "blob:", "about:")


def find_chromium() -> str | None:
    names = ("chromium", "chromium-browser", "google-chrome")
    return os.environ.get("SOCL_CHROMIUM") or next(filter(None, map(shutil.which, names)), None)


@dataclass
class Heard:
    """What a page did besides showing itself."""

    asked: list[str] = field(default_factory=list)  # addresses outside the machine
    failed: list[str] = field(default_factory=list)  # local files that are not there
    errors: list[str] = field(default_factory=list)


@pytest.fixture(scope="session")
def chromium():
    """A running browser; the test is skipped where there is none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="the package playwright is not installed")
    path = find_chromium()
    if path is None:
        pytest.skip("no Chromium on the PATH; install it or name it in SOCL_CHROMIUM")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium):
    """open_page(path, theme="light", width=1280, has_touch=False) -> (page, heard), by file:// with the network off."""
    contexts = []

    def open_one(path: Path, theme: str = "light", width: int = 1280, has_touch: bool = False):
        size = {"width": width, "height": 900}
        context = chromium.new_context(offline=True, viewport=size, color_scheme=theme, has_touch=has_touch)
        contexts.append(context)
        for key in ("mode", "theme"):  # the switch of the sphinx theme
            context.add_init_script(f"localStorage.setItem('{key}', '{theme}')")
        heard, page = Heard(), context.new_page()
        page.route("**/*", lambda route: route.continue_() if local(route.request) else route.abort())
        page.on("request", lambda request: None if local(request) else heard.asked.append(request.url))
        page.on("requestfailed", lambda request: heard.failed.append(request.url))
        page.on("pageerror", lambda error: heard.errors.append(str(error)))
        page.on("console", lambda said: heard.errors.append(said.text) if said.type in ("error", "warning") else None)
        page.goto(Path(path).resolve().as_uri())
        return page, heard

    yield open_one
    for context in contexts:
        context.close()


def local(request) -> bool:
    return request.url.startswith(LOCAL)


@pytest.fixture
def compare_with_python():
    return _compare_with_python


@pytest.fixture
def press_and_watch():
    return _press_and_watch


@pytest.fixture
def check_pictures():
    return _check_pictures


def _compare_with_python(widget, frames: list[dict], etas, temperatures=(0, -0.5, 1)) -> None:
    """Every eta, places of the click and temperatures on every frame of a shown eta widget: the numbers of Python.

    temperatures: logarithms to base 10.
    """
    slider, temperature = (widget.locator("input[type=range]").nth(i) for i in range(2))
    box, handle = widget.locator("input[type=checkbox]"), widget.locator("button.handle")
    for index, frame in enumerate(frames):
        widget.locator("select").select_option(str(index))
        for percent in etas:
            _slide(slider, percent)
            assert _equals_python(widget, frame)["eta"] == pytest.approx(
                percent / 100 or 1 / frame["places"] ** 2, abs=1e-15
            )
        box.check()
        for log in temperatures:
            _slide(temperature, log)
            assert _equals_python(widget, frame)["temperature"] == pytest.approx(10**log, rel=1e-12)
        box.uncheck()
        assert _equals_python(widget, frame)["temperature"] == 1
        if len(frame["points"]) > 1:
            seen = set()
            for key in ("ArrowRight", "ArrowDown", "ArrowDown", "ArrowLeft", "ArrowLeft", "ArrowUp"):
                handle.press(key)
                seen.add(_equals_python(widget, frame)["point"])
            assert len(seen) > 3, "the arrow keys do not move the click"
            handle.press("Home")
            assert _equals_python(widget, frame)["point"] == 0


def _slide(slider, value) -> None:
    slider.evaluate("(s, v) => { s.value = v; s.dispatchEvent(new Event('input')) }", str(value))


def _equals_python(widget, frame: dict) -> dict[str, float]:
    """What an eta widget shows, equal to Python to 1e-6."""
    from socl_book.widgets.eta import EtaWidget

    shown = {name: float(text or "nan") for name, text in widget.evaluate("w => ({...w.dataset})").items()}
    expected = EtaWidget.compute(frame, shown["eta"], int(shown["point"]), shown["temperature"])
    for name, value in expected.items():
        value = float("nan") if value is None else value
        assert shown[name] == pytest.approx(value, rel=1e-6, abs=1e-6, nan_ok=True), (name, shown)
    return shown


def _check_pictures(page, widget: str, count: int) -> None:
    """Each of a widget's pictures has words, and a page of 400 px need not be scrolled sideways."""
    page.locator(widget).wait_for()
    words = [picture.get_attribute("aria-label") for picture in page.locator(f"{widget} [role=img]").all()]
    assert len(words) == count and all(words)
    assert page.evaluate("document.documentElement.scrollWidth") <= 400


def _press_and_watch(page, widget) -> None:
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
