"""Colours and layout that both plots share.

Shape and fill carry the meaning, and colour repeats it (Okabe and Ito's palette, told apart by the
colour-blind). The page sets the colours of text and grid: it knows whether it is light or dark.
"""

from typing import Any

BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#808080"

LAYOUT: dict[str, Any] = {
    "paper_bgcolor": "rgba(0,0,0,0)",
    "plot_bgcolor": "rgba(0,0,0,0)",
    "font": {"family": "system-ui, sans-serif", "size": 13},
    "margin": {"l": 56, "r": 24, "t": 16, "b": 48},
    "hoverlabel": {"align": "left"},
    "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": GREY, "activecolor": GREEN},
    "template": "none",
}


def transparent(color: str, alpha: float) -> str:
    """Return ``#rrggbb`` as a CSS colour with the opacity ``alpha``."""
    red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{alpha})"
