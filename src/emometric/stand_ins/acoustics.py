"""From an utterance to the samples of its file: speak, shape the voice, put it in a room."""

import numpy as np
import scipy.fft
import soxr
from scipy.ndimage import uniform_filter1d

from emometric.stand_ins.espeak import Speaker, Speech
from emometric.stand_ins.prosody import Prosody, Voice, prosody, voice
from emometric.stand_ins.utterance import Recording, Utterance, generator

_WORDS_PER_MINUTE = 165
_BREATH_DB = -36.0  # of neutral speech, below its own level
_SEMITONES_PER_OCTAVE = 12


def perform(speaker: Speaker, utterance: Utterance, recording: Recording) -> np.ndarray:
    """The file's samples, (n, channels) int16 at `recording.rate_hz`.

    They depend on the utterance and the recording alone.
    """
    manner, throat = prosody(utterance), voice(utterance)
    random = generator("sound", utterance.corpus, utterance.sounds_as or utterance.path)
    spoken, spoken_hz = speaker.say(_speech(utterance, manner, throat))
    sound = _without_ends(spoken.astype(np.float64) / 32768)
    sound = _tremble(sound, spoken_hz, manner.tremor, random)
    sound = _roughen(sound, spoken_hz, manner.harshness, random)
    sound = _colour(sound, spoken_hz, manner, random)
    # Played that much faster: resonances move with it; rate and pitch were asked for lower.
    sound = soxr.resample(
        sound, spoken_hz * _speed(manner, throat), recording.rate_hz, quality="HQ"
    )
    if utterance.cut_s is not None:
        sound = _piece(sound, round(utterance.cut_s * recording.rate_hz), random)
    sound = _in_room(sound, manner, recording, random)
    if utterance.fault == "silent":
        sound = np.zeros_like(sound)
    channels = [sound] * utterance.channels
    if utterance.channels == 2 and recording.spacing_s > 0:
        channels[1] = _second_microphone(sound, recording, random)
    return np.rint(np.clip(np.stack(channels, axis=1), -1, 1) * 32767).astype(np.int16)


def _speech(utterance: Utterance, manner: Prosody, throat: Voice) -> Speech:
    speed = _speed(manner, throat)
    rate = _WORDS_PER_MINUTE * 2**manner.rate / speed
    semitones = manner.pitch - _SEMITONES_PER_OCTAVE * np.log2(speed)
    return Speech(
        text=utterance.text,
        language=utterance.language,
        variant=throat.variant,
        words_per_minute=int(np.clip(round(rate), 80, 400)),
        pitch=int(np.clip(round(50 + semitones * 50 / _SEMITONES_PER_OCTAVE), 0, 100)),
        pitch_range=int(np.clip(round(50 * 2**manner.pitch_range), 0, 100)),
    )


def _speed(manner: Prosody, throat: Voice) -> float:
    """How much faster than spoken the samples are played, to move every resonance."""
    return throat.tract * 2**manner.formants


def _without_ends(sound: np.ndarray) -> np.ndarray:
    """Without the silence that eSpeak NG puts at both ends."""
    loud = np.flatnonzero(np.abs(sound) > 0.003)
    return sound[loud[0] : loud[-1] + 1] if len(loud) else sound


def _tremble(sound: np.ndarray, rate_hz: int, depth: float, random) -> np.ndarray:
    """Pitch that wavers: a vibrato of `depth` semitones at 5 to 7 Hz, over a slow drift."""
    seconds = np.arange(len(sound)) / rate_hz
    vibrato = max(depth, 0.0) * np.sin(
        2 * np.pi * (random.uniform(5, 7) * seconds + random.random())
    )
    n_knots = 2 + int(8 * len(sound) / rate_hz)
    drift = np.interp(
        np.linspace(0, n_knots - 1, len(sound)), np.arange(n_knots), random.normal(0, 0.25, n_knots)
    )
    step = 2 ** ((vibrato + drift) / _SEMITONES_PER_OCTAVE)
    position = np.concatenate(([0.0], np.cumsum(step[:-1])))
    position = position[position <= len(sound) - 1]
    return np.interp(position, np.arange(len(sound)), sound)


def _roughen(sound: np.ndarray, rate_hz: int, depth: float, random) -> np.ndarray:
    """Loudness modulated at random between 25 and 75 Hz, which is heard as a harsh voice."""
    frequencies = _frequencies(len(sound), rate_hz)
    rough = _filtered(random.standard_normal(len(sound)), (frequencies > 25) & (frequencies < 75))
    return sound * (1 + max(depth, 0.0) * np.clip(rough / np.std(rough), -2, 2) / 2)


def _colour(sound: np.ndarray, rate_hz: int, manner: Prosody, random) -> np.ndarray:
    """Brighter or duller (dB an octave, flat outside 125..8000 Hz), and breath in the voice."""
    octaves = np.log2(np.clip(_frequencies(len(sound), rate_hz), 125, 8000) / 1000)
    sound = _filtered(sound, 10 ** (manner.tilt * octaves / 20))
    breath = random.standard_normal(len(sound))
    # Turbulence sits above 2 kHz and comes with the voice: it follows the envelope of 20 ms.
    high = 1 / (1 + (2000 / np.maximum(_frequencies(len(sound), rate_hz), 1)) ** 4)
    power = uniform_filter1d(sound**2, rate_hz // 50, mode="constant")
    envelope = np.sqrt(np.maximum(power, 0))  # the running sum may fall a rounding below zero
    return sound + 10 ** ((_BREATH_DB + manner.breath) / 20) * envelope * _filtered(breath, high)


def _piece(sound: np.ndarray, length: int, random) -> np.ndarray:
    """`length` samples from somewhere in the sound, which is said again where it is too short."""
    sound = np.tile(sound, -(-length // max(len(sound), 1)))
    start = random.integers(len(sound) - length + 1)
    return sound[start : start + length]


def _in_room(sound: np.ndarray, manner: Prosody, recording: Recording, random) -> np.ndarray:
    """At the level of the recording, with silence at both ends and noise under everything."""
    sound = sound / max(_rms_of_speech(sound), 1e-6)
    lead, tail = (
        np.zeros(round(random.uniform(*span) * recording.rate_hz))
        for span in (recording.lead_s, recording.tail_s)
    )
    sound = np.concatenate((lead, sound, tail))
    # Room noise falls with frequency, about as pink noise does.
    pink = 1 / np.sqrt(np.maximum(_frequencies(len(sound), recording.rate_hz), 50) / 50)
    noise = _filtered(random.standard_normal(len(sound)), pink)
    noise_db = -random.uniform(*recording.noise_db)
    sound = sound + 10 ** (noise_db / 20) * noise / np.sqrt(np.mean(noise**2))
    peak = np.abs(sound).max()
    if recording.level_db is None:
        return sound / peak
    gain = 10 ** ((recording.level_db + manner.level) / 20)
    return sound * min(gain, 1 / peak)


def _second_microphone(sound: np.ndarray, recording: Recording, random) -> np.ndarray:
    """What a microphone further away hears: later, softer, with an echo and noise of its own."""
    delay = round(recording.spacing_s * recording.rate_hz)
    later = np.concatenate((np.zeros(delay), sound))[: len(sound)]
    echo = np.concatenate((np.zeros(4 * delay), sound))[: len(sound)]
    noise = 0.003 * np.abs(sound).max() * random.standard_normal(len(sound))
    return 0.6 * later + 0.25 * echo + noise


def _rms_of_speech(sound: np.ndarray) -> float:
    """RMS of the louder half of the 1024-sample blocks: pauses do not count."""
    blocks = np.array(
        [np.mean(block**2) for block in np.array_split(sound, len(sound) // 1024 + 1)]
    )
    return float(np.sqrt(np.mean(blocks[blocks >= np.median(blocks)])))


def _frequencies(n_samples: int, rate_hz: float) -> np.ndarray:
    return scipy.fft.rfftfreq(scipy.fft.next_fast_len(n_samples, real=True), 1 / rate_hz)


def _filtered(sound: np.ndarray, gain: np.ndarray) -> np.ndarray:
    """The sound with `gain` on its spectrum, at the frequencies of `_frequencies`."""
    n_padded = scipy.fft.next_fast_len(len(sound), real=True)
    return scipy.fft.irfft(scipy.fft.rfft(sound, n_padded) * gain, n_padded)[: len(sound)]
