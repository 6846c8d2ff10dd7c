"""What tests of the book share: an empty store, a finished run, and system Chromium with no network."""

import json
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from fakes import fake_run

from socl_book import records
from socl_book.tables import find_table
from socl_core.data.files import write_boxes
from socl_core.runs.store import Run

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


@pytest.fixture
def empty(tmp_path, monkeypatch):
    """An empty store and no records; a build has the seeds 0, 1 and 2."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(records, "RECORDED", tmp_path / "recorded")
    monkeypatch.setattr("socl_book.results.build_seeds", lambda protocol: [0, 1, 2])


@pytest.fixture
def finished(empty):
    """A finished run of the first cell of Table 2 with its log and boxes, and its result."""
    result = fake_run(find_table("2").cells[0], 0, [40, 60])
    run, steps = Run.of(result.spec), range(1, result.spec.steps + 1)
    lines = [json.dumps({"step": step, "loss": 1 / step, "more": 0}) + "\n" for step in steps]
    (run.folder / "log.jsonl").write_text("".join(lines))
    write_boxes(run.folder / "boxes" / "composite" / "s0.txt", np.array([[1, 2, 3, 4.4], [np.nan] * 4, [1, 2, 3, 4]]))
    return run, result


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
