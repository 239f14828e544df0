"""Stage study: every cell of one study; write data/<origin>/studies/<name> and results/<name>."""

import os
from pathlib import Path

import torch
import typer

from emometric.base import console, settings
from emometric.base.errors import ParameterError
from emometric.extraction import cache_folder
from emometric.scoring import evaluation
from emometric.storage import store
from emometric.studies import evaluating, method, record, runner, speaker_audit, tables

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def study(
    name: str,
    origin: str = typer.Option(...),
    seed: int = typer.Option(...),
) -> None:
    """Train what the cache lacks, store cells and embeddings, and evaluate them."""
    values = settings.read(origin)
    if name not in values["studies"]:
        raise ParameterError(
            f"params.yaml: there is no study '{name}'; choose one of "
            f"{', '.join(values['studies'])}, or add its block."
        )
    params = evaluation.Params(**values["evaluation"])
    chosen = make(name, values, Path("data", origin), seed)
    groups = chosen.groups()
    n_cells = sum(map(len, groups))
    stored = Path("data", origin, "studies", name)
    with console.progress(total=n_cells, what=name, unit="cells") as bar:
        outcomes = runner.run(
            chosen,
            groups,
            cache_folder=cache_folder.root(os.environ.get("EMOMETRIC_CACHE")),
            tick=bar.update,
        )
        about = {"origin": origin, "scale": values["study_scale"][origin]}
        record.write(
            stored, chosen, outcomes, {**about, "feature": values["studies"][name]["feature"]}
        )
    evaluating.evaluate(stored, Path("data", origin, "results", name), chosen, params)
    missing = chosen.missing()
    lacking = f", for there is no {' and no '.join(missing)}" if missing else ""
    print(f"{name}: {n_cells} cells{lacking}")


def make(name: str, values: dict, data: Path, seed: int) -> runner.Study:
    """The study that a block of params.yaml describes, with its corpora read."""
    block = values["studies"][name]
    features = settings.features_of(block)
    corpora = (block["source"], block["target"])
    manifests = [data / "manifests" / f"{corpus}.parquet" for corpus in corpora]
    source, target = (
        tables.read(corpus, manifest, data / "study_features" / corpus, features)
        for corpus, manifest in zip(corpora, manifests, strict=True)
    )
    if block["source"] in settings.NETWORKS:
        speaker_audit.check_apart(*(store.read_table(path).to_pandas() for path in manifests))
    return runner.Study(
        name=name,
        method=method.load(block["method"], values["methods"][block["method"]], block["settings"]),
        source=source,
        target=target,
        seed=seed,
        device="cuda" if torch.cuda.is_available() else "cpu",
    )


if __name__ == "__main__":
    console.main(app)
