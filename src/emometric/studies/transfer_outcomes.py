"""From trained networks to what a study keeps: decisions, embeddings and numbers of each cell."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from sklearn.svm import SVC

from emometric.scoring import svm_scores
from emometric.studies import siamese_training, siamese_transfer
from emometric.studies.cell import Cell, Outcome
from emometric.studies.siamese_transfer import Labelled, Networks, Program

Found = dict[Cell, Outcome]


def out_of_domain(
    cells: Sequence[Cell], source: Labelled, target: Labelled, how: Program, device: str
) -> Found:
    """Trained on the source, its clips the support; all clips of the target are asked.

    Embeddings of source ("train") and target ("test") are kept of the first repeat alone.
    """
    networks = from_source([cell.seed for cell in cells], source, how, device)
    found = {}
    for position, cell in enumerate(cells):
        support = networks.embed(position, source.table.values)
        query = networks.embed(position, target.table.values)
        found[cell] = Outcome(
            cell=cell,
            clips=target.truth(),
            scores=networks.scores(position, query, support, source.emotion, how),
            embedding=_embedding((source, "train", support), (target, "test", query))
            if cell.repeat == 0
            else _embedding(),
            numbers={"loss": float(networks.loss[position])},
        )
    return found


def in_domain(cells: Sequence[Cell], target: Labelled, how: Program, device: str) -> Found:
    """Trained on all speakers of the target but one, whose clips are asked: one speaker a fold."""
    tested = [target.of_fold(cell.fold) for cell in cells]
    networks = siamese_transfer.train_whole(
        target,
        [np.flatnonzero(~test) for test in tested],
        [cell.seed for cell in cells],
        how,
        device,
    )
    found = {}
    for position, (cell, test) in enumerate(zip(cells, tested, strict=True)):
        support, query = (
            networks.embed(position, target.table.values[rows]) for rows in (~test, test)
        )
        train = target.take(~test)
        found[cell] = Outcome(
            cell=cell,
            clips=target.truth(test),
            scores=networks.scores(position, query, support, train.emotion, how),
            embedding=_embedding((train, "train", support), (target.take(test), "test", query)),
            numbers={"loss": float(networks.loss[position])},
        )
    return found


def fine_tuned(
    cells: Sequence[Cell], start: Networks, parents: Sequence[int], target: Labelled, how: Program
) -> Found:
    """Networks of the source that go on with a few clips of the target, which are the support too.

    Cells of equal settings but `tested` share a network. All their settings `frozen` and `variant`
    must be equal. Embeddings of the granted clips are kept ("enrol").
    """
    frozen, relative = cells[0].settings["frozen"], "relative" in cells[0].settings["variant"]
    trained: dict[tuple, int] = {}
    for cell, parent in zip(cells, parents, strict=True):
        trained.setdefault((cell.settings["n_speakers"], cell.repeat, cell.seed, parent), 0)
    grants = [
        siamese_transfer.granted(target, n_speakers, seed, how.n_emotions)
        for n_speakers, _, seed, _ in trained
    ]
    networks = siamese_transfer.fine_tune(
        start,
        [parent for *_, parent in trained],
        target,
        [rows for rows, _ in grants],
        [seed for *_, seed, _ in trained],
        how,
        frozen=frozen,
        relative=relative,
    )
    position = {key: index for index, key in enumerate(trained)}
    found = {}
    for cell, parent in zip(cells, parents, strict=True):
        at = position[cell.settings["n_speakers"], cell.repeat, cell.seed, parent]
        found[cell] = _asked(cell, networks, at, grants[at], target, how)
    return found


def linear_svm(cell: Cell, train: Labelled, test: Labelled, c: float, n_emotions: int) -> Outcome:
    """What a linear support vector machine makes of the same features, standardised on `train`.

    c: penalty, with classes weighted against their number. It has no embeddings: ids alone are kept
    of the clips that it learnt from.
    """
    mean, deviation = siamese_training.moments(train.table.values)
    svm = SVC(C=c, kernel="linear", class_weight="balanced")
    svm.fit((train.table.values - mean) / deviation, train.emotion)
    standard = (test.table.values - mean) / deviation
    return Outcome(
        cell=cell,
        clips=test.truth(),
        scores=svm_scores.scores(svm, standard, n_emotions),
        embedding=_embedding((train, "train", None)),
        numbers={},
    )


def majority(cell: Cell, train: Labelled, test: Labelled, n_emotions: int) -> Outcome:
    """The share of each emotion in `train`, for every clip of `test`; a tie goes to the first."""
    share = np.bincount(train.emotion, minlength=n_emotions) / len(train.emotion)
    return Outcome(
        cell=cell,
        clips=test.truth(),
        scores=np.tile(share, (len(test.emotion), 1)),
        embedding=_embedding((train, "train", None)),
        numbers={},
    )


def from_source(seeds: Sequence[int], source: Labelled, how: Program, device: str) -> Networks:
    """A network for each seed, trained on all labelled clips of the source."""
    rows = [np.arange(len(source.emotion))] * len(seeds)
    return siamese_transfer.train_whole(source, rows, seeds, how, device)


def _asked(
    cell: Cell,
    networks: Networks,
    at: int,
    grant: tuple[np.ndarray, set],
    target: Labelled,
    how: Program,
) -> Outcome:
    """Every clip of the target but the granted ones, or but the adapted speakers'."""
    rows, names = grant
    test = np.ones(len(target.emotion), dtype=bool)
    test[rows] = False
    if cell.settings["tested"] == "new_speakers":
        test &= ~np.isin(target.speaker, sorted(names))
    support, query = (networks.embed(at, target.table.values[kept]) for kept in (rows, test))
    enrolled = target.take(rows)
    return Outcome(
        cell=cell,
        clips=target.truth(test),
        scores=networks.scores(at, query, support, enrolled.emotion, how),
        embedding=_embedding((enrolled, "enrol", support)),
        numbers={
            "loss": float(networks.loss[at]),
            "same_over_different": networks.same_over_different(support, enrolled.emotion),
        },
    )


def _embedding(*parts: tuple[Labelled, str, torch.Tensor | None]) -> pd.DataFrame:
    """Rows id, role, embedding; no embedding gives lists of no length."""
    tables = [pd.DataFrame({"id": [], "role": [], "embedding": []}, dtype=object)]
    for clips, role, embedding in parts:
        values = np.zeros((len(clips.emotion), 0)) if embedding is None else embedding.cpu().numpy()
        rows = {"id": clips.table.clips["id"], "role": role}
        tables.append(pd.DataFrame({**rows, "embedding": list(values.astype(np.float32))}))
    return pd.concat(tables[1:] or tables, ignore_index=True)
