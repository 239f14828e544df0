"""Check a corpus on this machine against what its owner publishes, and against what was linked."""

import hashlib
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from types import ModuleType

import joblib

from emometric.acquisition import exclusions, listing, roots
from emometric.base import console, parts
from emometric.base.errors import AudioError, CorpusError
from emometric.inspection import counting, measuring, published
from emometric.inspection.counting import Counted
from emometric.inspection.measuring import Measures
from emometric.inspection.published import Published
from emometric.sound.audio import MIN_S, SUFFIXES
from emometric.storage.clip import Clip, Reject

KINDS = ("missing", "extra", "altered", "unreadable", "count")
_FAULTS = (AudioError, CorpusError, OSError, UnicodeError)  # of one file; the others are heard


@dataclass(frozen=True, order=True)
class Problem:
    """kind: one of KINDS. path: below the corpus's folder; what is counted, for a count.

    Of a name that is no UTF-8, path and detail hold the odd bytes escaped, as in `caf\\xe9.wav`.
    """

    kind: str
    path: str
    detail: str


@dataclass(frozen=True, kw_only=True)
class Report:
    """What was found; `checked` and `not_checked` say in words what this rests on.

    is_partial: the corpus is published in parts, not all of which are here whole.
    """

    corpus: str
    n_recordings: int
    n_excluded: int
    hours: float
    shortest_s: float
    longest_s: float
    is_partial: bool = False
    checked: list[str] = field(default_factory=list)
    not_checked: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class _Heard:
    """One recording: its measures or why there are none, its digests (None: not to be read)."""

    path: str
    measures: Measures | None
    fault: str | None
    blake2b: str | None
    sha256: str | None


def check(corpus: str, folder: Path, *, linked: Mapping[str, str] | None = None) -> Report:
    """Names, counts, bytes and lengths of all recordings below `folder`.

    linked: path -> blake2b when it was linked (roots.digests). Bytes are compared with the owner's
    digest where there is one and the file has the owner's container; a copy in another one can
    only be compared with what was linked. Every recording is decoded whole. Labels are those that
    the corpus's default `Params` choose. Known faults (exclusions.csv) are no problems. Raises
    CorpusError where there is no folder, or nothing is published to check against.
    """
    part = parts.load("corpora", corpus)
    if part.N_CLIPS is None:
        raise CorpusError(f"{corpus}: nothing is published that it could be held against.")
    names, linked = published.of(corpus), linked or {}
    paths = listing.recordings(folder)
    try:
        found = list(part.clips(folder, part.Params()))
    except CorpusError as error:  # its label files are not as they should be
        found, problems = [], [Problem("missing", ".", str(error))]
    else:
        problems = _names(found, names, linked)
    clip_id = {item.path: item.id for item in found if isinstance(item, Clip)}
    known = {
        item.path
        for item in exclusions.leave_out(found, corpus)
        if isinstance(item, Reject) and item.kind == "excluded"
    }
    counts, labels = Counted(), Counted()
    if found:
        labels = counting.labels(part, folder)
        counts = counting.clips(part, [item for item in found if isinstance(item, Clip)], known)
    problems += [Problem("count", *wrong) for wrong in (*counts.wrong, *labels.wrong)]
    problems += [Problem("altered", *altered) for altered in labels.altered]
    problems += _linked_labels(part, folder, linked)
    owners = {path: names.sha256(id_, path) if names else None for path, id_ in clip_id.items()}
    heard = _listen(folder, [str(path) for path in paths], owners, part.CHANNEL)
    problems += _bytes(heard, owners, linked) + _sound(heard, known)
    checked, not_checked = _basis(heard, names, linked, len(known))
    seconds = [one.measures.seconds for one in heard if one.measures]
    return Report(
        corpus=corpus,
        n_recordings=len(paths),
        n_excluded=len(known),
        hours=sum(seconds) / 3600,
        shortest_s=min(seconds, default=0.0),
        longest_s=max(seconds, default=0.0),
        is_partial=counts.is_partial,
        checked=[*counts.checked, *labels.checked, *checked],
        not_checked=[*counts.not_checked, *labels.not_checked, *not_checked],
        problems=sorted(
            map(_printable, problems), key=lambda p: (KINDS.index(p.kind), p.path, p.detail)
        ),
    )


def _listen(
    folder: Path, paths: list[str], owners: Mapping[str, str | None], channel: str
) -> list[_Heard]:
    """Decode and hash every recording once, several at a time."""
    heard = joblib.Parallel(n_jobs=-1, prefer="threads", return_as="generator")(
        joblib.delayed(_hear)(folder, path, owners.get(path) is not None, channel) for path in paths
    )
    return list(console.progress(heard, total=len(paths), what="check", unit="files"))


def _hear(folder: Path, path: str, with_sha256: bool, channel: str) -> _Heard:
    measures, fault, blake2b, sha256 = None, None, None, None
    try:
        measures = measuring.measure(folder / path, channel=channel)
        if measures.seconds < MIN_S:
            fault = f"lasts {measures.seconds:.3f} s, less than {MIN_S} s"
    except _FAULTS as error:
        fault = _words(error, folder / path)
    try:
        blake2b, _ = roots.digest(folder / path)
        if with_sha256:
            with (folder / path).open("rb") as file:
                sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    except _FAULTS as error:
        fault = fault or _words(error, folder / path)
    return _Heard(path=path, measures=measures, fault=fault, blake2b=blake2b, sha256=sha256)


def _words(error: Exception, path: Path) -> str:
    """What is wrong with one file, without its path."""
    if isinstance(error, UnicodeError):  # libsndfile takes names in UTF-8 only
        return "its name is no UTF-8; rename it"
    if isinstance(error, OSError):
        return f"cannot be read ({error.strerror or error}); mend that and check again"
    return str(error).removeprefix(f"{path}: ")


def _printable(problem: Problem) -> Problem:
    """The problem with odd bytes of a file name escaped: neither UTF-8 nor JSON can hold them."""
    path, detail = (
        text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
        for text in (problem.path, problem.detail)
    )
    return Problem(problem.kind, path, detail)


def _names(
    found: list[Clip | Reject], names: Published | None, linked: Mapping[str, str]
) -> list[Problem]:
    """What is missing or extra: against the published names, else against what was linked."""
    clips = {item.id: item.path for item in found if isinstance(item, Clip)}
    problems = [
        Problem("extra", item.path, item.reason) for item in found if isinstance(item, Reject)
    ]
    if names is not None:
        problems += [
            Problem("extra", path, "its owner publishes no such name")
            for id_, path in clips.items()
            if id_ not in names.recordings
        ]
        problems += [
            Problem("missing", str(recording.path), "is published, but not here")
            for id_, recording in names.recordings.items()
            if id_ not in clips
        ]
    elif linked:
        here = {item.path for item in found}
        problems += [
            Problem("extra", path, "was not here when it was linked")
            for path in set(clips.values()) - set(linked)
        ]
        problems += [
            Problem("missing", path, "was here when it was linked")
            for path in set(linked) - here
            if PurePosixPath(path).suffix.lower() in SUFFIXES  # label files are linked too
        ]
    return problems


def _linked_labels(part: ModuleType, folder: Path, linked: Mapping[str, str]) -> list[Problem]:
    """Label files that have gone or changed since they were linked."""
    files = part.label_files(folder, part.Params()) if hasattr(part, "label_files") else []
    here = {roots.recorded(path, folder): path for path in files if path.is_file()}
    problems = [
        Problem("missing", name, "was here when it was linked")
        for name in linked
        if PurePosixPath(name).suffix.lower() not in SUFFIXES and name not in here
    ]
    return problems + [
        Problem("altered", name, "its bytes have changed since the link")
        for name, path in here.items()
        if name in linked and linked[name] != roots.digest(path)[0]
    ]


def _bytes(
    heard: list[_Heard], owners: Mapping[str, str | None], linked: Mapping[str, str]
) -> list[Problem]:
    problems = []
    for one in heard:
        if one.sha256 is not None:
            if one.sha256 != owners[one.path]:
                detail = f"its sha256 is {one.sha256}, published is {owners[one.path]}"
                problems.append(Problem("altered", one.path, detail))
        elif one.blake2b and linked.get(one.path, one.blake2b) != one.blake2b:
            problems.append(Problem("altered", one.path, "its bytes have changed since the link"))
    return problems


def _sound(heard: list[_Heard], known: Set[str]) -> list[Problem]:
    return [
        Problem("unreadable", one.path, one.fault)
        for one in heard
        if one.fault and one.path not in known
    ]


def _basis(
    heard: list[_Heard],
    names: Published | None,
    linked: Mapping[str, str],
    n_known: int,
) -> tuple[list[str], list[str]]:
    """In words: what was checked, and what could not be."""
    checked = [f"sound and length: {len(heard)} recordings decoded whole"]
    not_checked = []
    if names is not None:
        checked.append(f"names: {len(names.recordings)} ({names.source})")
    else:
        not_checked.append("names one by one: no list of them is published")
    n_owners = sum(one.sha256 is not None for one in heard)
    n_unread = sum(one.blake2b is None for one in heard)
    n_linked = sum(bool(one.blake2b) and not one.sha256 and one.path in linked for one in heard)
    n_rest = len(heard) - n_owners - n_unread - n_linked
    if n_owners:
        checked.append(f"bytes of {n_owners} recordings: the owner's sha256 ({names.source})")
    if n_linked:
        checked.append(f"bytes of {n_linked} recordings: as they were when linked")
    if n_owners + n_unread < len(heard):
        has_digests = names is not None and any(r.sha256 for r in names.recordings.values())
        why = "not in its container" if has_digests else "it publishes no digests of single files"
        not_checked.append(f"bytes of {n_linked + n_rest} recordings against the owner: {why}")
    if n_unread:
        not_checked.append(f"bytes of {n_unread} recordings: they cannot be read")
    if n_rest:
        not_checked.append(f"bytes of {n_rest} recordings against the link: not linked here")
    if n_known:
        checked.append(f"known faults, which are no problems here: {n_known} recordings")
    return checked, not_checked
