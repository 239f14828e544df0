"""The stand-in of IEMOCAP: ten speakers in five sessions, 10,039 names, and their label files.

Known are the number of utterances of each category, of each session, and of improvised and scripted
dialogs, and the dialogs of each session; those are kept. How the categories of a session fall on
its dialogs and speakers is ours, and so is the spread of the rarer ones over sessions 1 to 4.

The ratings follow what is rendered: activation rises with the rate, pitch and level of an
utterance, dominance with level and falls with breath, valence depends on the emotion and rises
with the brightness of the voice. Each evaluator hears that with an error of their own and answers
in whole numbers.
"""

from collections.abc import Iterator, Sequence
from functools import cache

import numpy as np

from emometric.corpora.iemocap import EMOTIONS, SESSIONS
from emometric.stand_ins.prosody import prosody
from emometric.stand_ins.utterance import Recording, Utterance, generator, thin

# A room with two directional microphones, some way from the actors.
RECORDING = Recording(
    rate_hz=16000, level_db=-28.0, noise_db=(26.0, 40.0), lead_s=(0.05, 0.3), tail_s=(0.05, 0.3)
)

# Utterances of each session by category. The sums of rows and columns, session 5 and the first five
# columns are as users of the corpus count them; the rest keeps those sums and is ours otherwise.
_CODES = ("ang", "hap", "exc", "sad", "neu", "fru", "sur", "fea", "dis", "oth", "xxx")
_COUNTS = {
    "Ses01": (229, 135, 143, 194, 384, 280, 22, 8, 1, 0, 423),
    "Ses02": (137, 117, 210, 197, 362, 325, 22, 7, 1, 1, 432),
    "Ses03": (240, 135, 151, 305, 320, 382, 23, 8, 0, 1, 571),
    "Ses04": (327, 65, 238, 143, 258, 481, 22, 7, 0, 1, 561),
    "Ses05": (170, 143, 299, 245, 384, 381, 18, 10, 0, 0, 520),
}
_N_IMPROVISED, _N_ALL = 4784, 10039
_STRENGTHS = {"impro": 1.1, "script": 0.9}  # improvised emotion is the more intense
_AMBIGUOUS = 0.5  # of the strength, where evaluators did not agree

_IMPROVISED = tuple(f"impro{number:02}" for number in range(1, 9))
_SCRIPTED = tuple(
    f"script{name}" for name in ("01_1", "01_2", "01_3", "02_1", "02_2", "03_1", "03_2")
)
# Where they are not these fifteen.
_DIALOGS = {
    "Ses01F": _IMPROVISED[:7] + _SCRIPTED,
    "Ses01M": _IMPROVISED[:7] + _SCRIPTED,
    "Ses03M": (
        *_IMPROVISED[:4],
        *("impro05a", "impro05b"),
        *_IMPROVISED[5:7],
        *("impro08a", "impro08b"),
        *_SCRIPTED,
    ),
    "Ses05M": (*_IMPROVISED, "script01_1", "script01_1b", *_SCRIPTED[1:]),
}

# Our own sentences, none of which leans towards an emotion.
_TEXTS = (
    "I was at the office until seven, and then I took the bus.",
    "Did you talk to her about the papers?",
    "They said that the letter would come on Monday.",
    "I have been waiting in this line since ten o'clock.",
    "So what did he say when you told him?",
    "My mother is going to stay with us for a month.",
    "You never told me that you wanted to move.",
    "We can go down to the beach after dinner.",
    "I don't know what you want me to do about it.",
    "There is another form that you have to fill in.",
    "He is coming home at the end of the week.",
    "I thought that you had left it on the table.",
    "Look at the moon, it is right above the water.",
    "That is not the way it happened, and you know it.",
    "Do you remember the house that we used to live in?",
    "I got a call from the school this morning.",
    "Well, maybe we should ask somebody else.",
    "It has been three years since I saw him.",
    "You could have told me that before.",
    "I need an identification card and two copies.",
    "She said yes, and the wedding is in June.",
    "Let me see what I can do for you.",
    "What time are we supposed to be there?",
    "I am not going to talk about it now.",
)

_WORDS = {
    "ang": "Anger",
    "hap": "Happiness",
    "exc": "Excited",
    "sad": "Sadness",
    "neu": "Neutral",
    "fru": "Frustration",
    "sur": "Surprise",
    "fea": "Fear",
    "dis": "Disgust",
    "oth": "Other",
}
_CATEGORY_RATERS = ("E2", "E3", "E4")
_AFFECT_RATERS = ("E3", "E4")  # as in the original, who rates a category need not rate the rest
_ERROR_OF_RATERS = 0.45  # standard deviation, on the scale of 1 to 5

# What an emotion adds to brightness; anger and frustration are bright, yet negative.
_VALENCE = {
    "anger": -1.6,
    "disgust": -1.2,
    "excitement": 0.1,
    "fear": -0.9,
    "frustration": -1.1,
    "happiness": 0.2,
    "neutral": 0.0,
    "sadness": 0.1,
    "surprise": 0.1,
}


def utterances(max_clips: int | None) -> Iterator[Utterance]:
    """The 10,039 utterances, or at most `max_clips` of each speaker and emotion."""
    return thin((utterance for utterance, _ in _all()), max_clips)


def label_files(utterances: Sequence[Utterance]) -> Iterator[tuple[str, str]]:
    """EmoEvaluation and transcriptions of every dialog, for these utterances."""
    code_of = {utterance.path: code for utterance, code in _all()}
    dialogs: dict[tuple[str, str], list[Utterance]] = {}
    for utterance in utterances:
        session_folder, *_, dialog, _ = utterance.path.split("/")
        dialogs.setdefault((session_folder, dialog), []).append(utterance)
    for (session_folder, dialog), said in dialogs.items():
        labels = ["% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n"]
        texts = []
        end = 0.0
        for utterance in sorted(said, key=_turn):
            # Where it would lie in the dialog; nothing reads it.
            start, end = end + 0.5, end + 0.5 + len(utterance.text) / 14
            labels.append(_evaluation(utterance, code_of[utterance.path], start, end))
            texts.append(f"{_name(utterance)} [{start:08.4f}-{end:08.4f}]: {utterance.text}\n")
        yield f"{session_folder}/dialog/EmoEvaluation/{dialog}.txt", "\n".join(labels)
        yield f"{session_folder}/dialog/transcriptions/{dialog}.txt", "".join(texts)


@cache
def _all() -> tuple[tuple[Utterance, str], ...]:
    """Every utterance with its category."""
    return tuple(turn for session in SESSIONS for turn in _session(session))


def _session(session: str) -> Iterator[tuple[Utterance, str]]:
    codes = np.repeat(_CODES, _COUNTS[session])
    generator("codes", "iemocap", session).shuffle(codes)
    dialogs = [
        (wearer, dialog)
        for wearer in "FM"
        for dialog in _DIALOGS.get(f"{session}{wearer}", _IMPROVISED + _SCRIPTED)
    ]
    # Session by session the same share is improvised; rounded, they sum to the published number.
    n_improvised = round(len(codes) * _N_IMPROVISED / _N_ALL)
    for kind, share in (("impro", codes[:n_improvised]), ("script", codes[n_improvised:])):
        of_kind = [pair for pair in dialogs if pair[1].startswith(kind)]
        for (wearer, dialog), of_dialog in zip(
            of_kind, np.array_split(share, len(of_kind)), strict=True
        ):
            for turn, code in enumerate(of_dialog.tolist()):
                yield _utterance(session, wearer, dialog, turn, code), code


def _utterance(session: str, wearer: str, dialog: str, turn: int, code: str) -> Utterance:
    """Speakers take turns; scripted lines are the same in every session, improvised ones not."""
    letter = "FM"[turn % 2]
    folder = f"{session}{wearer}_{dialog}"
    path = f"Session{session[-1]}/sentences/wav/{folder}/{folder}_{letter}{turn // 2:03}.wav"
    kind = dialog[: dialog.index("0")]
    line = generator("line", "iemocap", f"{dialog} {turn}" if kind == "script" else path)
    text = _TEXTS[line.integers(len(_TEXTS))]
    performed = None
    if EMOTIONS[code] is None:  # something is felt all the same, but less clearly
        felt = generator("felt", "iemocap", path)
        performed = str(felt.choice([emotion for emotion in EMOTIONS.values() if emotion]))
    return Utterance(
        corpus="iemocap",
        path=path,
        text=text,
        language="en-us",
        speaker=f"{session}{letter}",
        sex=letter.lower(),
        emotion=EMOTIONS[code],
        strength=_STRENGTHS[kind] * (_AMBIGUOUS if performed else 1.0),
        performed=performed,
    )


def _name(utterance: Utterance) -> str:
    return utterance.path.rpartition("/")[2].removesuffix(".wav")


def _turn(utterance: Utterance) -> tuple[int, str]:
    """Place in the dialog: F000, M000, F001, ..."""
    letter_and_number = _name(utterance).rpartition("_")[2]
    return int(letter_and_number[1:]), letter_and_number


def affect(utterance: Utterance) -> tuple[float, float, float]:
    """Valence, activation and dominance of the rendered voice, before any evaluator's error."""
    manner = prosody(utterance)
    felt = utterance.performed or utterance.emotion
    brightness = manner.tilt + 10 * manner.formants  # a smile raises the resonances
    return (
        3.0 + utterance.strength * _VALENCE[felt] + 0.6 * brightness,
        2.75 + 1.5 * manner.rate + 0.12 * manner.pitch + 0.1 * manner.level,
        2.9 + 0.12 * manner.level - 0.06 * manner.breath,
    )


def _evaluation(utterance: Utterance, code: str, start: float, end: float) -> str:
    """The lines of one utterance: label, then what each evaluator said, then the speaker.

    The label is made of what the evaluators said; what speakers say of themselves does not count.
    """
    random = generator("ratings", "iemocap", utterance.path)
    own = f"{utterance.sex.upper()}1"
    raters = (*_AFFECT_RATERS, own)
    heard = np.array(affect(utterance)) + random.normal(0, _ERROR_OF_RATERS, (len(raters), 3))
    ratings = np.clip(np.rint(heard), 1, 5).astype(int)
    means = ratings[: len(_AFFECT_RATERS)].mean(axis=0)
    choices = _choices(code, random)
    lines = [
        f"[{start:.4f} - {end:.4f}]\t{_name(utterance)}\t{code}\t"
        f"[{means[0]:.4f}, {means[1]:.4f}, {means[2]:.4f}]",
        *(
            f"C-{rater}:\t{_WORDS[choice]};\t()"
            for rater, choice in zip((*_CATEGORY_RATERS, own), choices, strict=True)
        ),
        *(
            f"A-{rater}:\tval {row[0]}; act {row[1]}; dom  {row[2]};\t()"
            for rater, row in zip(raters, ratings, strict=True)
        ),
    ]
    return "\n".join(lines) + "\n"


def _choices(code: str, random: np.random.Generator) -> list[str]:
    """What three evaluators and the speaker chose: most of the three `code`, or three for xxx."""
    others = random.permutation([word for word in _WORDS if word != code]).tolist()
    if code == "xxx":
        return others[:4]
    dissents = random.random() < 0.6
    return [code, code, others[0] if dissents else code, others[1] if dissents else code]
