"""What the variants of ntalampiras2020 train: features, pairs, start, augmentation, how many."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from emometric import ranges
from emometric.base import parts
from emometric.base.errors import ParameterError
from emometric.layers.picture_twin import STARTS, TwinParams
from emometric.studies.analogy_training import PAIRS, Recipe
from emometric.studies.augmentation import Augmentation

FEATURES = ("compare", "log_mel", "modulation")
PUBLISHED = "published"  # the variant that does as the paper says
_WHERE = "methods.ntalampiras2020.variants"


@dataclass(frozen=True, kw_only=True)
class Shared:
    """What variants have in common: channels of the layers, length of a branch's embedding, epochs
    and rate of those that do not set theirs, and how the pictures of some vary."""

    widths: Sequence[int]
    dim: int
    epochs: int
    rate: float
    augmentation: Augmentation


@dataclass(frozen=True, kw_only=True)
class Variant:
    """A variant; what it does not set is as published.

    networks: features of each network, with + between them, such as log_mel+modulation; the
    similarity is the mean of all networks'. members: so many of each are trained, from other
    seeds and with other known speakers held out for stopping. pairs: `all` of a batch, or
    `sampled`; softmax: weight of a cross-entropy of emotions beside the pairs'; augment:
    pictures are varied; start: of the weights, `he` or `narrow`, N(0, 0.01); batch_norm: behind
    each convolution; dropout: of the functionals; epochs, rate: at most so many, and the
    largest learning rate; None: the method's. svm_c: no network at all, but a linear SVM of
    this cost on the first of `networks`, which is functionals.
    """

    networks: Sequence[str] = ("log_mel+modulation",)
    members: int = 1
    pairs: str = "all"
    softmax: float = 0.0
    augment: bool = False
    start: str = "he"
    batch_norm: bool = False
    dropout: float = 0.8
    epochs: int | None = None
    rate: float | None = None
    svm_c: float | None = None

    def __post_init__(self):
        for network in self.networks:
            for name in network.split("+"):
                parts.check_name(f"{_WHERE}: networks", name, FEATURES)
        if not len(self.networks):
            raise ParameterError(f"params.yaml: {_WHERE}: networks is empty; name one at least.")
        parts.check_name(f"{_WHERE}: pairs", self.pairs, PAIRS)
        parts.check_name(f"{_WHERE}: start", self.start, STARTS)
        ranges.check_whole(f"{_WHERE}: members", self.members, 1)
        ranges.check_share(f"{_WHERE}: dropout", self.dropout)
        if self.epochs is not None:
            ranges.check_whole(f"{_WHERE}: epochs", self.epochs, 1)
        for name in ("augment", "batch_norm"):
            ranges.check_flag(f"{_WHERE}: {name}", getattr(self, name))
        if self.rate is not None and not self.rate > 0:
            raise ParameterError(
                f"params.yaml: {_WHERE}: rate is {self.rate}; write a number above 0."
            )
        if self.softmax < 0:
            raise ParameterError(
                f"params.yaml: {_WHERE}: softmax is {self.softmax}; write a number from 0."
            )
        if self.svm_c is not None and tuple(self.networks) != ("compare",):
            raise ParameterError(
                f"params.yaml: {_WHERE}: svm_c needs functionals; set networks to compare alone."
            )

    @property
    def features(self) -> set[str]:
        return {name for network in self.networks for name in network.split("+")}

    def recipes(self, shared: Shared) -> list[tuple[Recipe, int]]:
        """The trainings: what is trained, and its number among the members; none for an SVM."""
        if self.svm_c is not None:
            return []
        twin = TwinParams(
            widths=tuple(shared.widths),
            dim=shared.dim,
            start=self.start,
            batch_norm=self.batch_norm,
            dropout=self.dropout,
        )
        return [
            (
                Recipe(
                    features=tuple(network.split("+")),
                    twin=twin,
                    epochs=self.epochs or shared.epochs,
                    rate=self.rate or shared.rate,
                    pairs=self.pairs,
                    softmax=self.softmax,
                    augmentation=shared.augmentation if self.augment else None,
                ),
                member,
            )
            for network in self.networks
            for member in range(self.members)
        ]


def variant(name: str, settings: Mapping[str, Any] | None) -> Variant:
    """A variant from its block of params.yaml; ParameterError names a wrong key."""
    known = [field.name for field in fields(Variant)]
    for key in settings or {}:
        parts.check_name(f"{_WHERE}.{name}", key, known)
    return Variant(**(settings or {}))
