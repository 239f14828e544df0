"""One extraction in a process of its own: `python -m emometric.bench.one_run` and a JSON object."""

import json
import sys
from pathlib import Path

from emometric.base import console, parts
from emometric.extraction import extracting, workers


def main(wanted: dict) -> None:
    """Extract; wanted: feature, manifest, clips, folder, cache, and n_jobs (0: all cores)."""
    with workers.use() as n_cores:
        done = extracting.extract_corpus(
            wanted["feature"],
            parts.load("features", wanted["feature"]).Params(),
            Path(wanted["manifest"]),
            Path(wanted["clips"]),
            Path(wanted["folder"]),
            cache_folder=Path(wanted["cache"]),
            n_jobs=wanted["n_jobs"] or n_cores,
        )
    print(json.dumps({"n_clips": done.n_clips, "n_computed": done.n_computed}))


if __name__ == "__main__":
    console.main(lambda: main(json.loads(sys.argv[1])))
