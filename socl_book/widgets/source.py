"""Scripts and style of the widgets. A page gets each widget's script as one text, with what all of them share."""

from pathlib import Path

HERE = Path(__file__).parent


def script(name: str) -> str:
    """The script of a widget behind the shared one."""
    return (HERE / "drawing.js").read_text() + (HERE / name).read_text()


def style() -> str:
    """The style of all widgets."""
    return (HERE / "panel.css").read_text()
