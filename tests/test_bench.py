"""The bench: the same clips each time, turns that alternate, figures that follow from the times."""

import contextlib
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile
from typer.testing import CliRunner

from emometric.base import parts
from emometric.base.errors import AudioError, ParameterError, PipelineError
from emometric.bench import corpus_cost, memory, one_process, plain_ways
from emometric.bench import extraction as bench
from emometric.bench.recordings import decode, every, sample
from emometric.cli import bench as cli_bench
from emometric.sound import audio
from emometric.storage import store

# Of librosa's reader, on Python 3.11 and 3.12.
pytestmark = pytest.mark.filterwarnings("ignore:.*is deprecated and slated for removal in Python")


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recordings")
    for number in range(5):
        generator = np.random.default_rng(number)
        path = folder / f"speaker {number % 2}" / f"{number}.flac"
        path.parent.mkdir(exist_ok=True)
        soundfile.write(path, generator.uniform(-0.3, 0.3, 8000 + 800 * number), 16000)
    (folder / "notes.txt").write_text("no recording")
    return folder


@pytest.fixture(autouse=True)
def short(monkeypatch):
    for name in ("_LEAST_S", "_LEAST_STORED_S"):
        monkeypatch.setattr(bench, name, 0.0)  # each turn takes the clips once


def test_the_sample_is_spread_and_always_the_same(recordings):
    names = [path.name for path in sample(recordings, 3)]
    assert names == ["0.flac", "4.flac", "3.flac"]  # first, middle, last of both folders
    assert sample(recordings, 3) == sample(recordings, 3)
    assert len(sample(recordings, 12)) == 5  # none of them twice


def test_what_only_looks_like_a_recording_is_none(tmp_path):
    (tmp_path / "folder.wav").mkdir()
    for name in ("._a.wav", "b.wav"):
        (tmp_path / name).write_bytes(b"RIFF")
    assert [path.name for path in every(tmp_path)] == ["b.wav"]


def test_a_folder_without_recordings_is_refused(tmp_path):
    with pytest.raises(AudioError, match="there are no recordings; name a folder that holds some"):
        sample(tmp_path, 3)


def test_every_extractor_is_measured_against_its_plain_way(recordings):
    found = bench.features(
        sample(recordings, 4), ["mfcc", "is09", "modulation"], n_rounds=2, n_jobs=2
    )
    assert found.n_clips == 4 and found.n_jobs == 2 and found.n_rounds == 2
    lengths = [soundfile.info(path).duration for path in sample(recordings, 4)]
    assert found.audio_s == pytest.approx(sum(lengths))
    ways = {(row.feature, row.start): [] for row in found.rows}
    for row in found.rows:
        ways[row.feature, row.start].append(row.way)
    stored = [bench.STORED, bench.STORED_ALL]
    assert ways == {
        ("mfcc", "decoded"): ["librosa", bench.OURS, bench.OURS_ALL, *stored],
        ("mfcc", "file"): ["librosa", bench.OURS, bench.OURS_ALL],
        ("is09", "file"): [
            "opensmile, process_file",
            "opensmile, process_files",
            bench.OURS,
            bench.OURS_ALL,
        ],
        ("is09", "decoded"): stored,
        ("modulation", "decoded"): [bench.OURS, bench.OURS_ALL, *stored],
        ("modulation", "file"): [bench.OURS, bench.OURS_ALL],
    }
    for row in found.rows:
        assert 0 < row.fastest_s <= row.median_s <= row.slowest_s
        assert row.x_real_time == pytest.approx(found.audio_s / row.median_s)


def test_figures_follow_from_the_times():
    """Quotients are taken within a round: in the second of these the whole machine was slow."""
    timings = {
        "opensmile, process_file": [4.0, 40.0, 5.0],
        "opensmile, process_files": [3.0, 18.0, 2.0],
        bench.OURS: [2.0, 10.0, 2.0],
        bench.OURS_ALL: [1.25, 6.0, 1.0],
        bench.STORED: [8.0, 80.0, 10.0],
        bench.STORED_ALL: [5.0, 40.0, 8.0],
    }
    plain, workers, ours, all_cores, stored, stored_all = bench._rows(
        "is09", "file", timings, audio_s=100.0
    )
    assert (plain.x_real_time, plain.ratio, plain.ratio_range) == (20.0, 1.0, (1.0, 1.0))
    assert (workers.ratio, workers.scaling, workers.of_workers) == (40 / 18, None, None)
    assert (ours.x_real_time, ours.ratio, ours.ratio_range) == (50.0, 2.5, (2.0, 4.0))
    assert (ours.scaling, ours.scaling_range, ours.of_workers) == (None, None, None)
    assert (all_cores.x_real_time, all_cores.ratio) == (80.0, 5.0)
    assert (all_cores.scaling, all_cores.scaling_range) == (10 / 6, (1.6, 2.0))
    assert (all_cores.of_workers, all_cores.of_workers_range) == (2.4, (2.0, 3.0))
    assert (stored.ratio, stored.scaling) == (0.5, None)
    assert (stored_all.ratio, stored_all.scaling, stored_all.of_workers) == (0.8, 1.6, None)
    assert (ours.fastest_s, ours.slowest_s) == (2.0, 10.0)


def test_turns_alternate():
    """In a round each way has one turn, and another is first in the next."""
    turns = []
    ways = {name: (lambda n_laps, name=name: turns.append(name)) for name in "abc"}
    timings = bench._interleave(ways, 3)
    assert {name: len(seconds) for name, seconds in timings.items()} == dict.fromkeys("abc", 3)
    assert "".join(turns) == "aaabbbccc" + "abc" + "bca" + "cab"  # warm, then three rounds


def test_short_turns_are_repeated_until_they_can_be_timed(monkeypatch):
    monkeypatch.setattr(bench, "_LEAST_S", 0.3)
    monkeypatch.setattr(bench, "_LEAST_STORED_S", 0.5)
    clock = iter(np.arange(100) * 0.1)  # each look at it is 0.1 s later
    monkeypatch.setattr(bench.time, "perf_counter", lambda: next(clock))
    laps = {"a": [], bench.STORED: [], bench.STORED_ALL: []}

    def stored_all(n_laps):
        laps[bench.STORED_ALL].append(n_laps)
        monkeypatch.setattr(bench, "_LEAST_STORED_S", 99.0)  # does not matter any more

    ways = {name: laps[name].append for name in laps}
    timings = bench._interleave({**ways, bench.STORED_ALL: stored_all}, 2)
    # One took 0.1 s, so that a turn is three of them, or five; the same corpus on one core and all.
    five = [1, 1, 5, 5, 5]
    assert laps == {"a": [1, 1, 3, 3, 3], bench.STORED: five, bench.STORED_ALL: five}
    np.testing.assert_allclose(timings["a"], 0.1 / 3)


@pytest.mark.parametrize("feature", ["spectrogram", "log_mel", "mfcc"])
def test_the_plain_way_gives_the_same_values(feature):
    """Else the race would not be fair: librosa's frames are centred, ours begin with the clip."""
    part = parts.load("features", feature)
    params = part.Params()
    waveform = np.random.default_rng(0).uniform(-0.3, 0.3, 32000).astype(np.float32)
    window = round(params.window_s * audio.RATE_HZ)
    # librosa puts the middle of its first window on the first sample
    before = window // 2
    ours = part.extract(np.pad(waveform, before), audio.RATE_HZ, params)
    theirs = plain_ways.librosa_feature(feature)(waveform).T
    inner = slice(12, len(ours) - 12)
    assert abs(len(theirs) - len(ours)) <= 1
    scale = np.abs(theirs[inner]).mean()
    assert np.abs(ours[inner] - theirs[inner]).max() < 0.02 * scale


def test_every_way_extracts_the_same(recordings, tmp_path):
    files = sample(recordings, 3)
    params = parts.load("features", "log_mel").Params()
    n_values = sum(
        parts.load("features", "log_mel").extract(audio.read_waveform(path), 16000, params).size
        for path in files
    )
    decoded = decode(files, tmp_path / "decoded", n_laps=2)
    assert decoded.audio_s == pytest.approx(
        2 * sum(soundfile.info(path).duration for path in files)
    )
    clips = str(decoded.clips)
    jobs = list(bench._jobs(clips))
    assert bench._values("log_mel", files, clips) == n_values
    assert bench._values("log_mel", jobs, clips) == 2 * n_values
    assert bench._all_cores("log_mel", jobs * 3, clips, 2) == 6 * n_values
    task = bench._Task("log_mel", "decoded", tuple(files), (), tmp_path)
    clear = bench._store(task, 2, 1)
    (features,) = tmp_path.glob("*/features")
    assert sum(array.size for array in store.Ragged(features).read_many(
        store.Ragged(features).ids)) == 2 * n_values  # fmt: skip
    clear()
    assert not features.exists()


def test_no_librosa_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "librosa", None)
    with pytest.raises(PipelineError, match=r"librosa.* is not installed; pip install 'emometric"):
        plain_ways.librosa_feature("mfcc")


def test_no_rounds_are_refused(recordings):
    with pytest.raises(ParameterError, match="rounds is 0; write a whole number from 1"):
        bench.features(sample(recordings, 2), ["is09"], n_rounds=0)


@pytest.fixture
def in_process(monkeypatch):
    """Runs that are timed happen here; the one whose memory is measured stays what it is."""

    def run(command, **_):
        assert command[1:3] == ["-m", "emometric.bench.one_process"]
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            one_process.main(json.loads(Path(command[3]).read_text()))
        return subprocess.CompletedProcess(command, 0, printed.getvalue())

    monkeypatch.setattr(corpus_cost.subprocess, "run", run)


@pytest.mark.parametrize("feature", ["mfcc", "is09_moments"])
def test_costs_of_a_whole_corpus(recordings, tmp_path, in_process, monkeypatch, feature):
    files, read_s, timed = sample(recordings, 5), [], corpus_cost._Case._read_s
    monkeypatch.setattr(
        corpus_cost._Case, "_read_s", lambda case: read_s.append(timed(case)) or read_s[-1]
    )
    (cost,) = corpus_cost.measure(files, [feature], tmp_path, n_rounds=1, n_jobs=1)
    assert (cost.n_clips, cost.n_jobs) == (5, 1)
    assert cost.audio_s == pytest.approx(sum(soundfile.info(path).duration for path in files))
    files = list((tmp_path / "features").iterdir())
    assert cost.store_files == len(files) == (2 if feature == "mfcc" else 1)
    assert cost.store_bytes == sum(path.stat().st_size for path in files)
    assert cost.cache_files >= 3 and 0 < cost.cache_index_bytes < cost.cache_bytes
    assert (cost.store_index_bytes > 0) == (feature == "mfcc")
    assert read_s[0] > 0 and cost.read_gb_s == pytest.approx(cost.store_bytes / read_s[0] / 1e9)
    assert cost.start_s > 0 and cost.unchanged_s > 0
    for more, (least, most) in (
        (cost.unchanged_more_s, cost.unchanged_more_interval),
        (cost.added_last_more_s, cost.added_last_more_interval),
        (cost.added_first_more_s, cost.added_first_more_interval),
    ):
        assert least <= more <= most
    assert cost.added_last_more_s > 0 and cost.added_first_more_s > 0
    assert cost.added_last_share == pytest.approx(cost.added_last_more_s / cost.full_s)
    assert cost.added_first_share == pytest.approx(cost.added_first_more_s / cost.full_s)
    if cost.peak_bytes is not None:
        assert 30e6 < cost.peak_bytes < 1e9 and cost.n_processes == 1


def test_little_work_is_held_against_none_in_the_same_process(recordings, tmp_path, monkeypatch):
    """Fifteen processes of each kind, in each one extraction that has just its new clip to do."""
    corpus = decode(sample(recordings, 4), tmp_path / "corpus", voiced=True)
    monkeypatch.setattr(corpus_cost, "_N_PROCESSES", 3)
    n_computed, places, extract = [], [], one_process.extracting.extract_corpus

    def counted(*arguments, **more):
        done = extract(*arguments, **more)
        n_computed.append(done.n_computed)
        return done

    def run(command, **_):
        steps = json.loads(Path(command[3]).read_text())
        n_computed.append("process")
        for step in steps:
            one_process._seconds(step)
        if len(steps) == 4:
            contents = pq.read_table(steps[2]["manifest"])["content"].to_pylist()
            places.append([at for at, one in enumerate(contents) if one.startswith("never")])
        # Libraries take 10 s, none 1 s, and what is wanted as many more as processes were before.
        seconds = [10.0, 1.0, 1.0 + len(places), 99.0][: len(steps)]
        return subprocess.CompletedProcess(command, 0, json.dumps(seconds))

    monkeypatch.setattr(one_process.extracting, "extract_corpus", counted)
    monkeypatch.setattr(corpus_cost.subprocess, "run", run)
    assert corpus_cost._Case("mfcc", corpus, tmp_path, 1)._more_s() == {
        "unchanged": [1.0, 2.0, 3.0],
        "added_last": [4.0, 5.0, 6.0],
        "added_first": [7.0, 8.0, 9.0],
    }
    assert places == [[]] * 3 + [[3]] * 3 + [[0]] * 3
    pairs = ["process", 0, 0, 1, 0] * 3
    assert n_computed == [
        *["process", 4, *["process", 0, 0, 0, 0] * 3], "process", 0, *pairs, "process", 0, *pairs
    ]  # fmt: skip


def test_interval_of_a_median():
    """Of 15 the 4th and the 12th: 1.8 % are left out on each side, 5.9 % by the next inside."""
    assert corpus_cost._interval([float(n) for n in range(1, 16)]) == (4.0, 12.0)


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="no /proc")
def test_memory_of_a_process_and_its_children():
    program = (
        "import subprocess, sys, time\n"
        "child = 'import time; held = bytearray(150_000_000); time.sleep(0.5)'\n"
        "held = bytearray(100_000_000)\n"
        "subprocess.run([sys.executable, '-c', child], check=True)\n"
        "print('done')\n"
    )
    output, most, n_processes = memory.peak([sys.executable, "-c", program])
    assert output == "done\n" and n_processes == 2
    assert 240e6 < most < 350e6
    with pytest.raises(subprocess.CalledProcessError):
        memory.peak([sys.executable, "-c", "raise SystemExit(3)"])


def test_command_prints_the_costs(recordings, in_process, monkeypatch):
    monkeypatch.setattr(memory, "peak", lambda command: (corpus_cost.subprocess.run(command), 0, 1))
    arguments = ["store", str(recordings), "--feature", "mfcc", "--rounds", "1", "--jobs", "1"]
    told = CliRunner().invoke(cli_bench.app, [*arguments, "--clips", "3"])
    assert told.exit_code == 0, told.output
    head, columns, row = told.output.splitlines()[-3:]
    assert head.startswith("3 clips, ") and columns.startswith("feature  start-up")
    cells = re.split(r"  +", row)
    assert cells[0] == "mfcc" and len(cells) == len(re.split(r"  +", columns)) == 16
    assert all(re.fullmatch(r"-?\d+ \(-?\d+ to -?\d+\)", cells[place]) for place in (4, 5, 7))


def test_command_prints_a_table_and_json(recordings):
    arguments = ["features", str(recordings), "--clips", "2", "--rounds", "1", "--jobs", "1"]
    runner = CliRunner()
    told = runner.invoke(cli_bench.app, [*arguments, "--feature", "log_mel"])
    assert told.exit_code == 0, told.output
    head, columns, *rows = told.output.splitlines()
    assert head.startswith("2 clips, 1 s; medians of 1 rounds; 1 processes are all cores; load ")
    assert "1.00 (1.00 to 1.00)" in rows[0]
    assert columns.split()[:3] == ["feature", "from", "way"] and len(rows) == 5
    told = runner.invoke(cli_bench.app, [*arguments, "--feature", "log_mel", "--json"])
    found = json.loads(told.output)
    assert found["n_clips"] == 2 and len(found["rows"]) == 5
    assert found["rows"][0]["way"] == "librosa" and found["rows"][0]["ratio"] == 1.0


def test_command_refuses_what_it_does_not_know(recordings):
    runner = CliRunner()
    told = runner.invoke(cli_bench.app, ["features", str(recordings), "--feature", "mffc"])
    assert isinstance(told.exception, ParameterError) and "did you mean 'mfcc'?" in str(
        told.exception
    )
    for command in ("features", "store"):
        told = runner.invoke(cli_bench.app, [command, str(recordings), "--jobs", "0"])
        assert isinstance(told.exception, ParameterError) and "--jobs is 0" in str(told.exception)
        told = runner.invoke(cli_bench.app, [command, str(recordings), "--feature", "ssl"])
        assert isinstance(told.exception, PipelineError) and "ssl.model" in str(told.exception)
    told = runner.invoke(cli_bench.app, ["features"], env={"EMOMETRIC_CORPORA": None})
    assert isinstance(told.exception, PipelineError)
    assert "no recordings named; name a folder" in str(told.exception)
