"""The page that takes clicks on one's own videos, in one file of HTML that needs no server."""

from pathlib import Path

SCRIPT = Path(__file__).with_name("click_page.js")
PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Click your own video</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 1rem auto; padding: 0 1rem; }
canvas { display: block; max-width: 100%; background: #888; cursor: crosshair; }
canvas:focus-visible { outline: 3px solid #0072b2; }
.controls { display: flex; flex-wrap: wrap; gap: 0.6rem 1.2rem; align-items: center; margin: 0.7rem 0; }
input[type="number"] { width: 5em; }
</style>
<h1>Click your own video</h1>
<div class="socl-click"></div>
<p>Click the middle of the target. Keys, once the image is chosen: arrows move the cross, with Shift by one pixel; Enter
clicks there; Page Down and Page Up step; + and − zoom; 1 to 7 choose the target. A saved zip is unpacked into a
folder of videos; a saved clicks.csv belongs beside its images.</p>
"""


def click_page() -> str:
    """The page in HTML; it writes what the layout of clicked videos reads."""
    return f"{PAGE}<script>\n{SCRIPT.read_text(encoding='utf-8')}</script>\n</html>\n"
