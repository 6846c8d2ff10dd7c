"""The built pages as one PDF: articles in the order of the contents, printed by a browser, widgets as pictures."""

import re
import shutil
import subprocess
from pathlib import Path

from socl_core.errors import SoclError, UsageError

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
STATE = re.compile(r'<script type="application/vnd.jupyter.widget-state\+json">.*?</script>', re.S)
ARTICLE = re.compile(r'<article class="bd-article">.*?</article>', re.S)
TO_PAGE = re.compile(r'href="(?![a-z]+:)[^"#]*?(\w+)\.html(#[^"]*)?"')


def write_pdf(pages: Path = Path("_build/html"), out: Path = Path("_build/socl.pdf")) -> Path:
    """Print built pages to one file, in which links between pages are links inside.

    Raises `UsageError` where no page is built, `SoclError` without a browser, or when it fails.
    """
    first = pages / "executed" / "home.html"
    if not first.is_file():
        raise UsageError(f"expected built pages in {pages}, found none: `make book` builds them")
    if not (browser := next(filter(None, map(shutil.which, BROWSERS)), None)):
        raise SoclError(f"printing needs a browser, one of {', '.join(BROWSERS)}")
    home = first.read_text()
    listed = re.findall(r'toctree-l1[^>]*><a class="reference internal" href="([^"#]+)"', home)
    texts = {"home": home} | {Path(each).stem: (first.parent / each).read_text() for each in listed}
    sheets = [f'<div id="page-{name}">{ARTICLE.search(text)[0]}</div>' for name, text in texts.items()]
    inside = TO_PAGE.sub(lambda link: f'href="{link[2] or "#page-" + link[1]}"', "".join(sheets))
    states = STATE.findall("".join(texts.values()).removeprefix(home))  # those of the first page are in its head
    sheet = first.with_name("print.html")
    sheet.write_text(ARTICLE.sub(lambda _: "".join(states) + inside, home, count=1))
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=60000"]
    command += [
        "--no-pdf-header-footer",
        "--generate-pdf-document-outline",
        f"--print-to-pdf={out.resolve()}",
        sheet.resolve().as_uri(),
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    sheet.unlink()
    if done.returncode or not out.is_file():
        raise SoclError(f"the browser printed nothing: {done.stderr.strip().splitlines()[-1:]}")
    return out
