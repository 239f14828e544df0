"""`emometric audit`: what a split of a corpus gives away, before anything is trained on it."""

import json
from pathlib import Path
from typing import Annotated

import joblib
import typer

from emometric import splits
from emometric.audit import auditing
from emometric.base import parts, settings
from emometric.base.errors import PipelineError
from emometric.storage import store


def look(
    protocol: Annotated[
        str | None, typer.Argument(help="A protocol of params.yaml; default: the working run's.")
    ] = None,
    corpus: Annotated[str | None, typer.Option(help="Default: the working run's.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Default: the working run's.")] = None,
    folds: Annotated[
        Path | None,
        typer.Option(help="A CSV or JSON file of folds, in place of protocols.foreign.path."),
    ] = None,
    origin: Annotated[str, typer.Option(help="synthetic or original")] = "synthetic",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Audit the folds that a protocol draws from an acquired corpus.

    Exit code 1 where they give away what the protocol does not admit.
    """
    values = settings.read(origin)
    protocol = protocol or ("foreign" if folds else values["protocol"])
    corpus = corpus or values["corpus"]
    parts.check_name("protocols", protocol, values["protocols"])
    parts.check_name("corpora", corpus, settings.runnable(values))
    block = dict(values["protocols"][protocol])
    if folds is not None:
        if "path" not in block:
            raise PipelineError(
                f"--folds names a file, but {protocol} draws its own; leave out the one or "
                "the other."
            )
        block["path"] = str(folds)
    part = parts.load("protocols", protocol)
    params = parts.make_params("protocols", protocol, block)
    data = Path("data", origin)
    clips = splits.read_clips(data / "manifests" / f"{corpus}.parquet", corpus)
    found = auditing.audit(
        clips,
        splits.make(part, params, clips, values["seed"] if seed is None else seed),
        splits.promises(part, params),
        auditing.find_duplicates(
            clips, store.Ragged(data / "corpora" / corpus / "audio").read, n_jobs=joblib.cpu_count()
        ),
    )
    if as_json:
        print(json.dumps({"corpus": corpus, "protocol": protocol, **found.facts}))
    else:
        print(f"{corpus}, {protocol}: {', '.join(found.facts['stamps']) or 'clean'}")
        for sentence in found.facts["findings"]:
            print(f"- {sentence}")
    found.check()
