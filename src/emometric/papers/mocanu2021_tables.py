"""mocanu2021's table 2 from finished studies, what each step adds, and what is not the paper's."""

from itertools import pairwise

import numpy as np
import pandas as pd

from emometric.papers import ledger
from emometric.papers.finished import Study, estimated, frame
from emometric.report.section import Table, estimate

PAPER = "mocanu2021"
STRATEGIES = {
    "S1": "S1 from scratch",
    "S2": "S2 + pre-training",
    "S3": "S3 + ghostvlad",
    "S4": "S4 + triplet",
    "S5": "S5 + emotion_triplet",
}
PEERS = {"egemaps_svm": "eGeMAPS, linear SVM", "compare_svm": "ComParE, linear SVM"}
GUESSES = {"majority": "majority", "speaker_lookup": "speaker lookup"}
VARIED = {
    "clusters": "clusters K",
    "ghosts": "ghost clusters G",
    "alpha": "margin alpha",
    "beta": "margin beta",
    "relations": "relations",
}
PANELS = {  # of a grid: what shows them, and the settings that they vary
    "Figure 10": ("clusters", "ghosts"),
    "Figure 11": ("alpha", "beta"),
    "Alternatives": ("relations",),
}
PUBLISHED = "speaker_80_10_10"
PROTOCOLS = {
    PUBLISHED: "folds of actors, 80/10/10",
    "foreign": "folds of actors that others drew",
    "speaker_folds": "folds of whole speakers",
}
N_FOLDS = 10
N_CLIPS = {"ravdess": 1440, "cremad": 7442}  # § 4.1
VOXCELEB2_SPEAKERS = 5994  # of its training part: Chung et al. 2018, table 2
SURE = 0.05  # a step is called more than chance where its corrected p is below
CHOSEN_ON_TEST = "the paper's parameters were chosen by their test results"


def protocol(study: Study) -> str:
    return study.about["method"]["params"].get("protocol", "")


def folds(study: Study) -> str:
    """How many folds, and of which protocol, in words."""
    n_folds = study.tables["accuracy"]["n_runs"].max()
    words = PROTOCOLS.get(protocol(study), protocol(study))
    if n_folds == 1:
        return f"one {words.replace('folds', 'fold', 1)}"
    first = "the first " if study.about["method"]["params"]["first_folds"] else ""
    return f"{first}{n_folds} {words}"


def place(study: Study) -> str:
    """The corpus, and the folds unless they are the paper's."""
    is_whole = study.about["method"]["params"]["first_folds"] is None
    is_papers = protocol(study) == PUBLISHED and is_whole
    return study.target if is_papers else f"{study.target} ({folds(study)})"


def epochs(study: Study) -> str:
    """How long the networks learned: under cross-entropy, then under the strategy's own loss."""
    params = study.about["method"]["params"]
    return f"{params['softmax_epochs']} + {params['ending_epochs']} epochs"


def taught(study: Study) -> tuple[int, int]:
    """Speakers and clips that the network of the start learned from; others chose its epoch."""
    found, source = study.tables["verification"], study.about["source"]
    if found.empty or "n_train_speakers" not in found:
        return source["n_speakers"], source["n_clips"]
    return int(found["n_train_speakers"].iloc[0]), int(found["n_train_clips"].iloc[0])


def varied(study: Study) -> dict[str, str]:
    """The settings that a study gives several values, with the words for them."""
    table = study.tables["grid"]
    return {
        name: words
        for name, words in VARIED.items()
        if name in table and table[name].nunique(dropna=True) > 1
    }


def panels(study: Study) -> list[tuple[str, dict[str, str], pd.DataFrame]]:
    """What a grid shows: each of PANELS of which it varies a setting, these with the words for
    them, and the rows of the grid in which every other setting is the published one."""
    names, table = varied(study), study.tables["grid"]
    published = table[table["is_reference"]]
    found = []
    for item, settings in PANELS.items():
        rows = table
        for name in set(names) - set(settings) if len(published) else ():
            rows = rows[rows[name] == published[name].iloc[0]]
        own = {name: words for name, words in names.items() if name in settings}
        if own:
            found.append((item, own, rows))
    return found


def is_components(study: Study) -> bool:
    """Whether it compares strategies, each at one setting."""
    return not varied(study) and study.tables["accuracy"]["strategy"].is_unique


def stated(corpus: str, strategy: str) -> pd.Series | None:
    """The paper's row of table 2: value, sd, min, max in per cent; None where it has none."""
    claims = ledger.claims_of(PAPER)
    found = claims[
        (claims["item"] == "table 2")
        & (claims["corpus"] == corpus)
        & (claims["setting"] == STRATEGIES.get(strategy))
    ]
    return None if found.empty else found.iloc[0][["value", "sd", "min", "max"]].astype(float)


def table_2(study: Study) -> Table:
    """Every strategy: the paper's mean and spread over its folds, and ours; peers and guesses."""
    rows: dict[str, dict[tuple[str, str], object]] = {}
    measured = study.tables["accuracy"].set_index("strategy")
    for strategy, words in {**STRATEGIES, **PEERS}.items():
        if strategy not in measured.index:
            continue
        row, paper = measured.loc[strategy], stated(study.target, strategy)
        known = paper is not None
        rows[words] = {
            ("accuracy", "paper"): paper["value"] if known else None,
            ("accuracy", "ours"): mean(row),
            ("standard deviation", "paper"): paper["sd"] if known else None,
            ("standard deviation", "ours"): 100 * row["accuracy_sd"],
            ("least to most", "paper"): f"{paper['min']:.1f} to {paper['max']:.1f}"
            if known
            else None,
            ("least to most", "ours"): f"{100 * row['accuracy_min']:.1f} to "
            f"{100 * row['accuracy_max']:.1f}",
            ("UAR", "ours"): estimated(row, "uar"),
        }
    guessed = study.tables["summary"]
    for guess, words in GUESSES.items():
        known = guessed[f"{guess}_uar"].dropna()
        if len(known):
            rows[words] = {("UAR", "ours"): f"{100 * known.iloc[0]:.1f}"}
    return Table(
        title=f"Table 2: accuracy of each strategy on {place(study)}, in per cent",
        rows=frame(rows, "strategy"),
        note="Mean over the folds; in brackets the 95 % interval that resamples speakers. UAR "
        f"pools the test clips of all folds. Learned in {epochs(study)}."
        f"{_input(study)}{_departed(study)}",
        stamps=(CHOSEN_ON_TEST, *sorted({stamp for stamp in guessed["stamps"] if stamp})),
    )


def mean(row: pd.Series) -> str:
    """The mean accuracy of the folds with its interval."""
    return estimated(row, "accuracy_mean")


def with_paper(study: Study) -> pd.DataFrame:
    """The steps, with columns paper (what the paper's accuracies say, NaN without) and sure.

    sure: the interval leaves zero and so does p, corrected for the number of steps.
    """
    table = study.tables["steps"]
    paper = []
    for row in table.to_dict("records"):
        ends = [stated(study.target, row[name]) for name in ("first", "then")]
        is_known = all(end is not None for end in ends)
        paper.append((ends[1]["value"] - ends[0]["value"]) / 100 if is_known else np.nan)
    leaves = (table["low"] > 0) | (table["high"] < 0)
    return table.assign(paper=paper, sure=leaves & (table["p_holm"] < SURE))


def step_name(row: pd.Series) -> str:
    """A step in words: S1 to S2, or a peer to a strategy."""
    return f"{PEERS.get(row['first'], row['first'])} to {row['then']}"


def steps(study: Study) -> Table:
    """What each step adds, paired over speakers."""
    rows = {
        step_name(row): {
            "paper, accuracy": None if pd.isna(row["paper"]) else f"{100 * row['paper']:+.1f}",
            "ours, UAR": estimate(row["difference"], row["low"], row["high"]),
            "ours, accuracy": f"{100 * row['accuracy_difference']:+.1f}",
            "p": f"{row['p']:.4f}",
            "p, corrected": f"{row['p_holm']:.4f}",
            "says": ("better" if row["difference"] > 0 else "worse") if row["sure"] else "unsure",
        }
        for row in with_paper(study).to_dict("records")
    }
    n_speakers = study.tables["steps"]["n_speakers"].max()
    return Table(
        title=f"Which steps help on {place(study)}: what each adds, in points",
        rows=frame(rows, "step"),
        note=f"The same test clips in both. p: paired sign-flip permutation over {n_speakers} "
        "speakers; corrected for the number of rows (Holm). A step is called better or worse where "
        f"its interval leaves zero and the corrected p is below {SURE:g}.",
    )


def said(study: Study) -> str:
    """Whether the paper's order holds, and which steps are more than chance, in sentences."""
    rates = study.tables["accuracy"].set_index("strategy")["uar"]
    own = rates[[name for name in STRATEGIES if name in rates.index]]
    holds = own.is_monotonic_increasing and own.is_unique
    verdict = "holds" if holds else f"does not hold, ours is {_ordered(own)}"
    found = with_paper(study)
    found = found[found["first"].isin(STRATEGIES)].to_dict("records")
    sure = [f"{step_name(row)} ({100 * row['difference']:+.1f})" for row in found if row["sure"]]
    unsure = [step_name(row) for row in found if not row["sure"]]
    words = [f"On {place(study)} the paper's order {' < '.join(own.index)} {verdict}."]
    if sure:
        words.append(f"Beyond chance, in points of UAR: {', '.join(sure)}.")
    if unsure:
        words.append(f"Not told from chance: {', '.join(unsure)}.")
    return " ".join(words)


def _ordered(rates: pd.Series) -> str:
    """Names in the order of their rates, such as S1 < S3 = S2."""
    names = list(rates.sort_values(kind="stable").index)
    signs = ["=" if rates[one] == rates[other] else "<" for one, other in pairwise(names)]
    return " ".join(
        [names[0], *(word for pair in zip(signs, names[1:], strict=True) for word in pair)]
    )


def departures(study: Study, strategy: str) -> str:
    """What of the paper's data and protocol a strategy's result does not share; empty if nothing.

    The paper: the whole corpus, ten folds, each by a network that has seen neither the tested nor
    the validation speakers, from S2 on one of all speakers of VoxCeleb2.
    """
    about, params = study.about, study.about["method"]["params"]
    n_folds = params["first_folds"]
    is_papers = protocol(study) == PUBLISHED and n_folds in (None, N_FOLDS)
    said = [] if is_papers else [folds(study)]
    n_clips = about["target"]["n_labelled"]
    if n_clips != N_CLIPS.get(study.target, n_clips):
        said.append(f"{n_clips} clips, the paper had {N_CLIPS[study.target]}")
    if params["valid_trains"]:
        said.append("validation speakers train too")
    n_taught, _ = taught(study)
    if strategy != "S1" and n_taught < VOXCELEB2_SPEAKERS:
        said.append(f"pre-trained on {n_taught} speakers at hand, the paper on VoxCeleb2")
    return "; ".join(said)


def _departed(study: Study) -> str:
    words = departures(study, "S5")
    return f" Not as the paper: {words}." if words else ""


def _input(study: Study) -> str:
    """How the network hears otherwise than the paper's."""
    params = study.about["method"]["params"]
    parts = []
    if params["join_bins"] > 1:
        parts.append(f"each {params['join_bins']} bins of a spectrum are joined")
    if params["compress"] != "none":
        parts.append(f"magnitudes are compressed ({params['compress']})")
    return f" Input: {' and '.join(parts)}." if parts else ""
