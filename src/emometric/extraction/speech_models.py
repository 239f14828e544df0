"""Frozen speech models of the field, run through `transformers`: the states of their layers.

wav2vec 2.0, HuBERT, WavLM, and the encoder of Whisper, from a folder or from the Hugging Face hub.
Only safetensors are read, so nothing is unpickled. `transformers` and torch are imported when a
model is used and not before.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from emometric.base.errors import ParameterError
from emometric.extraction import pretrained
from emometric.sound.vad import SILENCE

PACKAGES = ("numpy", "torch", "transformers")  # whose versions decide on the values
MEAN = "mean"
_CONTEXT = 10  # a piece of a long clip gives up a tenth at each inner end


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Which layer of which model: settings of every feature made of a speech model.

    silence: keep, trim or remove, before extraction. model: a folder with config.json,
    preprocessor_config.json and safetensors, or a name on the Hugging Face hub; None: refused when
    it is used. revision: of the hub's, a branch or commit; None: main. layer: 0 (before the first)
    to the number of layers, or mean, of all. piece_s: a longer clip is cut into overlapping pieces
    (`states`).
    """

    silence: str = "keep"
    model: str | None = None
    revision: str | None = None
    layer: int | str = MEAN
    piece_s: float = 30.0


def check(params: Settings, where: str) -> None:
    """Raise ParameterError where a setting is out of range, as far as that shows without a model.

    where: what stands before the setting's name in the sentence, `params.yaml: features.<name>`.
    """
    if params.silence not in SILENCE:
        raise ParameterError(f"{where}.silence is '{params.silence}'; write {', '.join(SILENCE)}.")
    layer = params.layer
    if layer != MEAN and not (
        isinstance(layer, int) and not isinstance(layer, bool) and layer >= 0
    ):
        raise ParameterError(f"{where}.layer is '{layer}'; write a number from 0, or {MEAN}.")
    if not (isinstance(params.piece_s, int | float) and 1.0 <= params.piece_s <= 600.0):
        raise ParameterError(f"{where}.piece_s is '{params.piece_s}'; write seconds, 1 to 600.")


def cache_settings(params: Settings, where: str) -> dict[str, Any]:
    """What the values follow from: the settings, with the model's digest for its name.

    The digest is a blake2b over the names and the bytes of its configuration and weights. Equal
    weights elsewhere are the same model, other weights in the same place are another one.
    """
    pretrained.need_packages(where)
    settings = asdict(params)
    del settings["revision"]
    folder = pretrained.folder(params.model, params.revision, where)
    return settings | {"model": pretrained.digest(folder, pretrained.stamp(folder, where))}


def width(params: Settings, where: str) -> int:
    """Values of a frame."""
    return _speech(params, where).network.config.hidden_size


def hop_s(params: Settings, where: str) -> float:
    """Seconds from one frame to the next."""
    speech = _speech(params, where)
    return speech.hop / speech.extractor.sampling_rate


def states(waveform: np.ndarray, rate_hz: int, params: Settings, where: str) -> np.ndarray:
    """States of a layer, or their mean over all layers, (frames, width) float32.

    waveform: (samples,) in [-1, 1]. Layer 0 is what enters the first layer; the last one is what
    the encoder gives, behind its final normalisation. `mean` weighs all of them alike, layer 0 too
    (where SUPERB learns the weights: Yang et al. 2021, section 3.2).

    The model's own feature extractor normalises the whole clip (Whisper's: each piece, filled with
    silence to its 30 s). Each clip goes alone: a network with group normalisation (wav2vec2-base)
    takes no mask, so that padding would change its values. No gradient, eval(), one thread: the
    bytes do not hang on the number of cores.

    Frames: as many as the network's convolutions give, a shorter clip filled with zeros to one
    (Whisper: every frame that begins within the clip). A clip beyond `piece_s`, or beyond what
    the model takes, is cut into pieces whose inner ends overlap by a tenth on both sides; of an
    overlap each frame comes from the piece in which it lies deeper. Attention then ends at the
    piece's ends, and memory does not grow with the clip. ParameterError where there is no such
    layer or rate.
    """
    speech = _speech(params, where)
    if rate_hz != speech.extractor.sampling_rate:
        raise ParameterError(
            f"{where}.model hears {speech.extractor.sampling_rate} Hz, the clip has {rate_hz} Hz; "
            "choose another model."
        )
    if params.layer != MEAN and params.layer > speech.n_layers:
        raise ParameterError(
            f"{where}.layer is {params.layer}, {params.model} has {speech.n_layers}; "
            f"write 0 to {speech.n_layers}, or {MEAN}."
        )
    if speech.kind == "whisper":
        n_frames = max(1, -(-len(waveform) // speech.hop))
    else:
        waveform = speech.extractor(waveform, sampling_rate=rate_hz).input_values[0]
        waveform = np.pad(waveform, (0, max(0, speech.window - len(waveform))))
        n_frames = 1 + (len(waveform) - speech.window) // speech.hop
    length = max(1, round(params.piece_s * rate_hz / speech.hop))
    if speech.most is not None:
        length = min(length, speech.most)
    kept = []
    for start, rows in pieces(n_frames, length, length // _CONTEXT):
        begin, end = start * speech.hop, (start + length - 1) * speech.hop + speech.window
        if start + length >= n_frames:
            end = len(waveform)  # what the last frame leaves over is heard by normalisations
        kept.append(_layer(speech, waveform[begin:end], params.layer)[rows])
    return np.concatenate(kept)


def pieces(n_frames: int, length: int, context: int) -> Iterator[tuple[int, slice]]:
    """Where each piece of `length` frames begins, and which of its frames are kept.

    Every frame is kept once, `context` frames away from the inner ends of its piece or more; the
    last piece ends with the clip.

    >>> list(pieces(10, 6, 1))
    [(0, slice(0, 5, None)), (4, slice(1, 6, None))]
    """
    start = done = 0
    while start + length < n_frames:
        yield start, slice(done - start, length - context)
        done = start + length - context
        start = min(done - context, n_frames - length)
    yield start, slice(done - start, n_frames - start)


def _layer(speech: pretrained.Speech, piece: np.ndarray, layer: int | str) -> np.ndarray:
    """States of the frames of a piece, and behind them whatever the model adds: float32."""
    import torch

    with one_thread(), torch.inference_mode():
        if speech.kind == "whisper":
            inputs = speech.extractor(
                piece, sampling_rate=speech.extractor.sampling_rate, return_tensors="pt"
            ).input_features
        else:
            inputs = torch.from_numpy(np.asarray(piece, np.float32))[None]
        out = speech.network(inputs, output_hidden_states=True)
        # Whether the last of hidden_states is normalised differs between versions of transformers.
        layers = (*out.hidden_states[:-1], out.last_hidden_state)
        chosen = torch.stack(layers).mean(dim=0) if layer == MEAN else layers[layer]
        return chosen[0].numpy()


def _speech(params: Settings, where: str) -> pretrained.Speech:
    pretrained.need_packages(where)
    folder = pretrained.folder(params.model, params.revision, where)
    return pretrained.load(folder, pretrained.stamp(folder, where), where)


@contextmanager
def one_thread() -> Iterator[None]:
    """Torch computes with one thread in this one, and in those that begin meanwhile."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
