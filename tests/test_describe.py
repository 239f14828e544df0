"""Describing a corpus: measures of made-up recordings with known answers, tables, the figure."""

import io
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile
from PIL import Image
from typer.testing import CliRunner

from emometric.base import parts
from emometric.base.errors import AudioError, CorpusError
from emometric.cli import corpora as cli_corpora
from emometric.cli import corpus_figure
from emometric.inspection import describing, measuring
from emometric.report.style import CorpusHeading, to_png
from emometric.storage import store
from emometric.storage.clip import MANIFEST_SCHEMA


def tone(seconds: float, amplitude: float, rate_hz: int) -> np.ndarray:
    return amplitude * np.sin(2 * np.pi * 500 * np.arange(round(seconds * rate_hz)) / rate_hz)


@pytest.fixture
def emodb(tmp_path) -> Path:
    """Two speakers; one clip silent, one stereo at 48 kHz, one broken, one with a wrong name."""
    folder = tmp_path / "corpora" / "emodb"
    folder.mkdir(parents=True)
    soundfile.write(folder / "03a01Fa.wav", tone(1.0, 0.5, 16000), 16000, subtype="FLOAT")
    soundfile.write(folder / "03a01Nc.wav", tone(3.0, 0.05, 16000), 16000, subtype="FLOAT")
    stereo = np.column_stack([tone(2.0, 0.5, 48000), tone(2.0, 0.25, 48000)])
    soundfile.write(folder / "08a01Fd.wav", stereo, 48000, subtype="FLOAT")
    soundfile.write(folder / "08a01Wa.wav", np.zeros(8000), 16000)
    (folder / "08a01Na.wav").write_bytes(b"RIFF")
    (folder / "stray.wav").write_bytes(b"RIFF")
    return folder


def params(corpus="emodb"):
    return parts.load("corpora", corpus).Params()


def test_measures_a_tone(emodb):
    measures = measuring.measure(emodb / "03a01Fa.wav")
    assert (measures.seconds, measures.rate_hz, measures.channels) == (1.0, 16000, 1)
    assert measures.level_db == pytest.approx(20 * np.log10(0.5 / np.sqrt(2)), abs=1e-6)
    assert measures.peak_db == pytest.approx(20 * np.log10(0.5), abs=1e-6)
    stereo = measuring.measure(emodb / "08a01Fd.wav")
    assert (stereo.rate_hz, stereo.channels, stereo.seconds) == (48000, 2, 2.0)
    assert stereo.peak_db == pytest.approx(20 * np.log10(0.375), abs=1e-6)
    left = measuring.measure(emodb / "08a01Fd.wav", channel="left")
    assert left.peak_db == pytest.approx(20 * np.log10(0.5), abs=1e-6)
    assert measuring.measure(emodb / "08a01Wa.wav").level_db == measuring.SILENT_DB
    with pytest.raises(AudioError):
        measuring.measure(emodb / "stray.wav")


def test_table_of_recordings(emodb):
    table, n_left_out = describing.of_recordings("emodb", emodb, params())
    assert n_left_out == 2
    assert tuple(table.columns) == describing.COLUMNS
    assert list(table["id"]) == [
        f"emodb/{name}" for name in ("03a01Fa", "03a01Nc", "08a01Fd", "08a01Wa")
    ]
    assert list(table["seconds"]) == [1.0, 3.0, 2.0, 0.5]
    counts = describing.counts(table)
    assert list(counts.index) == ["anger", "happiness", "neutral"]
    assert counts.to_numpy().tolist() == [[0, 1], [1, 1], [1, 0]]
    by_emotion = describing.by(table, "emotion")
    assert by_emotion.loc["happiness", ["clips", "speakers"]].tolist() == [2, 2]
    assert by_emotion.loc["happiness", "seconds_median"] == 1.5
    assert np.isnan(by_emotion.loc["anger", "level_db_median"])  # silent
    by_speaker = describing.by(table, "speaker")
    assert by_speaker.loc["emodb/03", "minutes"] == pytest.approx(4 / 60)
    assert describing.files(table).to_numpy().tolist() == [[16000, 1, 3], [48000, 2, 1]]


def test_nothing_to_describe(tmp_path):
    (tmp_path / "stray.wav").write_bytes(b"RIFF")
    with pytest.raises(CorpusError, match="no clip to describe; see why: emometric corpora check"):
        describing.of_recordings("emodb", tmp_path, params())


def test_unlabelled_clips_and_the_order_of_speakers():
    table = pd.DataFrame(
        {
            "id": ["a", "b", "c"],
            "speaker": ["urdu/SM10", "urdu/SM2", "urdu/SM10"],
            "emotion": [None, "sadness", "anger"],
            "seconds": [1.0, 2.0, 3.0],
            "level_db": [-20.0, -30.0, -40.0],
        }
    )
    counts = describing.counts(table)
    assert list(counts.index) == ["anger", "sadness", "none"]
    assert list(counts.columns) == ["urdu/SM2", "urdu/SM10"]
    assert list(describing.by(table, "speaker").index) == ["urdu/SM2", "urdu/SM10"]
    assert list(describing.by(table, "emotion")["clips"]) == [1, 1, 1]


def fabricated(n_speakers: int, n_clips: int, emotions: list) -> pd.DataFrame:
    generator = np.random.default_rng(3)
    speakers = [f"x/{number:03}" for number in range(n_speakers)]
    return pd.DataFrame(
        {
            "id": [f"x/{number}" for number in range(n_clips)],
            "speaker": [speakers[number % n_speakers] for number in range(n_clips)],
            "emotion": [emotions[number % len(emotions)] for number in range(n_clips)],
            "seconds": generator.gamma(4, 1, n_clips),
            "level_db": generator.normal(-30, 4, n_clips),
            "rate_hz": generator.choice([16000, 44100, 48000], n_clips),
            "channels": generator.choice([1, 2], n_clips),
        }
    )


@pytest.mark.parametrize(
    ("n_speakers", "n_clips", "emotions"),
    [
        (1, 1, ["anger"]),
        (4, 60, ["anger", "sadness", None]),
        (91, 900, ["anger", "disgust", "fear", "happiness", "neutral", "sadness"]),
        (600, 1200, [None]),
    ],
)
@pytest.mark.parametrize("origin", ["original", "synthetic"])
def test_figure_of_any_corpus(n_speakers, n_clips, emotions, origin):
    table = fabricated(n_speakers, n_clips, emotions)
    counts, heard = describing.counts(table), describing.is_heard(table)
    heading = CorpusHeading(facts=("language: de",), origin=origin)
    figure = corpus_figure.corpus(table, counts, heard, name="X", heading=heading)
    words = " ".join(text.get_text() for text in figure.texts)
    assert f"X: {n_clips} clip" in words
    assert ("stand-in speech" in words) == (origin == "synthetic")
    image = Image.open(io.BytesIO(to_png(figure)))
    assert image.width > 1000
    cells, durations, levels, files = figure.axes
    assert len(cells.get_yticklabels()) == len(counts)
    numbers = [int(text.get_text()) for text in cells.texts]
    assert sum(numbers) == (n_clips if n_speakers <= 32 else 0)
    # No label reaches into a neighbour's drawing or out of the figure.
    renderer = figure.canvas.get_renderer()
    boxes = [axes.get_tightbbox(renderer) for axes in (cells, durations, levels, files)]
    for position, box in enumerate(boxes):
        assert box.x0 >= 0
        assert box.x1 <= figure.bbox.x1
        for other in boxes[position + 1 :]:
            assert not box.padded(-2).overlaps(other.padded(-2))


def test_silent_clips_do_not_draw_the_levels_down(emodb):
    table, _ = describing.of_recordings("emodb", emodb, params())
    args = (table, describing.counts(table), describing.is_heard(table))
    heading = CorpusHeading(facts=(), origin="original")
    figure = corpus_figure.corpus(*args, name="X", heading=heading)
    assert figure.axes[2].get_ylim()[0] > -60
    png = corpus_figure.png(*args, name="X", language="de", origin="original")
    assert png == corpus_figure.png(*args, name="X", language="de", origin="original")


# -- the command -----------------------------------------------------------------------------------


@pytest.fixture
def run(project_root, tmp_path, monkeypatch):
    shutil.copy(project_root / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("EMOMETRIC_CORPORA", raising=False)
    return lambda *words: CliRunner().invoke(cli_corpora.app, words)


def test_describe_command_on_recordings(run, emodb):
    run("link", str(emodb.parent))
    done = run("describe", "emodb")
    assert done.exit_code == 0, done.output
    assert "4 clips, 2 files left out" in done.stdout
    folder = Path("data/original/described/emodb")
    assert sorted(path.name for path in folder.iterdir()) == [
        "by_emotion.csv",
        "by_speaker.csv",
        "clips.csv",
        "counts.csv",
        "figure.png",
        "files.csv",
    ]
    Path("elsewhere").mkdir()
    Path("elsewhere", "mine.txt").write_text("mine")
    found = json.loads(run("describe", "emodb", "--json", "--folder", "elsewhere").stdout)
    assert Path("elsewhere", "mine.txt").is_file()
    assert found["left_out"] == 2
    assert found["files"][0] == {"rate_hz": 16000, "channels": 1, "clips": 3}
    assert found["by_emotion"][0]["emotion"] == "anger"
    assert found["by_emotion"][0]["level_db_median"] is None  # silent; NaN is no JSON
    assert (Path("elsewhere") / "figure.png").read_bytes() == (folder / "figure.png").read_bytes()


def test_describe_command_on_a_manifest(run):
    samples = {
        "emodb/03a01Fa": np.full(16000, 8192, np.int16),
        "emodb/08a01Wa": np.full(32000, -16384, np.int16),
    }
    folder = Path("data/synthetic/corpora/emodb")
    folder.mkdir(parents=True)
    store.write_ragged(folder / "audio", samples.items(), dtype=np.int16)
    rows = [
        {"id": id_, "speaker": f"emodb/{id_[6:8]}", "emotion": emotion}
        for id_, emotion in zip(samples, ("happiness", "anger"), strict=True)
    ]
    Path("data/synthetic/manifests").mkdir()
    path = "data/synthetic/manifests/emodb.parquet"
    pq.write_table(pa.Table.from_pylist(rows, MANIFEST_SCHEMA), path)
    done = run("describe", "emodb", "--origin", "synthetic", "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    levels = {row["emotion"]: row["level_db_median"] for row in found["by_emotion"]}
    assert levels["happiness"] == pytest.approx(20 * np.log10(0.25))
    assert levels["anger"] == pytest.approx(20 * np.log10(0.5))
    assert Path("data/synthetic/described/emodb/figure.png").is_file()


@pytest.mark.original
def test_real_corpora_are_described(corpora_root):
    table, n_left_out = describing.of_recordings(
        "ravdess", corpora_root / "ravdess", params("ravdess")
    )
    assert (len(table), n_left_out) == (1439, 1)
    # Of the 1440 originals 383 peak below 0.05; at 16 kHz, as here perhaps, a few peaks more do.
    assert 382 <= int((table["peak_db"] < 20 * np.log10(0.05)).sum()) <= 400
