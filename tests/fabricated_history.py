"""A small git repository whose commits hold reports such as the pipeline writes."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd

SPEAKERS = tuple(f"emodb/{number:02d}" for number in range(12))
EMOTIONS = ("anger", "fear", "neutral", "sadness")
N = 10  # clips of each speaker and emotion


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", *arguments]
    done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def commit(folder: Path, message: str) -> str:
    """Commit all that lies there; its hash."""
    git(folder, "add", "-A")
    git(folder, "commit", "--quiet", "--allow-empty", "-m", message)
    return git(folder, "rev-parse", "HEAD")


def counts(correct=6, *, spread=2, seed=0, speakers=SPEAKERS, n=N) -> pd.DataFrame:
    """Recognised clips of each speaker and emotion: `correct` of n, give or take `spread`."""
    drawn = np.random.default_rng(seed).integers(
        -spread, spread + 1, size=(len(speakers), len(EMOTIONS))
    )
    rows = [
        {"speaker": speaker, "emotion": emotion, "n": n, "correct": int(correct + drawn[i, j])}
        for i, speaker in enumerate(speakers)
        for j, emotion in enumerate(EMOTIONS)
    ]
    return pd.DataFrame(rows)


def shifted(table: pd.DataFrame, by) -> pd.DataFrame:
    """`table` with `by` more clips recognised: a number, or one a row."""
    return table.assign(correct=(table["correct"] + by).clip(0, table["n"]))


def uar(table: pd.DataFrame) -> float:
    summed = table.groupby("emotion")[["n", "correct"]].sum()
    return round(float((summed["correct"] / summed["n"]).mean()), 4)


def accuracy(table: pd.DataFrame) -> float:
    return round(float(table["correct"].sum() / table["n"].sum()), 4)


def write_reports(folder: Path, cells: dict, *, origin="original", more=None) -> None:
    """Reports of the studies in `cells`, {(study, cell): counts}, as the report stage writes them.

    Of the study `run` the cell `triplet` or `softmax` is its own; every other cell has a block.
    more: numbers to add to metrics.json or, where None, to take away; keys joined by dots.
    """
    numbers: dict = {}
    for (study, cell), table in cells.items():
        block = numbers.setdefault(study, {})
        if cell not in ("triplet", "softmax"):
            block = block.setdefault(cell, {})
        block |= {"uar": uar(table), "accuracy": accuracy(table), "uar_low": 0.0, "uar_high": 1.0}
    for name, value in (more or {}).items():
        block = numbers
        *path, last = name.split(".")
        for key in path:
            block = block.setdefault(key, {})
        block.pop(last, None)
        if value is not None:
            block[last] = value
    reports = folder / "reports" / origin
    (reports / "plots").mkdir(parents=True, exist_ok=True)
    (reports / "figures" / "run").mkdir(parents=True, exist_ok=True)
    text = json.dumps(numbers, indent=2, sort_keys=True)
    (reports / "metrics.json").write_text(f"{text}\n", encoding="utf-8")
    rows = [
        table.assign(study=study, cell=cell)[
            ["study", "cell", "speaker", "emotion", "n", "correct"]
        ]
        for (study, cell), table in cells.items()
    ]
    pd.concat(rows).to_csv(reports / "per_speaker.csv", index=False)
    own = next(table for key, table in cells.items())
    clips = [
        (row.emotion, row.emotion if clip < row.correct else EMOTIONS[clip % len(EMOTIONS)])
        for row in own.itertuples()
        for clip in range(row.n)
    ]
    confusion = pd.DataFrame(clips, columns=["truth", "predicted"])
    confusion.to_csv(reports / "plots" / "confusion.csv", index=False)
    (reports / "figures" / "run" / "folds.png").write_bytes(f"picture of {text}".encode())


def write_settings(folder: Path, **values) -> None:
    lines = {"loss": "triplet", "seed": 7, **values}
    text = "".join(f"{key}: {value}\n" for key, value in lines.items())
    (folder / "params.yaml").write_text(
        f"{text}evaluation:\n  n_resamples: 500\n  confidence: 0.95\n  perplexity: 20\n",
        encoding="utf-8",
    )
