"""Made-up studies of ntalampiras2020: hand-set counts for known answers, and a full one to draw."""

import json

import numpy as np
import pandas as pd

from emometric.scoring import cells
from emometric.studies import analogies
from emometric.studies.cell import Cell, Stored

NAMES = ("anger", "disgust", "fear", "happiness", "neutral", "sadness")
PICTURES = {
    "input": (128, 100),
    "modulation": (54, 76),
    "map layer1": (64, 50),
    "map layer2": (32, 25),
    "map layer3": (32, 25),
    "occlusion": (8, 12),
}


def run(settings, fold, said, *, repeat=0, numbers=None, embeddings=()):
    """One run: said rows (clip, speaker, truth, predicted); embeddings (clip, role, values)."""
    cell = Cell(settings=settings, fold=fold, repeat=repeat, seed=1)
    table = pd.DataFrame(said, columns=["id", "speaker", "emotion", "predicted"])
    scores = np.array([[float(one == name) for name in NAMES] for one in table["predicted"]])
    rows = None
    if len(table):
        rows = cells.build(
            table, scores, NAMES, study="s", cell=cell.name, fold=fold, repeat=repeat, seed=1
        )
    place = {"cell": cell.name, "fold": fold, "repeat": repeat}
    kept = [
        {**place, "id": clip, "role": role, "embedding": np.asarray(values, np.float32)}
        for clip, role, values in embeddings
    ]
    return rows, kept, {**place, "settings": settings, "numbers": numbers or {}}


def stored(runs):
    """The runs of a study as its files hold them."""
    settings = sorted({name for _, _, row in runs for name in row["settings"]})
    numbers = sorted({name for _, _, row in runs for name in row["numbers"]})
    table = pd.DataFrame(
        [
            {key: row[key] for key in ("cell", "fold", "repeat")}
            | {"seed": 1, **row["settings"], **row["numbers"]}
            for _, _, row in runs
        ]
    )
    embeddings = [one for _, kept, _ in runs for one in kept]
    columns = ["cell", "fold", "repeat", "id", "role", "embedding"]
    return Stored(
        cells=pd.concat([rows for rows, _, _ in runs if rows is not None], ignore_index=True),
        embeddings=pd.DataFrame(embeddings, columns=columns),
        numbers=table[["cell", *settings, "fold", "repeat", "seed", *numbers]],
        seed=1,
    )


def corpus(n_speakers=10, n_each=7):
    """Clips of a corpus like Emo-DB: id, speaker, emotion."""
    rows = [
        (f"emodb/{speaker:02d}{emotion[:2]}{take}", f"emodb/{speaker:02d}", emotion)
        for speaker in range(n_speakers)
        for emotion in NAMES
        for take in range(n_each)
    ]
    return pd.DataFrame(rows, columns=["id", "speaker", "emotion"])


def _said(clips, skill, draw):
    guess = draw.choice(NAMES, len(clips))
    right = draw.random(len(clips)) < skill
    return [
        (row.id, row.speaker, row.emotion, row.emotion if hit else other)
        for row, hit, other in zip(clips.itertuples(), right, guess, strict=True)
    ]


def _pairs(draw):
    numbers = {}
    for a in NAMES:
        for b in NAMES:
            numbers[f"pairs_{a}_{b}"] = 200
            numbers[f"similar_{a}_{b}"] = int(200 * draw.beta(*((8, 2) if a == b else (2, 7))))
    return numbers


def emodb(draw):
    """Leave one speaker out: two variants, three rules, pictures of the first fold."""
    clips, runs = corpus(), []
    for variant, skill in (("published", 0.74), ("augmented", 0.82), ("compare_svm_linear", 0.78)):
        for rule, change in (("max", 0), ("mean", 0.02), ("twenty", -0.02)):
            if variant == "compare_svm_linear" and rule != "max":
                continue
            for fold, (_, own) in enumerate(clips.groupby("speaker")):
                is_kept = rule == "max" and variant != "compare_svm_linear"
                numbers = _pairs(draw) if is_kept else None
                drawn = []
                if is_kept and variant == "published" and fold == 0:
                    for emotion, part in own.groupby("emotion"):
                        drawn += _pictures(part["id"].iloc[0], NAMES.index(emotion), draw)
                said = _said(own, skill + change, draw)
                settings = {"variant": variant, "rule": rule}
                runs.append(run(settings, fold, said, numbers=numbers, embeddings=drawn))
    return stored(runs), clips


def _pictures(clip, place, draw):
    for kind, (rows, columns) in PICTURES.items():
        y, x = np.mgrid[0 : 1 : rows * 1j, 0 : 1 : columns * 1j]
        values = np.sin(9 * x * (1 + place)) * np.exp(-2 * y) + 0.2 * draw.random((rows, columns))
        if kind in ("input", "modulation"):
            values = 25 * values - 40
        yield clip, f"{kind} {rows}x{columns}", values.ravel()


def known(draw, counts, n_repeats):
    """Accuracy that grows with what is known; the clips of the other speakers are tested."""
    clips, runs = corpus(), []
    for variant, rule, change in (
        ("published", "max", 0),
        ("published", "mean", 0.02),
        ("functionals", "max", 0.08),
    ):
        for n_known in counts:
            for repeat in range(n_repeats):
                out = draw.permutation(clips["speaker"].unique())[: max(10 - n_known, 1)]
                skill = 0.5 + 0.03 * n_known + draw.normal(0, 0.03) + change
                settings = {"variant": variant, "rule": rule, "n_known": n_known}
                said = _said(clips[clips["speaker"].isin(out)], skill, draw)
                runs.append(run(settings, repeat, said, repeat=repeat))
    return stored(runs), clips


def unknown(draw, n_folds=5):
    """Each emotion unknown in turn; clips of the unknown one are less similar."""
    clips, runs = corpus(), []
    for word in NAMES:
        for fold in range(n_folds):
            own = clips[clips["speaker"].isin([f"emodb/{2 * fold + i:02d}" for i in range(2)])]
            own = own.sample(frac=1, random_state=fold)
            new, kept = 0, []
            for place, clip in enumerate(own.itertuples()):
                is_unknown = clip.emotion == word
                value = draw.normal(0.55 if is_unknown else 0.8, 0.1)
                label, founds = (NAMES.index(clip.emotion) + is_unknown) % len(NAMES), 0
                if value < 0.6:
                    founds = int(new == 0 or draw.random() < 0.2)
                    label = 100 + new if founds else 100 + int(draw.integers(new))
                    new += founds
                kept.append((clip.id, "stream", [place, value, label, founds]))
            settings = {"variant": "published", "rule": "max", "unknown": word}
            said = _said(own[own["emotion"] != word], 0.7, draw)
            runs.append(run(settings, fold, said, numbers={"threshold": 0.6}, embeddings=kept))
    return stored(runs), clips


def write(folder, made, clips, rules, *, state="done"):
    """A folder of results as `studies.evaluating` writes it, as far as the paper reads it."""
    folder.mkdir(parents=True)
    facts = {"corpus": "emodb", "n_speakers": 10, "n_clips": len(clips)}
    about = {
        "method": {"name": "ntalampiras2020"},
        "source": facts,
        "target": facts,
        "state": state,
        "missing": [] if state == "done" else ["emodb"],
        "emotions": list(NAMES),
        "scale": "paper",
        "stamps": {},
    }
    (folder / "study.json").write_text(json.dumps(about))
    if state != "done":
        return folder
    tables = analogies.tables(made, NAMES, clips, rules)
    rates = tables["accuracy"][["cell", "variant", "rule"]]
    tables["summary"] = rates.assign(majority_uar=0.1667, speaker_lookup_uar=0.1667, stamps="")
    for name, table in tables.items():
        table.to_csv(folder / f"{name}.csv", index=False, float_format="%.6g")
    return folder


def results(folder, rules):
    """All four studies, drawn at random: study key -> folder."""
    draw = np.random.default_rng(4)
    made = {
        "ntalampiras2020_emodb": emodb(draw),
        "ntalampiras2020_speakers": known(draw, (3, 6, 9), 4),
        "ntalampiras2020_emotions": known(draw, (2, 5), 4),
        "ntalampiras2020_unknown": unknown(draw),
    }
    return {key: write(folder / key, *one, rules) for key, one in made.items()}
