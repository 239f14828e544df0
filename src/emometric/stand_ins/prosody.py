"""How each emotion sounds: deviations from neutral speech, of speakers and of single clips.

Directions follow the reviews of Banse & Scherer 1996, Scherer 2003 and Juslin & Laukka 2003: anger
fast, loud, high, wide, bright and harsh; fear fast, high and trembling with a narrow range;
happiness fast, fairly loud, high and wide, with the raised resonances of a smile; sadness and
boredom slow, soft, low, narrow and dull, sadness breathy too; disgust slow, low and harsh; calm
(their tenderness) slow and soft. Ours are the sizes, and the emotions on which they say little:
surprise (high, very wide), frustration (a weaker anger) and excitement (a stronger happiness). The
spreads are ours too, set so that a linear classifier on unseen speakers is neither perfect nor at
chance.
"""

from dataclasses import astuple, dataclass, fields

import numpy as np

from emometric.stand_ins.utterance import Utterance, generator


@dataclass(frozen=True, kw_only=True)
class Prosody:
    """Deviations from neutral speech; all add up.

    rate, pitch_range, formants: octaves (1 = twice as fast, twice as wide, resonances twice as
    high). pitch, tremor: semitones, tremor being the depth of a vibrato. level, breath: dB. tilt:
    dB an octave, more is brighter. harshness: depth of a rough modulation of loudness, 0..1.
    """

    rate: float
    pitch: float
    pitch_range: float
    level: float
    tilt: float
    breath: float
    tremor: float
    harshness: float
    formants: float


def _prosody(rate, pitch, pitch_range, level, tilt, breath, tremor, harshness, formants) -> Prosody:
    return Prosody(
        rate=rate,
        pitch=pitch,
        pitch_range=pitch_range,
        level=level,
        tilt=tilt,
        breath=breath,
        tremor=tremor,
        harshness=harshness,
        formants=formants,
    )


#                            rate  pitch  range  level  tilt breath tremor harsh formants
BY_EMOTION = {
    "anger": _prosody(       0.22,   2.5,  0.50,   8.0,  2.2,   0.0,  0.00, 0.45,  0.00),
    "boredom": _prosody(    -0.32,  -2.5, -0.80,  -2.0, -0.4,   0.0,  0.00, 0.10, -0.02),
    "calm": _prosody(       -0.20,  -1.0, -0.30,  -5.0, -1.4,   3.0,  0.00, 0.00,  0.00),
    "disgust": _prosody(    -0.25,  -0.5,  0.35,   0.0,  0.6,   5.0,  0.00, 0.35,  0.02),
    "excitement": _prosody(  0.28,   4.5,  0.70,   6.0,  1.6,   0.0,  0.00, 0.10,  0.04),
    "fear": _prosody(        0.30,   4.5, -0.60,   0.0,  0.4,   4.0,  0.60, 0.00,  0.00),
    "frustration": _prosody( 0.08,   1.5,  0.30,   5.0,  1.6,   1.0,  0.00, 0.25,  0.00),
    "happiness": _prosody(   0.12,   4.0,  0.70,   4.0,  0.9,   0.0,  0.00, 0.00,  0.07),
    "neutral": _prosody(     0.00,   0.0,  0.00,   0.0,  0.0,   0.0,  0.00, 0.00,  0.00),
    "sadness": _prosody(    -0.40,  -1.5, -0.70,  -7.0, -2.2,   8.0,  0.20, 0.00, -0.02),
    "surprise": _prosody(    0.06,   6.0,  0.90,   3.0,  0.6,   2.0,  0.00, 0.00, -0.03),
}  # fmt: skip

# Standard deviations: between speakers; of a speaker's own way with an emotion; between clips.
_OF_SPEAKERS = _prosody(0.06, 0.8, 0.15, 2.5, 0.4, 1.5, 0.04, 0.05, 0.00)
_OF_STYLES = _prosody(0.05, 0.5, 0.12, 1.5, 0.3, 1.0, 0.05, 0.05, 0.01)
_OF_CLIPS = _prosody(0.06, 0.8, 0.18, 2.0, 0.4, 1.5, 0.06, 0.06, 0.01)
_OF_STRENGTH = 0.25  # of the logarithm, between clips

VARIANTS = {"f": ("f1", "f2", "f3", "f4", "f5"), "m": ("m1", "m2", "m3", "m4", "m6", "m7", "m8")}


@dataclass(frozen=True, kw_only=True)
class Voice:
    """A speaker's throat: an eSpeak NG variant, and a factor on all its resonances."""

    variant: str
    tract: float


def voice(utterance: Utterance) -> Voice:
    """The voice of the utterance's speaker, the same in every clip of theirs."""
    random = generator("voice", utterance.corpus, utterance.speaker)
    variants = VARIANTS[utterance.sex]
    return Voice(variant=variants[random.integers(len(variants))], tract=random.uniform(0.93, 1.07))


def prosody(utterance: Utterance) -> Prosody:
    """How this utterance is spoken: emotion, speaker, speaker's style and the clip's own chance."""
    corpus, speaker = utterance.corpus, utterance.speaker
    emotion = utterance.performed or utterance.emotion or "neutral"
    clip = generator("prosody", corpus, utterance.sounds_as or utterance.path)
    strength = utterance.strength * np.exp(_OF_STRENGTH * clip.standard_normal())
    total = (
        strength * _values(BY_EMOTION[emotion])
        + _draw(generator("speaker", corpus, speaker), _OF_SPEAKERS)
        + _draw(generator("style", corpus, speaker, emotion), _OF_STYLES)
        + _draw(clip, _OF_CLIPS)
    )
    return _prosody(*(float(value) for value in total))


def _values(prosody: Prosody) -> np.ndarray:
    return np.array(astuple(prosody))


def _draw(random: np.random.Generator, spread: Prosody) -> np.ndarray:
    # Beyond two deviations a voice leaves what eSpeak NG can say well.
    return np.clip(random.standard_normal(len(fields(Prosody))), -2, 2) * _values(spread)
