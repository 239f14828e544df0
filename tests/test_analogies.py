"""The tables of ntalampiras2020's studies, from cells whose tables are worked out by hand."""

import numpy as np
import pandas as pd
import pytest

import fabricated_analogies as made_up
from emometric.base.errors import StoreError
from emometric.scoring import evaluation
from emometric.studies import (
    analogies,
    analogy_pairs,
    analogy_streams,
    change_detection,
    clip_maps,
    open_rates,
)

NAMES, run, stored = made_up.NAMES, made_up.run, made_up.stored
RULES = evaluation.Params(n_resamples=200, confidence=0.95, perplexity=5)
PUBLISHED = {"variant": "published", "rule": "max"}


def clips(speaker, truths, predicted):
    return [
        (f"{speaker}{place}", speaker, one, other)
        for place, (one, other) in enumerate(zip(truths, predicted, strict=True))
    ]


A, D, F = NAMES[:3]


def two_folds(settings, said):
    """said: predictions of speakers a and b, whose clips are anger, anger, fear, fear."""
    truths = [A, A, F, F]
    return [
        run(settings, fold, clips(speaker, truths, one))
        for fold, (speaker, one) in enumerate(zip("ab", said, strict=True))
    ]


def test_accuracy_pools_the_clips_and_compares_with_the_published_rule():
    made = stored(
        two_folds(PUBLISHED, [[A, F, F, F], [A, A, A, A]])
        + two_folds({"variant": "other", "rule": "max"}, [[A, A, F, F], [A, A, F, D]])
    )
    table = analogies.accuracy(made, RULES).set_index("variant")
    assert table.loc["published", "accuracy"] == pytest.approx(5 / 8)
    assert table.loc["other", "accuracy"] == pytest.approx(7 / 8)
    # Speaker a has 3 of 4, b 2 of 4: a resample is one of 2/4, 5/8, 3/4.
    assert table.loc["published", "accuracy_low"] == pytest.approx(0.5)
    assert table.loc["published", "accuracy_high"] == pytest.approx(0.75)
    # UAR: published (3/4 + 2/4) / 2, other (4/4 + 3/4) / 2.
    assert table.loc["other", "gain"] == pytest.approx(0.25)
    # Both speakers gain 1/8: of the four sign vectors two are as extreme.
    assert table.loc["other", "p"] == pytest.approx(0.5)
    assert pd.isna(table.loc["published", "gain"])
    assert table.loc["other", ["n_clips", "n_speakers", "n_runs"]].tolist() == [8, 2, 2]


def test_a_variant_of_other_clips_is_not_compared():
    made = stored(
        two_folds(PUBLISHED, [[A, F, F, F], [A, A, A, A]])
        + two_folds({"variant": "other", "rule": "max"}, [[A, A, F, F], [A, A, F, D]])[:1]
    )
    table = analogies.accuracy(made, RULES).set_index("variant")
    assert pd.isna(table.loc["other", "gain"]) and pd.isna(table.loc["other", "accuracy_low"])


def test_a_variant_is_compared_under_the_same_number_of_known_speakers():
    made = stored(
        two_folds({**PUBLISHED, "n_known": 3}, [[A, F, F, F], [A, A, A, A]])
        + two_folds({**PUBLISHED, "n_known": 4}, [[A, A, F, F], [A, A, F, F]])
        + two_folds({**PUBLISHED, "rule": "mean", "n_known": 4}, [[A, A, F, F], [F, F, F, F]])
    )
    table = analogies.accuracy(made, RULES).set_index(["rule", "n_known"])
    assert table.loc[("mean", 4), "gain"] == pytest.approx(-0.25)
    assert table.loc[("max", 4), "gain"] != table.loc[("max", 4), "gain"]  # NaN


def test_a_curve_is_the_mean_over_runs_and_not_over_clips():
    said = [clips("a", [A, F], [A, A]), clips("b", [A, A, F, F], [A, A, F, F])]
    made = stored(
        [run({**PUBLISHED, "n_known": 3}, 0, one, repeat=n) for n, one in enumerate(said)]
    )
    row = analogies.curve(made, RULES).iloc[0]
    assert row["accuracy"] == pytest.approx(0.75)  # 1/2 and 1; of the clips 5/6
    assert row["accuracy_sd"] == pytest.approx(np.std([0.5, 1], ddof=1))
    assert (row["accuracy_low"], row["accuracy_high"]) == pytest.approx((0.5, 1))
    assert analogies.curve(stored(two_folds(PUBLISHED, [[A] * 4] * 2)), RULES).empty


def test_the_curve_of_made_up_runs_equals_a_plain_loop():
    made, _ = made_up.known(np.random.default_rng(0), range(3, 5), 3)
    table = analogies.curve(made, RULES).set_index(["variant", "rule", "n_known"])
    for (variant, rule, n_known), row in table.iterrows():
        name = f"n_known={n_known} rule={rule} variant={variant}"
        cell = made.cells[made.cells["cell"] == name]
        runs = []
        for repeat in range(3):
            part = cell[cell["repeat"] == repeat]
            runs.append(sum(part["truth"] == part["predicted"]) / len(part))
        assert row["accuracy"] == pytest.approx(sum(runs) / 3)
        assert row["accuracy_low"] <= row["accuracy"] <= row["accuracy_high"]


def test_confusion_is_of_the_clips_of_the_truth():
    made = stored(two_folds(PUBLISHED, [[A, F, F, F], [A, A, D, F]]))
    table = analogies.confusion(made, NAMES, RULES).set_index(["truth", "predicted"])
    assert table.loc[(A, A), "rate"] == pytest.approx(3 / 4) and table.loc[(A, A), "n"] == 3
    assert table.loc[(F, D), "rate"] == pytest.approx(1 / 4)
    assert table.loc[(A, A), ["rate_low", "rate_high"]].tolist() == pytest.approx([0.5, 1])
    assert table.loc[D, "rate"].isna().all() and len(table) == 36
    sums = table["rate"].groupby("truth").sum(min_count=1).dropna()
    assert sums.tolist() == pytest.approx([1, 1])


COUNTS = {  # of two folds: pairs and similar ones
    f"pairs_{A}_{A}": (10, 30),
    f"similar_{A}_{A}": (8, 12),
    f"pairs_{A}_{F}": (20, 20),
    f"similar_{A}_{F}": (4, 0),
    f"pairs_{F}_{F}": (10, 10),
    f"similar_{F}_{F}": (10, 5),
}


def with_pairs(speakers="ab"):
    return stored(
        [
            run(
                PUBLISHED,
                fold,
                clips(speaker, [A], [A]),
                numbers={name: value[fold] for name, value in COUNTS.items()},
            )
            for fold, speaker in enumerate(speakers)
        ]
    )


def test_table_1_sums_the_pairs_of_all_folds():
    table = analogy_pairs.similarity(with_pairs(), NAMES, RULES).set_index("relation")
    rates = table["rate"].to_dict()
    assert rates["similar->similar"] == pytest.approx(35 / 60)
    assert rates["similar->dissimilar"] == pytest.approx(25 / 60)
    assert rates["dissimilar->similar"] == pytest.approx(4 / 40)
    assert rates["dissimilar->dissimilar"] == pytest.approx(36 / 40)
    assert rates["mean of the diagonal"] == pytest.approx((35 / 60 + 36 / 40) / 2)
    assert table.loc["similar->similar", ["rate_low", "rate_high"]].tolist() == pytest.approx(
        [17 / 40, 18 / 20]
    )
    assert table.loc["similar->similar", ["n_pairs", "n_speakers", "n_runs"]].tolist() == [60, 2, 2]


def test_pairs_of_emotions_and_what_is_not_there():
    table = analogy_pairs.pairs(with_pairs(), NAMES, RULES).set_index(["test", "support"])
    assert table.loc[(A, A), "rate"] == pytest.approx(20 / 40)
    assert table.loc[(A, F), "rate"] == pytest.approx(4 / 40)
    assert pd.isna(table.loc[(F, A), "rate"]) and table.loc[(F, A), "n_pairs"] == 0
    shared = analogy_pairs.pairs(with_pairs("aa"), NAMES, RULES)
    assert shared["rate_low"].isna().all()  # one speaker in both runs: nothing to resample
    assert analogy_pairs.pairs(stored(two_folds(PUBLISHED, [[A] * 4] * 2)), NAMES, RULES).empty


CORPUS = pd.DataFrame(
    [("a0", "a", A), ("a1", "a", F), ("a2", "a", F), ("b0", "b", A), ("b1", "b", A)],
    columns=["id", "speaker", "emotion"],
)


def streams():
    """Fear is unknown; speaker a has two clips of it, b none."""
    settings = {**PUBLISHED, "unknown": F}
    a = [("a2", [0, 0.9, 0, 0]), ("a0", [1, 0.8, 0, 0]), ("a1", [2, 0.2, 100, 1])]
    b = [("b0", [0, 0.7, 0, 0]), ("b1", [1, 0.6, 3, 0])]
    return stored(
        [
            run(
                settings,
                fold,
                clips(speaker, [A] * n, [A] * n),
                numbers={"threshold": 0.5},
                embeddings=[(clip, "stream", row) for clip, row in rows],
            )
            for fold, (speaker, n, rows) in enumerate((("a", 1, a), ("b", 2, b)))
        ]
    )


def test_a_stream_has_its_clips_in_order_with_their_words():
    table = analogy_streams.stream(streams(), NAMES, CORPUS)
    assert table["clip"].tolist() == ["a2", "a0", "a1", "b0", "b1"]
    assert table["label"].tolist() == [A, A, "new 1", A, "happiness"]
    assert table["is_founder"].tolist() == [False, False, True, False, False]
    assert table["is_unknown"].tolist() == [True, False, True, False, False]
    assert table["threshold"].eq(0.5).all()
    with pytest.raises(StoreError, match="'a0' of a stream is not in the corpus"):
        analogy_streams.stream(streams(), NAMES, CORPUS.drop(index=0))


def open_set(made, corpus):
    stream = analogy_streams.stream(made, NAMES, corpus)
    return stream, analogy_streams.open_set(stream, made.seed, RULES).set_index("unknown")


def test_open_set_rates_count_clips_over_all_runs():
    _, table = open_set(streams(), CORPUS)
    row = table.loc[F]
    # a: 0.8 is known, 0.9 and 0.2 are not; b has no unknown clip and counts for no pair.
    assert row["auroc"] == pytest.approx(0.5)
    assert row["fpr_at_95_tpr"] == pytest.approx(0.5)
    assert row["known_accuracy"] == pytest.approx(2 / 3)  # b1 was taken for happiness
    assert row["purity"] == 1 and row["coverage"] == pytest.approx(0.5)
    assert row[["n_founded", "n_clips", "n_speakers", "n_runs"]].tolist() == [1, 5, 2, 2]
    assert table.index.tolist() == [F, "mean"] and table.loc["mean", "auroc"] == row["auroc"]
    # Fear needs speaker a: a resample is a twice, with an accuracy of 1, or both.
    assert row[["known_accuracy_low", "known_accuracy_high"]].tolist() == pytest.approx([2 / 3, 1])


def test_open_set_rates_are_those_of_the_change_detection_that_streamed():
    made, corpus = made_up.unknown(np.random.default_rng(0), n_folds=1)
    stream, table = open_set(made, corpus)
    for word in NAMES:
        own = stream[stream["unknown"] == word]
        number = [100 + int(x[4:]) if x.startswith("new") else NAMES.index(x) for x in own["label"]]
        found = change_detection.Detection(
            label=np.array(number),
            similarity=own["similarity"].to_numpy(),
            is_new=own["is_founder"].to_numpy(bool),
        )
        known = [place for place, name in enumerate(NAMES) if name != word]
        truth = own["emotion"].map(NAMES.index).to_numpy()
        rates = change_detection.evaluate(found, found.similarity, truth, known)
        row = table.loc[word]
        assert row["auroc"] == pytest.approx(rates.auroc)
        assert row["fpr_at_95_tpr"] == pytest.approx(rates.fpr_at_95_tpr)
        assert row["known_accuracy"] == pytest.approx(rates.accuracy)
        assert row["purity"] == pytest.approx(rates.purity)
        assert row["coverage"] == pytest.approx(rates.coverage)
        assert row["n_founded"] == rates.n_founded
        assert row["auroc_low"] <= row["auroc"] <= row["auroc_high"]
    assert table.loc["mean", "auroc"] == pytest.approx(table.loc[list(NAMES), "auroc"].mean())


def test_a_speaker_that_counts_twice_is_a_speaker_whose_clips_come_twice():
    made, corpus = made_up.unknown(np.random.default_rng(1), n_folds=1)
    stream = analogy_streams.stream(made, NAMES, corpus)
    own = stream[stream["unknown"] == F]
    names = sorted(set(own["speaker"]))
    twice = pd.concat([own, own[own["speaker"] == names[0]]])
    once = open_rates.fractions(twice, pd.DataFrame([[1.0, 1.0]], columns=names))
    weighed = open_rates.fractions(own, pd.DataFrame([[2.0, 1.0]], columns=names))
    for rate in open_rates.RATES:
        assert once[rate][0] == pytest.approx(weighed[rate][0]), rate
        assert once[rate][1] == pytest.approx(weighed[rate][1]), rate


def test_a_stream_that_founds_nothing_has_no_purity():
    made = streams()
    stream = analogy_streams.stream(made, NAMES, CORPUS).assign(label=A, is_founder=False)
    table = analogy_streams.open_set(stream, made.seed, RULES)
    assert table[["purity", "purity_low"]].isna().all(axis=None)
    assert table["coverage"].tolist() == [0, 0] and table["auroc"].notna().all()


def test_maps_keep_rows_columns_and_four_digits():
    values = [1.23456, 2, 3, 4, 5, -6]
    made = stored(
        [run(PUBLISHED, 0, clips("a", [A], [A]), embeddings=[("a0", "map layer1 2x3", values)])]
    )
    table = clip_maps.maps(made, CORPUS)
    assert table[["kind", "emotion", "clip"]].iloc[0].tolist() == ["map layer1", A, "a0"]
    assert clip_maps.picture(table.iloc[0]).tolist() == [[1.235, 2, 3], [4, 5, -6]]
    broken = stored(
        [run(PUBLISHED, 0, clips("a", [A], [A]), embeddings=[("a0", "input 2x2", values)])]
    )
    with pytest.raises(StoreError, match="'input 2x2' of a0 has 6 values"):
        clip_maps.maps(broken, CORPUS)


def test_a_study_without_streams_pairs_or_pictures_has_those_tables_empty():
    made = stored(two_folds(PUBLISHED, [[A, F, F, F], [A, A, A, A]]))
    tables = analogies.tables(made, NAMES, CORPUS, RULES)
    assert {name for name, table in tables.items() if table.empty} == {
        "curve",
        "joined",
        "pairs",
        "similarity",
        "open_set",
        "stream",
        "maps",
    }
    assert all(len(table.columns) > 3 for table in tables.values())


def test_every_variant_decides_together_with_the_functionals():
    both = ({**PUBLISHED}, {**PUBLISHED, "variant": analogies.BESIDE})
    made = stored(
        [one for settings in both for one in two_folds(settings, [[A, F, F, F], [A] * 4])]
    )
    assert analogies.systems(made) == {
        "published": "rule=max variant=published",
        analogies.BESIDE: f"rule=max variant={analogies.BESIDE}",
    }
    tables = analogies.tables(made, NAMES, CORPUS, RULES)
    alone = tables["accuracy"].set_index("variant")["accuracy"]["published"]
    assert tables["joined"]["system"].tolist() == ["published"]
    # Both say the same of every clip, and so do they together.
    assert tables["joined"]["accuracy"].tolist() == [pytest.approx(alone)]
    assert tables["joined"]["gain"].tolist() == [0.0]
