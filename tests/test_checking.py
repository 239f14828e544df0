"""Checking names every file that is missing, extra or altered, and says what it rests on."""

import errno
import hashlib
import io
import json
import os
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from emometric.acquisition import roots
from emometric.base import parts
from emometric.base.errors import CorpusError
from emometric.cli import corpora as cli_corpora
from emometric.inspection import checking, published
from emometric.inspection.published import Published, Recording

REAL = ("emodb", "ravdess", "urdu", "emovo")  # of these, single names are published


def write_tree(corpus: str, root: Path, container: str = "WAV") -> Path:
    """All published names of a corpus, each with 0.11 s of sound; as WAV, of noise of its own."""
    folder = root / corpus
    buffer = io.BytesIO()
    soundfile.write(buffer, np.zeros(880), 8000, subtype="PCM_16", format=container)
    sound = buffer.getvalue()
    generator = np.random.default_rng(0)
    for recording in published.of(corpus).recordings.values():
        if container == "WAV":
            sound = sound[:44] + generator.bytes(2 * 880)
        path = (folder / recording.path).with_suffix(f".{container.lower()}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(sound)
    return folder


@pytest.fixture(scope="module")
def pristine(tmp_path_factory) -> Path:
    return write_tree("emodb", tmp_path_factory.mktemp("pristine"))


@pytest.fixture
def emodb(pristine, tmp_path) -> Path:
    """A copy of hard links: before a file is changed, it is replaced."""
    return shutil.copytree(pristine, tmp_path / "corpora" / "emodb", copy_function=os.link)


def change(path: Path, content: bytes) -> None:
    path.unlink()
    path.write_bytes(content)


def found(report: checking.Report) -> list[tuple[str, str]]:
    return [(problem.kind, problem.path) for problem in report.problems]


def said(problems: list[tuple[str, str]], kind: str) -> list[str]:
    return [path for one, path in problems if one == kind]


def linked(folder: Path) -> dict[str, str]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): roots.digest(path)[0] for path in paths}


# -- what is published -----------------------------------------------------------------------------


@pytest.mark.parametrize("corpus", parts.available("corpora"))
def test_published_names_give_the_published_counts(corpus):
    names = published.of(corpus)
    if names is None:
        assert corpus not in REAL
        return
    part = parts.load("corpora", corpus)
    clips = [part.read_name(recording.path) for recording in names.recordings.values()]
    assert len(clips) == part.N_CLIPS
    assert len({clip.speaker for clip in clips}) == part.N_SPEAKERS
    assert Counter(clip.emotion for clip in clips) == part.CLIPS_BY_EMOTION


@pytest.mark.parametrize("corpus", ["urdu", "cremad"])
def test_digests_are_of_the_published_names(corpus):
    with_digests = published.of(corpus)
    assert all(len(one.sha256) == 64 for one in with_digests.recordings.values())
    assert len({one.sha256 for one in with_digests.recordings.values()}) > 390
    recordings, _ = published._of_stand_in(corpus)
    read_name = parts.load("corpora", corpus).read_name
    assert {read_name(one.path).id for one in recordings} == set(with_digests.recordings)


def test_cremad_has_its_owners_duplicates():
    recordings = published.of("cremad").recordings
    times = Counter(one.sha256 for one in recordings.values())
    twice = {id_ for id_, one in recordings.items() if times[one.sha256] > 1}
    assert {id_.split("/")[1][:8] for id_ in twice} == {"1006_TIE", "1013_WSI", "1017_IWW"}
    assert min(one.n_bytes for one in recordings.values()) > 1000


# -- one corpus ------------------------------------------------------------------------------------


def test_a_whole_corpus_has_no_problems(emodb):
    report = checking.check("emodb", emodb)
    assert report.problems == []
    assert (report.n_recordings, report.n_excluded) == (535, 0)
    assert (report.shortest_s, report.longest_s) == (0.11, 0.11)
    assert report.hours == pytest.approx(535 * 0.11 / 3600)
    assert any("names: 535" in line for line in report.checked)
    assert any("not linked here" in line for line in report.not_checked)
    report = checking.check("emodb", emodb, linked=linked(emodb))
    assert report.problems == []
    assert any("535 recordings: as they were when linked" in line for line in report.checked)


def test_names_what_is_missing_extra_and_altered(emodb):
    before = linked(emodb)
    wav = emodb / "download" / "wav"
    (wav / "03a01Fa.wav").unlink()
    content = bytearray((wav / "08b10Wa.wav").read_bytes())
    content[600] ^= 1
    change(wav / "08b10Wa.wav", bytes(content))
    shutil.copy(wav / "09a01Fa.wav", wav / "09a01Fz.wav")  # a name as its owner might give
    shutil.copy(wav / "09a01Fa.wav", wav / "stray.wav")
    report = checking.check("emodb", emodb, linked=before)
    problems = found(report)
    assert said(problems, "missing") == ["download/wav/03a01Fa.wav"]
    assert said(problems, "altered") == ["download/wav/08b10Wa.wav"]
    assert said(problems, "extra") == ["download/wav/09a01Fz.wav", "download/wav/stray.wav"]
    assert said(problems, "count") == []  # one came for the one that went
    shutil.copy(wav / "09a01Fa.wav", wav / "09a01Fy.wav")
    problems = found(checking.check("emodb", emodb))
    assert said(problems, "count") == ["clips", "clips of happiness"]
    assert said(problems, "altered") == []  # against what, nobody says


def test_other_containers_and_folders_are_no_problem(tmp_path):
    folder = write_tree("emodb", tmp_path, "FLAC")
    (folder / "download" / "wav").rename(folder / "mine")
    assert checking.check("emodb", folder).problems == []
    copy = shutil.copy(folder / "mine" / "03a01Fa.flac", folder / "03a01Fa.flac")
    (problem,) = checking.check("emodb", folder).problems
    assert (problem.kind, problem.path) == ("extra", "mine/03a01Fa.flac")
    assert Path(copy).name in problem.detail


def test_what_cannot_be_heard_is_named(emodb):
    wav = emodb / "download" / "wav"
    change(wav / "03a01Fa.wav", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    change(wav / "03a01Nc.wav", (wav / "03a01Wa.wav").read_bytes()[:700])
    change(wav / "03a02Nc.wav", b"")
    change(wav / "03a02Ta.wav", b"")
    soundfile.write(wav / "03a02Ta.wav", np.zeros(400), 8000)
    problems = checking.check("emodb", emodb).problems
    assert [Path(problem.path).stem for problem in problems] == [
        "03a01Fa",
        "03a01Nc",
        "03a02Nc",
        "03a02Ta",
    ]
    assert {problem.kind for problem in problems} == {"unreadable"}
    for problem, words in zip(
        problems, ("git-LFS pointer", "truncated", "empty", "less than 0.1 s"), strict=True
    ):
        assert words in problem.detail
        assert str(emodb) not in problem.detail


def test_owners_digests_decide_where_the_container_is_the_owners(emodb, monkeypatch):
    names = published.of("emodb").recordings
    digests = {
        id_: Recording(one.path, hashlib.sha256((emodb / one.path).read_bytes()).hexdigest())
        for id_, one in names.items()
    }
    monkeypatch.setattr(published, "of", lambda _: Published(digests, "a list"))
    report = checking.check("emodb", emodb)
    assert report.problems == []
    assert any("bytes of 535 recordings: the owner's sha256" in line for line in report.checked)
    assert all(line.startswith("labels of ") for line in report.not_checked)
    path = emodb / "download" / "wav" / "16b10Wb.wav"
    change(path, path.read_bytes()[:-1] + b"\x7f")
    (problem,) = checking.check("emodb", emodb, linked=linked(emodb)).problems
    assert (problem.kind, problem.path) == ("altered", "download/wav/16b10Wb.wav")
    assert digests["emodb/16b10Wb"].sha256 in problem.detail


def test_known_faults_are_no_problems(tmp_path):
    folder = write_tree("ravdess", tmp_path)
    change(folder / "Actor_07" / "03-01-03-01-02-02-07.wav", b"")  # it is left out anyway
    wrong = folder / "Actor_06" / "03-01-01-01-01-01-05.wav"
    (folder / "Actor_05" / "03-01-01-01-01-01-05.wav").rename(wrong)
    report = checking.check("ravdess", folder)
    assert report.n_excluded == 1
    assert found(report) == [
        ("missing", "Actor_05/03-01-01-01-01-01-05.wav"),
        ("extra", "Actor_06/03-01-01-01-01-01-05.wav"),
        ("count", "clips"),
        ("count", "clips of neutral"),
    ]


def write_rates(folder: Path, n_rows: int) -> Path:
    path = folder / "download" / "erkennung.txt"
    row = "{0}\xa0\t{0:04d}.wav\t95,00\xa0\t60,00\xa0\n"
    rows = [row.format(number) for number in range(n_rows - 1)]
    head = "Nr.\tSatz\terkannt\tnatuerlich\n1\t03a01Fa.wav\t100,00\t75,00\n"
    path.write_bytes("".join((head, *rows)).encode("latin-1"))
    return path


def test_label_files_are_counted_and_compared(emodb, monkeypatch):
    report = checking.check("emodb", emodb)
    absent = [line for line in report.not_checked if line.startswith("labels of ")]
    assert ["das2022/EMO_DB.csv" in absent[0], "erkennung.txt" in absent[1]] == [True, True]
    assert all(line.endswith("it is not here") for line in absent)
    path = write_rates(emodb, 816)
    report = checking.check("emodb", emodb)
    assert report.problems == []
    assert any("rows of erkennung.txt" in line and "816" in line for line in report.checked)
    before = linked(emodb)
    write_rates(emodb, 815)
    problems = checking.check("emodb", emodb, linked=before).problems
    assert [(problem.kind, problem.path) for problem in problems] == [
        ("altered", "download/erkennung.txt"),
        ("count", "rows of erkennung.txt"),
    ]
    assert problems[1].detail == "815 are here, 816 are published"
    path.unlink()
    assert found(checking.check("emodb", emodb, linked=before)) == [
        ("missing", "download/erkennung.txt")
    ]
    path.write_text("hello")
    (problem,) = checking.check("emodb", emodb).problems
    assert "erkennung.txt: lacks the columns Satz and erkannt" in problem.detail


def test_a_changed_rating_of_das2022_is_named(emodb):
    (emodb / "das2022").mkdir()
    rows = "".join(f"{path.name},3,3\n" for path in sorted((emodb / "download/wav").iterdir()))
    (emodb / "das2022/EMO_DB.csv").write_text(f"filename,activation,valence\n{rows}")
    (problem,) = checking.check("emodb", emodb).problems
    assert (problem.kind, problem.path) == ("altered", "das2022/EMO_DB.csv")
    assert "published is 4c2251" in problem.detail


def write_sound(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.zeros(880), 8000)


def test_a_part_of_librispeech_is_said_to_be_one(tmp_path):
    folder = tmp_path / "librispeech"
    write_sound(folder / "x_test-other/1688/1688-142285-0000.ogg")
    write_sound(folder / "LibriSpeech/dev-clean/84/121123/84-121123-0000.flac")
    write_sound(folder / "mine/84-121123-0001.flac")
    report = checking.check("librispeech", folder)
    assert report.problems == [] and report.is_partial
    said = "\n".join(report.not_checked)
    assert "counts of test-other: it is here in part, 1 of 2939 clips, 1 of 33 speakers" in said
    assert "counts of dev-clean: it is here in part, 1 of 2703 clips, 1 of 40 speakers" in said
    assert "counts of train-other-500: nothing of it is here" in said
    assert "counts of 1 clips that lie in no folder of a published part" in said
    assert "labels of SPEAKERS.TXT (who reads): it is not here" in said


def test_a_whole_part_and_one_that_is_too_large_are_judged(tmp_path, monkeypatch):
    folder = tmp_path / "librispeech"
    for number in range(3):
        write_sound(folder / f"dev-clean/84/121123/84-121123-{number:04d}.flac")
    part = parts.load("corpora", "librispeech")
    monkeypatch.setattr(part, "SPLITS", {"dev-clean": (1, 3)})
    report = checking.check("librispeech", folder)
    assert report.problems == [] and not report.is_partial
    assert any("counts of dev-clean: 3 of 3 clips" in line for line in report.checked)
    monkeypatch.setattr(part, "SPLITS", {"dev-clean": (1, 2), "test-clean": (1, 2)})
    (problem,) = checking.check("librispeech", folder).problems
    assert (problem.kind, problem.path) == ("count", "dev-clean")
    assert "more than are published" in problem.detail


def test_without_published_names_the_link_decides(emodb, monkeypatch):
    before = linked(emodb)
    monkeypatch.setattr(published, "of", lambda _: None)
    wav = emodb / "download" / "wav"
    (wav / "03a01Fa.wav").unlink()
    shutil.copy(wav / "09a01Fa.wav", wav / "09a01Fz.wav")
    report = checking.check("emodb", emodb, linked=before)
    assert found(report) == [
        ("missing", "download/wav/03a01Fa.wav"),
        ("extra", "download/wav/09a01Fz.wav"),
    ]
    assert "names one by one: no list of them is published" in report.not_checked


def test_an_empty_folder_lacks_everything(tmp_path):
    (tmp_path / "emodb").mkdir()
    problems = found(checking.check("emodb", tmp_path / "emodb"))
    assert len(said(problems, "missing")) == 535
    with pytest.raises(CorpusError, match="no such folder"):
        checking.check("emodb", tmp_path / "nowhere")
    with pytest.raises(CorpusError, match="own: nothing is published"):
        checking.check("own", tmp_path)


def test_one_file_that_cannot_be_read_does_not_stop_the_others(emodb, monkeypatch):
    before = linked(emodb)
    wav = emodb / "download" / "wav"
    change(wav / "03a01Nc.wav", b"")
    opened = Path.open

    def refuse(path, *args, **kwargs):
        if path.name == "03a01Fa.wav":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return opened(path, *args, **kwargs)

    monkeypatch.setattr(Path, "open", refuse)  # root reads whatever the rights say
    report = checking.check("emodb", emodb, linked=before)
    assert found(report) == [
        ("altered", "download/wav/03a01Nc.wav"),
        ("unreadable", "download/wav/03a01Fa.wav"),
        ("unreadable", "download/wav/03a01Nc.wav"),
    ]
    assert report.problems[1].detail == "cannot be opened (Permission denied); check its rights."
    assert "bytes of 1 recordings: they cannot be read" in report.not_checked
    assert any("bytes of 534 recordings: as they were" in line for line in report.checked)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.EIO, "Input/output error"), "cannot be read (Input/output error); mend"),
        (CorpusError("it went"), "it went"),
    ],
)
def test_a_file_that_fails_on_the_way_is_named(emodb, monkeypatch, error, words):
    digest = roots.digest

    def fail(path):
        if path.name == "03a01Fa.wav":
            raise error
        return digest(path)

    monkeypatch.setattr(roots, "digest", fail)
    (problem,) = checking.check("emodb", emodb).problems
    assert (problem.kind, problem.path) == ("unreadable", "download/wav/03a01Fa.wav")
    assert problem.detail.startswith(words)


# -- the commands ----------------------------------------------------------------------------------


@pytest.fixture
def run(project_root, tmp_path, monkeypatch):
    shutil.copy(project_root / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("EMOMETRIC_CORPORA", raising=False)
    monkeypatch.setenv("EMOMETRIC_CONFIG", str(tmp_path / "config"))
    return lambda *words, **env: CliRunner().invoke(cli_corpora.app, words, env=env)


def test_check_command(run, emodb):
    done = run("check", "emodb", "--root", str(emodb.parent))
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("emodb: as published; 535 recordings")
    assert run("link", str(emodb.parent)).exit_code == 0
    path = emodb / "download" / "wav" / "03a01Fa.wav"
    change(path, path.read_bytes()[:-1] + b"\x7f")
    (emodb / "download" / "wav" / "03a01Nc.wav").unlink()
    done = run("check")
    assert done.exit_code == 1
    assert "altered      download/wav/03a01Fa.wav: its bytes have changed" in done.stdout
    assert "missing      download/wav/03a01Nc.wav" in done.stdout
    (report,) = json.loads(run("check", "--json", EMOMETRIC_CORPORA=str(emodb.parent)).stdout)
    assert [problem["kind"] for problem in report["problems"]][:2] == ["missing", "altered"]


def test_check_command_names_a_file_whose_name_is_no_utf8(run, emodb):
    sound = emodb / "download" / "wav" / "03a01Fa.wav"
    try:
        shutil.copy(sound, os.fsdecode(os.fsencode(sound.parent) + b"/caf\xe9.wav"))
    except OSError:
        pytest.skip("this file system takes no such name")
    done = run("check", "emodb", "--root", str(emodb.parent))
    assert (done.exit_code, type(done.exception)) == (1, SystemExit)
    path = "download/wav/caf\\xe9.wav"
    assert f"unreadable   {path}: its name is no UTF-8; rename it" in done.stdout
    done = run("check", "emodb", "--json", "--root", str(emodb.parent))
    (report,) = json.loads(done.stdout)
    assert [(problem["kind"], problem["path"]) for problem in report["problems"]] == [
        ("extra", path),
        ("unreadable", path),
    ]


def test_check_command_lists_no_more_than_can_be_read(run, emodb):
    for path in sorted((emodb / "download" / "wav").glob("*.wav"))[:30]:
        path.unlink()
    lines = run("check", "emodb", "--root", str(emodb.parent)).stdout.splitlines()
    missing = [line for line in lines if line.startswith("  missing")]
    assert len(missing) == 21
    assert "10 more" in missing[-1]
    (report,) = json.loads(run("check", "--json", "--root", str(emodb.parent)).stdout)
    assert sum(problem["kind"] == "missing" for problem in report["problems"]) == 30


def test_commands_say_what_is_wrong(run, tmp_path):
    for words, message in (
        (("check",), "no folder of corpora is known"),
        (("check", "--root", str(tmp_path)), "holds no corpus"),
        (("check", "emo", "--root", str(tmp_path)), "there is no corpus 'emo'; choose one of"),
        (("get", "ravdess", "--root", str(tmp_path)), "its licence is not accepted"),
    ):
        error = run(*words).exception
        assert isinstance(error, CorpusError)
        assert message in str(error)
    assert not (tmp_path / "config").exists()


def test_get_says_how_to_get_what_needs_a_signature(run, tmp_path):
    done = run("get", "iemocap", "--root", str(tmp_path))
    assert isinstance(done.exception, CorpusError)
    assert "must be fetched by hand" in str(done.exception)
    for words in ("release form", "https://", str(tmp_path / "iemocap"), "EmoEvaluation"):
        assert words in done.stdout


# -- the real corpora ------------------------------------------------------------------------------


@pytest.mark.original
@pytest.mark.parametrize("corpus", REAL)
def test_the_real_corpora_are_as_published(corpora_root, corpus):
    report = checking.check(corpus, corpora_root / corpus)
    assert report.problems == []
    assert report.n_recordings == parts.load("corpora", corpus).N_CLIPS
    assert report.longest_s < 60


@pytest.mark.original
@pytest.mark.parametrize("corpus", ["emodb", "urdu"])
def test_faults_in_a_real_corpus_are_named(corpora_root, tmp_path, corpus):
    folder = tmp_path / corpus
    shutil.copytree(corpora_root / corpus, folder, copy_function=os.symlink)
    paths = sorted(
        path for path in folder.rglob("*") if path.suffix in (".wav", ".flac") and path.is_file()
    )
    before = {path.relative_to(folder).as_posix(): roots.digest(path)[0] for path in paths}
    removed, altered, other = (path.relative_to(folder).as_posix() for path in paths[:3])
    (folder / removed).unlink()
    content = bytearray((folder / altered).read_bytes())
    content[len(content) // 2] ^= 1
    change(folder / altered, bytes(content))
    stray = f"stray{Path(other).suffix}"
    shutil.copy(folder / other, folder / stray)
    problems = found(checking.check(corpus, folder, linked=before))
    assert [Path(path).stem for path in said(problems, "missing")] == [Path(removed).stem]
    assert said(problems, "altered") == [altered]
    assert said(problems, "extra") == [stray]


@pytest.mark.original
def test_the_slice_of_librispeech_is_a_part_without_a_fault(corpora_root):
    if not (corpora_root / "librispeech").is_dir():
        pytest.skip("no real librispeech")
    report = checking.check("librispeech", corpora_root / "librispeech")
    assert report.problems == []
    assert report.is_partial == (report.n_recordings < parts.load("corpora", "librispeech").N_CLIPS)
