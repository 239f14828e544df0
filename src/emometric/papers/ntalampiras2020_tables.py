"""ntalampiras2020's tables in the paper's form, and figure 4's numbers, from finished studies."""

from collections.abc import Mapping, Sequence

import pandas as pd

from emometric.papers import finished, ledger
from emometric.papers.finished import estimated
from emometric.report.section import Table

PAPER = "ntalampiras2020"
PUBLISHED, RULE = "published", "max"
RULES = {
    "max": "most similar support clip",
    "mean": "mean over the support",
    "twenty": "most similar of 20 support clips",
}
RELATIONS = {"Similar": "similar", "Dissimilar": "dissimilar"}
RATES = {
    "auroc": "AUROC",
    "fpr_at_95_tpr": "FPR at 95 % TPR",
    "known_accuracy": "accuracy on known",
    "purity": "purity",
    "coverage": "coverage",
}
OVER_SPEAKERS = "In brackets the 95 % interval that resamples speakers."


def variant_words(name: str) -> str:
    """A variant as tables show it.

    >>> variant_words("log_mel_only")
    'log mel only'
    """
    return name.replace("_", " ")


def variants(study: finished.Study, table: str) -> list[str]:
    """The variants of a table: the paper's, then the others in the order of the settings."""
    told = list(study.about["method"].get("params", {}).get("variants", ()))
    found = list(dict.fromkeys(study.tables[table]["variant"]))
    place = {name: number for number, name in enumerate([PUBLISHED, *told])}
    return sorted(found, key=lambda name: place.get(name, len(place)))


def accuracy(study: finished.Study) -> Table:
    """Section 4.4, leave one speaker out: every variant under every rule."""
    summary = study.tables["summary"].set_index("cell")
    rows = {}
    for variant in variants(study, "accuracy"):
        for rule, words in RULES.items():
            found = study.rows("accuracy", variant=variant, rule=rule)
            if found.empty:
                continue
            row = found.iloc[0]
            beside = summary.loc[row["cell"]]
            is_ours = (variant, rule) == (PUBLISHED, RULE)
            rows[variant_words(variant), "" if "svm" in variant else words] = {
                "paper": _paper("text 4.4", "known_speakers=9") if is_ours else None,
                "ours": estimated(row, "accuracy"),
                "UAR": estimated(row, "uar"),
                "UAR over published": "" if pd.isna(row["gain"]) else estimated(row, "gain"),
                "p": "" if pd.isna(row["p"]) else f"{row['p']:.3f}",
                "majority, UAR": 100 * beside["majority_uar"],
                "speaker lookup, UAR": 100 * beside["speaker_lookup_uar"],
                "stamp": beside["stamps"],
            }
    method = next(filter(None, study.tables["accuracy"]["method"]), "")
    return Table(
        title=f"Section 4.4: accuracy on {study.target}, leave one speaker out, in per cent",
        rows=finished.frame(rows, ("variant", "decision")),
        note=f"{OVER_SPEAKERS} UAR over published: in points, against the first row, on the same "
        f"clips. {f'p: {method}.' if method else ''}".strip(),
    )


def table_1(study: finished.Study) -> Table:
    """Pairs of clips of one emotion and of different ones, and what the network says of them."""
    rows: dict[str, dict] = {}
    for presented, one in RELATIONS.items():
        for predicted, other in RELATIONS.items():
            relation = f"{one}->{other}"
            row = study.rows("similarity", variant=PUBLISHED, relation=relation).iloc[0]
            cells = rows.setdefault(presented, {})
            cells[predicted, "paper"] = _paper("table 1", relation)
            cells[predicted, "ours"] = estimated(row, "rate")
    row = study.rows("similarity", variant=PUBLISHED, relation="mean of the diagonal").iloc[0]
    return Table(
        title="Table 1: pairs of a test and a support clip, in per cent",
        rows=finished.frame(rows, "presented"),
        note="Heads: what the network says, similar from 0.5 on. Average recognition rate: the "
        f"paper {_paper('table 1', 'mean of the diagonal'):g}, ours {estimated(row, 'rate')}. All "
        f"{int(row['n_pairs'])} pairs of all folds. {OVER_SPEAKERS}",
    )


def table_3(study: finished.Study, names: Sequence[str]) -> Table:
    """The confusion matrix of the decisions, a row an emotion that was spoken."""
    ours = confusion(study, names)
    rows = {
        truth: {("paper", name): _paper("table 3", f"{truth}->{name}") for name in names}
        | {("ours", name): 100 * ours.loc[truth, name] for name in names}
        for truth in names
    }
    return Table(
        title="Table 3: what each emotion is taken for, in per cent",
        rows=finished.frame(rows, "spoken"),
        note="The paper calls this Ms; its rows sum to 100, as those of the decisions do. A dash "
        "in the paper counts as 0. Intervals stand in the ledger.",
    )


def similarities(study: finished.Study, names: Sequence[str]) -> Table:
    """Section 4.3's Ms and Md: pairs of clips by their emotions."""
    similar = pair_rates(study, names)
    rows = {
        one: {
            (side, name): 100 * (share if side.startswith("Ms") else 1 - share)
            for side in ("Ms: similar", "Md: dissimilar")
            for name, share in similar.loc[one].items()
        }
        for one in names
    }
    return Table(
        title="Section 4.3, Ms and Md: pairs found similar, and dissimilar, in per cent",
        rows=finished.frame(rows, "test clip"),
        note="Columns: the support clip's emotion. Ms and Md sum to 100 in every cell; the paper "
        "defines them and does not print them.",
    )


def curve(study: finished.Study, item: str, what: str) -> Table:
    """Figure 4's numbers: a row for each number of known speakers or emotions."""
    rows = {}
    for n_known in sorted(study.tables["curve"]["n_known"].unique()):
        # Of figure 4b the paper prints no number: it is a drawing.
        cells: dict[str, object] = {"paper": _stated(n_known)} if item == "fig 4a" else {}
        for variant in variants(study, "curve"):
            for rule, words in RULES.items():
                found = study.rows("curve", variant=variant, rule=rule, n_known=n_known)
                if len(found):
                    is_ours = (variant, rule) == (PUBLISHED, RULE)
                    head = "ours" if is_ours else f"{variant_words(variant)}, {words}"
                    cells[head] = _spread(found.iloc[0])
        first = study.rows("curve", n_known=n_known).iloc[0]
        rows[int(n_known)] = {**cells, "repeats": int(first["n_runs"])}
    return Table(
        title=f"Figure {item.removeprefix('fig ')}: accuracy by the number of known {what}, in "
        "per cent",
        rows=finished.frame(rows, f"known {what}"),
        note="Mean ± standard deviation over the repeats; in brackets the 95 % interval of the "
        "mean that resamples the tested speakers.",
    )


def open_set(study: finished.Study) -> Table:
    """Section 3.4 as open-set recognition; the paper reports no rates."""
    rows = {}
    for variant in variants(study, "open_set"):
        for row in study.rows("open_set", variant=variant).to_dict("records"):
            rows[variant_words(variant), row["unknown"]] = {
                **{words: estimated(row, rate) for rate, words in RATES.items()},
                "classes founded": int(row["n_founded"]),
                "clips": int(row["n_clips"]),
            }
    return Table(
        title="Section 3.4: an emotion that the dictionary lacks, in per cent",
        rows=finished.frame(rows, ("variant", "unknown emotion")),
        note="AUROC and FPR: telling clips of known emotions (positive) from unknown ones by the "
        "largest similarity to the support. Purity: of the clips in founded classes, those of "
        "their class's main emotion; coverage: of the unknown clips, those in a class whose main "
        f"emotion is theirs. Thresholds come from training speakers. {OVER_SPEAKERS}",
    )


def confusion(study: finished.Study, names: Sequence[str]) -> pd.DataFrame:
    """Shares of the published decision: (truth, predicted), NaN for an emotion without clips."""
    rows = study.rows("confusion", variant=PUBLISHED, rule=RULE)
    wide = rows.pivot(index="truth", columns="predicted", values="rate")
    return wide.reindex(index=list(names), columns=list(names)).rename_axis(
        index=None, columns=None
    )


def pair_rates(study: finished.Study, names: Sequence[str]) -> pd.DataFrame:
    """Ms of the published network as shares: (test clip's emotion, support clip's)."""
    rows = study.rows("pairs", variant=PUBLISHED)
    wide = rows.pivot(index="test", columns="support", values="rate")
    return wide.reindex(index=list(names), columns=list(names)).rename_axis(
        index=None, columns=None
    )


def _paper(item: str, setting: str) -> float | None:
    return ledger.claimed(PAPER, item=item, setting=setting)


def _stated(n_known: float) -> str | None:
    """What the paper states at a point of figure 4a, with its deviation; the rest is a drawing."""
    for claim in ledger.claims_of(PAPER).to_dict("records"):
        if claim["setting"] == f"known_speakers={n_known:g}":
            return " ± ".join(filter(None, (claim["value"], claim["sd"])))
    return None


def _spread(row: Mapping) -> str:
    mean, sd = 100 * row["accuracy"], 100 * row["accuracy_sd"]
    words = f"{mean:.1f}" if pd.isna(sd) else f"{mean:.1f} ± {sd:.1f}"
    if pd.isna(row["accuracy_low"]):
        return words
    return f"{words} ({100 * row['accuracy_low']:.1f} to {100 * row['accuracy_high']:.1f})"
