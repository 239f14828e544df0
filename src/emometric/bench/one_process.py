"""Extractions in a process of their own: `python -m emometric.bench.one_process STEPS.json`."""

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from emometric.base import console, parts
from emometric.extraction import extracting, workers


def main(steps: Sequence[dict]) -> None:
    """Extract, one after the other; prints the seconds of each as a JSON list.

    A step: feature, manifest, clips, folder, cache, and n_jobs.
    """
    print(json.dumps([_seconds(step) for step in steps]))


def _seconds(step: dict) -> float:
    began = time.perf_counter()
    with workers.use():
        extracting.extract_corpus(
            step["feature"],
            parts.load("features", step["feature"]).Params(),
            Path(step["manifest"]),
            Path(step["clips"]),
            Path(step["folder"]),
            cache_folder=Path(step["cache"]),
            n_jobs=step["n_jobs"],
        )
    return time.perf_counter() - began


if __name__ == "__main__":
    console.main(lambda: main(json.loads(Path(sys.argv[1]).read_text())))
