"""Colours: one for each emotion, told apart by every eye, readable on both surfaces."""

from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emometric.emotions import EMOTIONS
from emometric.report import palette

# Machado, Oliveira & Fernandes 2009, severity 1.0, on linear RGB.
SIGHT = {
    "normal": np.eye(3),
    "protan": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deutan": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritan": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}


def oklab(colour: str, sight: np.ndarray) -> np.ndarray:
    """Ottosson 2020, from #rrggbb as an eye sees it."""
    channels = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    seen = np.clip(sight @ linear, 0, 1)
    cones = np.cbrt(
        np.array(
            [
                [0.4122214708, 0.5363325363, 0.0514459929],
                [0.2119034982, 0.6806995451, 0.1073969566],
                [0.0883024619, 0.2817188376, 0.6299787005],
            ]
        )
        @ seen
    )
    return (
        np.array(
            [
                [0.2104542553, 0.7936177850, -0.0040720468],
                [1.9779984951, -2.4285922050, 0.4505937099],
                [0.0259040371, 0.7827717662, -0.8086757660],
            ]
        )
        @ cones
    )


def test_every_emotion_has_its_own_colour_and_shape():
    assert tuple(palette.EMOTION_COLOURS) == EMOTIONS == tuple(palette.EMOTION_SHAPES)
    assert len(set(palette.EMOTION_COLOURS.values())) == len(EMOTIONS)
    assert len(set(palette.EMOTION_SHAPES.values())) == len(EMOTIONS)


@pytest.mark.parametrize("sight", list(SIGHT))
def test_emotions_are_told_apart(sight):
    # 0.02 is about the smallest difference of large patches; marks are small, so four times that.
    for first, second in combinations(EMOTIONS, 2):
        seen = [oklab(palette.EMOTION_COLOURS[word], SIGHT[sight]) for word in (first, second)]
        assert np.linalg.norm(seen[0] - seen[1]) > 0.08, (first, second)


@pytest.mark.parametrize("theme", palette.THEMES, ids=lambda theme: theme.name)
def test_everything_is_readable_on_its_surface(theme):
    for ink in (theme.ink, theme.muted, theme.accent, theme.warning):
        assert palette.contrast(ink, theme.surface) >= 4.5  # WCAG 2 AA, text
    assert palette.contrast(theme.other, theme.surface) >= 3  # marks
    for emotion, colour in palette.EMOTION_COLOURS.items():
        assert palette.contrast(colour, theme.surface) >= 2, emotion


@pytest.mark.parametrize("theme", palette.THEMES, ids=lambda theme: theme.name)
@given(share=st.floats(0, 1))
def test_numbers_are_readable_on_every_shade(theme, share):
    colour = palette.shade(share, theme)
    assert palette.contrast(palette.ink_on(colour), colour) >= 4


@pytest.mark.parametrize("theme", palette.THEMES, ids=lambda theme: theme.name)
def test_shades_run_one_way_from_end_to_end(theme):
    shades = [palette.shade(step / 100, theme) for step in range(101)]
    assert (shades[0], shades[-1]) == (theme.low, theme.high)
    assert palette.shade(-1, theme) == theme.low
    assert palette.shade(2, theme) == theme.high
    away = [palette.contrast(shade, theme.surface) for shade in shades]
    assert all(before <= after for before, after in pairwise(away))


def test_contrast_is_symmetric_and_known():
    assert palette.contrast("#777777", "#ffffff") == pytest.approx(4.478, abs=1e-3)  # WCAG example
    assert palette.contrast("#ffffff", "#777777") == palette.contrast("#777777", "#ffffff")
