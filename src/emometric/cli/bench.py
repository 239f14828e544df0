"""`emometric bench`: how fast it is here, against the plain way of the field."""

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from emometric.base import parts
from emometric.base.errors import CorpusError, ParameterError

if TYPE_CHECKING:
    from emometric.bench.corpus_cost import Cost
    from emometric.bench.extraction import Bench
    from emometric.bench.spectra_training import Bench as SpectraBench
    from emometric.bench.training import Bench as TrainingBench

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="How fast it is here, against the plain way of the field.",
)

Folder = Annotated[
    Path | None, typer.Argument(help="Recordings; default: ravdess in EMOMETRIC_CORPORA.")
]
Root = Annotated[Path | None, typer.Option(envvar="EMOMETRIC_CORPORA", hidden=True)]
Feature = Annotated[
    list[str] | None, typer.Option(help="One extractor, or several; default: all but ssl.")
]
Rounds = Annotated[int, typer.Option(min=1, help="The median of these counts.")]
Jobs = Annotated[int, typer.Option(help="Processes of 'all cores'; -1: one a core.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def features(
    folder: Folder = None,
    root: Root = None,
    feature: Feature = None,
    clips: Annotated[int, typer.Option(min=1, help="Recordings, evenly spaced by name.")] = 48,
    rounds: Rounds = 5,
    jobs: Jobs = -1,
    as_json: AsJson = False,
) -> None:
    """Time every extractor on recordings, per core and with all cores.

    In brackets: range of the rounds. All extractors together take a quarter of an hour, and up to
    2 GB of the folder for temporary files.
    """
    from emometric.bench import extraction, recordings  # half a second: no other command waits

    where = _recordings(folder, root)
    _check(feature, jobs)
    files = recordings.sample(where, clips)
    found = extraction.features(files, feature or extraction.FEATURES, n_rounds=rounds, n_jobs=jobs)
    print(json.dumps(extraction.as_json(found)) if as_json else _text(found))


@app.command("store")
def feature_store(
    folder: Folder = None,
    root: Root = None,
    feature: Feature = None,
    clips: Annotated[
        int | None, typer.Option(min=3, help="Recordings, evenly spaced by name; default: all.")
    ] = None,
    rounds: Rounds = 3,
    jobs: Jobs = -1,
    as_json: AsJson = False,
) -> None:
    """Measure what a corpus costs: extraction, one clip more, reading, memory and disk.

    Takes as long as extracting the corpus three times with each extractor, in each round, and two
    minutes more.
    """
    from emometric.bench import corpus_cost, extraction, recordings

    where = _recordings(folder, root)
    _check(feature, jobs)
    files = recordings.sample(where, clips) if clips else recordings.every(where)
    with tempfile.TemporaryDirectory() as scratch:
        found = corpus_cost.measure(
            files, feature or extraction.FEATURES, Path(scratch), n_rounds=rounds, n_jobs=jobs
        )
    print(json.dumps(corpus_cost.as_json(found)) if as_json else _cost_text(found, rounds))


def _check(feature: list[str] | None, jobs: int) -> None:
    """Refuse what no extraction could do, before the first one starts."""
    from emometric.extraction import corpus_jobs

    if jobs == 0:
        raise ParameterError("--jobs is 0; write how many processes, or -1 for one a core.")
    for name in feature or ():
        parts.check_name("features", name, parts.available("features"))
        part = parts.load("features", name)
        corpus_jobs.settings_of(part, part.Params())  # says what it lacks


def _recordings(folder: Path | None, root: Path | None) -> Path:
    if folder is None and root is None:
        raise CorpusError(
            "no recordings named; name a folder (emometric bench features FOLDER), or set "
            "EMOMETRIC_CORPORA."
        )
    return folder or root / "ravdess"


@app.command()
def training(
    repeats: Annotated[int, typer.Option(min=1, help="Of each number of speakers.")] = 10,
    steps: Annotated[int, typer.Option(min=1, help="That each network takes.")] = 10,
    rounds: Rounds = 5,
    threads: Annotated[int, typer.Option(min=0, help="Of 'all threads'; 0: as torch has it.")] = 0,
    spectra: Annotated[
        bool, typer.Option("--spectra", help="Time mocanu2021's convolutional network instead.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Time a paper's grid of small networks: one batched program, or cell by cell.

    With --spectra: SE-ResNet-34 against a DataLoader loop; --repeats is not used.
    """
    if spectra:
        from emometric.bench import spectra_training

        task = spectra_training.Task(n_steps=steps)
        beside = spectra_training.spectra_training(task, n_rounds=rounds, n_cores=threads or None)
        found_json = spectra_training.as_json(beside)
        print(json.dumps(found_json) if as_json else _spectra_text(beside))
        return
    from emometric.bench import training as bench  # torch: no other command waits for it

    found = bench.training(
        n_repeats=repeats, n_steps=steps, n_rounds=rounds, n_threads=threads or None
    )
    print(json.dumps(bench.as_json(found)) if as_json else _training_text(found))


def _spectra_text(found: "SpectraBench") -> str:
    head = (
        f"SE-ResNet-34, crops of {found.task.crop_frames} frames x {found.task.n_bins} bins, "
        f"{found.task.n_steps} steps of {found.task.batch_size}; medians of {found.n_rounds} "
        f"rounds; {found.n_cores} cores; load {found.load_before:.1f} before, "
        f"{found.load_after:.1f} after"
    )
    lines = [("way", "clips/s", "slowest", "fastest", "ratio")]
    lines += [
        (row.way, *(f"{rate:.0f}" for rate in (row.clips_per_s, row.slowest, row.fastest)),
         f"{row.ratio:.2f}")
        for row in found.rows
    ]  # fmt: skip
    return "\n".join([head, *_aligned(lines, n_left=1)])


def _training_text(found: "TrainingBench") -> str:
    head = (
        f"feng2020's fine-tuning: {found.n_cells} networks, {found.n_steps} steps each; medians of "
        f"{found.n_rounds} rounds; {found.n_threads} threads are all; load {found.load_before:.1f} "
        f"before, {found.load_after:.1f} after"
    )
    lines = [("way", "seconds", "steps a second", "times faster")]
    lines += [
        (row.way, f"{row.median_s:.2f}", f"{row.cell_steps_per_s:.0f}", f"{row.ratio:.1f}")
        for row in found.rows
    ]
    return "\n".join([head, *_aligned(lines, n_left=1)])


def _text(found: "Bench") -> str:
    head = (
        f"{found.n_clips} clips, {found.audio_s:.0f} s; medians of {found.n_rounds} rounds; "
        f"{found.n_jobs} processes are all cores; load {found.load_before:.1f} before, "
        f"{found.load_after:.1f} after"
    )
    lines = [("feature", "from", "way", "x real time", "ratio", "of one core",
              "of process_files")]  # fmt: skip
    lines += [
        (row.feature, row.start, row.way, f"{row.x_real_time:.0f}",
         _with_range(row.ratio, row.ratio_range), _with_range(row.scaling, row.scaling_range),
         _with_range(row.of_workers, row.of_workers_range))
        for row in found.rows
    ]  # fmt: skip
    return "\n".join([head, *_aligned(lines, n_left=3)])


def _with_range(median: float | None, both: tuple[float, float] | None) -> str:
    return "" if median is None else f"{median:.2f} ({both[0]:.2f} to {both[1]:.2f})"


def _cost_text(found: Sequence["Cost"], n_rounds: int) -> str:
    first = found[0]
    head = (
        f"{first.n_clips} clips, {first.audio_s:.0f} s; medians of {n_rounds} rounds; "
        f"{first.n_jobs} processes are all cores; seconds of whole processes; nothing new and one "
        "clip more: ms beyond start-up, medians of 15 processes with their 95 % interval, and % of "
        "all cores"
    )
    lines = [("feature", "start-up", "one core", "all cores", "nothing new, ms",
              "one more last, ms", "%", "first, ms", "%", "s/h and core", "peak MB", "cache MB",
              "files", "store MB", "files", "read GB/s")]  # fmt: skip
    for one in found:
        lines.append(
            (
                one.feature,
                *(f"{each:.2f}" for each in (one.start_s, one.full_one_core_s, one.full_s)),
                _in_ms(one.unchanged_more_s, one.unchanged_more_interval),
                _in_ms(one.added_last_more_s, one.added_last_more_interval),
                f"{100 * one.added_last_share:.1f}",
                _in_ms(one.added_first_more_s, one.added_first_more_interval),
                f"{100 * one.added_first_share:.1f}",
                f"{one.core_s_per_hour:.1f}",
                "?" if one.peak_bytes is None else f"{one.peak_bytes / 1e6:.0f}",
                f"{one.cache_bytes / 1e6:.1f}",
                f"{one.cache_files}",
                f"{one.store_bytes / 1e6:.1f}",
                f"{one.store_files}",
                f"{one.read_gb_s:.2f}",
            )
        )
    return "\n".join([head, *_aligned(lines, n_left=1)])


def _in_ms(seconds: float, interval: tuple[float, float]) -> str:
    return f"{1e3 * seconds:.0f} ({1e3 * interval[0]:.0f} to {1e3 * interval[1]:.0f})"


def _aligned(lines: list[tuple[str, ...]], n_left: int) -> list[str]:
    """Columns of one width each; the first `n_left` begin at the left, the others end alike."""
    widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if column < n_left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]
