"""A corpus of one's own: what a table says becomes clips; what is wrong is named with its row."""

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import soundfile
import yaml
from hypothesis import given
from hypothesis import strategies as st

from emometric import emotions
from emometric.acquisition import acquiring, clip_table
from emometric.base import parts
from emometric.base.errors import CorpusError, ParameterError
from emometric.corpora import own
from emometric.stand_ins.tree import write_tree
from emometric.storage.clip import Clip

GOOD = {"file": "a/x.wav", "speaker": "eva", "emotion": "anger"}


@pytest.fixture
def folder(tmp_path) -> Path:
    """Four recordings, without a sound in them, and no table yet."""
    for name in ("a/x.wav", "a/y.flac", "b/x.WAV", "with space.mp3", "b/notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def write(folder: Path, *rows: dict, name: str = "table.csv") -> None:
    """A table whose columns are all that occur in a row."""
    frame = pd.DataFrame(rows)
    if name.endswith(".csv"):
        frame.to_csv(folder / name, index=False)
    else:
        frame.to_parquet(folder / name)


def read(folder: Path, **settings) -> list[Clip]:
    return list(own.clips(folder, own.Params(**settings)))


@pytest.mark.parametrize("name", own.TABLES)
def test_a_table_becomes_clips(folder, name):
    full = {
        **GOOD,
        **{"sentence": "s1", "intensity": "high", "session": "1", "split": "test"},
        **{"activation": 4.5, "valence": 1.0, "dominance": -3.25},
    }
    write(folder, {"file": "./b/x.WAV", "speaker": "7", "emotion": None}, full, name=name)
    first, second = read(folder)
    assert first == Clip(
        corpus="own",
        id="own/a/x",
        path="a/x.wav",
        speaker="own/eva",
        emotion="anger",
        sentence="s1",
        intensity="high",
        activation=4.5,
        valence=1.0,
        dominance=-3.25,
        session="1",
        split="test",
    )
    assert second == Clip(corpus="own", id="own/b/x", path="b/x.WAV", speaker="own/7", emotion=None)


def test_three_columns_do_and_their_order_is_free(folder):
    write(folder, {"emotion": "fear", "file": "with space.mp3", "speaker": "1"})
    (clip,) = read(folder)
    assert (clip.id, clip.speaker, clip.emotion) == ("own/with space", "own/1", "fear")


def test_words_of_the_table_are_mapped(folder):
    write(folder, {**GOOD, "emotion": "joy"}, {**GOOD, "file": "a/y.flac", "emotion": "other"})
    clips = read(folder, emotions={"joy": "happiness", "other": None})
    assert [clip.emotion for clip in clips] == ["happiness", None]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"file": "a/z.wav"}, r"row 2: a/z\.wav is not there; mend the path or remove the row"),
        ({"file": "a\\x.wav"}, r"row 2: a\\x\.wav is not there; write paths with slashes"),
        ({"file": ""}, r"row 2: names no file; write its path"),
        ({"file": "../x.wav"}, r"row 2: \.\./x\.wav lies outside the table's folder; keep"),
        ({"file": "/x.wav"}, r"row 2: /x\.wav lies outside the table's folder"),
        ({"file": "b/notes.txt"}, r"row 2: b/notes\.txt does not end as a recording does"),
        ({"file": "a"}, r"row 2: a does not end as a recording does"),
        ({"speaker": " "}, r"row 2: a/x\.wav has no speaker; write who"),
        ({"emotion": "happines"}, r"row 2: .*the emotion 'happines'; did you mean 'happiness'\?"),
        ({"emotion": "joy"}, r"row 2: .* 'joy'; write one of anger, .* map the word under corpora"),
        ({"activation": "high"}, r"row 2: a/x\.wav has the activation 'high'; write a number"),
        ({"valence": "inf"}, r"row 2: a/x\.wav has the valence inf; write a finite number"),
        ({"split": "dev"}, r"row 2: a/x\.wav has the split 'dev'; write train, valid, test"),
    ],
)
def test_a_wrong_row_is_named_with_the_cure(folder, change, sentence):
    write(folder, GOOD | change)
    with pytest.raises(CorpusError, match=sentence) as caught:
        read(folder)
    assert "rows are wrong" not in str(caught.value)


def test_all_wrong_rows_are_counted_and_the_first_is_named(folder):
    rows = [GOOD, {**GOOD, "file": "no.wav"}, {**GOOD, "file": "a/y.flac", "emotion": "joy"}, GOOD]
    write(folder, *rows)
    sentence = r"table\.csv, row 3: no\.wav is not there.* \(3 rows are wrong; this is the first\)"
    with pytest.raises(CorpusError, match=sentence):
        read(folder)


@pytest.mark.parametrize("name", ["a/x.wav", "a/./x.wav", "a//x.wav", "a/x.flac"])
def test_one_recording_in_two_rows(folder, name):
    (folder / "a/x.flac").touch()
    write(folder, GOOD, {**GOOD, "file": name, "speaker": "someone else"})
    with pytest.raises(CorpusError, match=r"row 3: a/x\.\w+ is the clip of row 2 again; leave"):
        read(folder)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("file,speaker\na/x.wav,1\n", r"lacks the column 'emotion'; a table has the columns file"),
        ("file,speaker,emotion,valance\n", r"unknown column 'valance'; did you mean 'valence'\?"),
        ("file,speaker,emotion,age\n", r"unknown column 'age'; remove it\. Known are file"),
        ("file,speaker,emotion,file\n", r"has the column 'file' twice"),
        ("file;speaker;emotion\n", r"is separated by semicolons; save it with commas"),
        ("file\tspeaker\temotion\n", r"is separated by tabs"),
        ("file,speaker,emotion\n", r"has no rows; write one for each recording"),
        ("", r"lacks the column 'file'"),
        ("file,speaker,emotion\na/x.wav,1\n", r"row 2: has 2 cells where the header has 3"),
        ('file,speaker,emotion\na/x.wav,1,"anger\n', r"row 2: is no CSV"),
    ],
)
def test_a_wrong_table_is_one_sentence(folder, text, sentence):
    (folder / "table.csv").write_text(text)
    with pytest.raises(CorpusError, match=sentence) as caught:
        read(folder)
    assert "\n" not in str(caught.value)


def test_tables_that_are_none(folder):
    (folder / "table.csv").write_bytes("file,speaker,emotion\na/x.wav,Zoë,anger\n".encode("cp1252"))
    with pytest.raises(CorpusError, match="is not in UTF-8; save it again"):
        read(folder)
    (folder / "table.csv").unlink()
    with pytest.raises(CorpusError, match=r"table\.csv: there is no such table; write one with"):
        read(folder)
    (folder / "table.parquet").write_bytes(b"PAR1 and nothing")
    with pytest.raises(CorpusError, match=r"table\.parquet: is no Parquet file"):
        read(folder)
    with pytest.raises(CorpusError, match=r"mine\.csv: there is no such table"):
        own.place(own.Params(table=str(folder / "mine.csv")))


def test_blank_lines_and_a_byte_order_mark_do_no_harm(folder):
    text = "\ufefffile , speaker,emotion\r\n\r\na/x.wav, eva ,anger\r\nno.wav,eva,anger\r\n"
    (folder / "table.csv").write_text(text, encoding="utf-8", newline="")
    with pytest.raises(CorpusError, match=r"row 4: no\.wav"):  # blank lines count, as in an editor
        read(folder)
    (folder / "no.wav").touch()
    assert [clip.speaker for clip in read(folder)] == ["own/eva", "own/eva"]


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"table": "mine.xlsx"}, r"corpora\.own\.table is 'mine\.xlsx'; name a \.csv or a \.parq"),
        ({"emotions": ["joy"]}, r"corpora\.own\.emotions must map words"),
        ({"emotions": {"joy": "glee"}}, r"maps 'joy' to 'glee'; write one of anger, .*, or null"),
    ],
)
def test_wrong_settings(settings, sentence):
    with pytest.raises(ParameterError, match=sentence):
        own.Params(**settings)


cells = st.fixed_dictionaries(
    {
        "speaker": st.sampled_from(["1", "Zoë", "a b", "x,y", 'q"q']),
        "emotion": st.sampled_from([*emotions.EMOTIONS, None]),
        "valence": st.none() | st.floats(-5, 5, allow_nan=False),
        "split": st.sampled_from([*own.SPLITS, None]),
    }
)


@given(rows=st.lists(cells, min_size=1, max_size=6), random=st.randoms(use_true_random=False))
def test_csv_and_parquet_agree_and_the_order_of_rows_says_nothing(tmp_path_factory, rows, random):
    folder = tmp_path_factory.mktemp("own")
    rows = [{"file": f"{number}.wav", **row} for number, row in enumerate(rows)]
    for row in rows:
        (folder / row["file"]).touch()
    write(folder, *rows)
    clips = read(folder)
    assert [
        (clip.path, clip.speaker, clip.emotion, clip.valence, clip.split) for clip in clips
    ] == [
        (row["file"], f"own/{row['speaker']}", row["emotion"], row["valence"], row["split"])
        for row in rows
    ]
    random.shuffle(rows)
    (folder / "table.csv").unlink()
    write(folder, *rows, name="table.parquet")
    assert read(folder) == clips


def test_the_contract_of_a_corpus():
    part = parts.load("corpora", "own")
    assert part.Params().exclusions is True
    assert part.CHANNEL in ("mean", "left")
    assert set(part.EMOTIONS.values()) == set(emotions.EMOTIONS)
    assert set(clip_table.COLUMNS) - {"file"} <= set(Clip.__dataclass_fields__)


def test_stand_in_is_read_as_it_is_spoken_and_acquired(tmp_path):
    n_clips = write_tree("own", tmp_path / "own", max_clips=1, n_jobs=2)
    done = acquiring.acquire("own", own.Params(), tmp_path / "own", tmp_path / "out")
    assert (done.n_clips, done.n_rated, done.n_rejected) == (n_clips, n_clips, 0)
    rows = pq.read_table(tmp_path / "out/labels.parquet").to_pylist()
    assert {row["split"] for row in rows} == {"train", "valid", "test"}
    assert {row["emotion"] for row in rows} == {"anger", "happiness", "neutral", "sadness", None}
    with (tmp_path / "own/table.csv").open(encoding="utf-8", newline="") as file:
        assert sorted(row["file"] for row in csv.DictReader(file)) == [row["path"] for row in rows]


def test_original_pipeline_reads_the_table(folder, project_root, tmp_path):
    """Link and acquire as the two commands do, in a folder of their own."""
    soundfile.write(folder / "a/x.wav", np.random.default_rng(0).uniform(-0.1, 0.1, 8000), 16000)
    write(folder, GOOD, name="mine.csv")
    project = tmp_path / "project"
    project.mkdir()
    shutil.copytree(project_root / "stages", project / "stages")
    params = (project_root / "params.yaml").read_text(encoding="utf-8")
    values = yaml.safe_load(params)
    values["corpora"]["own"]["table"] = f"{folder}/mine.csv"
    (project / "params.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")

    def run(*command: str) -> str:
        done = subprocess.run(
            (sys.executable, *command),
            cwd=project,
            env={**os.environ},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    run("-m", "emometric.cli.main", "corpora", "link", str(folder))
    record = json.loads((project / "data/original/roots/own.json").read_text())
    assert (record["state"], record["n_files"], record["n_label_files"]) == ("present", 1, 1)
    said = run("stages/acquire.py", "--origin", "original", "--corpus", "own")
    assert said.startswith("own: 1 clips (0 without a label, 0 with activation and valence, ")


@pytest.mark.slow
@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_hundred_thousand_rows(tmp_path, form):
    """Under 5 s and 500 MB, in a process of its own; its own seconds, whoever else is at work."""
    with (tmp_path / "table.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(("file", "speaker", "emotion", "sentence", "activation", "valence", "split"))
        for number in range(100_000):
            speaker = f"s{number % 400:03}"
            (tmp_path / speaker).mkdir(exist_ok=True)
            (tmp_path / speaker / f"clip {number}.wav").touch()
            emotion = emotions.EMOTIONS[number % 11]
            path = f"{speaker}/clip {number}.wav"
            table.writerow((path, speaker, emotion, number % 10, 1 + number % 9 / 2, 3, "train"))
    if form == "parquet":
        table = pd.read_csv(tmp_path / "table.csv", dtype={"sentence": str})
        table.to_parquet(tmp_path / "table.parquet")
        (tmp_path / "table.csv").unlink()
    program = f"""
import time
from pathlib import Path
from emometric.corpora import own
start = time.process_time()
clips = list(own.clips(Path({str(tmp_path)!r}), own.Params()))
seconds = time.process_time() - start
# Not ru_maxrss: a new process begins with the peak of the one that started it.
status = Path("/proc/self/status").read_text()
print(len(clips), seconds, status.split("VmHWM:")[1].split()[0])
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    n_clips, seconds, kilobytes = map(float, done.stdout.split())
    assert n_clips == 100_000
    assert seconds < 5
    assert kilobytes < 500_000
