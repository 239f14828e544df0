"""CREMA-D: 91 American actors speak twelve sentences in six emotions (7442 clips).

Names such as `1001_IEO_ANG_HI`: actor 1001, sentence IEO, emotion, and how strongly it was to be
acted (LO, MD or HI for the sentence IEO, XX where nothing was asked for).

A crowd of listeners rated every clip: `processedResults/summaryTable.csv` holds their majority vote
and its mean level, from 0 to 100, for the voice alone, the face alone, and both. Only the votes on
the voice are of use for sound. They say neutral of every second clip.
"""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from emometric.acquisition.listing import LabelTable, UnknownName, labelled
from emometric.base.errors import CorpusError, ParameterError
from emometric.download.fetch import Remote
from emometric.storage.clip import Clip, Reject

NAME = "CREMA-D"
LANGUAGE = "en-US"
URL = "https://github.com/CheyneyComputerScience/CREMA-D"
LICENCE = "ODbL 1.0"
LICENCE_URL = "https://opendatacommons.org/licenses/odbl/1-0/"
CITATION = (
    "Cao, H., Cooper, D. G., Keutmann, M. K., Gur, R. C., Nenkova, A. and Verma, R. (2014). "
    "CREMA-D: Crowd-sourced emotional multimodal actors dataset. IEEE Transactions on Affective "
    "Computing 5(4), 377-390. doi:10.1109/TAFFC.2014.2336244"
)
CHANNEL = "mean"
REMOTES: tuple[Remote, ...] = ()
ACCESS = (
    "Clone https://github.com/CheyneyComputerScience/CREMA-D with git and git-lfs (git lfs pull "
    "fetches the recordings) as cremad/, which then holds AudioWAV/*.wav and, for the labels "
    "`perceived`, processedResults/summaryTable.csv."
)

EMOTIONS = {
    "ANG": "anger",
    "DIS": "disgust",
    "FEA": "fear",
    "HAP": "happiness",
    "NEU": "neutral",
    "SAD": "sadness",
}
VOTES = {code[0]: emotion for code, emotion in EMOTIONS.items()}
SENTENCES = ("DFA", "IEO", "IOM", "ITH", "ITS", "IWL", "IWW", "MTI", "TAI", "TIE", "TSI", "WSI")
LEVELS = {"LO": "low", "MD": "medium", "HI": "high", "XX": None}
FIRST_ACTOR = 1001
SUMMARY = "processedResults/summaryTable.csv"

N_CLIPS = 7442
N_SPEAKERS = 91
CLIPS_BY_EMOTION = {
    "anger": 1271,
    "disgust": 1271,
    "fear": 1271,
    "happiness": 1271,
    "neutral": 1087,
    "sadness": 1271,
}

_NUMBER = re.compile(r"\d+(\.\d+)?")
_GRAMMAR = re.compile(r"(\d{4})_([A-Z]{3})_([A-Z]{3})_([A-Z]{2})")


@dataclass(frozen=True, kw_only=True)
class Params:
    """exclusions: leave the known faults out, when the corpus is acquired (exclusions.csv).

    labels: "acted", the emotion that the actor was asked for and, as `intensity`, low, medium,
    high or nothing; or "perceived", what most listeners heard in the voice and, as `intensity`,
    the mean level that they gave it (0 to 100). Where two or more emotions have most votes, the
    perceived emotion and level are None.
    """

    exclusions: bool = True
    labels: str = "acted"

    def __post_init__(self) -> None:
        if self.labels not in ("acted", "perceived"):
            raise ParameterError(
                f"params.yaml: corpora.cremad.labels is {self.labels!r}; write acted or perceived."
            )


def clips(root: Path, params: Params) -> Iterator[Clip | Reject]:
    """Every recording below `root`, sorted by path, with the labels asked for.

    A recording without a row in the table of votes is a reject. Raises CorpusError where the
    table is needed and missing, or cannot be understood.
    """
    if params.labels == "acted":
        return labelled(root, read_name)
    votes = read_votes(root)

    def perceived(path: PurePosixPath) -> Clip:
        clip = read_name(path)
        if path.stem not in votes:
            raise UnknownName(f"{SUMMARY} has no votes on it")
        emotion, level = votes[path.stem]
        return replace(clip, emotion=emotion, intensity=level)

    return labelled(root, perceived)


def label_files(root: Path, params: Params) -> list[Path]:
    """What says more than the names do: the table of votes, where it is asked for."""
    return [_summary(root)] if params.labels == "perceived" else []


def label_tables(root: Path, _params: Params) -> list[LabelTable]:
    """How many recordings the table of votes names."""
    is_here = any(Path(root).rglob(SUMMARY))
    return [
        LabelTable(
            name=SUMMARY,
            says="the listeners' votes, for the labels `perceived`",
            n_rows=len(read_votes(root)) if is_here else None,
            n_published=N_CLIPS,
        )
    ]


def read_name(path: PurePosixPath) -> Clip:
    """The clip of a path below the root, as acted; UnknownName where the owner has no such name."""
    match = _GRAMMAR.fullmatch(path.stem)
    if match is None:
        raise UnknownName("not a name of CREMA-D such as 1001_IEO_ANG_HI")
    actor, sentence, emotion, level = match.groups()
    if not FIRST_ACTOR <= int(actor) < FIRST_ACTOR + N_SPEAKERS:
        raise UnknownName(f"CREMA-D has no actor {actor}")
    if sentence not in SENTENCES:
        raise UnknownName(f"CREMA-D has no sentence {sentence}")
    if emotion not in EMOTIONS:
        raise UnknownName(f"CREMA-D has no emotion {emotion}")
    if level not in LEVELS:
        raise UnknownName(f"CREMA-D has no level {level}")
    if "AudioMP3" in path.parts:
        raise UnknownName("a compressed copy; the recordings are those in AudioWAV")
    return Clip(
        corpus="cremad",
        id=f"cremad/{path.stem}",
        path=str(path),
        speaker=f"cremad/{actor}",
        emotion=EMOTIONS[emotion],
        sentence=sentence,
        intensity=LEVELS[level],
    )


def read_votes(root: Path) -> dict[str, tuple[str | None, str | None]]:
    """Name -> emotion that most listeners heard in the voice, and its mean level as written.

    Both None where several emotions share most votes; the owner joins those as in `A:D` and
    `37.2:58.6`. Raises CorpusError where the table is not found, or has another form.
    """
    path = _summary(root)
    votes = {}
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.DictReader(file)
        missing = {"FileName", "VoiceVote", "VoiceLevel"} - set(rows.fieldnames or ())
        if missing:
            raise CorpusError(
                f"{path}: lacks the column {min(missing)}; get the owner's summaryTable.csv again."
            )
        for row in rows:
            letters, levels = (
                [part.strip() for part in (row[key] or "").split(":")]  # one level is " 29:100"
                for key in ("VoiceVote", "VoiceLevel")
            )
            known = set(letters) <= VOTES.keys() and all(map(_NUMBER.fullmatch, levels))
            if not known or len(letters) != len(levels):
                raise CorpusError(
                    f"{path}: line {rows.line_num} has the vote '{row['VoiceVote']}' with the "
                    f"level '{row['VoiceLevel']}', where one of {''.join(VOTES)} and one number "
                    f"is known; get the owner's summaryTable.csv again."
                )
            tied = len(letters) > 1
            votes[row["FileName"]] = (None, None) if tied else (VOTES[letters[0]], levels[0])
    return votes


def _summary(root: Path) -> Path:
    path = Path(root, SUMMARY)
    if path.is_file():
        return path
    deeper = sorted(Path(root).rglob(SUMMARY))
    if not deeper:
        raise CorpusError(
            f"{path}: there is no such file; get it from {URL}, or set corpora.cremad.labels to "
            f"acted."
        )
    return deeper[0]
