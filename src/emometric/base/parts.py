"""Find parts by name: one part is one file, and its name is the same everywhere."""

import dataclasses
import difflib
import importlib
import pkgutil
from collections.abc import Iterable, Mapping
from types import ModuleType

from emometric.base.errors import ParameterError

KINDS = (
    "corpora",
    "features",
    "encoders",
    "losses",
    "samplers",
    "protocols",
    "decisions",
    "methods",
)


def available(kind: str) -> tuple[str, ...]:
    """Names of all parts of a kind, sorted: the files of `emometric/<kind>/`."""
    package = importlib.import_module(f"emometric.{kind}")
    return tuple(sorted(module.name for module in pkgutil.iter_modules(package.__path__)))


def check_name(kind: str, name: str, known: Iterable[str]) -> None:
    """Raise ParameterError, with the nearest known name, where `name` is not one of `known`."""
    known = sorted(known)
    if name in known:
        return
    near = difflib.get_close_matches(str(name), known, n=1)
    hint = f"did you mean '{near[0]}'?" if near else f"choose one of: {', '.join(known)}."
    raise ParameterError(f"params.yaml: '{name}' is not known under {kind}; {hint}")


def load(kind: str, name: str) -> ModuleType:
    """The module of one part, such as `emometric.losses.triplet`."""
    check_name(kind, name, available(kind))
    return importlib.import_module(f"emometric.{kind}.{name}")


def make_params(kind: str, name: str, settings: Mapping | None):
    """The part's own `Params`, built from its block in params.yaml.

    Every part declares a frozen, keyword-only dataclass `Params`, whose `__post_init__` checks
    ranges with a ParameterError. An unknown or missing key is refused by name.
    """
    params_class = load(kind, name).Params
    settings = dict(settings or {})
    fields = dataclasses.fields(params_class)
    for key in settings:
        check_name(f"{kind}.{name}", key, [field.name for field in fields])
    for field in fields:
        optional = (
            field.default is not dataclasses.MISSING
            or field.default_factory is not dataclasses.MISSING
        )
        if field.name not in settings and not optional:
            raise ParameterError(
                f"params.yaml: {kind}.{name} lacks the key '{field.name}'; add it with a value."
            )
    return params_class(**settings)
