"""IEMOCAP: ten English-speaking actors in dialogs, improvised and scripted (10,039 utterances).

Names such as `Ses01F_impro01_M003`: session 1, in the dialog impro01 in which the woman wore the
markers, the man's utterance 3. So the speaker is the session with the letter of the last part
(Ses01M), not the one that follows the session. Scripted dialogs are named `script01_1`.

Labels stand in `Session*/dialog/EmoEvaluation/<dialog>.txt`, where a line such as

    [6.2901 - 8.2357]  Ses01F_impro01_F000  neu  [2.5000, 2.5000, 2.5000]

(its parts are set apart by tabs) gives the category that most evaluators chose, xxx where there is
none, and the means of valence, activation and dominance, in this order, as the others rated them
(most from 1 to 5). What each evaluator said follows and is not read. Transcripts, where they are
there, stand in `Session*/dialog/transcriptions/<dialog>.txt`.

The usual four classes (5531 utterances) merge excitement into happiness: the study's choice, not
done here.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from emometric.acquisition.listing import LabelTable, UnknownName, labelled
from emometric.base.errors import CorpusError, ParameterError
from emometric.download.fetch import Remote
from emometric.storage.clip import Clip, Reject

NAME = "IEMOCAP"
LANGUAGE = "en"
URL = "https://sail.usc.edu/iemocap/"
LICENCE = "signed release form, research use only"
LICENCE_URL = "https://sail.usc.edu/iemocap/iemocap_release.htm"
CITATION = (
    "Busso, C., Bulut, M., Lee, C.-C., Kazemzadeh, A., Mower, E., Kim, S., Chang, J. N., Lee, S. "
    "and Narayanan, S. S. (2008). IEMOCAP: Interactive emotional dyadic motion capture database. "
    "Language Resources and Evaluation 42(4), 335-359. doi:10.1007/s10579-008-9076-6"
)
CHANNEL = "mean"
REMOTES: tuple[Remote, ...] = ()  # given out to those who sign
ACCESS = (
    "IEMOCAP needs a signature: send the release form at "
    "https://sail.usc.edu/iemocap/iemocap_release.htm and unpack the archive so that the folder "
    "iemocap holds files such as Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_F000.wav "
    "and Session1/dialog/EmoEvaluation/Ses01F_impro01.txt."
)

EMOTIONS = {
    "ang": "anger",
    "hap": "happiness",
    "exc": "excitement",
    "sad": "sadness",
    "neu": "neutral",
    "fru": "frustration",
    "fea": "fear",
    "sur": "surprise",
    "dis": "disgust",
    "oth": None,  # another emotion
    "xxx": None,  # no category was chosen by most evaluators
}
SESSIONS = ("Ses01", "Ses02", "Ses03", "Ses04", "Ses05")

# Counted in the EmoEvaluation files by github.com/tae898/multimodal-datasets (dataset-stats.md);
# 2507 xxx and 3 oth have no emotion of the vocabulary.
N_CLIPS = 10039
N_SPEAKERS = 10
CLIPS_BY_EMOTION = {
    "anger": 1103,
    "disgust": 2,
    "excitement": 1041,
    "fear": 40,
    "frustration": 1849,
    "happiness": 595,
    "neutral": 1708,
    "sadness": 1084,
    "surprise": 107,
}

# A letter behind a dialog (impro05a, script01_1b): it was recorded in two parts.
_DIALOG = r"(Ses0[1-5])[FM]_(?:(impro)\d\d[a-z]?|(script)\d\d_\d[a-z]?)"
_GRAMMAR = re.compile(_DIALOG + r"_([FM])\d{3}")
_FOLDER = re.compile(r"session(\d+)", re.IGNORECASE)
_WHOLE_DIALOG = re.compile(_DIALOG)
_NUMBER = r"(-?\d+(?:\.\d+)?)"
_LABEL = re.compile(
    rf"^\[[^\]\n]*\][ \t]+(Ses\w+)[ \t]+(\w+)[ \t]+\[{_NUMBER}, *{_NUMBER}, *{_NUMBER}\]",
    re.MULTILINE,
)
_TRANSCRIPT = re.compile(r"^(Ses\w+) \[[^\]\n]*\]:[ \t]*(\S.*?)[ \t]*$", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Params:
    """exclusions: leave the known faults out, when the corpus is acquired (exclusions.csv).

    dialogs: "all", "improvised" or "scripted"; utterances of the other kind become rejects.
    """

    exclusions: bool = True
    dialogs: str = "all"

    def __post_init__(self) -> None:
        if self.dialogs not in ("all", "improvised", "scripted"):
            raise ParameterError(
                f"corpora.iemocap.dialogs is '{self.dialogs}'; write all, improvised or scripted."
            )


class Label(NamedTuple):
    """What the evaluators said of one utterance: `code` is a key of EMOTIONS, the rest means."""

    code: str
    valence: float
    activation: float
    dominance: float


def clips(root: Path, params: Params) -> Iterator[Clip | Reject]:
    """Every recording below `root`, sorted by path, with its labels.

    An utterance that no EmoEvaluation file names is a reject, and so is a recording of a whole
    dialog. Raises CorpusError where two files label one utterance differently.
    """
    labels = read_labels(root)
    texts = read_transcripts(root)

    def read(path: PurePosixPath) -> Clip:
        clip = read_name(path)
        kind = dialog_kind(path.stem)
        if params.dialogs not in ("all", kind):
            raise UnknownName(f"{kind}, where corpora.iemocap.dialogs is {params.dialogs}")
        label = labels.get(path.stem)
        if label is None:
            raise UnknownName("no file of dialog/EmoEvaluation has a label for it")
        if label.code not in EMOTIONS:
            raise UnknownName(f"IEMOCAP has no category {label.code}")
        return replace(
            clip,
            emotion=EMOTIONS[label.code],
            sentence=texts.get(path.stem),
            activation=label.activation,
            valence=label.valence,
            dominance=label.dominance,
        )

    return labelled(root, read)


def label_files(root: Path, _params: Params) -> list[Path]:
    """The dialogs' files in EmoEvaluation and transcriptions below `root`, sorted."""
    return sorted(_dialog_files(root, "EmoEvaluation") + _dialog_files(root, "transcriptions"))


def label_tables(root: Path, _params: Params) -> list[LabelTable]:
    """How many utterances the dialogs' files label, and of how many they say what is said."""
    labels, texts = len(read_labels(root)), len(read_transcripts(root))
    return [
        LabelTable(
            name="EmoEvaluation/*.txt",
            says="category, activation, valence and dominance",
            n_rows=labels or None,
            n_published=N_CLIPS,
        ),
        LabelTable(
            name="transcriptions/*.txt",
            says="what is said",
            n_rows=texts or None,
            n_published=None,
        ),
    ]


def read_name(path: PurePosixPath) -> Clip:
    """The clip of a path below the root as far as its name tells, which is not the emotion.

    UnknownName where the owner has no such name.
    """
    match = _GRAMMAR.fullmatch(path.stem)
    if match is None:
        if _WHOLE_DIALOG.fullmatch(path.stem):
            raise UnknownName("a whole dialog, whose utterances lie in sentences/wav")
        raise UnknownName("not a name of IEMOCAP such as Ses01F_impro01_F000")
    session, _, _, letter = match.groups()
    dialog = path.stem.rpartition("_")[0]
    for folder in path.parts[:-1]:
        named = _FOLDER.fullmatch(folder)
        if (named and int(named[1]) != int(session[3:])) or (
            _WHOLE_DIALOG.fullmatch(folder) and folder != dialog
        ):
            raise UnknownName(f"of dialog {dialog} by its name, but in the folder {folder}")
    return Clip(
        corpus="iemocap",
        id=f"iemocap/{path.stem}",
        path=str(path),
        speaker=f"iemocap/{session}{letter}",
        emotion=None,
        session=session,
    )


def dialog_kind(name: str) -> str:
    """improvised or scripted, by the name of an utterance or of its clip.

    >>> dialog_kind("Ses01F_impro01_M003"), dialog_kind("iemocap/Ses05M_script01_1b_F000")
    ('improvised', 'scripted')
    """
    return "improvised" if "_impro" in name else "scripted"


def read_labels(root: Path) -> dict[str, Label]:
    """Utterance -> label, of every `EmoEvaluation/<dialog>.txt` below `root`.

    The folders that lie in EmoEvaluation hold single evaluators' files and are passed over.
    """
    labels: dict[str, Label] = {}
    for path in _dialog_files(root, "EmoEvaluation"):
        for name, code, *numbers in _LABEL.findall(_text(path)):
            label = Label(code, *(float(number) for number in numbers))
            if labels.setdefault(name, label) != label:
                raise CorpusError(
                    f"{path}: labels {name} as {code} {list(label[1:])}, another file says "
                    f"{labels[name].code} {list(labels[name][1:])}; keep one of them."
                )
    return labels


def read_transcripts(root: Path) -> dict[str, str]:
    """Utterance -> what is said, of every `transcriptions/<dialog>.txt` below `root`."""
    return {
        name: text
        for path in _dialog_files(root, "transcriptions")
        for name, text in _TRANSCRIPT.findall(_text(path))
    }


def _dialog_files(root: Path, folder: str) -> list[Path]:
    """`<folder>/<dialog>.txt` at any depth below `root`, sorted; hidden ones left out."""
    return sorted(
        path
        for path in root.rglob(f"{folder}/Ses*.txt")
        if _WHOLE_DIALOG.fullmatch(path.stem)
        and not any(part.startswith(".") for part in path.relative_to(root).parts)
    )


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")  # evaluators' remarks may be anything
