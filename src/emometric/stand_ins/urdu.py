"""The stand-in of URDU: everyday Urdu, 29 speaker codes, 400 names.

As in the original, clips are pieces of two or three seconds cut out of running speech with a
studio's noise under it, and most speakers have a single emotion.
"""

from collections.abc import Iterable, Iterator

from emometric.corpora.urdu import EMOTIONS, FOLDERS
from emometric.stand_ins.ratings import das2022
from emometric.stand_ins.utterance import Recording, Utterance, generator, thin

# The owner does not state a sampling rate; 44.1 kHz is what broadcast sound on the web mostly has.
RECORDING = Recording(
    rate_hz=44100, level_db=-18.0, noise_db=(18.0, 36.0), lead_s=(0.0, 0.0), tail_s=(0.0, 0.0)
)
NAMES_ARE_PUBLISHED = True  # at full scale: all of the owner's, and no other
_LENGTHS_S = (2.0, 3.0)

# Our own sentences, none of which leans towards an emotion.
_TEXTS = (
    "آج موسم کافی اچھا ہے۔",
    "آپ کل شام کہاں گئے تھے؟",
    "میں نے یہ بات پہلے بھی کہی ہے۔",
    "وہ ابھی گھر پر نہیں ہیں۔",
    "ہم شام کو بازار جائیں گے۔",
    "مجھے اس کے بارے میں معلوم نہیں۔",
    "چائے کے ساتھ کچھ کھا لیجیے۔",
    "گاڑی اسٹیشن پر دیر سے پہنچی۔",
    "لوگ یہی سوال پوچھ رہے ہیں۔",
    "یہ فیصلہ سب نے مل کر کیا تھا۔",
    "بچے اسکول سے واپس آ گئے ہیں۔",
    "اگلے ہفتے دوبارہ بات کریں گے۔",
)
_N_TEXTS = 3  # long enough to cut three seconds from

# Published clips of each emotion's speakers; the clips of an emotion are numbered in this order.
_COUNTS = {
    "A": "SM1:22 SM2:28 SM3:2 SM4:48",
    "H": "SF1:12 SF2:2 SF3:2 SF4:4 SF5:4 SF6:14 SF7:6 SF8:2 SM17:2 SM18:2 SM19:2 SM3:2 SM5:8 "
    "SM6:10 SM7:28",
    "N": "SF9:4 SM20:10 SM21:4 SM22:2 SM3:8 SM5:72",
    "S": "SF10:2 SF11:4 SM23:6 SM24:38 SM25:40 SM26:2 SM27:4 SM6:4",
}


def utterances(max_clips: int | None) -> Iterator[Utterance]:
    """The 400 clips, or at most `max_clips` of each speaker and emotion."""
    return thin(_all(), max_clips)


def label_files(utterances: Iterable[Utterance]) -> Iterator[tuple[str, str]]:
    """Activation and valence, as das2022 published them for the original."""
    return das2022("urdu", utterances)


def _all() -> Iterator[Utterance]:
    for letter, counts in _COUNTS.items():
        number = 0
        for entry in counts.split():
            speaker, n_clips = entry.split(":")
            for file in range(1, int(n_clips) + 1):
                number += 1
                path = f"{FOLDERS[letter]}/{speaker}_F{file}_{letter}0{number}.wav"
                said = generator("text", "urdu", path).permutation(len(_TEXTS))[:_N_TEXTS]
                yield Utterance(
                    corpus="urdu",
                    path=path,
                    text=" ".join(_TEXTS[position] for position in said),
                    language="ur",
                    speaker=speaker,
                    sex=speaker[1].lower(),
                    emotion=EMOTIONS[letter],
                    cut_s=_LENGTHS_S[file % 2],
                )
