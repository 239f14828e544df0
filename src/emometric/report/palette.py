"""One fixed colour and shape for each emotion, and the inks of charts, used everywhere.

The emotion colours were found by a search that kept each in a fitting hue (anger red, sadness
blue, ...) and drew the nearest pair as far apart as it could under normal, protan, deutan and
tritan sight (Machado et al. 2009, severity 1) while all stay visible on white and on near-black.
Eleven colours cannot always be told apart by colour alone: marks carry a shape as well.
"""

from dataclasses import dataclass

EMOTION_COLOURS = {
    "anger": "#f5230d",
    "boredom": "#843e1c",
    "calm": "#036260",
    "disgust": "#578343",
    "excitement": "#ad4098",
    "fear": "#8102c3",
    "frustration": "#f197ad",
    "happiness": "#bfac37",
    "neutral": "#918a8c",
    "sadness": "#2f7cf8",
    "surprise": "#8ca2f1",
}

# matplotlib's marker codes.
EMOTION_SHAPES = {
    "anger": "^",
    "boredom": "s",
    "calm": "D",
    "disgust": "v",
    "excitement": "*",
    "fear": "p",
    "frustration": "<",
    "happiness": "o",
    "neutral": "X",
    "sadness": "h",
    "surprise": "P",
}


@dataclass(frozen=True, kw_only=True)
class Theme:
    """Colours of everything in a chart or page that is not an emotion, as #rrggbb.

    surface: behind the chart. ink: titles, numbers. muted: secondary text. line: axes and rules.
    faint: grid, empty cells. accent: the run. other: what it is compared with. warning: stamps.
    low, high: ends of the one-hue scale for shares, 0 to 1.
    """

    name: str
    surface: str
    ink: str
    muted: str
    line: str
    faint: str
    accent: str
    other: str
    warning: str
    low: str
    high: str


LIGHT = Theme(
    name="light",
    surface="#ffffff",
    ink="#16191d",
    muted="#565d66",
    line="#9aa1aa",
    faint="#e7e9ec",
    accent="#1257b0",
    other="#6f7782",
    warning="#9a4a00",
    low="#f1f5fb",
    high="#0b3c86",
)
DARK = Theme(
    name="dark",
    surface="#15181c",
    ink="#eceef1",
    muted="#a9b0b9",
    line="#6b727b",
    faint="#2b3037",
    accent="#6fa8f5",
    other="#9aa2ac",
    warning="#f0a85c",
    low="#1d232b",
    high="#a4c8fb",
)
THEMES = (LIGHT, DARK)


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2) of #rrggbb, 0 (black) to 1 (white).

    >>> luminance("#000000"), round(luminance("#ffffff"), 6)
    (0.0, 1.0)
    """
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(first: str, second: str) -> float:
    """Contrast ratio (WCAG 2) of two #rrggbb, 1 (equal) to 21.

    >>> round(contrast("#ffffff", "#000000"), 6)
    21.0
    """
    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


def shade(share: float, theme: Theme) -> str:
    """Colour of a share from 0 to 1 on the theme's one-hue scale (linear in sRGB), as #rrggbb."""
    share = min(max(share, 0.0), 1.0)
    ends = [[int(end[i : i + 2], 16) for i in (1, 3, 5)] for end in (theme.low, theme.high)]
    mixed = (round(low + share * (high - low)) for low, high in zip(*ends, strict=True))
    return "#" + "".join(f"{channel:02x}" for channel in mixed)


def ink_on(colour: str) -> str:
    """Near-black or white, whichever reads better on `colour`."""
    return max((LIGHT.ink, "#ffffff"), key=lambda ink: contrast(ink, colour))
