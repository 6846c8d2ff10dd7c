"""Formulas without a network, warnings that fail the build, and the words of figures and clips."""

import base64
import io
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from socl_book import build as book
from socl_book.widgets.media import clip, figure
from socl_core.errors import DataError, SoclError

ROOT = Path(__file__).parents[2]


@pytest.mark.browser
def test_formulas_need_no_network(open_page, tmp_path):
    book.copy_mathjax(tmp_path / "mathjax")
    (tmp_path / "page.html").write_text(
        '<!DOCTYPE html><title>x</title><p class="math">\\(S(p) = \\sum_k s_k\\,\\mathbf 1[p \\in b_k]\\)</p>'
        '<script src="mathjax/tex-mml-chtml.js"></script>'
    )
    page, heard = open_page(tmp_path / "page.html")
    page.evaluate("MathJax.startup.promise")
    assert page.locator("mjx-container").count() == 1 and page.locator("mjx-merror").count() == 0
    page.evaluate("document.fonts.ready")
    assert page.evaluate("[...document.fonts].some(font => font.status === 'loaded')")
    assert (heard.asked, heard.failed, heard.errors) == ([], [], [])
    assert sum(file.stat().st_size for file in tmp_path.rglob("*.*")) < 2e6


@pytest.mark.slow
def test_a_warning_fails_the_build_each_time(tmp_path):
    pages = tmp_path / "book"
    shutil.copytree(ROOT / "book" / "assets", pages / "assets", ignore=shutil.ignore_patterns("mathjax"))
    shutil.copy(ROOT / "book" / "references.bib", pages)
    (pages / "_toc.yml").write_text("format: jb-book\nroot: index\n")
    cited = "{cite}`wu2024socl`\n\n```{bibliography}\n```\n"
    (pages / "index.md").write_text(f"# A page\n\n[a link](nowhere.md)\n\n{cited}")
    for _ in range(2):  # an incremental second run would pass
        with pytest.raises(SoclError, match="nowhere.md") as failure:
            book.build(tmp_path, pages, ROOT / "_config.yml")
        assert len(str(failure.value).splitlines()) <= book.SCREEN + 1
    (pages / "index.md").write_text(f"# A page\n\n{cited}")
    assert book.build(tmp_path, pages, ROOT / "_config.yml").is_file()
    assert (tmp_path / "_build/html/_static/mathjax" / book.SCRIPT).is_file()
    assert "build succeeded" in (tmp_path / "_build" / "book.log").read_text()


def test_figures_and_clips_carry_words():
    drawn = Figure()
    drawn.subplots().plot([1, 2])
    shown = figure(drawn, 'a line, "rising"', "Figure <b>1</b>").data
    assert 'alt="a line, &#34;rising&#34;"' in shown and "<figcaption>Figure &lt;b&gt;1&lt;/b&gt;" in shown
    again = Figure()
    again.subplots().plot([1, 2])
    assert "data:image/svg+xml;" in shown and figure(again, 'a line, "rising"', "Figure <b>1</b>").data == shown
    drawn.axes[0].imshow(np.eye(2))
    shown = figure(drawn, "a picture").data
    picture = Image.open(io.BytesIO(base64.b64decode(shown.split("base64,")[1].split('"')[0])))
    assert "data:image/webp;" in shown and picture.convert("RGBA").getpixel((0, 0))[3] == 0  # on the page's own ground
    frames = [np.full((32, 32, 3), shade, np.uint8) for shade in (0, 200)]
    shown = clip(iter(frames), "it <moves>").data
    assert 'aria-label="it &lt;moves&gt;"' in shown and "<figcaption>" not in shown
    poster = cv2.imdecode(np.frombuffer(base64.b64decode(shown.split("base64,")[1].split('"')[0]), np.uint8), 1)
    assert poster.shape == (32, 32, 3) and poster.max() < 5  # its first frame
    with pytest.raises(DataError, match="no frame"):
        clip([], "nothing")
