"""The trainings of a group of cells of ntalampiras2020, and the outcome of each cell."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from emometric.base.errors import ParameterError
from emometric.decisions import svm_linear
from emometric.studies import analogy_folds, analogy_maps, analogy_outcomes
from emometric.studies.analogy_folds import PROTOCOLS, Unit
from emometric.studies.analogy_outcomes import RULES, Decided
from emometric.studies.analogy_pictures import Extracted, extracted
from emometric.studies.analogy_training import Job, Recipe, Schedule, Trained
from emometric.studies.analogy_variants import Shared, Variant
from emometric.studies.cell import Cell, Outcome, Table

FIRST = "log_mel"  # the feature of the table itself; others stand beside it
_PICTURES = {"input": (FIRST, (128, 100)), "modulation": ("modulation", (54, 76))}


@dataclass(frozen=True, kw_only=True)
class Setup:
    """What all trainings of a study share; `methods.ntalampiras2020.Params` says what it is."""

    rules: analogy_folds.Rules
    schedule: Schedule
    variants: Mapping[str, Variant]
    shared: Shared
    shrink: int


class Work:
    """The corpus of a study, its folds, and what is made once for all cells of a group."""

    def __init__(self, setup: Setup, source: Table, seed: int, device: str):
        self.setup, self.source, self.device, self.seed = setup, source, device, seed
        chosen = analogy_folds.taking_part(source.clips, setup.rules)
        self.rows, self.clips = chosen.index.to_numpy(), chosen.reset_index(drop=True)
        self.names = setup.rules.emotions
        self.emotion = self.clips["emotion"].map(self.names.index).to_numpy(np.int64)
        folds = analogy_folds.units(self.clips, setup.rules, seed)
        self.units: dict[tuple, Unit] = {unit.key: unit for unit in folds}
        self._features: dict[str, Extracted] = {}

    def keys(self, cell: Cell) -> list[tuple]:
        """What names the trainings of a cell: fold, recipe, member."""
        recipes = self.setup.variants[cell.settings["variant"]].recipes(self.setup.shared)
        return [(key(cell), recipe, member) for recipe, member in recipes]

    def job(self, of: tuple, recipe: Recipe, member: int) -> Job:
        unit, rules = self.units[of], self.setup.rules
        seed = (*self.numbers_of(unit), member)
        roles = analogy_folds.positions(self.clips, unit.fold)
        if member and rules.protocol != "unknown_emotion" and len(roles["valid"]):
            roles = analogy_folds.held_out_anew(self.clips, roles, rules.valid_share, seed)
        return Job(
            recipe=recipe,
            schedule=self.setup.schedule,
            pictures={name: self.feature(name) for name in recipe.features},
            emotion=self.emotion,
            n_emotions=len(self.names),
            roles=roles,
            seed=seed,
            device=self.device,
            is_shown=self.is_shown(unit) and member == 0,
        )

    def feature(self, name: str) -> Extracted:
        if name not in self._features:
            self._features[name] = extracted(
                table_of(self.source, name), self.rows, self.setup.shrink, fixed=name != FIRST
            )
        return self._features[name]

    def numbers_of(self, unit: Unit) -> tuple[int, ...]:
        """What all randomness of a fold starts from."""
        point = [
            self.names.index(value) if name == "unknown" else value for name, value in unit.settings
        ]
        return (self.seed, PROTOCOLS.index(self.setup.rules.protocol), *point, unit.number)

    def is_shown(self, unit: Unit) -> bool:
        """Pictures and maps are kept of the first fold with one speaker left out."""
        return self.setup.rules.protocol == "leave_one_speaker_out" and unit.number == 0

    def outcome(self, cell: Cell, networks: Sequence[Trained]) -> Outcome:
        unit, rule = self.units[key(cell)], cell.settings["rule"]
        roles = analogy_folds.positions(self.clips, unit.fold)
        test, numbers, rows = roles["test"], {}, []
        if self.setup.rules.protocol == "unknown_emotion":
            roles = {**roles, "support": roles["train"]}
        support = self.emotion[roles["support"]]
        if not networks:
            scores = self.by_svm(roles, self.setup.variants[cell.settings["variant"]].svm_c)
        else:
            decided = Decided(
                clips=self.clips, emotion=self.emotion, roles=roles, networks=networks
            )
            values = decided.similarity(test, roles["support"])
            draw_seed = int(np.random.SeedSequence(self.numbers_of(unit)).generate_state(1)[0])
            scores = analogy_outcomes.scores(values, support, len(self.names), rule, draw_seed)
            if rule == RULES[0]:
                numbers, rows = self.beside(decided, unit, values)
        return Outcome(
            cell=cell,
            clips=self.clips.iloc[test][["id", "speaker", "emotion"]],
            scores=scores,
            embedding=analogy_outcomes.embedding_table(rows),
            numbers=numbers,
        )

    def beside(
        self, decided: Decided, unit: Unit, similarity: np.ndarray
    ) -> tuple[dict[str, float], list[tuple[str, str, np.ndarray]]]:
        """Numbers and embeddings of a variant in a fold, apart from how it pools."""
        test, support = decided.roles["test"], decided.roles["support"]
        numbers = analogy_outcomes.trained_numbers(decided.networks) | (
            analogy_outcomes.pair_counts(
                similarity, self.emotion[test], self.emotion[support], self.names
            )
        )
        rows = analogy_outcomes.embeddings(decided) if self.is_shown(unit) else []
        if self.is_shown(unit) and decided.networks[0].maps:
            maps = decided.networks[0].maps
            rows += analogy_outcomes.map_rows(self.clips, [*maps, *self.inputs(maps)])
        if self.setup.rules.protocol == "unknown_emotion":
            unknown = dict(unit.settings)["unknown"]
            known = [place for place, name in enumerate(self.names) if name != unknown]
            order = np.random.default_rng(self.numbers_of(unit)).permutation(test)
            rates, stream = analogy_outcomes.open_set(decided, known, order)
            numbers, rows = {**numbers, **rates}, rows + stream
        return numbers, rows

    def by_svm(self, roles: Mapping[str, np.ndarray], cost: float) -> np.ndarray:
        """Scores of a linear SVM on functionals, fitted to the support."""
        values = table_of(self.source, "compare").values[self.rows]
        machine = svm_linear.Decision(svm_linear.Params(c=cost), len(self.names))
        machine.fit(values[roles["support"]], self.emotion[roles["support"]])
        return machine.scores(values[roles["test"]])

    def inputs(self, maps: Sequence[analogy_maps.Map]) -> list[analogy_maps.Map]:
        """The pictures themselves, as extracted, of the clips that have maps."""
        found = []
        for clip in dict.fromkeys(one.clip for one in maps):
            for name, (feature, shape) in _PICTURES.items():
                if feature == FIRST or feature in self.source.beside:
                    frames = table_of(self.source, feature).frames(self.rows[clip])
                    picture = torch.from_numpy(frames.astype(np.float32))
                    picture = picture if feature == FIRST else picture.T
                    found.append(
                        analogy_maps.named(clip, name, analogy_maps.resized(picture, shape))
                    )
        return found


def key(cell: Cell) -> tuple:
    """`Unit.key` of a cell."""
    settings = cell.settings
    point = [(name, settings[name]) for name in ("n_known", "unknown") if name in settings]
    return (*point, cell.fold)


def table_of(source: Table, name: str) -> Table:
    """The table of a feature that the study hears."""
    if name == FIRST:
        return source
    if name not in source.beside:
        raise ParameterError(
            f"params.yaml: a variant of ntalampiras2020 hears {name}, which the study does not; "
            f"add it to `feature:` of the study, behind {FIRST}."
        )
    return source.beside[name]
