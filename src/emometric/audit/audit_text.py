"""What an audit found, in words: short stamps, sentences, and what must not be."""

from collections.abc import Mapping, Sequence
from typing import Any

SHARED_SPEAKERS = "shares speakers"
ENROLLED = "enrols test speakers"
BYTE_DUPLICATES = "duplicates across training and test"
NEAR_DUPLICATES = "near duplicates across training and test"
CONFLICTS = "contradictory labels"


def stamps(facts: Mapping[str, Any]) -> list[str]:
    """What has to stand beside a result of this split, each in a few words."""
    folds = facts["folds"]
    return [
        stamp
        for stamp, holds in (
            (SHARED_SPEAKERS, most(folds, "shared_speakers")),
            (ENROLLED, most(folds, "enrolled_speakers")),
            (BYTE_DUPLICATES, most(folds, "byte_duplicates")),
            (NEAR_DUPLICATES, most(folds, "near_duplicates")),
            (CONFLICTS, facts["conflicts"]),
        )
        if holds
    ]


def leaks(facts: Mapping[str, Any]) -> list[str]:
    """A sentence with its cure for everything that the protocol does not admit.

    Equal recordings on both sides are admitted where shared speakers are. Near duplicates are
    never refused, only stamped: a fingerprint is no proof.
    """
    found = []
    for key, what, cure in (
        ("shared_speakers", "speakers", "keep all clips of a speaker on one side"),
        ("shared_sentences", "sentences", "keep all clips of a sentence on one side"),
    ):
        fold = _worst(facts["folds"], key)
        if fold[key] and not facts["admitted"][f"shares_{what}"]:
            found.append(
                f"fold {fold['fold']} trains on and tests {_many(fold[key], what[:-1])}, which its "
                f"protocol does not admit; {cure}."
            )
    fold = _worst(facts["folds"], "enrolled_speakers")
    if fold["enrolled_speakers"] and not facts["admitted"]["enrols_tested"]:
        found.append(
            f"fold {fold['fold']} enrols and tests {_many(fold['enrolled_speakers'], 'speaker')}, "
            "which its protocol does not admit; leave their other clips out."
        )
    fold = _worst(facts["folds"], "byte_duplicates")
    if fold["byte_duplicates"] and not facts["admitted"]["shares_speakers"]:
        pair = next(pair for pair in facts["duplicates"] if pair["kind"] == "byte")
        found.append(
            f"fold {fold['fold']} tests {_many(fold['byte_duplicates'], 'recording')} that it also "
            f"trains on; leave one of each out, such as {pair['other']}, equal to {pair['clip']}."
        )
    return found


def findings(facts: Mapping[str, Any]) -> list[str]:
    """A sentence for each question of the audit, also where nothing was found."""
    return [
        _speakers(facts),
        *_enrolled(facts),
        _sentences(facts),
        _duplicates(facts, "byte"),
        _duplicates(facts, "near"),
        *_conflicts(facts),
        _guesses(facts),
        _balance(facts),
        *_untested(facts),
    ]


def most(folds: Sequence[Mapping[str, Any]], key: str) -> int:
    """The largest value of `key` in any fold.

    >>> most([{"n": 1}, {"n": 3}], "n")
    3
    """
    return max(fold[key] for fold in folds)


def _worst(folds: Sequence[Mapping[str, Any]], key: str) -> Mapping[str, Any]:
    return max(folds, key=lambda fold: fold[key])  # the first of equals


def _admits(facts: Mapping[str, Any], promise: str) -> str:
    return "admits" if facts["admitted"][promise] else "does not admit"


def _speakers(facts: Mapping[str, Any]) -> str:
    shared = most(facts["folds"], "shared_speakers")
    if not shared:
        return "No speaker of training or validation is tested."
    return (
        f"Up to {_many(shared, 'speaker')} a fold are trained on and tested, which the protocol "
        f"{_admits(facts, 'shares_speakers')}: the result does not speak of new voices."
    )


def _enrolled(facts: Mapping[str, Any]) -> list[str]:
    shared = most(facts["folds"], "enrolled_speakers")
    if not shared:
        return []
    return [
        f"Up to {_many(shared, 'speaker')} a fold grant labelled clips and are tested, which the "
        f"protocol {_admits(facts, 'enrols_tested')}."
    ]


def _sentences(facts: Mapping[str, Any]) -> str:
    if not facts["knows_sentences"]:
        return "What was said is not known, so that shared sentences cannot be looked for."
    shared = most(facts["folds"], "shared_sentences")
    if not shared:
        return "No sentence of training or validation is tested."
    return (
        f"Up to {_many(shared, 'sentence')} a fold are trained on and tested, which the protocol "
        f"{_admits(facts, 'shares_sentences')}."
    )


def _duplicates(facts: Mapping[str, Any], kind: str) -> str:
    pairs = [pair for pair in facts["duplicates"] if pair["kind"] == kind]
    what = "hold the same samples" if kind == "byte" else "sound like one recording"
    if not pairs:
        return f"No two clips {what}{'' if kind == 'byte' else ' by their fingerprints'}."
    across = sum(fold[f"{kind}_duplicates"] for fold in facts["folds"])
    strangers = sum(pair["speaker"] != pair["other_speaker"] for pair in pairs)
    apart = f" ({strangers} of two speakers)" if strangers else ""
    if kind == "near":
        what += f" (up to {100 * max(pair['error'] for pair in pairs):.0f} % of their bits differ)"
    return (
        f"{_many(len(pairs), 'pair')} of clips{apart} {what}, first {pairs[0]['clip']} and "
        f"{pairs[0]['other']}; {_many(across, 'time')} a test clip has such a copy among the "
        "labelled clips of its fold."
    )


def _many(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _conflicts(facts: Mapping[str, Any]) -> list[str]:
    found = [pair for pair in facts["duplicates"] if pair["emotion"] != pair["other_emotion"]]
    if not found:
        return []
    pair = found[0]
    return [
        f"{_many(len(found), 'pair')} of these with two emotions, first {pair['emotion']} "
        f"({pair['clip']}) and {pair['other_emotion']} ({pair['other']})."
    ]


def _guesses(facts: Mapping[str, Any]) -> str:
    majority, lookup = facts["majority"], facts["speaker_lookup"]
    return (
        f"Without hearing anything, the majority guess scores {100 * majority['uar']:.1f} % UAR "
        f"({100 * majority['accuracy']:.1f} % accuracy), a table of speakers and their emotions "
        f"{100 * lookup['uar']:.1f} % ({100 * lookup['accuracy']:.1f} %)."
    )


def _balance(facts: Mapping[str, Any]) -> str:
    lacking = [fold for fold in facts["folds"] if fold["unlabelled"]]
    if lacking:
        return (
            f"{len(lacking)} of {facts['n_folds']} folds test an emotion without any labelled clip "
            f"of it, the first is fold {lacking[0]['fold']} ({lacking[0]['unlabelled']})."
        )
    names = {row["emotion"] for row in facts["balance"]}
    tests = {
        number: {row["emotion"] for row in facts["balance"] if _tests(row, number)}
        for number in {row["fold"] for row in facts["balance"]}
    }
    partial = sum(tested != names for tested in tests.values())
    if partial:
        return (
            f"Every emotion that is tested is labelled too; {partial} of {facts['n_folds']} folds "
            "do not test all emotions, so that clips are pooled before the UAR."
        )
    return "Every fold has labelled clips of all emotions and tests all."


def _tests(row: Mapping[str, Any], number: int) -> bool:
    return row["fold"] == number and row["role"] == "test" and row["n"] > 0


def _untested(facts: Mapping[str, Any]) -> list[str]:
    if not facts["n_untested"]:
        return []
    return [f"{facts['n_untested']} of {facts['n_clips']} clips are never tested."]
