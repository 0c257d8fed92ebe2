"""The colours of a custom accent, adjusted until text has enough contrast (WCAG 2.2, 1.4.3).

A colour is three numbers from 0 to 255: red, green, blue.
"""

Colour = tuple[int, int, int]

ENOUGH = 4.6
"""Slightly more than the 4.5 that WCAG requires for text, because colours are rounded to whole numbers."""
BLACK, WHITE = (0, 0, 0), (255, 255, 255)
# Backgrounds of static/pages.css that text in the accent colour stands on: in each scheme the one with less contrast.
PAPER, NIGHT = (244, 243, 239), (32, 35, 34)


def parsed(text: str) -> Colour:
    """The colour of `#rrggbb`. Raises ValueError for anything else."""
    digits = text.removeprefix("#")
    if len(digits) != len("rrggbb") or text[:1] != "#":
        raise ValueError("a colour must be written as #rrggbb")
    red, green, blue = bytes.fromhex(digits)
    return red, green, blue


def contrast(one: Colour, other: Colour) -> float:
    """The contrast ratio of two colours, from 1 to 21 (WCAG 2.2)."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def readable(colour: Colour, ground: Colour) -> Colour:
    """The colour, darkened on a light ground or lightened on a dark one just enough to be readable on it."""
    end = BLACK if _luminance(ground) > 0.5 else WHITE  # noqa: PLR2004 - the middle
    steps = (_mixed(colour, end, step / 50) for step in range(51))
    return next(one for one in steps if contrast(one, ground) >= ENOUGH)


def theme(accent: str) -> str:
    """CSS rules that replace our accent colour, for light and dark schemes. Raises ValueError."""
    colour = parsed(accent)
    light, dark = _tokens(readable(colour, PAPER)), _tokens(readable(colour, NIGHT))
    return f":root{{{light}}}\n@media (prefers-color-scheme:dark){{:root{{{dark}}}}}\n"


def _tokens(accent: Colour) -> str:
    above = max((WHITE, BLACK), key=lambda one: contrast(one, accent))
    return f"--accent:#{bytes(accent).hex()};--on-accent:#{bytes(above).hex()}"


def _luminance(colour: Colour) -> float:
    red, green, blue = (
        part / 12.92 if (part := value / 255) <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4  # noqa: PLR2004 - sRGB
        for value in colour
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _mixed(colour: Colour, end: Colour, share: float) -> Colour:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(colour, end, strict=True))
    return red, green, blue
