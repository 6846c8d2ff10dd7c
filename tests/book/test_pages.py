"""Every page of the built book, opened from file:// with the network off, as a reader would."""

import json
import os
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from test_eta_widget import compare_with_python, press_and_watch

from socl_book.pdf import write_pdf

ROOT = Path(__file__).parents[2]
BOOK = Path(os.environ.get("SOCL_BOOK") or ROOT / "_build" / "html")
GENERATED = {"genindex.html", "search.html", "py-modindex.html"}
PAGES = sorted(BOOK.rglob("*.html")) if BOOK.is_dir() else []
PAGES = [page for page in PAGES if page.name not in GENERATED and "_static" not in page.parts]
PAGES = [page for page in PAGES if page != BOOK / "index.html"]  # leads on to the first page

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(not PAGES, reason=f"no built book at {BOOK}; build it or name it in SOCL_BOOK"),
]
# Records are alike: a browser opens their index, and the first of each kind.
RECORDS = [page for page in PAGES if page.parent.name == "records"]
FIRST = {page.name.partition("-")[0] + str("<polyline" in page.read_text()): page for page in reversed(RECORDS)}
OPENED = [page for page in PAGES if page not in RECORDS or page in FIRST.values()]
each_page = pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(BOOK).as_posix())
each_opened = pytest.mark.parametrize("path", OPENED, ids=lambda path: path.relative_to(BOOK).as_posix())

# What a screen reader would miss. An alt text that Sphinx took from the file name does not count.
NAMELESS = """() => [
  ...[...document.querySelectorAll('main img')].filter(i => {
    const alt = (i.getAttribute('alt') ?? '').trim(), file = i.getAttribute('src').split('/').pop();
    return !alt || alt.endsWith(file) || alt.includes('_images/');
  }).map(i => `img without alt text: ${i.src.slice(0, 120)}`),
  ...[...document.querySelectorAll('main video')].filter(v => !v.controls || !v.getAttribute('aria-label'))
    .map(() => 'video without controls or without aria-label'),
  ...[...document.querySelectorAll('main .socl-widget :is(canvas, svg)')]
    .filter(e => !e.getAttribute('aria-label')).map(() => 'picture of a widget without aria-label'),
]"""
BROKEN = """() => [
  ...[...document.images].filter(i => !i.complete || !i.naturalWidth).map(i => i.src.slice(0, 120)),
  ...[...document.querySelectorAll('main p')].filter(p => p.textContent.startsWith('| ')).map(() => 'a raw table'),
  ...[...document.querySelectorAll('video')].filter(v => v.error).map(v => `video: ${v.error.message}`),
]"""
CONTRAST = Path(__file__).with_name("contrast.js").read_text()
# Headings that skip a level, and what can be pressed but not reached by keys.
UNREACHED = """() => [
  ...[...document.querySelectorAll('main :is(h1, h2, h3, h4, h5, h6)')]
    .filter((h, i, all) => h.tagName[1] > (i ? Number(all[i - 1].tagName[1]) : 0) + 1).map(h => h.textContent),
  ...[...document.querySelectorAll('main :is(a[href], button, input, select, summary, video, [popover], .socl-scroll)')]
    .filter(e => e.checkVisibility() && e.tabIndex < 0 && !e.disabled).map(e => e.outerHTML.slice(0, 100)),
]"""
WIDER = """() => [...document.querySelectorAll('main *')]
  .filter(e => e.getBoundingClientRect().right > innerWidth + 1 && e.checkVisibility())
  .slice(0, 5).map(e => e.outerHTML.slice(0, 100))"""

# Of HTML that was escaped, a reader sees the tags.
TAGS = r"""[...document.querySelectorAll('main .cell_output')].flatMap(output =>
  output.innerText.match(/<\/?(p|em|strong|span|div|a|table|code)\b[^>]*>/g) ?? [])"""


def settle(page) -> None:
    """Wait for formulas and widgets; for pictures too, lazy or not."""
    page.evaluate("document.querySelectorAll('img[loading=lazy]').forEach(i => i.loading = 'eager')")
    page.wait_for_function("[...document.images].every(i => i.complete)")
    if page.locator(".math").count():
        page.wait_for_function("window.MathJax?.startup?.promise !== undefined")
        page.evaluate("MathJax.startup.promise")
    if page.locator('script[type="application/vnd.jupyter.widget-view+json"]').count():
        page.wait_for_function("document.documentElement.dataset.widgets === 'shown'")


@each_opened
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_page_is_whole(open_page, path, theme):
    page, heard = open_page(path, theme)
    settle(page)
    assert page.evaluate("document.documentElement.dataset.theme") == theme
    assert page.evaluate(NAMELESS) == []
    assert page.evaluate(BROKEN) == []
    assert page.evaluate(CONTRAST) == {} and page.evaluate(UNREACHED) == []
    formulas, typeset = page.locator("main .math").count(), page.locator("main .math mjx-container").count()
    assert typeset >= formulas
    assert page.locator("mjx-merror").count() == 0
    assert page.evaluate(TAGS) == []
    assert page.get_by_text("This widget could not be shown").count() == 0
    assert (heard.asked, heard.failed, heard.errors) == ([], [], [])


@each_opened
def test_page_fits_390_px(open_page, path):
    page, _ = open_page(path, width=390)
    settle(page)
    wide = page.evaluate("Math.max(document.documentElement.scrollWidth, document.body.scrollWidth)")
    assert wide <= 390, page.evaluate(WIDER)


@each_page
def test_a_page_is_light_without_its_clips(path):
    clips = re.sub(r'"data:video/[^"]*"', '""', path.read_text())
    assert len(clips) < 1_500_000


def test_the_site_is_light():
    files = [path for path in BOOK.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 25_000_000
    assert not [path for path in files if path.suffix == ".map"]
    downloads = [json.loads(path.read_text()) for path in BOOK.glob("_sources/executed/*.ipynb")]
    assert downloads and not any(cell.get("outputs") for each in downloads for cell in each["cells"])
    assert not any("widgets" in each["metadata"] for each in downloads)


def test_records_are_not_in_the_search_index():
    names = json.loads(re.search(r'"docnames": ?(\[.*?\])', (BOOK / "searchindex.js").read_text())[1])
    runs = [i for i, name in enumerate(names) if name.startswith("records/") and name != "records/index"]
    terms = json.loads(re.search(r'"terms": ?(\{.*?\})', (BOOK / "searchindex.js").read_text())[1])
    found = {i for places in terms.values() for i in (places if isinstance(places, list) else [places])}
    assert runs and not found & set(runs)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_first_page_shows_a_tracker_at_work(open_page, theme):
    page, heard = open_page(BOOK / "index.html", theme, width=1440)
    page.wait_for_url("**/home.html", wait_until="load")
    settle(page)
    page.wait_for_function("document.querySelector('.socl-clip video').currentTime > 0")
    for part in (".socl-clip video", ".socl-eta", ".socl-doors li"):
        box = page.locator(part).first.bounding_box()
        assert box["y"] + min(box["height"], 100) <= 900, f"{part} is not on the first screen"
    term = page.locator("main a.term").first
    assert term.get_attribute("title") and has_id(BOOK / "glossary.html", term.get_attribute("href").partition("#")[2])
    assert (heard.asked, heard.errors) == ([], [])


def test_a_number_on_two_pages_is_the_same():
    home, results, card = (
        (BOOK / "executed" / f"{name}.html").read_text() for name in ("home", "claims", "model_card")
    )
    said = re.search(r"AUC</a> of <strong>([\d.]+) %", home)[1]
    for page in (results, card):
        assert re.search(r"<td>SoCL-CF \(this book\)</td><td>clicks</td><td>([\d.]+) ", page)[1] == said
    row = re.search(r"<tr[^>]*>\s*<td[^>]*><p>socl-cf, otb</p></td>\s*<td[^>]*><p>([\d.]+)</p>", card)
    assert row[1] == said
    clicks = re.search(r"learnt from ([\d,]+) clicks", home)[1]
    assert f"composite: {clicks} frames in which the target is visible" in card


def test_the_book_prints_as_one_file(chromium, tmp_path):
    out = write_pdf(BOOK, tmp_path / "book.pdf")
    assert out.read_bytes().startswith(b"%PDF") and out.stat().st_size > 1_000_000
    assert not (BOOK / "executed" / "print.html").exists()


def has_id(path, name) -> bool:
    return f'id="{name}"' in path.read_text(encoding="utf-8")


@each_page
def test_internal_links_lead_somewhere(path):
    text = re.sub(r"<script.*?</script>", "", path.read_text(encoding="utf-8"), flags=re.S)
    broken = []
    for address in set(re.findall(r'(?:href|src)="([^"]+)"', text)):
        parts = urlsplit(address)
        if parts.scheme or address.startswith("//"):
            continue
        target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
        anchor = unquote(parts.fragment) if target.suffix == ".html" else ""
        if not target.exists() or (anchor and not has_id(target, anchor)):
            broken.append(address)
    assert broken == []


@each_page
def test_no_resource_is_named_outside(path):
    """Not even one that a browser would ask for later. Links to read are fine."""
    text = re.sub(r"<script[^>]*>.*?</script>", lambda m: m[0][: m[0].index(">") + 1], path.read_text(), flags=re.S)
    tags = re.findall(r"<(?:script|img|link|iframe|source|video)\b[^>]*", text)
    outside = [tag for tag in tags if re.search(r'(?:src|href)="(?:https?:)?//', tag)]
    assert [tag for tag in outside if 'rel="canonical"' not in tag] == []


def test_eta_widget_on_its_page(open_page):
    path = BOOK / "executed" / "top_maps.html"
    if path not in PAGES:
        pytest.skip("the book has no page top_maps")
    page, heard = open_page(path)
    settle(page)
    shown = page.locator(".socl-eta")
    assert shown.count() == 1, "the page shows no eta widget, or more than one"
    press_and_watch(page, shown)
    states = page.locator('script[type="application/vnd.jupyter.widget-state+json"]').first.inner_text()
    models = [entry["state"] for entry in json.loads(states)["state"].values()]
    frames = next(state["frames"] for state in models if "frames" in state)
    compare_with_python(shown, frames, [0, 1, 5, 10, 15, 20, 30, 40])
    assert (heard.asked, heard.failed, heard.errors) == ([], [], [])


def open_note(page, way: str):
    """Opens the note of the first measured number by tap, key or click, and returns the note."""
    number = page.locator(".socl-table .socl-number").first
    number.scroll_into_view_if_needed()
    note = page.locator(f"#{number.get_attribute('popovertarget')}")
    assert not note.is_visible()
    if way == "key":
        number.focus()
        page.keyboard.press("Enter")
    else:
        number.tap() if way == "tap" else number.click()
    note.wait_for(state="visible")
    return note


@pytest.mark.parametrize("theme, width, way", [("light", 390, "tap"), ("dark", 390, "key"), ("dark", 1280, "click")])
def test_a_number_leads_to_its_run_and_back(open_page, theme, width, way):
    path = BOOK / "executed" / "table2.html"
    page, heard = open_page(path, theme, width, has_touch=True)
    note = open_note(page, way)
    assert re.search(r"\d\.\d, 95 % interval \d+\.\d to \d+\.\d over \d+ seeds?", note.inner_text())
    place = note.bounding_box()
    assert place["x"] >= 0 and place["x"] + place["width"] <= width
    link, run = note.locator("a").first, note.locator("a").first.inner_text()
    code = note.locator("code").first
    code.click()
    chosen = page.evaluate("getSelection().toString()")
    assert chosen.startswith("socl train --protocol ") and chosen.endswith(" --out my_run") and "\n" not in chosen
    page.keyboard.press("Escape")
    note.wait_for(state="hidden")
    open_note(page, way)
    link.tap() if way == "tap" else link.click()
    page.wait_for_url("**/records/*.html")
    assert run in page.title()
    assert page.locator(".socl-command").inner_text() == chosen
    page.locator(".socl-record a", has_text="Table 2").click()
    page.wait_for_url("**/executed/table2.html")
    page.go_back()
    page.go_back()
    assert page.url.endswith("table2.html")
    assert (heard.asked, heard.errors) == ([], [])  # to leave a page breaks off what it still loads


def test_the_clip_of_a_run_plays(open_page):
    path = next((page for page in RECORDS if "socl-player" in page.read_text()), None)
    if path is None:
        pytest.skip("no run of this book has boxes in its record")
    page, heard = open_page(path)
    slider = page.locator(".socl-player input")
    pixels = lambda: page.locator(".socl-player canvas").evaluate("c => c.toDataURL()")  # noqa: E731
    slider.focus()
    before = pixels()
    page.keyboard.press("ArrowRight")
    assert pixels() != before and page.locator(".socl-player").get_attribute("data-frame") != "0"
    page.locator(".socl-player button").click()
    page.wait_for_timeout(300)
    assert page.locator(".socl-player button").inner_text() == "Pause"
    assert (heard.asked, heard.failed, heard.errors) == ([], [], [])
