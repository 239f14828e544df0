"""LibriSpeech: volunteers read English books aloud, labelled by speaker alone (292,367 clips).

Names such as `1089-134686-0000`: reader, chapter, utterance. The folders repeat reader and
chapter. What is read stands in `<reader>-<chapter>.trans.txt` beside the recordings, and all
readers in `SPEAKERS.TXT`; both may be absent. Nobody said which emotion is heard: no clip has one.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from emometric.acquisition.listing import LabelTable, UnknownName, labelled
from emometric.download.fetch import Remote
from emometric.storage.clip import Clip, Reject

NAME = "LibriSpeech"
LANGUAGE = "en"
URL = "https://www.openslr.org/12/"
LICENCE = "CC BY 4.0"
LICENCE_URL = "https://creativecommons.org/licenses/by/4.0/"
CITATION = (
    "Panayotov, V., Chen, G., Povey, D. and Khudanpur, S. (2015). Librispeech: An ASR corpus based "
    "on public domain audio books. ICASSP 2015, 5206-5210. doi:10.1109/ICASSP.2015.7178964"
)
CHANNEL = "mean"
ACCESS = (
    "LibriSpeech is open at https://www.openslr.org/12/; unpack any of its parts so that the "
    "folder librispeech holds files such as "
    "LibriSpeech/test-clean/1089/134686/1089-134686-0000.flac."
)


def _remote(part: str, n_bytes: int, md5: str) -> Remote:
    return Remote(
        url=f"https://www.openslr.org/resources/12/{part}.tar.gz", n_bytes=n_bytes, md5=md5
    )


# All of it: 60 GB.
REMOTES = (
    _remote("dev-clean", 337_926_286, "42e2234ba48799c1f50f24a7926300a1"),
    _remote("dev-other", 314_305_928, "c8d0bcc9cca99d4f8b62fcc847357931"),
    _remote("test-clean", 346_663_984, "32fa31d27d2e1cad72775fee3f4849a9"),
    _remote("test-other", 328_757_843, "fb5a50374b501bb3bac4815ee91d3135"),
    _remote("train-clean-100", 6_387_309_499, "2a93770f6d5c6c964bc36631d331a522"),
    _remote("train-clean-360", 23_049_477_885, "c0e676e450a7ff2f54aeade5171606fa"),
    _remote("train-other-500", 30_593_501_606, "d1a0fd59409feb2c614ce4d30c387708"),
)

EMOTIONS: dict[str, str] = {}

N_CLIPS = 292_367
N_SPEAKERS = 2484
CLIPS_BY_EMOTION: dict[str, int] = {}
# Speakers and clips of each published part; no speaker is in two.
SPLITS = {
    "dev-clean": (40, 2703),
    "dev-other": (33, 2864),
    "test-clean": (40, 2620),
    "test-other": (33, 2939),
    "train-clean-100": (251, 28_539),
    "train-clean-360": (921, 104_014),
    "train-other-500": (1166, 148_688),
}

_GRAMMAR = re.compile(r"([1-9]\d*)-(\d+)-(\d{4})")
_READER = re.compile(r"^(\d+) *\|", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Params:
    """exclusions: leave the known faults out, when the corpus is acquired (exclusions.csv)."""

    exclusions: bool = True


def clips(root: Path, _params: Params) -> Iterator[Clip | Reject]:
    """Every recording below `root`, sorted by path, with what is read where transcripts are there.

    Where there is a SPEAKERS.TXT, a reader whom it does not list is a reject.
    """
    readers = read_readers(root)
    texts = read_transcripts(root)

    def read(path: PurePosixPath) -> Clip:
        clip = read_name(path)
        reader = clip.speaker.rpartition("/")[2]
        if readers and reader not in readers:
            raise UnknownName(f"SPEAKERS.TXT has no reader {reader}")
        return replace(clip, sentence=texts.get(path.stem))

    return labelled(root, read)


def label_files(root: Path, _params: Params) -> list[Path]:
    """Every SPEAKERS.TXT and every chapter's transcript below `root`, sorted."""
    return sorted([*root.rglob("SPEAKERS.TXT"), *root.rglob("[0-9]*.trans.txt")])


def label_tables(root: Path, _params: Params) -> list[LabelTable]:
    """How many readers SPEAKERS.TXT lists, and how many utterances have a transcript."""
    return [
        LabelTable(
            name="SPEAKERS.TXT",
            says="who reads",
            n_rows=len(read_readers(root)) or None,
            n_published=N_SPEAKERS,
        ),
        LabelTable(
            name="*.trans.txt",
            says="what is read",
            n_rows=len(read_transcripts(root)) or None,
            n_published=None,  # of the parts that are here
        ),
    ]


def read_name(path: PurePosixPath) -> Clip:
    """The clip of a path below the root; UnknownName where the owner has no such name."""
    match = _GRAMMAR.fullmatch(path.stem)
    if match is None:
        raise UnknownName("not a name of LibriSpeech such as 1089-134686-0000")
    reader, chapter, _number = match.groups()
    for folder in path.parts[-3:-1]:
        if folder.isdecimal() and folder not in (reader, chapter):
            raise UnknownName(
                f"reader {reader}, chapter {chapter} by its name, but in the folder {folder}"
            )
    return Clip(
        corpus="librispeech",
        id=f"librispeech/{path.stem}",
        path=str(path),
        speaker=f"librispeech/{reader}",
        emotion=None,
    )


def read_readers(root: Path) -> set[str]:
    """The readers of every SPEAKERS.TXT below `root`: lines such as `14 | F | ...`."""
    return {
        reader
        for path in root.rglob("SPEAKERS.TXT")
        for reader in _READER.findall(path.read_text(encoding="utf-8", errors="replace"))
    }


def read_transcripts(root: Path) -> dict[str, str]:
    """Utterance -> what is read, of every `*.trans.txt` below `root`: name, blank, text."""
    texts: dict[str, str] = {}
    for path in root.rglob("[0-9]*.trans.txt"):
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            name, _, text = line.partition(" ")
            if text.strip():
                texts[name] = text.strip()
    return texts
