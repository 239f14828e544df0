"""A pretrained speech model: where its files lie, their digest, and loading it.

A folder, or a name on the Hugging Face hub, whose own cache keeps what was fetched. Of the weights
only safetensors are read, so nothing is unpickled. `transformers` and torch are imported when a
model is used and not before.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from emometric.base.errors import ParameterError

KINDS = ("wav2vec2", "hubert", "wavlm", "whisper")  # `model_type` in a model's config.json
_NEEDED = ("config.json", "preprocessor_config.json")
_FILES = (*_NEEDED, "model*.safetensors", "*.safetensors.index.json")
_PICKLED = "pytorch_model*.bin"

Stamp = tuple[tuple[str, int, int], ...]  # name, bytes and time of each file


@dataclass(frozen=True, kw_only=True)
class Speech:
    """A model that is loaded: its encoder, what prepares a waveform for it, and its frames.

    Frame k begins at sample `hop * k` and needs `window` of them. most: frames that it takes at
    once, None: any number.
    """

    kind: str
    network: Any
    extractor: Any
    hop: int
    window: int
    most: int | None
    n_layers: int


def need_packages(where: str) -> None:
    """Raise ParameterError where the extra `ssl` is not installed."""
    try:
        import torch  # noqa: F401
        import transformers  # noqa: F401
    except ImportError as error:
        raise ParameterError(
            f"{where} needs the package {error.name}; run: pip install 'emometric[ssl]'"
        ) from None


def folder(model: str | None, revision: str | None, where: str) -> Path:
    """Where the model's files lie; fetched from the hub if they are not here yet."""
    if not model:
        raise ParameterError(
            f"{where}.model is empty; write the folder of a wav2vec2, HuBERT, WavLM or Whisper "
            "model, or its name on the Hugging Face hub."
        )
    path = Path(model).expanduser()
    if path.is_dir():
        return path
    if not re.fullmatch(r"[\w-][\w.-]*/[\w-][\w.-]*", model):
        raise ParameterError(
            f"{where}.model is '{model}', which is no folder here and no name on the "
            "Hugging Face hub (owner/model); write one of them."
        )
    return _fetch(model, revision, where)


@lru_cache(maxsize=8)
def _fetch(model: str, revision: str | None, where: str) -> Path:
    import huggingface_hub
    from huggingface_hub import errors

    try:
        return Path(
            huggingface_hub.snapshot_download(
                model, revision=revision or None, allow_patterns=list(_FILES)
            )
        )
    except (errors.HfHubHTTPError, errors.HFValidationError, OSError, ValueError) as error:
        reason = str(error).strip().splitlines()[0].rstrip(".")
        raise ParameterError(
            f"{where}.model: '{model}' could not be fetched from the Hugging Face hub and is not "
            f"in its cache here ({reason}); go online, or write the folder of a copy."
        ) from None


def stamp(folder: Path, where: str) -> Stamp:
    """Name, size and time of each file that decides on the values; ParameterError if one lacks."""
    paths = sorted({path for pattern in _FILES for path in folder.glob(pattern)})
    names = [path.name for path in paths]
    for name in _NEEDED:
        if name not in names:
            raise ParameterError(f"{where}.model: {folder} holds no {name}; fetch the model whole.")
    if not any(name.endswith(".safetensors") for name in names):
        pickled = any(folder.glob(_PICKLED))
        raise ParameterError(
            f"{where}.model: {folder} holds no weights as safetensors"
            + (" (pickled ones are not read)" if pickled else "")
            + "; convert them, or name a revision that has them, such as the hub's refs/pr/1."
        )
    return tuple((path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in paths)


@lru_cache(maxsize=8)
def digest(folder: Path, stamp: Stamp) -> str:
    """blake2b (40 hex digits) over the names and the bytes of the files."""
    state = hashlib.blake2b(digest_size=20)
    for name, size, _ in stamp:
        state.update(json.dumps([name, size]).encode())
        with (folder / name).open("rb") as file:
            while block := file.read(2**20):
                state.update(block)
    return state.hexdigest()


@lru_cache(maxsize=1)
def load(folder: Path, stamp: Stamp, where: str) -> Speech:
    """The model on the CPU, in eval(); ParameterError where it is not whole or of no known kind."""
    import safetensors
    import torch
    import transformers

    with _quiet(transformers):
        try:
            config = transformers.AutoConfig.from_pretrained(folder, local_files_only=True)
            if config.model_type not in KINDS:
                raise ParameterError(
                    f"{where}.model: {folder} holds a model of the kind '{config.model_type}'; "
                    f"choose one of the kinds {', '.join(KINDS)}."
                )
            network, report = transformers.AutoModel.from_pretrained(
                folder,
                config=config,
                dtype=torch.float32,
                use_safetensors=True,
                local_files_only=True,
                output_loading_info=True,
            )
            extractor = transformers.AutoFeatureExtractor.from_pretrained(
                folder, local_files_only=True
            )
        except (OSError, ValueError, RuntimeError, KeyError, safetensors.SafetensorError) as error:
            reason = (str(error).strip().splitlines() or ["no reason given"])[0].rstrip(".")
            raise ParameterError(
                f"{where}.model: {folder} cannot be loaded ({reason}); fetch the model again."
            ) from None
    # Weights that are not there would be random numbers. Training alone uses masked_spec_embed.
    missing = sorted(
        name
        for name in report["missing_keys"]
        if not name.endswith("masked_spec_embed") and not name.startswith("decoder.")
    )
    if missing:
        raise ParameterError(
            f"{where}.model: {folder} lacks {len(missing)} weights, the first is {missing[0]}; "
            "fetch the model again."
        )
    return _describe(config, network.eval(), extractor)


def _describe(config: Any, network: Any, extractor: Any) -> Speech:
    if config.model_type == "whisper":
        return Speech(
            kind="whisper",
            network=network.get_encoder(),
            extractor=extractor,
            hop=2 * extractor.hop_length,  # the second convolution has stride 2
            window=2 * extractor.hop_length,
            most=config.max_source_positions,
            n_layers=config.encoder_layers,
        )
    hop, window = 1, 1
    for kernel, stride in zip(config.conv_kernel, config.conv_stride, strict=True):
        window += (kernel - 1) * hop
        hop *= stride
    return Speech(
        kind=config.model_type,
        network=network,
        extractor=extractor,
        hop=hop,
        window=window,
        most=None,
        n_layers=config.num_hidden_layers,
    )


@contextmanager
def _quiet(transformers: Any) -> Iterator[None]:
    """Within it no bar and no table of weights that a fine-tuned head would have taken."""
    logging = transformers.utils.logging
    before, had_bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(before)
        if had_bars:
            logging.enable_progress_bar()
