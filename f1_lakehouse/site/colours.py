"""Colors with enough contrast: team colours made darker or lighter until they differ enough from the page, in both schemes.

Belongs here: contrast as WCAG 2 defines it, and fixed colors (compounds, track statuses, speed).
"""

import re
from collections.abc import Iterable
from functools import cache

LIGHT, DARK = "#ffffff", "#15181d"
"""The page's background; pages.css uses the same."""

READABLE = 3.0
"""WCAG's contrast for graphics."""

_NEUTRAL = "#808080"

FIXED = {
    "soft": "#e02f2f",
    "medium": "#d9a400",
    "hard": "#8a93a0",
    "intermediate": "#2e9e4f",
    "wet": "#2f6fd0",
    "unknown": "#77707f",
    "yellow": "#d9a400",
    "vsc": "#d97a00",
    "sc": "#d9a400",
    "red": "#e02f2f",
    "rain": "#2f6fd0",
    "v0": "#5b3cc4",
    "v1": "#2f63c9",
    "v2": "#0f8f9c",
    "v3": "#2f9e44",
    "v4": "#b8860b",
    "v5": "#e0561b",
    "v6": "#d6246e",
}
"""Name of a CSS variable → its colour before it is shifted. v0 to v6: slow to fast."""


def contrast(one: str, other: str) -> float:
    """The contrast of two colours (#rrggbb), 1 to 21."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@cache
def readable(colour: str | None, background: str, ratio: float = READABLE) -> str:
    """The color, made darker or lighter until its contrast with the background is high enough.

    Args:
        colour: RRGGBB, with or without #; anything else counts as a neutral grey.
        background: #rrggbb.
        ratio: the contrast to reach.
    """
    known = re.fullmatch(r"#?([0-9A-Fa-f]{6})", colour or "")
    start = f"#{known[1].lower()}" if known else _NEUTRAL
    towards = 0 if _luminance(background) > 0.5 else 255
    shifted = start
    for percent in range(0, 101, 2):
        shifted = _mix(start, towards, percent / 100)
        if contrast(shifted, background) >= ratio:
            break
    return shifted


def variables(colours: Iterable[tuple[str, str | None]]) -> str:
    """CSS that defines the variables --<name> for both schemes."""
    named = list(colours)

    def scheme(background: str) -> str:
        return ";".join(f"--{name}:{readable(colour, background)}" for name, colour in named)

    return f":root{{{scheme(LIGHT)}}}@media(prefers-color-scheme:dark){{:root{{{scheme(DARK)}}}}}"


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _mix(colour: str, towards: int, share: float) -> str:
    return "#" + "".join(f"{round(c + (towards - c) * share):02x}" for c in _channels(colour))


def _luminance(colour: str) -> float:
    red, green, blue = (
        c / 255 / 12.92 if c / 255 <= 0.04045 else ((c / 255 + 0.055) / 1.055) ** 2.4
        for c in _channels(colour)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
