"""Known faults: each row names one clip of its corpus, and is left out unless switched off."""

import csv
import importlib
from importlib import resources

import numpy as np
import pyarrow.parquet as pq
import pytest
import scipy.fft
import soundfile
import soxr

from emometric.acquisition import acquiring, exclusions
from emometric.base import parts
from emometric.base.errors import CorpusError
from emometric.corpora import ravdess
from emometric.sound import audio
from emometric.storage.clip import Clip, Reject

TWINS = ("03-01-03-01-02-01-07", "03-01-03-01-02-02-07")


def rows():
    path = resources.files("emometric").joinpath("corpora_data", "exclusions.csv")
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("corpus", sorted({row["corpus"] for row in rows()}))
def test_every_row_names_one_clip_and_says_why(corpus, tmp_path):
    part = parts.load("corpora", corpus)
    for utterance in importlib.import_module(f"emometric.stand_ins.{corpus}").utterances(None):
        (tmp_path / utterance.path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / utterance.path).touch()
    found = list(part.clips(tmp_path, part.Params()))
    ids = [clip.id for clip in found if isinstance(clip, Clip)]
    named = [row for row in rows() if row["corpus"] == corpus]
    assert len({row["clip"] for row in named}) == len(named)
    for row in named:
        assert ids.count(f"{corpus}/{row['clip']}") == 1
        assert row["reason"].strip() and row["source"].strip()
        assert None not in row
    left = exclusions.leave_out(found, corpus)
    assert [item.path for item in left] == [item.path for item in found]
    excluded = [item for item in left if isinstance(item, Reject) and item.kind == "excluded"]
    assert len(excluded) == len(named)


def test_others_stay_as_they_are():
    found = [
        Clip(corpus="ravdess", id="ravdess/x", path="x.wav", speaker="ravdess/1", emotion="anger"),
        Clip(corpus="own", id=f"own/{TWINS[1]}", path="a.wav", speaker="own/1", emotion="anger"),
        Reject(path=f"Actor_07/{TWINS[1]}.wav", reason="same name as b"),
    ]
    assert exclusions.leave_out(found, "ravdess") == found
    assert exclusions.leave_out(found, "own") == found


def test_wrong_header_is_one_sentence(tmp_path, monkeypatch):
    (tmp_path / "corpora_data").mkdir()
    (tmp_path / "corpora_data" / "exclusions.csv").write_text("corpus,path,reason,source\n")
    monkeypatch.setattr(resources, "files", lambda _package: tmp_path)
    exclusions.read.cache_clear()
    with pytest.raises(CorpusError, match="write corpus,clip,reason,source"):
        exclusions.read()


@pytest.mark.parametrize("on", [True, False])
def test_acquisition_lists_and_counts_them(on, tmp_path):
    root = tmp_path / "ravdess"
    root.mkdir()
    sound = np.random.default_rng(0).uniform(-0.1, 0.1, 8000)
    for name in TWINS:
        soundfile.write(root / f"{name}.wav", sound, 16000)
    (root / "03-01-01-01-02-02-07.wav").write_bytes(b"")
    params = ravdess.Params(exclusions=on)
    done = acquiring.acquire("ravdess", params, root, tmp_path / "out")
    assert (done.n_clips, done.n_excluded, done.n_rejected) == ((1, 1, 1) if on else (2, 0, 1))
    names = {row["id"] for row in pq.read_table(tmp_path / "out/labels.parquet").to_pylist()}
    assert names == {f"ravdess/{name}" for name in (TWINS[:1] if on else TWINS)}
    with (tmp_path / "out" / "rejects.csv").open(encoding="utf-8", newline="") as file:
        kinds = {row["path"]: row["kind"] for row in csv.DictReader(file)}
    assert kinds.pop("03-01-01-01-02-02-07.wav") == "rejected"
    assert kinds == ({f"{TWINS[1]}.wav": "excluded"} if on else {})


@pytest.mark.original
def test_ravdess_duplicate_is_one(corpora_root):
    if not (corpora_root / "ravdess").is_dir():
        pytest.skip("no real ravdess")
    (first,), (second,) = (list((corpora_root / "ravdess").rglob(f"{n}.*")) for n in TWINS)
    assert np.array_equal(soundfile.read(first)[0], soundfile.read(second)[0])


# Pairs that are one recording; the first named here, or both, are left out.
NEAR = (
    ("urdu", "SF1_F4_H04", "SF4_F3_H019"),
    ("urdu", "SF6_F5_H029", "SF6_F10_H034"),
    ("urdu", "SM24_F15_S027", "SM24_F14_S026"),
    ("urdu", "SM25_F9_S059", "SM25_F8_S058"),
    ("emovo", "tri-f3-n1", "tri-f3-n2"),
)


def aligned(first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """Correlation of two recordings where it is largest, and how many seconds they share there.

    At 8 times 16 kHz: cut before they were resampled, they lie apart by a part of a sample.
    """
    first, second = (soxr.resample(one, 16000, 128000, quality="HQ") for one in (first, second))
    size = scipy.fft.next_fast_len(len(first) + len(second))
    spectra = scipy.fft.rfft(first, size), scipy.fft.rfft(second, size)
    lag = int(np.argmax(scipy.fft.irfft(spectra[0] * np.conj(spectra[1]), size)))
    lag = lag if lag < len(first) else lag - size
    first, second = first[max(lag, 0) :], second[max(-lag, 0) :]
    length = min(len(first), len(second))
    return float(np.corrcoef(first[:length], second[:length])[0, 1]), length / 128000


def test_alignment_finds_a_shift_of_a_part_of_a_sample():
    sound = np.random.default_rng(0).standard_normal(96000)
    sound = soxr.resample(sound, 16000, 48000)  # no sound above the half of 16 kHz
    first, second = (soxr.resample(sound[cut:], 48000, 16000) for cut in (0, 16001))
    correlation, shared_s = aligned(first, second)
    assert correlation > 0.99
    assert shared_s == pytest.approx(6 - 1 / 3, abs=0.001)
    assert aligned(first, np.random.default_rng(1).standard_normal(9000))[0] < 0.2


@pytest.mark.original
@pytest.mark.parametrize(("corpus", "left_out", "other"), NEAR)
def test_near_duplicates_are_one_recording(corpora_root, corpus, left_out, other):
    if not (corpora_root / corpus).is_dir():
        pytest.skip(f"no real {corpus}")
    sounds = []
    for name in (left_out, other):
        (path,) = (corpora_root / corpus).rglob(f"{name}.*")
        sounds.append(audio.read_waveform(path, channel=parts.load("corpora", corpus).CHANNEL))
    correlation, shared_s = aligned(*sounds)
    assert correlation > 0.99
    # All of the shorter one, but where two speakers are named.
    shorter = min(map(len, sounds)) / 16000
    assert shared_s > (0.84 if left_out == "SF1_F4_H04" else 0.99) * shorter
    assert f"{corpus}/{left_out}" in exclusions.read()
    assert (f"{corpus}/{other}" in exclusions.read()) == (left_out == "SF1_F4_H04")
