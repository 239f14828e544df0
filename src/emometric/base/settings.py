"""Read params.yaml: refuse what is unknown, and pick each value's scale."""

import difflib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from emometric.base import parts
from emometric.base.errors import ParameterError

ORIGINS = ("synthetic", "original")
SCALES = ("quick", "paper")

# The working run's keys, each with the kind of part that it names (None: a plain value).
RUN = {
    "corpus": "corpora",
    "feature": "features",
    "encoder": "encoders",
    "loss": "losses",
    "decision": "decisions",
    "protocol": "protocols",
    "seed": None,
}
# Blocks that hold one map of settings for each part of a kind.
PART_BLOCKS = ("corpora", "features", "encoders", "losses", "decisions", "protocols", "methods")
# Blocks with fixed keys.
BLOCKS = {
    "scale": ORIGINS,
    "study_scale": ORIGINS,
    "stand_in": ("max_clips", "max_corpus"),
    "vad": ("mode", "frame_s", "level_db", "pad_s", "min_speech_s"),
    "training": (
        "sampler",
        "batch_size",
        "epochs",
        "crop_s",
        "learning_rate",
        "decay_every",
    ),
    "baseline": ("feature", "decision"),
    "evaluation": ("n_resamples", "confidence", "perplexity"),
    "grid": ("seed",),
    "extraction": ("backend", "scheduler"),
    "pool": ("corpora", "emotions"),
}
STUDIED = ("methods", "studies", "pretraining")  # blocks that have a scale of their own
POOLED = "pooled"  # the corpus that the block `pool` makes of others
# The networks that stage pretrain trains: what each learns to tell apart, a column of the clips. A
# study that starts from one has it as its source.
NETWORKS = {"speakers": "speaker", "emotions": "emotion"}
PRETRAINING = (
    "corpora",
    "feature",
    "join_bins",
    "compress",
    "test_share",
    "valid_share",
    "clips_a_speaker",
    "batch_size",
    "batches",
    "epochs",
    "crop_s",
    "learning_rate",
    "weight_decay",
    "label_smoothing",
    "bin_mask",
    "frame_mask",
    "n_masks",
)
# A study's keys, each with the block that holds what it names (None: replaced settings); `feature`
# may be a list of several.
STUDY = {
    "method": "methods",
    "feature": "features",
    "source": "corpora",
    "target": "corpora",
    "settings": None,
}


def read(origin: str, path: str | Path = "params.yaml") -> dict[str, Any]:
    """All settings, with every `quick:`/`paper:` pair resolved to the scale of `origin`:
    `scale` for the working run, `study_scale` for the blocks `STUDIED`.

    Raises ParameterError, in one sentence, for a missing file, an unknown or missing key, a part
    that does not exist, or an unknown scale. What a part's own settings may be, its `Params` say.
    """
    path = Path(path)
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ParameterError(f"no settings at {path}; run from the project's root.") from None
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        line = f", line {where.line + 1}" if where else ""
        raise ParameterError(f"{path}{line} is not valid YAML; mend it there.") from None
    if not isinstance(raw, Mapping):
        raise ParameterError(f"{path} holds no settings; restore it from git.")
    _check(raw, path)
    if origin not in ORIGINS:
        raise ParameterError(f"the origin '{origin}' is none of {', '.join(ORIGINS)}; choose one.")
    for block in ("scale", "study_scale"):
        scale = raw[block][origin]
        if scale not in SCALES:
            raise ParameterError(f"{path}: {block}.{origin} is '{scale}'; write quick or paper.")
    studied = {block: raw[block] for block in STUDIED}
    return at_scale(raw, raw["scale"][origin]) | at_scale(studied, raw["study_scale"][origin])


def at_scale(value: Any, scale: str) -> Any:
    """`value` with every map of exactly the keys quick and paper replaced by the one chosen.

    >>> at_scale({"epochs": {"quick": 8, "paper": 60}, "batch_size": 32}, "quick")
    {'epochs': 8, 'batch_size': 32}
    """
    if isinstance(value, Mapping):
        if set(value) == set(SCALES):
            return value[scale]
        return {key: at_scale(item, scale) for key, item in value.items()}
    if isinstance(value, list):
        return [at_scale(item, scale) for item in value]
    return value


def _check(raw: Mapping, path: Path) -> None:
    known = (*RUN, *PART_BLOCKS, *BLOCKS, "study_features", "pretraining", "studies")
    _check_keys(raw, known, path, "")
    for block, keys in BLOCKS.items():
        _check_keys(_map(raw[block], path, block), keys, path, f"{block}.")
    for block in PART_BLOCKS:
        for name in _map(raw[block], path, block):
            parts.check_name(block, name, parts.available(block))
    if not raw["corpora"]:
        raise ParameterError(f"{path}: corpora names no corpus; write at least one, as 'emodb:'.")
    _check_pool(raw, path)
    _check_study_features(raw, path)
    _check_pretraining(raw, path)
    for key, kind in RUN.items():
        if kind:
            parts.check_name(kind, raw[key], runnable(raw) if kind == "corpora" else raw[kind])
    for where, seed in (("seed", raw["seed"]), ("grid.seed", raw["grid"]["seed"])):
        if not isinstance(seed, int) or seed < 0:
            raise ParameterError(f"{path}: {where} is '{seed}'; write a whole number from 0.")
    for name in _map(raw["studies"], path, "studies"):
        _check_study(name, raw, path)


def runnable(values: Mapping) -> tuple[str, ...]:
    """The corpora that a run may name: those under `corpora`, and the pool of them."""
    return (*values["corpora"], POOLED)


def _check_pool(raw: Mapping, path: Path) -> None:
    if POOLED in raw["corpora"]:
        raise ParameterError(f"{path}: corpora.{POOLED} is no block; list its corpora under pool.")
    names = raw["pool"]["corpora"]
    if not isinstance(names, list):
        raise ParameterError(f"{path}: pool.corpora must be a list of corpora, one a line.")
    for name in names:
        parts.check_name("corpora", name, raw["corpora"])


def features_of(study: Mapping) -> tuple[str, ...]:
    """The features that a study hears, the first of them its own.

    >>> features_of({"feature": "mfcc"}), features_of({"feature": ["log_mel", "modulation"]})
    (('mfcc',), ('log_mel', 'modulation'))
    """
    feature = study["feature"]
    return tuple(feature) if isinstance(feature, list) else (feature,)


def _check_study_features(raw: Mapping, path: Path) -> None:
    for corpus, features in _map(raw["study_features"], path, "study_features").items():
        parts.check_name("corpora", corpus, raw["corpora"])
        if not isinstance(features, list):
            raise ParameterError(
                f"{path}: study_features.{corpus} must be a list of features, one a line."
            )
        for feature in features:
            parts.check_name("features", feature, raw["features"])


def _check_pretraining(raw: Mapping, path: Path) -> None:
    """Each network has its block, whose corpora exist and are heard; and no study that starts from
    one tests on a corpus that has taught it."""
    blocks = _map(raw["pretraining"], path, "pretraining")
    _check_keys(blocks, tuple(NETWORKS), path, "pretraining.")
    for network, block in blocks.items():
        where = f"pretraining.{network}"
        _check_keys(_map(block, path, where), PRETRAINING, path, f"{where}.")
        names, feature = block["corpora"], block["feature"]
        if not isinstance(names, list):
            raise ParameterError(f"{path}: {where}.corpora must be a list of corpora, one a line.")
        parts.check_name("features", feature, raw["features"])
        for corpus in names:
            parts.check_name("corpora", corpus, raw["corpora"])
            if feature not in raw["study_features"].get(corpus, ()):
                raise ParameterError(
                    f"{path}: {where} hears {feature} of {corpus}; add it under "
                    f"study_features.{corpus}."
                )
        for name, study in _map(raw["studies"], path, "studies").items():
            starts = isinstance(study, Mapping) and study.get("source") == network
            if starts and study.get("target") in names:
                raise ParameterError(
                    f"{path}: {where}.corpora names {study['target']}, on whose speakers the "
                    f"study {name} tests; take it out there."
                )


def _check_study(name: Any, raw: Mapping, path: Path) -> None:
    where = f"studies.{name}"
    if not re.fullmatch(r"[a-z][a-z0-9_]*", str(name)) or name == "run":
        raise ParameterError(
            f"{path}: the study '{name}' needs another name; use small letters, digits and _, and "
            "not 'run'."
        )
    study = _map(raw["studies"][name], path, where)
    _check_keys(study, tuple(STUDY), path, f"{where}.")
    for key, block in STUDY.items():
        if block and not (key == "source" and study[key] in NETWORKS):
            for part in features_of(study) if key == "feature" else (study[key],):
                parts.check_name(block, part, raw[block])
    if not features_of(study):
        raise ParameterError(f"{path}: {where}.feature names no feature; write one.")
    _check_heard(study, raw, path, where)
    replaced = _map(study["settings"], path, f"{where}.settings")
    for key in replaced:
        parts.check_name(f"methods.{study['method']}", key, raw["methods"][study["method"]] or {})


def _check_heard(study: Mapping, raw: Mapping, path: Path, where: str) -> None:
    for corpus in {study["source"], study["target"]} - set(NETWORKS):
        lacking = set(features_of(study)) - set(raw["study_features"].get(corpus, ()))
        if lacking:
            raise ParameterError(
                f"{path}: {where} hears {', '.join(sorted(lacking))} of {corpus}; add it under "
                f"study_features.{corpus}."
            )


def _map(value: Any, path: Path, where: str) -> Mapping:
    if not isinstance(value, Mapping):
        raise ParameterError(f"{path}: {where} must be a block of keys; restore it from git.")
    return value


def _check_keys(block: Mapping, known: tuple[str, ...], path: Path, prefix: str) -> None:
    for key in block:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1)
            hint = f"did you mean '{prefix}{near[0]}'?" if near else "remove it."
            raise ParameterError(f"{path}: unknown key '{prefix}{key}'; {hint}")
    for key in known:
        if key not in block:
            raise ParameterError(f"{path}: the key '{prefix}{key}' is missing; restore it.")
